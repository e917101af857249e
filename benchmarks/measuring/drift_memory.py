"""Memory that a file of Parquet takes more, from 100,000 rows to 5,000,000."""

from __future__ import annotations

from statistics import median

from . import Failed, number, progress, table, verdict
from .drift_tables import compared, tables

_SIZES = (100_000, 1_000_000, 5_000_000)
_MOST_MB, _MOST_GROWTH_MB = 50.0, 15.0

Values = dict[str, list[float]]


def measure(rounds: int) -> Values:
    """Return for each size the extra megabytes of each round."""
    values: Values = {f"{size}": [] for size in _SIZES}
    for turn in range(rounds):
        for size in _SIZES:
            progress(f"{size:,} rows: round {turn + 1} of {rounds}")
            found = compared("ours, Parquet", tables(size))
            if isinstance(found, Failed):
                raise SystemExit(found.why)
            values[str(size)].append(found["extra_mb"])
    return values


def report(values: Values) -> str:
    """Return the table."""
    return table(("rows", "extra MB"), [(f"{int(size):,}", number(median(mb))) for size, mb in values.items()])


def targets(values: Values) -> list[str]:
    """Return a line for each target."""
    most = max(median(mb) for mb in values.values())
    grown = median(values[str(_SIZES[2])]) - median(values[str(_SIZES[1])])
    return [
        verdict(f"at most {_MOST_MB:g} MB more", most, _MOST_MB, "MB"),
        verdict(f"at most {_MOST_GROWTH_MB:g} MB more from 1,000,000 to 5,000,000 rows", grown, _MOST_GROWTH_MB, "MB"),
    ]
