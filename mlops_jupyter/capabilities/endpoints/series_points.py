"""A snapshot of an endpoint as a row of numbers, and rows as a table."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Key: TypeAlias = tuple[str, ...]
"""What a number is: its kind (``counters``, ``histograms``, ``gauges``, ``levels``), its name in the snapshot, and its
labels; of a bucket the last is its upper bound as Prometheus writes it."""

# Of histograms, those whose quantiles are shown.
_HISTOGRAMS = ("durations",)
# There may be thousands of features: what is told of each comes last, and is first to be left out.
_OF_FEATURES = ("feature_", "mlops_feature_")


class Readings(NamedTuple):
    """What was counted at several instants.

    Attributes
    ----------
    times
        The n instants, rising, as seconds since the epoch.
    keys
        What the m columns are.
    values
        Of shape (n, m); NaN where there was no such number.
    """

    times: npt.NDArray[np.float64]
    keys: tuple[Key, ...]
    values: npt.NDArray[np.float64]

    def columns(self, kind: str, name: str) -> Iterator[tuple[Key, int]]:
        """Yield the labels and the column of each number of this name."""
        for place, key in enumerate(self.keys):
            if key[:2] == (kind, name):
                yield key[2:], place


def flattened(snapshot: Mapping[str, Any]) -> tuple[tuple[Key, ...], npt.NDArray[np.float64]]:
    """Return the numbers of a snapshot, as of `metrics_text.merged`, always in the same order.

    Buckets are added up from the lowest on, as Prometheus keeps them.
    """
    found = dict(_numbers(snapshot))
    keys = tuple(sorted(found, key=lambda key: (key[1].startswith(_OF_FEATURES), key)))
    return keys, np.array([found[key] for key in keys], np.float64)


def packed(values: npt.NDArray[np.float64]) -> bytes:
    """Return numbers as bytes: counts differ in few of their bytes, and like bytes stand together."""
    planes = values.astype("<f8").view(np.uint8).reshape(-1, 8).T
    return zlib.compress(planes.tobytes(), 1)


def unpacked(data: bytes) -> npt.NDArray[np.float64]:
    """Return what was packed.

    Raises
    ------
    ValueError
        When it is damaged.
    """
    try:
        planes = np.frombuffer(zlib.decompress(data), np.uint8)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    return np.ascontiguousarray(planes.reshape(8, -1).T).view("<f8").reshape(-1)


def table(rows: Iterable[tuple[float, tuple[Key, ...], npt.NDArray[np.float64]]]) -> Readings:
    """Return rows, each with its time, keys and values, as one table."""
    told = list(rows)
    keys = tuple(sorted({key for distinct in {keys for _, keys, _ in told} for key in distinct}))
    places = {key: place for place, key in enumerate(keys)}
    wanted: dict[tuple[Key, ...], npt.NDArray[np.intp]] = {}
    values = np.full((len(told), len(keys)), np.nan)
    for row, (_, own, numbers) in enumerate(told):
        columns = wanted.get(own)
        if columns is None:
            columns = wanted[own] = np.array([places[key] for key in own], np.intp)
        values[row, columns] = numbers
    return Readings(np.array([at for at, _, _ in told], np.float64), keys, values)


def joined(earlier: Readings, later: Readings, since_s: float) -> Readings:
    """Return two tables as one, without what came before an instant; `later` begins after the end of `earlier`."""
    first = int(np.searchsorted(earlier.times, since_s))
    times, values = earlier.times[first:], earlier.values[first:]
    if earlier.keys == later.keys:
        return Readings(np.concatenate([times, later.times]), later.keys, np.concatenate([values, later.values]))
    rows = [(at, earlier.keys, row) for at, row in zip(times.tolist(), values, strict=True)]
    rows += [(at, later.keys, row) for at, row in zip(later.times.tolist(), later.values, strict=True)]
    return table(rows)


def totals(readings: Readings, columns: Sequence[int]) -> npt.NDArray[np.float64]:
    """Return how far each counter had risen since the first instant, of shape (n, columns).

    A counter that falls was set to zero in between, as Prometheus takes it; one that is not there yet is zero.
    """
    counts = np.nan_to_num(readings.values[:, list(columns)])
    steps = np.diff(counts, axis=0, prepend=counts[:1])
    return np.cumsum(np.where(steps < 0, counts, steps), axis=0)


def _numbers(snapshot: Mapping[str, Any]) -> Iterator[tuple[Key, float]]:
    for name, value in snapshot.get("gauges", {}).items():
        yield ("gauges", name), float(value)
    for kind in ("counters", "levels"):
        for name, told in snapshot.get(kind, {}).items():
            for labels, value in told:
                if value is not None:
                    yield (kind, name, *map(str, labels)), float(value)
    for name in _HISTOGRAMS:
        for labels, told in snapshot.get("histograms", {}).get(name, ()):
            so_far = 0
            for bound, count in zip([*map(repr, map(float, told["bounds"])), "+Inf"], told["counts"], strict=True):
                so_far += count
                yield ("histograms", name, *map(str, labels), bound), float(so_far)
