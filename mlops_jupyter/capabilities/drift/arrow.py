"""Columns of Arrow taken into summaries, without an object for each value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .columns import Column
from .values import NUMERIC
from .words import named

_MICROSECONDS = 1e6
_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)


def is_known(kind: pa.DataType) -> bool:
    """Tell whether values of a type can be summarised."""
    return not (
        pa.types.is_struct(kind)
        or pa.types.is_map(kind)
        or pa.types.is_union(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or (any(one(kind) for one in _LISTS) and not _is_number(kind.value_type))
    )


def take(column: Column, array: pa.Array) -> None:
    """Take an array in, of a type that `is_known`."""
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        take(column, array.storage)
    elif pa.types.is_null(kind):
        column.rows += len(array)
        column.missing += len(array)
    elif any(one(kind) for one in _LISTS):
        _take_vectors(column, array)
    elif pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
        _take_moments(column, array)
    elif _is_number(kind) and (column.kind is None or column.kind in NUMERIC):
        _take_numbers(column, array)
    elif column.kind in {None, "category", "text"}:
        _take_names(column, array)
    else:
        # What were numbers in the baseline is something else here: whatever can be read as one.
        column.update(_objects(array.cast(pa.string())))


def _plain(array: pa.Array) -> NDArray[Any]:
    """Return numbers without missing ones where they lie; Arrow's own way would import pandas, which takes 70 MB."""
    return np.from_dlpack(array) if len(array) else np.empty(0)


def _objects(array: pa.Array) -> NDArray[Any]:
    return np.array([*array.to_pylist(), None], object)[:-1]


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _take_numbers(column: Column, array: pa.Array) -> None:
    missing = array.null_count
    if missing:
        array = array.drop_null()
    if pa.types.is_decimal(array.type):
        array = array.cast(pa.float64())
    column.rows += missing
    column.missing += missing
    if len(array):
        column.update(_plain(array))


def _take_moments(column: Column, array: pa.Array) -> None:
    """Take moments, durations and times of day in, in seconds."""
    kind = array.type
    missing = array.null_count
    array = array.drop_null() if missing else array
    is_moment = pa.types.is_date(kind) or pa.types.is_timestamp(kind)
    if pa.types.is_date(kind):
        array = array.cast(pa.timestamp("us"))
    unit = (
        pa.timestamp("us", array.type.tz)
        if is_moment
        else pa.duration("us")
        if pa.types.is_duration(kind)
        else pa.time64("us")
    )
    whole = _plain(array.cast(unit, safe=False).view(pa.int64()))
    if column.kind is None and len(whole):
        column.kind = "datetime" if is_moment else "number"
    if column.kind in {"category", "text"}:
        column.update(_objects(array.cast(pa.string())))
        column.rows += missing
        column.missing += missing
    else:
        column.update_numbers(whole / _MICROSECONDS, missing)


def _take_names(column: Column, array: pa.Array) -> None:
    encoded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    missing = encoded.null_count
    indices = _plain(encoded.indices.drop_null() if missing else encoded.indices)
    values = encoded.dictionary.to_pylist()
    counts = np.bincount(indices, minlength=len(values)).tolist() if len(indices) else [0] * len(values)
    counted: dict[str, int] = {}
    for value, count in zip(values, counts, strict=True):
        if not count:
            continue
        if value is None:
            missing += count
            continue
        name = named(value)
        counted[name] = counted.get(name, 0) + count
    column.update_names(counted, missing)


def _take_vectors(column: Column, array: pa.Array) -> None:
    """Take lists of numbers in, as the vectors' norms."""
    missing = array.null_count
    kept = array.drop_null() if missing else array
    column.rows += missing
    column.missing += missing
    if not len(kept):
        return
    if column.kind is None:
        column.kind = "embedding"
    flat = _plain(kept.flatten().cast(pa.float64()).fill_null(np.nan))
    lengths = _plain(pc.list_value_length(kept))
    squares = np.concatenate(([0.0], np.cumsum(np.square(flat))))
    ends = np.cumsum(lengths)
    norms: Any = np.sqrt(np.maximum(squares[ends] - squares[ends - lengths], 0.0))
    if not np.isfinite(squares[-1]):
        # One that is missing would make all behind it so.
        norms = np.array([np.linalg.norm(one) for one in np.split(flat, ends[:-1])])
    finite = np.isfinite(norms)
    absent = int(np.isnan(norms).sum())
    column.update_numbers(norms[finite], absent, int(len(norms) - finite.sum()) - absent)
