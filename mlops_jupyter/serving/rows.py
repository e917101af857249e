"""The rows of a request on their way to a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(slots=True)
class Rows:
    """What a request asks of a model, checked against the model's signature.

    Attributes
    ----------
    count
        The number of rows, which is the length of the answer.
    names
        The names of the columns, in the signature's order; empty for a tensor without names.
    matrix
        All columns as one C-contiguous array of shape (count, columns), where all are numbers of one type; else
        ``None``. A tensor has its own shape, of which the first axis is the rows.
    columns
        Each column's values by name, an array of shape (count,) or of a tensor's shape; ``None`` where ``matrix`` says
        it all.
    params
        The parameters of the call, checked; ``None`` for none. Requests with parameters are never put together.
    """

    count: int
    names: tuple[str, ...]
    matrix: Array | None
    columns: Mapping[str, Array] | None = None
    params: Mapping[str, Any] | None = None

    def may_join(self, other: Rows) -> bool:
        """Tell whether a model may be given these rows and others at once."""
        if self.params is not None or other.params is not None or self.names != other.names:
            return False
        if self.matrix is not None and other.matrix is not None:
            return self.matrix.dtype == other.matrix.dtype and self.matrix.shape[1:] == other.matrix.shape[1:]
        return self.matrix is None and other.matrix is None and self.columns is not None and other.columns is not None


def joined(parts: list[Rows]) -> Rows:
    """Put rows together that may be, in their order."""
    first = parts[0]
    if len(parts) == 1:
        return first
    count = sum(part.count for part in parts)
    if first.matrix is not None:
        return Rows(count, first.names, np.concatenate([part.matrix for part in parts if part.matrix is not None]))
    columns = {
        name: np.concatenate([part.columns[name] for part in parts if part.columns is not None])
        for name in first.columns or ()
    }
    return Rows(count, first.names, None, columns)
