"""One digest over every value of a table or an array: equal content, equal digest, wherever it lies in memory.

How the content lies in memory differs between equal tables (chunks, slices, the order of an array's axes, what
stands under a missing value, the bits of NaN), so it is brought into one form first: numbers through numpy, all
else through Arrow, and what Arrow does not know value by value. Why by hand: docs/decisions/0013.
"""

from __future__ import annotations

import hashlib
import pickle
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

_ROWS_A_BLOCK = 65_536
# What is hashed at most, in bytes: seconds, not minutes. It is no time limit, because a digest must not depend on
# how busy the machine is.
_MOST_BYTES = 4_000_000_000
# What a value counts for whose size is not known without looking: a text, and an object that is looked at one by one.
TEXT_BYTES, OBJECT_BYTES = 64, 1000


class Content(NamedTuple):
    """What is to be digested.

    ``about`` tells apart what has the same values but another meaning: kind, names, types. ``block`` gives the
    values of some rows, one item a column. ``row_bytes`` is how much a row counts for; equal tables must give it
    alike, so that it follows from the types alone.
    """

    about: str
    rows: int
    row_bytes: int
    block: Callable[[int, int], Iterable[Any]]


class Digest(NamedTuple):
    """The digest, and in words what it is of."""

    value: str
    method: str


