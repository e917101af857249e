"""Projects with notebooks, for the benchmarks of headless execution, and how a command in one is timed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat

from . import environment

BIN = Path(sys.executable).parent
TRIVIAL = [f"x{number} = {number}\nx{number} * 2" for number in range(10)]
# What it does with its libraries takes moments: what counts is their import.
HEAVY = [
    "import mlflow\nimport pandas as pd\nfrom sklearn.linear_model import LogisticRegression",
    "frame = pd.DataFrame({'x': [seed, seed + 1.0, seed + 2.0, seed + 3.0], 'y': [0, 0, 1, 1]})",
    "model = LogisticRegression().fit(frame[['x']], frame['y'])",
    "print(seed, model.score(frame[['x']], frame['y']), mlflow.__version__)",
]


@contextmanager
def project(cells: Sequence[str], parameters: str | None = None) -> Iterator[tuple[Path, dict[str, str]]]:
    """Make a folder with one notebook; yield the folder, and the environment of commands in it."""
    with TemporaryDirectory() as told:
        root = Path(told) / "project"
        root.mkdir()
        (root / "mlops.toml").write_text("", encoding="utf-8")
        notebook = nbformat.v4.new_notebook()
        notebook.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
        if parameters is not None:
            notebook.cells.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
        notebook.cells += [nbformat.v4.new_code_cell(source) for source in cells]
        nbformat.write(notebook, root / "notebook.ipynb")
        home = Path(told) / "home"
        home.mkdir()
        env = environment(home, PATH=f"{BIN}:/usr/bin:/bin", PYTHONWARNINGS="ignore")
        try:
            yield root, env
        finally:
            run(["mlops", "warm", "--stop"], root, env)


def run(words: Sequence[str], cwd: Path, env: Mapping[str, str]) -> float:
    """Run a command of this environment to its end, and return the milliseconds that it took."""
    command = [str(BIN / words[0]), *words[1:]]
    started = time.perf_counter()
    subprocess.run(command, cwd=cwd, env=dict(env), check=True, capture_output=True)
    return (time.perf_counter() - started) * 1000
