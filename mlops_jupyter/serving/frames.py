"""What a worker tells the watcher: rows that were answered and their answers, many in one message.

A message is two lengths, a head of JSON and the bytes of arrays. No pickle: whoever could write to the socket could
else have code executed.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from .rows import Array

LENGTHS = struct.Struct("<IQ")
# A head holds names and types; rows are cut into messages of a few thousand.
_MOST_HEAD = 16 * 1024 * 1024
_MOST_BYTES = 1024 * 1024 * 1024


@dataclass(slots=True)
class Frame:
    """Rows of one version that came one after another.

    Attributes
    ----------
    model, version
        Who answered.
    at_us
        When, in microseconds of the epoch.
    ids
        The ids of the requests, one a line: they are visible ASCII.
    counts
        How many of the rows each request had.
    starts
        The number, within its request, of each request's first row here; empty where that is always 0.
    names
        The features' names.
    matrix
        All features as one array of shape (rows, features), where they are numbers of one type; else ``None``.
    columns
        Else each feature by name: numbers, truth values, moments, texts with ``None`` for those missing, or lists of
        numbers, of shape (rows, length).
    predictions
        The answers by the output's name, likewise.
    """

    model: str
    version: str
    at_us: int
    ids: bytes
    counts: Sequence[int]
    starts: Sequence[int]
    names: tuple[str, ...]
    matrix: Array | None
    columns: Mapping[str, Array]
    predictions: Mapping[str, Array]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(self.counts)

    def keys(self) -> tuple[list[str], NDArray[np.int32]]:
        """Return of each row the request's id, and the row's number within the request."""
        ids = self.ids.decode("ascii").split("\n")
        if self.rows == len(ids) and not self.starts:
            return ids, np.zeros(len(ids), np.int32)
        each = [request_id for request_id, count in zip(ids, self.counts, strict=True) for _ in range(count)]
        starts = self.starts or [0] * len(ids)
        return each, np.concatenate(
            [np.arange(start, start + n, dtype=np.int32) for n, start in zip(self.counts, starts, strict=True)]
        )

    def to_bytes(self) -> bytes:
        """Return the message."""
        blobs: list[bytes] = []
        head = orjson.dumps(
            {
                "model": self.model,
                "version": self.version,
                "at_us": self.at_us,
                "ids": self.ids.decode("ascii"),
                # Nearly always one each.
                "counts": len(self.counts) if self.rows == len(self.counts) else self.counts,
                "starts": self.starts,
                "names": self.names,
                "matrix": None if self.matrix is None else _put(self.matrix, blobs),
                "columns": {name: _put(values, blobs) for name, values in self.columns.items()},
                "predictions": {name: _put(values, blobs) for name, values in self.predictions.items()},
            }
        )
        body = b"".join(blobs)
        return LENGTHS.pack(len(head), len(body)) + head + body

    @classmethod
    def from_bytes(cls, head: bytes, body: bytes) -> Frame:
        """Return what a message says.

        Raises
        ------
        ValueError
            When it says nothing that can be understood.
        """
        try:
            told = orjson.loads(head)
            counts = told["counts"]
            taking = _Taking(body)
            return cls(
                model=told["model"],
                version=told["version"],
                at_us=told["at_us"],
                ids=told["ids"].encode("ascii"),
                counts=[1] * counts if isinstance(counts, int) else [int(one) for one in counts],
                starts=[int(one) for one in told["starts"]],
                names=tuple(told["names"]),
                matrix=None if told["matrix"] is None else taking.array(told["matrix"]),
                columns={name: taking.array(said) for name, said in told["columns"].items()},
                predictions={name: taking.array(said) for name, said in told["predictions"].items()},
            )
        except (KeyError, TypeError, AttributeError, IndexError, UnicodeError) as error:
            raise ValueError(f"no message of a worker: {error!r}") from error


def lengths(data: bytes) -> tuple[int, int]:
    """Return the lengths of a message's head and body.

    Raises
    ------
    ValueError
        When no message of ours is so long.
    """
    head, body = LENGTHS.unpack(data)
    if head > _MOST_HEAD or body > _MOST_BYTES:
        raise ValueError("no message of a worker")
    return head, body


def _put(values: Array, blobs: list[bytes]) -> list[Any]:
    if values.dtype == object:
        data = _json(values.tolist())
        said = ["json", list(values.shape), len(data)]
    else:
        plain = np.ascontiguousarray(values)
        data = plain.view(np.int64).tobytes() if plain.dtype.kind == "M" else plain.tobytes()
        said = [plain.dtype.str, list(plain.shape), len(data)]
    blobs.append(data)
    return said


def _json(values: list[Any]) -> bytes:
    try:
        return orjson.dumps(values, default=str)
    except orjson.JSONEncodeError:  # half a surrogate pair, or an integer beyond 64 bits
        return orjson.dumps([None if one is None else str(one).encode("utf-8", "replace").decode() for one in values])


class _Taking:
    """The arrays of a body, one after another."""

    def __init__(self, body: bytes) -> None:
        # Arrays that may be written to: a sketch takes no other.
        self._body = bytearray(body)
        self._at = 0

    def array(self, said: Sequence[Any]) -> Array:
        kind, shape, size = said
        data = memoryview(self._body)[self._at : self._at + size]
        self._at += size
        if kind == "json":
            return np.fromiter(orjson.loads(data), dtype=object, count=shape[0])
        return np.frombuffer(data, np.dtype(kind)).reshape(shape)
