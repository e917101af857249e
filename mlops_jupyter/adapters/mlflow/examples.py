"""What a model takes and gives, inferred from data that it was made with, else from what it says of itself."""

from __future__ import annotations

import inspect
import logging
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from mlflow.models import ModelSignature, infer_signature
from mlflow.pyfunc.model import PythonModel
from mlflow.types import ColSpec, DataType, Schema, TensorSpec

from ...errors import CommandError
from . import tensors

# Types are told from so many rows, and so many are kept as the example.
_ROWS, _EXAMPLE_ROWS = 10_000, 2
_SHOWN = 5
_NAMES = ("feature_names_in_", "feature_name_", "feature_names", "feature_name")
# What boosters have in place of scikit-learn's number of features.
_NUMBERS = ("num_features", "num_feature")
# LightGBM calls the columns of an array so.
_NUMBERED = re.compile(r"Column_\d+")


class Inferred(NamedTuple):
    """What a model takes and gives, rows that show it, and sentences that say where this is from.

    ``table`` is all of the data, ``columns`` those of it that the model takes (``None`` for all), ``what`` its name.
    """

    signature: ModelSignature | None
    example: Any
    notes: tuple[str, ...]
    table: Any = None
    columns: tuple[str, ...] | None = None
    what: str = ""


def infer(model: Any, data: object | None, what: str = "the data") -> Inferred:
    """Infer a model's signature and an example of a request.

    Parameters
    ----------
    model
        The live model.
    data
        A table or an array, or a pair or dict of it (``X``) and of the answers (``y``); ``None`` for none.
    what
        How the data is called in notes.

    Raises
    ------
    CommandError
        When the data is none, or does not fit the model.
    """
    if data is None:
        return _from_itself(model)
    whole = table_of(data, what)
    columns, notes = _fitting(model, whole, what)
    if tensors.takes(model):
        whole, more = tensors.rows_of(model, whole, what)
        notes = (*notes, *more)
    rows = whole[:_ROWS] if columns is None else whole[:_ROWS][list(columns)]
    answers, failed = answers_of(model, rows)
    if failed is not None:
        notes = (*notes, f"what it answers is not in the signature: it failed on {what} ({failed})")
    rows = _without_categories(rows)
    with quiet():
        signature = infer_signature(rows, answers)
    shape = "one value a row" if rows.ndim < 2 else _counted(rows.shape[1], "column")  # noqa: PLR2004 -- a table
    if rows.ndim > 2:  # noqa: PLR2004 -- pictures and the like
        shape = f"{' x '.join(map(str, rows.shape[1:]))} values a row"
    example = rows[:_EXAMPLE_ROWS]
    if tensors.takes(model) and len(example) < _EXAMPLE_ROWS:
        # PyTorch would take the one row of it for the only number of rows.
        example = np.repeat(example, _EXAMPLE_ROWS, axis=0)
    length = _counted(len(example), "row")
    said = f"signature ({shape}) and example ({length}) inferred from {what}"
    return Inferred(signature, example, (said, *notes), whole, columns, what)


def infer_near(model: Any, near: Mapping[str, object]) -> Inferred:
    """Infer from the first of some data that fits a model, else from what the model says of itself."""
    for name, data in near.items():
        try:
            return infer(model, data, name)
        except CommandError:
            # The answers of a model are data of its run too.
            continue
    return infer(model, None)


def feature_names(model: Any) -> list[str] | None:
    """Return the names of the columns that a model was trained on, if it knows them."""
    for attribute in _NAMES:
        try:
            names = getattr(model, attribute, None)
            if attribute == "feature_name" and callable(names):
                names = names()
        except Exception:  # noqa: BLE001, S112 -- a property may run the model's own code, which wants it fitted
            continue
        if not isinstance(names, list | tuple | np.ndarray) or not len(names):
            continue
        if all(isinstance(name, str) for name in names):
            return None if all(_NUMBERED.fullmatch(name) for name in names) else [str(name) for name in names]
    return None


def feature_count(model: Any) -> int | None:
    """Return the number of columns that a model was trained on, if it knows it."""
    try:
        count = getattr(model, "n_features_in_", None)
        for name in _NUMBERS:
            if count is None and callable(method := getattr(model, name, None)):
                count = method()
    except Exception:  # noqa: BLE001 -- as above
        return None
    return int(count) if isinstance(count, int | np.integer) else None


