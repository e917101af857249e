"""What stands in an array, as what can be summarised: finite numbers, names, lengths of vectors."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from numbers import Number
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .words import named

Kind = Literal["number", "datetime", "category", "text", "embedding"]
KINDS: tuple[Kind, ...] = ("number", "datetime", "category", "text", "embedding")
NUMERIC: tuple[Kind, ...] = ("number", "datetime", "embedding")
_NANOSECONDS = 1e9
_FEW_DIMENSIONS = 2


class Numbers(NamedTuple):
    """The finite numbers of an array, and how many were none of these."""

    values: NDArray[np.float64]
    missing: int
    infinite: int
    invalid: int


class Names(NamedTuple):
    """How often each name stands in an array, and how many were missing."""

    counted: Mapping[str, int]
    missing: int


def kind_of(array: NDArray[Any]) -> Kind | None:
    """Tell what an array's values are, ``None`` where all are missing.

    Numbers, dates and durations are known by their type; truth values and texts are categories, arrays of arrays
    embeddings. A column of objects is what its first value is.
    """
    if array.ndim >= _FEW_DIMENSIONS:
        return "embedding"
    match array.dtype.kind:
        case "i" | "u" | "f" | "m":
            return "number"
        case "M":
            return "datetime"
        case "c" | "V":
            return "embedding"
        case "O":
            first = next((value for value in array.tolist() if not is_missing(value)), None)
            return None if first is None else _kind_of_value(first)
    return "category"


def numbers(array: NDArray[Any], kind: Kind) -> Numbers:
    """Return the finite numbers of an array; of dates, seconds since 1970; of embeddings, their Euclidean norms."""
    if kind == "embedding":
        return _norms(array)
    array, invalid, missing = array.reshape(-1), 0, 0
    if isinstance(array, np.ma.MaskedArray):
        missing = int(np.ma.getmaskarray(array).sum())
        array = array.compressed()
    if array.dtype.kind == "M":
        floats = _seconds(array.astype("datetime64[ns]"))
    elif array.dtype.kind == "m":
        floats = _seconds(array.astype("timedelta64[ns]"))
    elif array.dtype.kind in "biuf":
        floats = np.ascontiguousarray(array, dtype=np.float64)
    else:
        floats, invalid = _each(array)
    return _finite(floats, missing, invalid)


def names(array: NDArray[Any]) -> Names:
    """Return how often each name stands in an array."""
    masked = 0
    if isinstance(array, np.ma.MaskedArray):
        masked, array = int(np.ma.getmaskarray(array).sum()), array.compressed()
    if array.dtype.kind in "biufmM":
        found, counts = np.unique(array.reshape(-1), return_counts=True)
        told: Iterable[tuple[Any, int]] = zip(
            found.tolist() if array.dtype.kind in "biuf" else found, counts.tolist(), strict=True
        )
    else:
        flat = array.reshape(-1).tolist()
        try:
            told = Counter(flat).items()
        except TypeError:
            # A value that cannot be looked up, for instance a dict.
            told = Counter(value if is_missing(value) else named(value) for value in flat).items()
    counted: dict[str, int] = {}
    missing = masked
    for value, count in told:
        if is_missing(value):
            missing += count
        else:
            name = named(value)
            counted[name] = counted.get(name, 0) + count
    return Names(counted, missing)


def is_missing(value: object) -> bool:
    """Tell whether a value stands for none: None, NaN, NaT, and what is called NA."""
    if value is None:
        return True
    if isinstance(value, str | bytes | int):
        return False
    if isinstance(value, float | np.floating):
        return math.isnan(value)
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    return type(value).__name__ in {"NAType", "NaTType"} or (isinstance(value, Decimal) and value.is_nan())


def _kind_of_value(value: object) -> Kind:
    if isinstance(value, bool | np.bool_ | str | bytes):
        return "category"
    if isinstance(value, np.datetime64 | datetime | date):
        return "datetime"
    if isinstance(value, Number | np.timedelta64) and not isinstance(value, complex):
        return "number"
    return "embedding" if isinstance(value, list | tuple | np.ndarray) else "category"


def _finite(floats: NDArray[np.float64], missing: int = 0, invalid: int = 0) -> Numbers:
    finite = np.isfinite(floats)
    if finite.all():
        return Numbers(np.ascontiguousarray(floats), missing, 0, invalid)
    absent = int(np.isnan(floats).sum())
    kept = floats[finite]
    return Numbers(kept, missing + absent, len(floats) - len(kept) - absent, invalid)


def _seconds(array: NDArray[Any]) -> NDArray[np.float64]:
    floats: NDArray[np.float64] = array.astype(np.int64) / _NANOSECONDS
    floats[np.isnat(array)] = np.nan
    return floats


def _each(array: NDArray[Any]) -> tuple[NDArray[np.float64], int]:
    """Return objects as numbers one by one, NaN for what is missing, without those that are no numbers."""
    made: list[float] = []
    invalid = 0
    for value in array.tolist():
        if is_missing(value):
            made.append(math.nan)
            continue
        try:
            made.append(_number(value))
        except (TypeError, ValueError, OverflowError):
            invalid += 1
    return np.array(made, np.float64), invalid


def _number(value: Any) -> float:
    if isinstance(value, np.datetime64 | np.timedelta64):
        return (
            float(value.astype(f"{'datetime' if isinstance(value, np.datetime64) else 'timedelta'}64[ns]").astype(int))
            / 1e9
        )
    if isinstance(value, datetime):
        return value.timestamp() if value.tzinfo is not None else float(np.datetime64(value, "us").astype(int)) / 1e6
    if isinstance(value, date):
        return float(np.datetime64(value, "s").astype(int))
    return float(value)


def _norms(array: NDArray[Any]) -> Numbers:
    if array.ndim >= _FEW_DIMENSIONS and array.dtype.kind in "biufc":
        flat = array.reshape(len(array), -1)
        with np.errstate(over="ignore", invalid="ignore"):
            return _finite(np.linalg.norm(flat, axis=1).astype(np.float64))
    made: list[float] = []
    missing = invalid = 0
    for value in array.tolist() if array.ndim == 1 else list(array):
        if is_missing(value):
            missing += 1
            continue
        try:
            made.append(float(np.linalg.norm(np.asarray(value, np.float64).reshape(-1))))
        except (TypeError, ValueError, OverflowError):
            invalid += 1
    return _finite(np.array(made, np.float64), missing, invalid)
