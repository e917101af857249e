"""Notebooks that nobody here wrote, under Papermill's own engine and under ours: the same outputs, the same errors.

They are the notebooks that Papermill and nbdime ship with their tests; docs/headless.md lists those set aside, and why.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbdime
import nbformat
import papermill
import pytest

# Those that want another language or kernel, or are no notebooks of nbformat 4.
SET_ASIDE = {
    "notimplemented_translator.ipynb": "it is made for a language that Papermill does not know",
    "binder.ipynb": "it runs Papermill itself, on files that it does not bring",
    "keyboard_interrupt.ipynb": "it waits for ever, and under our engine its traceback says where",
    "apap.ipynb": "it wants packages and files that it does not bring",
}
SCRIPT = """
import sys, papermill
try:
    papermill.execute_notebook(sys.argv[1], sys.argv[2], engine_name=sys.argv[3] or None, progress_bar=False,
                               execution_timeout=60, kernel_name="python3", cwd=sys.argv[4])
except BaseException as error:
    print(f"{type(error).__name__} {getattr(error, 'ename', '')} {getattr(error, 'evalue', '')}")
"""


def shipped(package: Any, *folder: str) -> list[Path]:
    root = Path(package.__file__).parent.joinpath("tests", *folder)
    return sorted(file for file in root.glob("*.ipynb") if file.name not in SET_ASIDE)


def is_python(file: Path) -> bool:
    """Whether Papermill runs it at all: nbformat 4, Python, and something to run."""
    try:
        notebook = nbformat.read(file, as_version=4)
    except Exception:  # noqa: BLE001 -- whatever is wrong with it, it is no notebook to run
        return False
    language = notebook.metadata.get("kernelspec", {}).get("language", "python")
    return language == "python" and any(cell.cell_type == "code" for cell in notebook.cells)


NOTEBOOKS = [file for file in (*shipped(papermill, "notebooks"), *shipped(nbdime, "files")[::4]) if is_python(file)]


def executed(file: Path, output: Path, engine: str, work: Path) -> tuple[list[Any], str]:
    """Run a notebook; return its cells' outputs without what differs from run to run, and the error."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(file), str(output), engine, str(work)],
        capture_output=True,
        text=True,
        check=False,
        cwd=work,
    )
    cells = [] if not output.exists() else nbformat.read(output, as_version=4).cells
    return [[plain(one) for one in joined(cell.get("outputs", ()))] for cell in cells], done.stdout.strip()


def joined(outputs: Any) -> list[Any]:
    """Make one text of those that a stream printed one after the other: how a kernel cuts it is a matter of time."""
    one_text: list[Any] = []
    for output in outputs:
        before = one_text[-1] if one_text else {}
        if output["output_type"] == before.get("output_type") == "stream" and output["name"] == before["name"]:
            one_text[-1] = {**before, "text": before["text"] + output["text"]}
        else:
            one_text.append(output)
    return one_text


def plain(output: Any) -> Any:
    told = {key: value for key, value in output.items() if key not in {"execution_count", "metadata"}}
    text = repr(sorted(told.items(), key=str))
    # Addresses, times, process ids and temporary files.
    return re.sub(r"0x[0-9a-f]+|\d+\.\d+ ?m?s\b|\d\d:\d\d:\d\d[.\d]*|/tmp/\S+|ipykernel_\d+", "…", text)


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: f"{file.parents[2].name}-{file.stem}")
def test_the_same_under_both_engines(file, project, clean_environment):
    (project / "work").mkdir()
    theirs = executed(file, project / "theirs.ipynb", "", project / "work")
    ours = executed(file, project / "ours.ipynb", "mlops", project / "work")
    assert ours == theirs


def test_there_are_enough_of_them():
    assert len(NOTEBOOKS) > 25
