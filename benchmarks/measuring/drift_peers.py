"""A table of 20 numbers and 5 categories against a stored baseline: seconds until each column has a distance."""

from __future__ import annotations

import os
from statistics import median

from . import Failed, number, progress, ratio, ratio_of, table, verdict
from .drift_tables import PEERS, compared, installed, tables

_ROWS = int(os.environ.get("DRIFT_ROWS", "1000000"))
_OURS, _FILE, _BARE = "ours, in memory", "ours, Parquet", "bare sketches"
_PEERS = {
    "evidently": ("Evidently",),
    "nannyml": ("NannyML", "NannyML, fitted before, one chunk"),
    "whylogs": ("whylogs", "whylogs, logged before"),
}
# How many times faster than a peer, and how many times slower than the bare updates.
_TARGETS = {"Evidently": 80.0, "NannyML": 12.0, "whylogs": 30.0}
_MOST_OF_BARE, _MOST_MB = 1.5, 50.0

Values = dict[str, dict[str, list[float]]]


def measure(rounds: int) -> Values:
    """Return for each way the seconds and the extra megabytes of each round."""
    files = tables(_ROWS)
    ways = [_BARE, _OURS, _FILE, *(way for peer in PEERS if installed(peer) for way in _PEERS[peer])]
    values: Values = {way: {"seconds": [], "extra_mb": []} for way in ways}
    progress(f"{_ROWS:,} rows: the baseline that files are compared with (once)")
    compared(_FILE, files)
    for turn in range(rounds):
        for way in tuple(values):
            progress(f"{_ROWS:,} rows, {way}: round {turn + 1} of {rounds}")
            found = compared(way, files)
            if isinstance(found, Failed):
                if way in {_BARE, _OURS, _FILE}:
                    raise SystemExit(f"{way}: {found.why}")
                print(f"{way} does not work here, so its row is missing: {found.why}")
                del values[way]
                continue
            for name, each in values[way].items():
                each.append(found[name])
    return values


def report(values: Values) -> str:
    """Return the table."""
    ours = values[_OURS]["seconds"]
    rows = [
        (
            way,
            number(median(found["seconds"])),
            ratio(found["seconds"], ours),
            ratio(found["seconds"], values[_BARE]["seconds"]),
            number(median(found["extra_mb"])),
        )
        for way, found in values.items()
    ]
    return table((f"{_ROWS:,} rows x 25 columns", "s", "to ours in memory", "to bare sketches", "extra MB"), rows)


def targets(values: Values) -> list[str]:
    """Return a line for each target."""
    ours = values[_OURS]["seconds"]
    lines = [
        verdict(
            f"in memory at most 1/{least:g} of {way}'s time",
            None if way not in values else ratio_of(ours, values[way]["seconds"]),
            1 / least,
            "of it",
        )
        for way, least in _TARGETS.items()
    ]
    of_bare = ratio_of(ours, values[_BARE]["seconds"])
    lines.append(verdict(f"at most {_MOST_OF_BARE} times the bare updates", of_bare, _MOST_OF_BARE, "times"))
    extra = median(values[_FILE]["extra_mb"])
    return [*lines, verdict(f"a file takes at most {_MOST_MB:g} MB more", extra, _MOST_MB, "MB")]