def digest(content: Content, most_bytes: int = _MOST_BYTES) -> Digest:
    """Return the digest of all rows, of evenly spread ones when there are too many."""
    fed = _Fed()
    fed.text(f"{content.about} {content.rows}")
    row_bytes = max(content.row_bytes, 1)
    rows_a_block = max(1, min(_ROWS_A_BLOCK, most_bytes // 16 // row_bytes))
    starts: Sequence[int] = range(0, content.rows, rows_a_block)
    room = max(2, most_bytes // (rows_a_block * row_bytes))
    if len(starts) > room:
        starts = [starts[int(at)] for at in np.linspace(0, len(starts) - 1, room).round()]
    seen = 0
    for start in starts:
        end = min(start + rows_a_block, content.rows)
        seen += end - start
        for values in content.block(start, end):
            fed.values(values)
    method = "sha256 of every value" if seen == content.rows else f"sha256 of {seen:,} of {content.rows:,} rows"
    if fed.opaque:
        method += f", of which {', '.join(sorted(fed.opaque))} only by type"
    return Digest(fed.hash.hexdigest()[:16], method)


class _Fed:
    """A hash that takes values in one form each."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        # Types of which a value cannot be read.
        self.opaque: set[str] = set()

    def text(self, text: str) -> None:
        raw = text.encode(errors="surrogatepass")
        self.hash.update(struct.pack("<q", len(raw)) + raw)

    def values(self, values: Any) -> None:
        if isinstance(values, pa.ChunkedArray):
            values = values.combine_chunks()
        if isinstance(values, pd.Series):
            self._series(values)
        elif isinstance(values, pa.Array):
            self._arrow(values)
        else:
            self._numpy(values)

    def _series(self, series: pd.Series) -> None:
        if isinstance(series.dtype, np.dtype) and series.dtype.kind != "O":
            self._numpy(series.to_numpy())
            return
        if isinstance(series.dtype, pd.SparseDtype):
            self._numpy(np.asarray(series))
            return
        try:
            values = pa.array(series, from_pandas=True)
        except (pa.ArrowException, TypeError, ValueError, OverflowError, NotImplementedError):
            # Of several types, or of one that Arrow does not know.
            self._objects(series)
            return
        self.values(values)

    def _numpy(self, array: np.ndarray[Any, Any]) -> None:
        self.text(f"{array.dtype.kind}{array.dtype.itemsize} {array.shape}")
        if isinstance(array, np.ma.MaskedArray):
            mask = np.ma.getmaskarray(array)
            self._numpy(mask)
            array = np.where(mask, np.zeros((), array.dtype), array.data)
        if array.dtype.names:
            for name in array.dtype.names:
                self.text(name)
                self._numpy(array[name])
        elif array.dtype.hasobject:
            self._objects(array.ravel().tolist())
        elif array.dtype.kind == "c":
            self._numpy(array.real)
            self._numpy(array.imag)
        elif array.dtype.kind == "f":
            self._floats(array)
        else:
            self._bytes(array)

    def _floats(self, array: np.ndarray[Any, Any]) -> None:
        # There are many NaNs and two zeros, which are equal.
        array = np.where(np.isnan(array), array.dtype.type(np.nan), array + array.dtype.type(0))
        if array.dtype.itemsize <= np.dtype(np.float64).itemsize:
            self._bytes(array)
            return
        # Of a long double not all bytes mean something.
        with np.errstate(all="ignore"):
            high = array.astype(np.float64)
            self._bytes(high)
            self._floats((array - high).astype(np.float64))

    def _bytes(self, array: np.ndarray[Any, Any]) -> None:
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        self.hash.update(np.ascontiguousarray(little).reshape(-1).view(np.uint8).data)

    def _arrow(self, array: pa.Array) -> None:
        array = _plain(array)
        kind = array.type
        self.text(f"{_logical(kind)} {len(array)} {array.null_count}")
        if array.null_count:
            self._bytes(np.packbits(array.is_valid().to_numpy(zero_copy_only=False)))
        if pa.types.is_boolean(kind):
            array, kind = array.cast(pa.uint8()), pa.uint8()
        if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            self._numpy(_without_nulls(array, 0).to_numpy(zero_copy_only=False))
        elif pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
            whole = array.view(pa.int32() if kind.bit_width == 32 else pa.int64())  # noqa: PLR2004 -- Arrow has two
            self._numpy(_without_nulls(whole, 0).to_numpy(zero_copy_only=False))
        elif pa.types.is_struct(kind):
            for field, child in zip(kind, array.flatten(), strict=True):
                self.text(field.name)
                self._arrow(child)
        elif any(is_list(kind) for is_list in _LISTS):
            self._numpy(_without_nulls(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False))
            self._arrow(pc.list_flatten(array))
        elif (texts := _as_binary(array)) is not None:
            self._texts(_without_nulls(texts, b""))
        elif not pa.types.is_null(kind):
            self._objects(array.to_pylist())

    def _texts(self, array: pa.Array) -> None:
        """Feed the lengths, then all texts in one piece, as they lie behind one another already."""
        _, offsets, data = array.buffers()
        if not len(array):
            return
        ends = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
        self._bytes(np.diff(ends))
        if data is not None:
            self.hash.update(memoryview(data)[ends[0] : ends[-1]])

    def _objects(self, values: Iterable[Any]) -> None:
        for value in values:
            self.hash.update(self._object(value))

    def _object(self, value: Any) -> bytes:
        """Return bytes that tell a value and its type."""
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value):  # noqa: PLR0124 -- NaN
            return b"-"
        if isinstance(value, np.ndarray):
            inner = _Fed()
            inner._numpy(value)
            self.opaque |= inner.opaque
            return b"a" + inner.hash.digest()
        if isinstance(value, dict):
            parts = sorted(self._object(key) + self._object(item) for key, item in value.items())
        elif isinstance(value, list | tuple):
            parts = [self._object(item) for item in value]
        elif isinstance(value, set | frozenset):
            parts = sorted(self._object(item) for item in value)
        else:
            parts = [self._raw(value)]
        body = b"".join(struct.pack("<q", len(part)) + part for part in parts)
        return f"{type(value).__name__} {len(body)} ".encode() + body

    def _raw(self, value: Any) -> bytes:
        if isinstance(value, bytes):
            return value
        if isinstance(value, str):
            return value.encode(errors="surrogatepass")
        if isinstance(value, bool | int | float | complex):
            return repr(value + 0).encode()
        try:
            return pickle.dumps(value, protocol=4)
        except Exception:  # noqa: BLE001 -- any type of the user's may refuse in any way
            self.opaque.add(type(value).__name__)
            return b""


_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
_BINARIES = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
)


def _plain(array: pa.Array) -> pa.Array:
    """Return the values of a categorical, and what a type of Arrow's or pandas' extensions stores."""
    while True:
        if isinstance(array, pa.ExtensionArray):
            array = array.storage
        elif pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        else:
            return array


def _logical(kind: pa.DataType) -> str:
    """Return a type without how it is laid out: a text is a text, with offsets of 32 bits or of 64."""
    return str(kind).replace("large_", "").replace("_view", "")


def _without_nulls(array: pa.Array, instead: Any) -> pa.Array:
    return array.fill_null(instead) if array.null_count else array


def _as_binary(array: pa.Array) -> pa.Array | None:
    """Return texts and bytes as Arrow's large binary, decimals as texts; ``None`` for what is neither."""
    if pa.types.is_decimal(array.type):
        return array.cast(pa.string()).cast(pa.large_binary())
    if not any(is_binary(array.type) for is_binary in _BINARIES):
        return None
    if pa.types.is_string_view(array.type):
        array = array.cast(pa.large_string())
    if pa.types.is_fixed_size_binary(array.type) or pa.types.is_binary_view(array.type):
        array = array.cast(pa.binary())
    return array.cast(pa.large_binary())
