"""What the benchmarks share: options, fresh processes, medians and ratios, tables.

Cases are measured in turn, round by round, so that whatever else the machine does hits all of them alike. A ratio
is the median of the ratios within the rounds, with its quartiles in parentheses: the machine's drift from round to
round is not in it, and it need not equal the quotient of the two medians beside it.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles
from typing import Any

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
EXTENSIONS = HERE.parent / "extensions"
# Under build/, which git ignores and `make clean` removes.
CACHE = REPOSITORY / "build" / "bench"

_OTHERS = ("MLFLOW_", "MLOPS_JUPYTER_", "WANDB_", "JPY_", "JUPYTER", "GIT_", "PYTHON", "IPYTHON")
_TIMEOUT_S = 300


def options(
    description: str, *, rounds: int, more: Callable[[argparse.ArgumentParser], object] = lambda _: None
) -> argparse.Namespace:
    """Read the command line that every benchmark has, and what `more` adds to it."""
    parser = argparse.ArgumentParser(description=description)
    more(parser)
    parser.add_argument("--rounds", type=int, default=rounds, help=f"how often each case is measured [{rounds}]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measured value there, too")
    told = parser.parse_args()
    if told.rounds < 1:
        parser.error("--rounds must be 1 or more")
    return told


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return the environment of a measured process: no setting and no home of the machine's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OTHERS)}
    own = {"HOME": home, "IPYTHONDIR": home / ".ipython", "JUPYTER_RUNTIME_DIR": home / "runtime"}
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "WANDB_MODE": "offline", "WANDB_SILENT": "true"}
    git = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    return {**kept, **{name: str(value) for name, value in own.items()}, **quiet, **git, **more}


def byte_compile() -> None:
    """Byte-compile what is ours and may have been edited since: libraries are compiled when they are installed."""
    for folder in (REPOSITORY / "mlops_jupyter", HERE.parent):
        compileall.compile_dir(folder, quiet=2)


@dataclass(frozen=True)
class Failed:
    """A process that did not say what it was asked to measure."""

    why: str


def ask(command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str]) -> Any:
    """Run a process that prints JSON as its last line; return that, or `Failed`."""
    try:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=cwd,
            env=env,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Failed(f"{type(error).__name__}: {error}")
    if done.returncode != 0:
        return Failed((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1])
    try:
        return json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        return Failed("its last line is no JSON")


def number(value: float) -> str:
    """Write a number with three digits that count."""
    digits = 0
    for limit in (100, 10, 1, 0.1, 0.01):
        if abs(value) >= limit or value == 0:
            break
        digits += 1
    return f"{value:,.{digits}f}"


def milliseconds(values: Sequence[float]) -> str:
    """Write a median."""
    return number(median(values)) if values else "-"


def added(values: Sequence[float], plain: Sequence[float]) -> list[float]:
    """Return what each value has over the one of the same round and turn."""
    return [value - other for value, other in zip(values, plain, strict=True)]


def ratio_of(values: Sequence[float], base: Sequence[float]) -> float:
    """Return the median of the ratios within the rounds."""
    return median(value / other for value, other in zip(values, base, strict=True))


def ratio(values: Sequence[float], base: Sequence[float]) -> str:
    """Write the median of the ratios within the rounds, and their quartiles."""
    if not values or len(values) != len(base):
        return "-"
    ratios = [value / other for value, other in zip(values, base, strict=True)]
    if ratios == [1.0] * len(ratios):
        return "1"
    if len(ratios) == 1:
        return number(ratios[0])
    low, middle, high = quantiles(ratios, n=4, method="inclusive")
    return f"{number(middle)} ({number(low)} to {number(high)})"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, words: int = 1) -> str:
    """Return a Markdown table that is a table in a terminal too; the first columns are words, the others numbers."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    sides = ["<"] * words + [">"] * (len(heads) - words)

    def line(cells: Sequence[str]) -> str:
        fitted = [f"{cell:{side}{width}}" for cell, side, width in zip(cells, sides, widths, strict=True)]
        return f"| {' | '.join(fitted)} |"

    rule = ["-" * width if side == "<" else "-" * (width - 1) + ":" for side, width in zip(sides, widths, strict=True)]
    return "\n".join([line(heads), line(rule), *map(line, rows)])


def verdict(claim: str, measured: float | None, limit: float, unit: str) -> str:
    """Write a target beside what was measured."""
    if measured is None:
        return f"target: {claim}: not measured"
    said = "met" if measured <= limit else "MISSED"
    return f"target: {claim}: {number(measured)} {unit}, {said}"


def machine() -> str:
    """Say in words where this was measured."""
    cores = len(os.sched_getaffinity(0))
    busy = os.getloadavg()[0]
    packages = ", ".join(f"{name} {version(name)}" for name in ("mlflow", "ipython", "click"))
    return f"{cores} cores, load average {busy:.1f} at the start; Python {platform.python_version()}, {packages}"


def progress(text: str) -> None:
    """Say on standard error what is being done."""
    print(f"    {text}", file=sys.stderr, flush=True)


def write_json(file: Path | None, values: Mapping[str, Any]) -> None:
    """Write everything that was measured."""
    if file is not None:
        file.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
