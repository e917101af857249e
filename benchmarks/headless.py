"""What headless notebooks cost: one, twenty with parameters, and a pool of warm kernels, beside Papermill's command.

.venv/bin/python benchmarks/headless.py [--rounds N] [--only PART] [--json FILE] [--check]
"""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import version
from typing import Any

from measuring import byte_compile, headless_many, headless_one, machine, options, warm_kernel, write_json

PARTS = {"one": headless_one, "many": headless_many, "memory": warm_kernel}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--only", action="append", choices=PARTS, help="this part alone; may be given again")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")


def main() -> None:
    told = options("Measure what headless notebooks cost.", rounds=5, more=arguments)
    where = f"{machine()}, papermill {version('papermill')}, ipykernel {version('ipykernel')}"
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
    write_json(told.json, {"benchmark": "headless", "machine": where, "rounds": told.rounds, "values": values})
    if told.check and any("MISSED" in line for line in found):
        sys.exit(1)


if __name__ == "__main__":
    main()
