"""What loading costs: the extension in a running IPython shell, and the ``mlops`` command as a whole process.

    .venv/bin/python benchmarks/load.py [--rounds N] [--json FILE]

Every value is of a process of its own. wandb, a peer, gets an environment of its own under build/bench.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from measuring import (
    EXTENSIONS,
    HERE,
    Failed,
    ask,
    byte_compile,
    environment,
    machine,
    milliseconds,
    number,
    options,
    progress,
    ratio,
    ratio_of,
    table,
    verdict,
    write_json,
)
from measuring.peers import installed, python_of

PYTHON = Path(sys.executable)
DO_NOTHING, LATER_DO_NOTHING, CLICK = "do-nothing", "do-nothing, later", "import click"


@dataclass
class Case:
    """One row: in a shell, `how` and `name` go to load_one.py; otherwise `command` is a whole process."""

    label: str
    base: str
    key: str
    how: str = ""
    name: str = ""
    python: Path = PYTHON
    command: Sequence[str | Path] = ()
    values: list[dict[str, Any]] = field(default_factory=list)
    failed: str = ""

    def ms(self) -> list[float]:
        return [value["ms"] for value in self.values]

    def column(self, name: str, form: Callable[[float], str]) -> str:
        return form(median(value[name] for value in self.values)) if self.values and name in self.values[0] else "-"


def cases(wandb: str) -> list[Case]:
    """Return all rows, in the table's order; `wandb` is its version, empty without it."""
    rows = [
        Case("%load_ext of a do-nothing extension", DO_NOTHING, DO_NOTHING, "load_ext", "do_nothing"),
        Case("%load_ext mlops_jupyter", DO_NOTHING, "ours", "load_ext", "mlops_jupyter"),
        Case(f"%load_ext wandb ({wandb})", DO_NOTHING, "wandb", "load_ext", "wandb", python_of("wandb")),
        Case("import mlflow", DO_NOTHING, "mlflow", "import", "mlflow"),
        Case("import mlops_jupyter", DO_NOTHING, "our import", "import", "mlops_jupyter"),
        Case("later: do-nothing extension", LATER_DO_NOTHING, LATER_DO_NOTHING, "load_ext_later", "do_nothing"),
        Case("later: mlops_jupyter", LATER_DO_NOTHING, "ours, later", "load_ext_later", "mlops_jupyter"),
        Case('python -c "import click"', CLICK, CLICK, command=(PYTHON, "-c", "import click")),
        Case("mlops --help", CLICK, "help", command=(PYTHON.with_name("mlops"), "--help")),
        Case("python -c pass", CLICK, "pass", command=(PYTHON, "-c", "pass")),
    ]
    return rows if wandb else [row for row in rows if row.key != "wandb"]


def measure(case: Case, folder: Path) -> dict[str, Any] | Failed:
    """Measure a case once, in a new process."""
    env = environment(folder)
    if not case.command:
        # -P: what stands in the working directory or beside load_one.py is not on the path.
        said = ask((case.python, "-P", HERE / "load_one.py", EXTENSIONS, case.how, case.name), cwd=folder, env=env)
        if isinstance(said, dict) and not said["loaded"]:
            return Failed(f"{case.name} was not loaded")
        return said
    command = [str(word) for word in case.command]
    quiet = subprocess.DEVNULL
    began = perf_counter()
    try:
        done = subprocess.run(command, cwd=folder, env=env, stdin=quiet, stdout=quiet, stderr=quiet, check=False)
    except OSError as error:
        return Failed(str(error))
    took = perf_counter() - began
    return {"ms": took * 1000} if done.returncode == 0 else Failed(f"exit code {done.returncode}")


def main() -> None:
    told = options("Measure what loading costs.", rounds=15)
    where = machine()
    rows = cases(installed("wandb", ["ipython"]))
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for turn in range(told.rounds + 1):
            progress(f"round {turn} of {told.rounds}" if turn else "one round unmeasured, to warm the disk's cache")
            byte_compile()
            # Each round begins with another case: none is always the one after the heaviest.
            at = turn % len(rows)
            for case in rows[at:] + rows[:at]:
                said = Failed(case.failed) if case.failed else measure(case, folder)
                if isinstance(said, Failed):
                    case.failed, case.values = said.why, []
                elif turn:
                    case.values.append(said)
    report(rows, where, told.rounds)
    samples = {case.key: case.values for case in rows}
    write_json(told.json, {"benchmark": "load", "machine": where, "rounds": told.rounds, "values": samples})


def report(rows: list[Case], where: str, rounds: int) -> None:
    by_key = {case.key: case for case in rows}
    print(f"{where}; medians of {rounds} interleaved rounds\n")
    lines = [
        [
            case.label,
            milliseconds(case.ms()),
            ratio(case.ms(), by_key[case.base].ms()),
            case.base,
            case.column("rss_mb", number),
            case.column("modules", "{:,.0f}".format),
        ]
        for case in rows
    ]
    print(table(["what", "ms", "ratio (quartiles)", "to", "RSS added MB", "modules added"], lines), end="\n\n")
    for case in rows:
        if case.failed:
            print(f"not measured: {case.label}: {case.failed}")

    def times(key: str) -> float | None:
        case = by_key[key]
        base = by_key[case.base]
        return ratio_of(case.ms(), base.ms()) if case.values and base.values else None

    ours = by_key["ours"].ms()
    print(verdict("%load_ext mlops_jupyter <= 3x a do-nothing extension", times("ours"), 3, "x"))
    print(verdict("%load_ext mlops_jupyter < 10 ms on a quiet machine", median(ours) if ours else None, 10, "ms"))
    print(verdict('mlops --help <= 2x python -c "import click"', times("help"), 2, "x"))


if __name__ == "__main__":
    main()
