"""Evidently's own report of drift, made in the environment that Evidently is installed in.

Its requirements do not fit every project's: where it is not installed beside this package, or cannot work there, uv
makes an environment of its own for it, once, below the user's cache.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from ..capabilities.conditions import Condition, parsed
from ..capabilities.drift.files import drawn_rows
from ..capabilities.drift.tables import drawn, within
from ..errors import ConfigurationError, MissingDependency
from ..protocols import Reporter

# Evidently takes some time for more, and its page shows no more.
_MOST_ROWS = 100_000
# It does not work with pandas 3, though it does not say so.
_REQUIREMENTS = ("evidently>=0.7,<0.8", "pandas<3", "pyarrow")
_SAID = 600
_SCRIPT = """
import json, sys, warnings
warnings.simplefilter("ignore")
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset
told = json.load(sys.stdin)
before, now = (pd.read_parquet(told[name]) for name in ("baseline", "now"))
Report([DataDriftPreset()]).run(reference_data=before, current_data=now).save_html(told["file"])
"""


class EvidentlyPages:
    """Calls Evidently, as it is beside this Python or in an environment of its own."""

    def write(
        self,
        baseline: object,
        now: object,
        columns: Sequence[str],
        file: Path,
        reporter: Reporter,
        *,
        segment: str | None = None,
    ) -> tuple[str, ...]:
        """Write the report of its data drift preset."""
        chosen = None if segment is None else parsed(segment)
        (before, before_rows), (later, later_rows) = (_drawn(one, columns, chosen) for one in (baseline, now))
        tables = [before, later]
        shared = [name for name in columns if all(name in one.columns for one in tables)]
        python = _python(reporter)
        reporter.progress("Evidently compares", 0, 1)
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / f"{name}.parquet" for name in ("baseline", "now")]
            for table, path in zip(tables, paths, strict=True):
                table[shared].to_parquet(path)
            target = file.expanduser().absolute()
            told = {"baseline": str(paths[0]), "now": str(paths[1]), "file": str(target)}
            _call([str(python), "-I", "-c", _SCRIPT], json.dumps(told), "Evidently cannot compare them")
        reporter.progress("Evidently compares", 1, 1)
        said = f"{len(before):,} of {before_rows:,} rows beside {len(later):,} of {later_rows:,}"
        drawn_some = max(before_rows, later_rows) > _MOST_ROWS
        return (f"Evidently's report{f', of {said}, drawn at random' if drawn_some else ''}: {file}",)


def _drawn(given: object, columns: Sequence[str], segment: Condition | None) -> tuple[Any, int]:
    """Return rows of a table or of files, and of how many they were drawn."""
    if isinstance(given, str | Path):
        return drawn_rows(Path(given).expanduser(), _MOST_ROWS, columns, segment)
    table = (given if isinstance(given, pd.DataFrame) else pd.DataFrame(given)).rename(columns=str)
    if segment is not None:
        table = within(table, segment)
    return drawn(table, _MOST_ROWS), len(table)


def _python(reporter: Reporter) -> Path:
    """Return the interpreter of the environment that Evidently is in, which is made at need."""
    if find_spec("evidently") is not None and pd.__version__.startswith("2."):
        return Path(sys.executable)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "mlops-jupyter" / f"evidently-{sys.version_info[0]}.{sys.version_info[1]}"
    python = folder / "bin" / "python"
    if (folder / "complete").is_file() and python.exists():
        return python
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        raise MissingDependency("Evidently's report", "uv" if find_spec("evidently") else "mlops-jupyter[drift]")
    reporter.progress("Evidently is installed into an environment of its own (once)", 0, 1)
    failed = "uv cannot install Evidently"
    _call([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], "", failed)
    _call([uv, "pip", "install", "--quiet", "--python", str(python), *_REQUIREMENTS], "", failed)
    (folder / "complete").touch()
    reporter.progress("Evidently is installed into an environment of its own (once)", 1, 1)
    return python


def _call(words: Sequence[str], told: str, what: str) -> None:
    # It would tell its maker that it is used.
    environment = {**os.environ, "DO_NOT_TRACK": "1"}
    done = subprocess.run(words, input=told, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split())[-_SAID:]
        raise ConfigurationError(f"{what}: {said}", "leave --evidently out")
