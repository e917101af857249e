"""Tables for the benchmarks of drift, and the processes that compare them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from . import CACHE, HERE, Failed, environment, progress

# Not under build/: they are large, and outlive `make clean`.
ENVIRONMENTS = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mlops-jupyter"
# None that reads tables works with pandas 3, whylogs not with NumPy 2 either.
PEERS: Mapping[str, tuple[str, ...]] = {
    "evidently": ("evidently>=0.7,<0.8", "pandas<3", "pyarrow"),
    "nannyml": ("nannyml>=0.13", "pandas<3", "numpy<2.3", "statsmodels", "pyarrow"),
    "whylogs": ("whylogs[viz]>=1.6", "ipython", "numpy<2", "pandas<3", "pyarrow<22"),
    "river": ("river>=0.22", "pandas<3", "pyarrow"),
}
_IMPORTS = {"whylogs": "whylogs.viz.drift.column_drift_algorithms"}
_UV = Path(sys.executable).with_name("uv")
_NUMBERS, _CATEGORIES, _GROUP = 20, 5, 250_000
_TIMEOUT_S = 3600


def tables(rows: int) -> tuple[Path, Path]:
    """Return files of the training data and of the new data, with 20 numbers and 5 categories; made once."""
    CACHE.mkdir(parents=True, exist_ok=True)
    found = []
    for name, seed, moved in (("before", 1, 0.0), ("now", 2, 0.2)):
        file = CACHE / f"drift-{name}-{rows}.parquet"
        if not file.is_file():
            progress(f"writing {file.name}")
            _write(file, rows, np.random.default_rng(seed), moved)
        found.append(file)
    return found[0], found[1]


def _write(file: Path, rows: int, rng: np.random.Generator, moved: float) -> None:
    draft, writer = file.with_suffix(".new"), None
    for start in range(0, rows, _GROUP):
        count = min(_GROUP, rows - start)
        columns: dict[str, Any] = {f"n{at}": rng.normal(moved * (at == 0), 1, count) for at in range(_NUMBERS)}
        for at in range(_CATEGORIES):
            names = pa.array([f"category {number}" for number in range(5 * (at + 1))])
            columns[f"c{at}"] = names.take(pa.array(rng.integers(0, len(names), count)))
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(draft, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()
    draft.replace(file)


def python_of(peer: str) -> Path:
    """Return the interpreter of a peer's environment; ours when it is no peer."""
    return ENVIRONMENTS / f"drift-{peer}" / "bin" / "python" if peer in PEERS else Path(sys.executable)


def installed(peer: str) -> bool:
    """Tell whether a peer can be imported in its environment, which is made when it is missing."""
    python = python_of(peer)

    def works() -> bool:
        asked = [str(python), "-c", f"import {_IMPORTS.get(peer, peer)}"]
        return python.exists() and subprocess.run(asked, capture_output=True, check=False).returncode == 0

    if works():
        return True
    progress(f"installing {peer} into an environment of its own (once)")
    for words in (
        ("venv", "--clear", "--python", sys.executable, str(python.parents[1])),
        ("pip", "install", "--compile-bytecode", "--python", str(python), *PEERS[peer]),
    ):
        done = subprocess.run([str(_UV), "--quiet", *words], capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{peer} could not be installed, so its row is missing: {done.stderr.strip()[-300:]}")
            return False
    return works()


def compared(way: str, files: Sequence[Path], *more: str) -> dict[str, float] | Failed:
    """Let a fresh process compare two files in one way; return its seconds, and the megabytes that it needed more."""
    peer = way.split(",", maxsplit=1)[0].lower()
    command = [str(python_of(peer)), str(HERE / "drift_one.py"), way, *map(str, files), *more]
    env = {**environment(CACHE), "DO_NOT_TRACK": "1", "WHYLOGS_NO_ANALYTICS": "true"}
    if peer not in PEERS:
        env["PYTHONPATH"] = str(HERE.parents[1])
    try:
        done = subprocess.run(
            command, cwd=CACHE, env=env, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        return Failed(str(error))
    if done.returncode:
        return Failed((done.stderr.strip().splitlines() or ["it failed"])[-1])
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found
