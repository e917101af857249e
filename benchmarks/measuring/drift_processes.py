"""A file of Parquet with 5,000,000 rows, read by one process and by two."""

from __future__ import annotations

from statistics import median

from . import Failed, number, progress, ratio, ratio_of, table, verdict
from .drift_tables import compared, tables

_ROWS, _LEAST = 5_000_000, 1.7

Values = dict[str, list[float]]


def measure(rounds: int) -> Values:
    """Return the seconds of each round, by the number of processes."""
    values: Values = {"1": [], "2": []}
    for turn in range(rounds):
        for count, seconds in values.items():
            progress(f"{count} processes: round {turn + 1} of {rounds}")
            found = compared("ours, Parquet", tables(_ROWS), count)
            if isinstance(found, Failed):
                raise SystemExit(found.why)
            seconds.append(found["seconds"])
    return values


def report(values: Values) -> str:
    """Return the table."""
    rows = [(count, number(median(seconds)), ratio(values["1"], seconds)) for count, seconds in values.items()]
    return table(("processes", "s", "times as fast"), rows)


def targets(values: Values) -> list[str]:
    """Return a line for the target."""
    found = ratio_of(values["2"], values["1"])
    return [verdict(f"two processes at least {_LEAST} times as fast as one", found, 1 / _LEAST, "of one's time")]
