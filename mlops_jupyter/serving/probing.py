"""What is found out about a model before it is asked anything."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from time import perf_counter

import numpy as np

from ..capabilities.endpoints import Limits, PlannedVersion
from ..capabilities.endpoints.neutral_examples import strict
from ..capabilities.models import folders, requirements
from ..errors import ConfigurationError
from . import scoring
from .batching import Runner, split
from .failures import Failure
from .rows import Rows, joined
from .schema import Schema

# What MLflow calls the example in a model's folder.
_OWN_EXAMPLE = "serving_input_example.json"
# How many rows the requests have that are tried together, and how many rounds of them.
_SIZES = (1, 1, 2, 1, 5, 3, 1)
_ROUNDS = 3
# A slow model is not called so often that its start would take minutes: its requests are then answered one by one.
_TIMED_S, _TRIED_S = 10.0, 60.0


@dataclass(frozen=True)
class Probe:
    """What a model is like.

    Attributes
    ----------
    schema
        What its rows must be.
    joins
        Whether it answers rows of several requests together exactly as it answers them alone.
    call_s
        How long a call with a row takes; ``None`` when there was no row to call it with.
    """

    schema: Schema
    joins: bool = False
    call_s: float | None = None


def load(version: PlannedVersion, limits: Limits) -> tuple[Runner, Probe]:
    """Load a model, and have it answer its example.

    Raises
    ------
    ConfigurationError
        When its files are not those that were deployed, it cannot be loaded, or does not answer.
    """
    if version.digest is not None and not folders.unchanged(Path(version.path), version.digest):
        raise ConfigurationError(
            f"the files of version {version.version} in {version.path} are not those that were deployed",
            f"mlops deploy {version.source} --name NAME",
        )
    schema = Schema.from_signature(version.signature)
    module, _, name = version.runner.partition(":")
    try:
        runner: Runner = getattr(import_module(module), name)(version)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        raise ConfigurationError(
            f"version {version.version} cannot be loaded: {error}", requirements.installs(Path(version.path), missing)
        ) from error
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"version {version.version} cannot be loaded: {error}") from error
    if version.example is None:
        sample = getattr(runner, "sample", lambda _: None)(schema)
    else:
        sample = _example(version, runner, schema, limits)
    if sample is None:
        return runner, Probe(schema)
    if schema.fixed:
        return runner, Probe(schema, call_s=_taken(runner, sample))
    return runner, Probe(schema, *_tried(runner, sample))


def _example(version: PlannedVersion, runner: Runner, schema: Schema, limits: Limits) -> Rows:
    """Return the example's rows, to which there has been an answer."""
    try:
        return _answered(version, version.example or "", runner, schema, limits)
    except ConfigurationError:
        # Without its redacted values the example may be one that the model refuses; its folder has them. What goes
        # wrong with that one is not said: the words may hold such a value.
        if (own := _own_example(version)) is not None:
            with suppress(ConfigurationError):
                return _answered(version, own, runner, schema, limits)
        raise


def _own_example(version: PlannedVersion) -> str | None:
    """Return the example in the model's folder, ``None`` without one."""
    try:
        return strict(Path(version.path, _OWN_EXAMPLE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _answered(version: PlannedVersion, example: str, runner: Runner, schema: Schema, limits: Limits) -> Rows:
    try:
        rows = scoring.decode(example.encode(), "application/json", schema, limits)
    except Failure as failure:
        raise ConfigurationError(
            f"the input example of version {version.version} does not fit its signature: {failure.message}"
        ) from failure
    try:
        scoring.encode(runner.predict(rows))
    except (Exception, SystemExit) as error:
        raise ConfigurationError(
            f"version {version.version} does not answer its input example: {type(error).__name__}: {error}"
        ) from error
    return rows


def _tried(runner: Runner, sample: Rows) -> tuple[bool, float | None]:
    """Return whether rows may be joined, and how long a call takes."""
    call_s = _taken(runner, next(iter(_requests(sample))))
    try:
        quick = call_s is not None and call_s * _ROUNDS * (len(_SIZES) + 1) <= _TRIED_S
        joins = quick and all(_same(runner, list(_requests(sample))) for _ in range(_ROUNDS))
    except (Exception, SystemExit):  # noqa: BLE001 -- what a model raises for made-up rows says nothing
        joins = False
    return joins, call_s


def _taken(runner: Runner, rows: Rows) -> float | None:
    """Return how long a call takes at the least; ``None`` when the model does not like the rows."""
    taken = []
    try:
        for _ in range(5):
            start = perf_counter()
            runner.predict(rows)
            taken.append(perf_counter() - start)
            if sum(taken) > _TIMED_S:
                break
    except (Exception, SystemExit):  # noqa: BLE001 -- as above: they may be made up
        return None
    return min(taken)


def _same(runner: Runner, parts: list[Rows]) -> bool:
    """Tell whether the answer to joined rows is, to the last digit, the answers to each request."""
    rows = joined(parts)
    together = split(runner.predict(rows), [part.count for part in parts], rows.count)
    if together is None:
        return False
    return all(
        scoring.encode(cut) == scoring.encode(runner.predict(part)) for cut, part in zip(together, parts, strict=True)
    )


def _requests(sample: Rows) -> Iterable[Rows]:
    """Make requests of several sizes around an example: numbers vary, other values are taken as they are."""
    random = np.random.default_rng()
    for size in _SIZES:
        at = random.integers(0, sample.count, size)
        if sample.matrix is not None:
            matrix = sample.matrix[at]
            if matrix.dtype.kind == "f":
                spread = np.nanstd(sample.matrix, axis=0) + np.abs(np.nan_to_num(sample.matrix[:1][0])) + 1.0
                matrix = (matrix + spread * random.standard_normal(matrix.shape)).astype(matrix.dtype)
            yield Rows(size, sample.names, np.ascontiguousarray(matrix))
        else:
            yield Rows(size, sample.names, None, {name: values[at] for name, values in (sample.columns or {}).items()})
