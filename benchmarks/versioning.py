"""What notebook versions cost: snapshots beside git's stash, diffs beside nbdime, the filter beside nbstripout.

.venv/bin/python benchmarks/versioning.py [--rounds N] [--only PART] [--json FILE] [--check]
"""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import version
from typing import Any

from measuring import byte_compile, machine, options, versions_add, versions_diff, versions_snapshot, write_json

PARTS = {"diff": versions_diff, "snapshot": versions_snapshot, "add": versions_add}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--only", action="append", choices=PARTS, help="this part alone; may be given again")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")


def main() -> None:
    told = options("Measure what notebook versions cost.", rounds=5, more=arguments)
    where = f"{machine()}, nbdime {version('nbdime')}, nbstripout {version('nbstripout')}"
    byte_compile()
    values: dict[str, Any] = {}
    found: list[str] = []
    print(f"{where}; medians of {told.rounds} interleaved rounds")
    for name, part in PARTS.items():
        if told.only and name not in told.only:
            continue
        values[name] = part.measure(told.rounds)
        print(f"\n{part.__doc__.splitlines()[0]}\n\n{part.report(values[name])}")
        found += part.targets(values[name])
    print("", *found, sep="\n")
    write_json(told.json, {"benchmark": "versioning", "machine": where, "rounds": told.rounds, "values": values})
    if told.check and any("MISSED" in line for line in found):
        sys.exit(1)


if __name__ == "__main__":
    main()
