"""Streams with known change points, written as Parquet; a process of its own, under the environment that has river.

    python stream_sources.py FOLDER SEEDS

Each stream is the rows a model is trained on, those a baseline is made from, and those that come live. A change begins
at a known row of the live ones. It is in the features, or only in what is true of them.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from river import datasets
from river.datasets import synth

TRAINED, REFERENCE = 3_000, 12_000
# The change does not begin where a window of 1,200 rows does.
BEFORE, AFTER, STATIONARY = 6_600, 6_600, 24_000
RAMP = 4_000
_SHIFT = 1.1
_SWAPPED = 4

Row = tuple[dict[str, Any], Any]
Rows = Iterator[Row]


class Stream(NamedTuple):
    """A stream to be written.

    Attributes
    ----------
    name
        What it is called in the tables.
    looks_at
        Whether the change is in the ``features`` or in the ``errors`` of a model.
    before, after
        Make the rows before and after the change from a seed; nothing comes after where nothing changes.
    ramp
        Over how many rows the share of the new ones grows from 0 to 1.
    """

    name: str
    looks_at: str
    before: Callable[[int], Rows]
    after: Callable[[int], Rows] | None = None
    ramp: int = 0


def main(folder: Path, seeds: int) -> None:
    told = []
    for stream in STREAMS:
        for seed in range(1, seeds + 1):
            file = folder / f"{len(told):03d}.parquet"
            live = STATIONARY if stream.after is None else BEFORE + stream.ramp + AFTER
            pd.DataFrame(list(_rows(stream, seed, live))).to_parquet(file)
            told.append(
                {
                    "file": str(file),
                    "name": stream.name,
                    "looks_at": stream.looks_at,
                    "seed": seed,
                    "trained": TRAINED,
                    "reference": REFERENCE,
                    "change": None if stream.after is None else BEFORE,
                }
            )
    print(json.dumps(told))


def _rows(stream: Stream, seed: int, live: int) -> Iterator[dict[str, Any]]:
    before = stream.before(seed)
    begins = TRAINED + REFERENCE + BEFORE
    after = None if stream.after is None else stream.after(seed)
    chosen = random.Random(seed)  # noqa: S311 -- no secret
    for at in range(TRAINED + REFERENCE + live):
        share = 0.0 if at < begins else min((at - begins + 1) / max(stream.ramp, 1), 1.0)
        new = after is not None and chosen.random() < share
        features, target = next(after if new and after is not None else before)
        yield {**{str(name): value for name, value in features.items()}, "target": target}


def _rbf(model: int) -> Callable[[int], Rows]:
    return lambda seed: iter(
        synth.RandomRBF(seed_model=model * 100 + seed, seed_sample=model * 100 + seed, n_features=10, n_centroids=20)
    )


def _agrawal(function: int, more: float = 1.0) -> Callable[[int], Rows]:
    def rows(seed: int) -> Rows:
        # Rows after a change are other rows, not the same once more.
        others = seed + 1_000 * (function + (more != 1.0))
        for features, target in synth.Agrawal(classification_function=function, seed=others):
            yield {**features, "salary": features["salary"] * more}, target

    return rows


def _led(seed: int) -> Rows:
    return iter(synth.LED(seed=seed, noise_percentage=0.1, irrelevant_features=True))


def _led_swapped(seed: int) -> Rows:
    return iter(
        synth.LEDDrift(seed=seed + 1_000, noise_percentage=0.1, irrelevant_features=True, n_drift_features=_SWAPPED)
    )


def _segments(weights: tuple[int, ...]) -> Callable[[int], Rows]:
    """Draw from the rows of the data set, with these weights of its classes."""

    def rows(seed: int) -> Rows:
        known: dict[Any, list[Row]] = {}
        for features, target in datasets.ImageSegments():
            known.setdefault(target, []).append((features, target))
        drawn = random.Random(seed * 1_000 + sum(at * one for at, one in enumerate(weights)))  # noqa: S311
        classes = sorted(known)
        while True:
            yield drawn.choice(known[drawn.choices(classes, weights)[0]])

    return rows


def _sea(variant: int) -> Callable[[int], Rows]:
    return lambda seed: iter(synth.SEA(variant=variant, noise=0.1, seed=seed + 1_000 * variant))


def _friedman(seed: int) -> Rows:
    return iter(synth.Friedman(seed=seed))


def _friedman_changed(seed: int) -> Rows:
    """Give the function of `FriedmanDrift`'s global recurring change, from its first change on."""
    far = 10**9
    return islice(iter(synth.FriedmanDrift(drift_type="gra", position=(1, far), seed=seed + 1_000)), 2, None)


EVEN, MORE = (1,) * 7, (2, 2, 1, 1, 1, 1, 1)
STREAMS = (
    Stream("RBF, abrupt", "features", _rbf(1), _rbf(2)),
    Stream("RBF, gradual", "features", _rbf(1), _rbf(2), RAMP),
    Stream("Agrawal, one of 9 columns", "features", _agrawal(0), _agrawal(0, _SHIFT)),
    Stream("LED, 8 of 24 columns", "features", _led, _led_swapped),
    Stream("image segments, abrupt", "features", _segments(EVEN), _segments(MORE)),
    Stream("image segments, gradual", "features", _segments(EVEN), _segments(MORE), RAMP),
    Stream("RBF", "features", _rbf(1)),
    Stream("Agrawal", "features", _agrawal(0)),
    Stream("LED", "features", _led),
    Stream("image segments", "features", _segments(EVEN)),
    Stream("SEA, abrupt", "errors", _sea(0), _sea(3)),
    Stream("SEA, gradual", "errors", _sea(0), _sea(3), RAMP),
    Stream("Agrawal, abrupt", "errors", _agrawal(0), _agrawal(2, 1.0)),
    Stream("Friedman, abrupt", "errors", _friedman, _friedman_changed),
    Stream("Friedman, gradual", "errors", _friedman, _friedman_changed, RAMP),
    Stream("SEA", "errors", _sea(0)),
    Stream("Agrawal", "errors", _agrawal(0)),
    Stream("Friedman", "errors", _friedman),
)

if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
