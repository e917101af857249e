"""A benchmark of several parts, each a module that measures, reports and has targets."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from . import byte_compile, machine, options, write_json


def run(name: str, what: str, parts: Mapping[str, ModuleType], versions: str) -> None:
    """Measure the parts that the command line asks for, print their tables and targets, and exit as it says.

    Parameters
    ----------
    name, what
        What the benchmark is called, and what it measures.
    parts
        The modules, by the words that the command line has for them.
    versions
        The versions of what is measured beside.
    """

    def arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--only", action="append", choices=parts, help="this part alone; may be given again")
        parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")

    told = options(f"Measure what {what} cost.", rounds=5, more=arguments)
    where = f"{machine()}, {versions}"
    byte_compile()
    values: dict[str, Any] = {}
    found: list[str] = []
    print(f"{where}; medians of {told.rounds} interleaved rounds")
    for word, part in parts.items():
        if told.only and word not in told.only:
            continue
        values[word] = part.measure(told.rounds)
        print(f"\n{(part.__doc__ or '').splitlines()[0]}\n\n{part.report(values[word])}")
        found += part.targets(values[word])
    print("", *found, sep="\n")
    write_json(told.json, {"benchmark": name, "machine": where, "rounds": told.rounds, "values": values})
    if told.check and any("MISSED" in line for line in found):
        sys.exit(1)
