"""Notebooks for tests, written as a user's editor would write them."""

from __future__ import annotations

from pathlib import Path

import nbformat

from tests.fakes.waiting import wait_for


def write_notebook(path: Path, *cells: str, parameters: str | None = None, kernel: str | None = "python3") -> Path:
    """Write code cells, with the first one tagged ``parameters`` when it is given."""
    notebook = nbformat.v4.new_notebook()
    if parameters is not None:
        notebook.cells.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    notebook.cells += [nbformat.v4.new_code_cell(source) for source in cells]
    if kernel is not None:
        notebook.metadata["kernelspec"] = {"name": kernel, "language": "python", "display_name": kernel}
    path.write_text(nbformat.writes(notebook), encoding="utf-8")
    return path


def saved(path: Path) -> nbformat.NotebookNode:
    """Read a notebook that somebody saves: what is half written at this moment is read once more."""

    def whole() -> nbformat.NotebookNode | None:
        try:
            return nbformat.read(path, as_version=4)
        except nbformat.reader.NotJSONError:
            return None

    return wait_for(whole, 10, f"{path.name} is never whole")