def _from_itself(model: Any) -> Inferred:
    names, count, shape = feature_names(model), feature_count(model), tensors.shape_of(model)
    if shape is not None:
        inputs = Schema([TensorSpec(np.dtype("float32"), shape)])
        rows: Any = np.zeros((2, *(max(one, 1) for one in shape[1:])), np.float32)
        said = f"signature inferred from the shape that it takes, {shape[1:]}"
    elif names is not None:
        inputs = Schema([ColSpec(DataType.double, name) for name in names])
        rows = pd.DataFrame(np.zeros((2, len(names))), columns=names)
        said = f"signature inferred from the names of its {len(names)} features, each taken to be a number"
    elif count is not None:
        inputs = Schema([TensorSpec(np.dtype("float64"), (-1, count))])
        rows = np.zeros((2, count))
        said = f"signature inferred from its number of features, {count}, each taken to be a number"
    else:
        said = "no signature: it does not say what it takes; add --data X, a table or an array that it was made with"
        return Inferred(None, None, (said,))
    answers, failed = answers_of(model, rows)
    if failed is not None:
        said = (
            f"no signature: its features are no plain numbers ({failed}); add --data X, a table that it was made with"
        )
        return Inferred(None, None, (said,))
    with quiet():
        outputs = None if answers is None else infer_signature(rows, answers).outputs
    return Inferred(ModelSignature(inputs=inputs, outputs=outputs), None, (f"{said}; --data X would tell types",))


def table_of(data: object, what: str) -> Any:
    """Return the features as a DataFrame or an array."""
    if isinstance(data, tuple | list) and len(data) == 2 and not isinstance(data[0], str | int | float):  # noqa: PLR2004
        data = data[0]
    elif isinstance(data, Mapping):
        one = next((data[key] for key in ("X", "x", "features") if key in data), None)
        data = pd.DataFrame(dict(data)) if one is None else one
    if isinstance(data, pd.Series):
        return data.to_frame()
    if isinstance(data, pd.DataFrame | np.ndarray):
        table: Any = data
    elif hasattr(data, "to_pandas"):
        # polars and Arrow.
        table = data.to_pandas()
    elif "torch" in sys.modules and isinstance(data, sys.modules["torch"].Tensor):
        table = data.detach().cpu().numpy()
    else:
        raise CommandError(
            f"{what} is a {type(data).__name__}, no table or array",
            "name a DataFrame, an array, or a pair (X, y) of them",
        )
    if not len(table):
        raise CommandError(f"{what} has no rows", "name the data that the model was trained on")
    return table


def _fitting(model: Any, rows: Any, what: str) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Return the columns of a table that a model takes, ``None`` for all, and what should be known of the others."""
    columns: tuple[str, ...] | None = None
    notes = tuple[str, ...]()
    names, count = feature_names(model), feature_count(model)
    if isinstance(rows, pd.DataFrame) and names is not None:
        names = _as_in(rows, names)
        if missing := [name for name in names if name not in rows.columns]:
            raise CommandError(
                f"{what} lacks columns that the model was trained on: {_listed(missing)}", "name the training data"
            )
        if extra := [str(name) for name in rows.columns if name not in names]:
            notes = (f"columns of {what} that the model does not take were left out: {_listed(extra)}",)
        columns = tuple(names)
    elif count is not None and rows.ndim > 1 and rows.shape[1] != count:
        raise CommandError(
            f"{what} has {rows.shape[1]} columns, the model was trained on {count}", "name the data without the target"
        )
    return columns, notes


def answers_of(model: Any, rows: Any) -> tuple[Any, str | None]:
    """Return what a model answers, or why it does not."""
    try:
        with quiet():
            if isinstance(model, PythonModel):
                return model.predict(None, rows), None
            if inspect.isroutine(model):
                return model(rows), None
            if tensors.takes(model):
                return tensors.answers(model, rows), None
            if "xgboost" in sys.modules and isinstance(model, sys.modules["xgboost"].Booster):
                return model.predict(sys.modules["xgboost"].DMatrix(rows)), None
            return (model.predict(rows) if hasattr(model, "predict") else None), None
    except Exception as error:  # noqa: BLE001 -- the model's own code
        # A value of the data may stand in the message: its class alone is told.
        return None, type(error).__name__


def _as_in(rows: Any, names: list[str]) -> list[str]:
    """Return a model's names as the data spells them: LightGBM puts underlines in the place of blanks."""
    spelt = {re.sub(r"\s", "_", str(name)): str(name) for name in rows.columns}
    return [name if name in rows.columns else spelt.get(name, name) for name in names]


def _without_categories(rows: Any) -> Any:
    """Return rows with the values of pandas' categories, of which MLflow's signatures know nothing."""
    if not isinstance(rows, pd.DataFrame):
        return rows
    made = rows.copy(deep=False)
    for name in rows.columns:
        kind = rows[name].dtype
        if isinstance(kind, pd.CategoricalDtype):
            whole = rows[name].notna().all()
            made[name] = rows[name].astype(kind.categories.dtype if whole else object).infer_objects()
    return made


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep MLflow's and PyTorch's advice to themselves; what matters of it stands in the notes."""
    before = [(one, one.level) for one in map(logging.getLogger, ("mlflow", "torch"))]
    for logger, _ in before:
        logger.setLevel(logging.ERROR)
    try:
        # Recorded, not filtered: what MLflow imports meanwhile puts filters of its own before ours.
        with warnings.catch_warnings(record=True):
            yield
    finally:
        for logger, level in before:
            logger.setLevel(level)
