"""What a model's signature asks of a request, worked out once when the model is loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# What a column of MLflow's types is as an array; those with several forms are arrays of objects.
DTYPES: Mapping[str, np.dtype[Any]] = {
    "boolean": np.dtype(np.bool_),
    "integer": np.dtype(np.int32),
    "long": np.dtype(np.int64),
    "float": np.dtype(np.float32),
    "double": np.dtype(np.float64),
    "string": np.dtype(object),
    "binary": np.dtype(object),
    "datetime": np.dtype("datetime64[ns]"),
    "array": np.dtype(object),
    "object": np.dtype(object),
    "map": np.dtype(object),
    "any": np.dtype(object),
}
NESTED = frozenset({"array", "object", "map", "any"})
_NUMBERS = frozenset({"integer", "long", "float", "double"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name
        Its name; its number where the signature has no names.
    type
        MLflow's word for its type.
    dtype
        What its values are as an array.
    required
        Whether a request must have it.
    spec
        What the signature says of it, for types that hold others.
    """

    name: str
    type: str
    dtype: np.dtype[Any]
    required: bool = True
    spec: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor: its name if it has one, its type, and its shape with -1 for any length."""

    name: str | None
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a call."""

    name: str
    type: str
    default: Any
    is_list: bool = False
    spec: Mapping[str, Any] = field(default_factory=dict)


class Schema:
    """A signature, with all that each request needs of it at hand.

    Parameters
    ----------
    columns
        The columns of a table.
    tensors
        The tensors; a signature has either.
    parameters
        The parameters of a call.
    named
        Whether the columns have names.
    outputs
        What the signature says of the answer: each output's name (``None`` without), type and shape.

    Attributes
    ----------
    names
        The names of columns or tensors, in order; empty without names.
    types
        The types of the columns.
    matrix
        The one number type of all columns, so that a request is one array; ``None`` where they differ.
    beginnings
        What bodies began with that name all columns in this order, up to their rows: the next ones begin so, too.
    fixed
        Whether a tensor says how many rows a request has, so that no model takes those of two at once.
    """

    def __init__(
        self,
        columns: Sequence[Column] = (),
        tensors: Sequence[Tensor] = (),
        parameters: Sequence[Parameter] = (),
        *,
        named: bool = True,
        outputs: Sequence[tuple[str | None, str, tuple[int, ...]]] = (),
    ) -> None:
        self.columns = tuple(columns)
        self.tensors = tuple(tensors)
        self.parameters = tuple(parameters)
        self.outputs = tuple(outputs)
        self.named = named and bool(columns or (tensors and tensors[0].name is not None))
        entries: tuple[Column | Tensor, ...] = self.columns or self.tensors
        self.names: tuple[str, ...] = tuple(str(one.name) for one in entries) if self.named else ()
        self.name_list = list(self.names)
        self.known = {column.name: column for column in self.columns}
        self.required = frozenset(column.name for column in self.columns if column.required)
        self.types = frozenset(column.type for column in self.columns)
        one_type = len(self.types) == 1 and self.types <= _NUMBERS
        self.matrix: np.dtype[Any] | None = self.columns[0].dtype if one_type else None
        self.beginnings: tuple[bytes, ...] = ()
        self.fixed = any(tensor.shape[:1] != (-1,) for tensor in self.tensors)

    @property
    def is_free(self) -> bool:
        """Whether there is no signature, so that any table or tensor will do."""
        return not self.columns and not self.tensors

    @classmethod
    def from_signature(cls, signature: Mapping[str, str] | None) -> Schema:
        """Read MLflow's own dict of a signature.

        Raises
        ------
        ValueError
            When it is none.
        """
        if not signature:
            return cls()
        try:
            inputs = json.loads(signature.get("inputs") or "[]")
            parameters = [_parameter(one) for one in json.loads(signature.get("params") or "[]")]
            outputs = [_output(one) for one in json.loads(signature.get("outputs") or "[]")]
            if inputs and inputs[0].get("type") == "tensor":
                return cls(tensors=[_tensor(one) for one in inputs], parameters=parameters, outputs=outputs)
            named = bool(inputs) and "name" in inputs[0]
            columns = [_column(position, one) for position, one in enumerate(inputs)]
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise ValueError(f"the model's signature cannot be read: {error!r}") from error
        return cls(columns, parameters=parameters, named=named, outputs=outputs)


def _column(position: int, said: Mapping[str, Any]) -> Column:
    word = said["type"]
    spec: Mapping[str, Any] = said
    if word == "sparkml_vector":
        word, spec = "array", {"type": "array", "items": {"type": "double"}}
    if word not in DTYPES:
        raise ValueError(f"the model's signature has a column of a type that is not known here: {word}")
    required = said.get("required", not said.get("optional", False))
    return Column(str(said.get("name", position)), word, DTYPES[word], required, spec)


def _tensor(said: Mapping[str, Any]) -> Tensor:
    spec = said["tensor-spec"]
    return Tensor(said.get("name"), np.dtype(spec["dtype"]), tuple(spec["shape"]))


def _parameter(said: Mapping[str, Any]) -> Parameter:
    word = said.get("type") or said["dtype"]
    return Parameter(str(said["name"]), word, said["default"], said.get("shape") is not None, said)


def _output(said: Mapping[str, Any]) -> tuple[str | None, str, tuple[int, ...]]:
    name = said.get("name")
    name = None if name is None else str(name)
    if said["type"] == "tensor":
        return name, str(said["tensor-spec"]["dtype"]), tuple(said["tensor-spec"]["shape"])
    return name, said["type"], (-1,)
