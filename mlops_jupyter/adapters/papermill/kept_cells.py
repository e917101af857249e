"""Where a notebook that fails can go on: what is kept between cells, and what a later execution begins with."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat

from ...capabilities.environment_changes import digests
from ...capabilities.whole_files import replacing

Ask = Callable[[str], dict[str, Any]]

# State is kept before a cell when the cells since the last time took so long, and so many times what keeping it took.
_WORTH_S, _SHARE = 1.0, 20.0
_WRITTEN_S = 300.0
_MODULE = "__import__('mlops_jupyter.faces.kernel_state', fromlist=['hold'])"
_TOLD, _EXECUTED = "kept.json", "executed.ipynb"


class KeptCells:
    """One notebook's kept state.

    Parameters
    ----------
    folder
        Where the state lies; nobody else's.
    resume
        Whether to begin with what is there.
    keep
        Whether to keep the state between cells.
    """

    def __init__(self, folder: Path, *, resume: bool = False, keep: bool = True) -> None:
        self._folder = folder
        self._resume = resume
        self._keep = keep
        self._ask: Ask = lambda _: {}
        self._before: dict[str, str] = {}
        self._began = 0.0
        self._cost = 0.0
        self._held: int | None = None
        self._copy: int | None = None
        self._why = "no state was worth keeping: the cells before it took less than a second"
        self._extensions: list[str] = []
        self._said: tuple[int | None, str] = (None, "")
        self._lost = ""

    def note(self, place: Callable[[int], int]) -> str:
        """Say where the notebook was resumed, or why not, and whether a next ``--resume`` has anything to read.

        ``place`` gives a cell's place as the user knows it.
        """
        cell, why = self._said
        began = f"starts over: {why}" if cell is None else f"resumed at cell {place(cell)}"
        return "; ".join(filter(None, (began if self._resume else "", self._lost)))

    def begin(self, notebook: nbformat.NotebookNode, ask: Ask, environment: Mapping[str, str]) -> int:
        """Return the first cell to execute, once the kernel has the state of those before.

        Parameters
        ----------
        notebook
            The notebook as it is about to be executed.
        ask
            Evaluates an expression in the kernel.
        environment
            The environment that the kernel got.
        """
        self._ask = ask
        self._before = digests(environment)
        self._began = time.monotonic()
        if not self._resume:
            self._forget()
            return 0
        why, told, executed = self._fitting(notebook)
        if not why:
            extensions = json.dumps(told["extensions"])
            why = ask(f"{_MODULE}.bring_back({str(self._folder)!r}, {extensions})").get("why", "")
        if why:
            self._said = (None, why)
            self._forget()
            return 0
        first = int(told["cell"])
        for cell, before in zip(notebook.cells[:first], executed.cells, strict=False):
            cell.metadata.papermill = before.metadata.get("papermill", cell.metadata.papermill)
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = before.outputs, before.execution_count
        self._said = (first, "")
        # If it fails again before anything is held, this is still where it can go on.
        self._held = None
        return first

    def before(self, index: int) -> None:
        """Keep the state before a cell, if that is worth it by now."""
        since = time.monotonic() - self._began
        if not self._keep or index == 0 or since < max(_WORTH_S, _SHARE * self._cost):
            return
        started = time.monotonic()
        if not self._extensions:
            self._extensions = self._ask(f"{_MODULE}.extensions()").get("extensions", [])
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Of an earlier execution; the copy of a kernel that is killed writes its own at once.
            for name in ("state", "unkept"):
                (self._folder / name).unlink(missing_ok=True)
        except OSError as error:
            # The notebook itself needs none of it.
            self._why, self._held = _unkept(error), None
            return
        said = self._ask(f"{_MODULE}.hold({str(self._folder)!r}, {self._before!r})")
        self._copy, self._why = said.get("pid"), said.get("why", "")
        self._held = index if self._copy is not None else None
        self._began = time.monotonic()
        self._cost = self._began - started

    def failed(self, notebook: nbformat.NotebookNode, index: int) -> None:
        """Have the state written that was kept last, and note what it belongs to; the cell's own error comes first."""
        try:
            self._failed(notebook, index)
        except OSError as error:
            self._lost = f"--resume will start over: {_unkept(error)}"
        self._held = None

    def _failed(self, notebook: nbformat.NotebookNode, index: int) -> None:
        if self._held is None or self._copy is None:
            if self._keep and self._said[0] is None:
                self._tell({"failed": index, "why": self._why})
            return
        # The kernel itself need not be asked: it may be busy still, or gone.
        with suppress(ProcessLookupError):
            os.kill(self._copy, signal.SIGUSR1)
        _wait(self._copy)
        unkept = self._folder / "unkept"
        why = f"its state cannot be kept: {unkept.read_text(encoding='utf-8')}" if unkept.exists() else ""
        if not why and not (self._folder / "state").exists():
            why = "its state could not be kept: the copy of the kernel that held it ended early"
        try:
            nbformat.write(notebook, self._folder / _EXECUTED)
        except OSError as error:
            why = why or _unkept(error)
            # Nobody can go on with a state whose cells are not known, and it is what takes the room.
            for name in ("state", _EXECUTED):
                (self._folder / name).unlink(missing_ok=True)
        self._tell({"failed": index, "cell": self._held, "why": why, "extensions": self._extensions})

    def done(self) -> None:
        """Forget the state: the notebook has come to its end."""
        if self._held is not None:
            self._ask(f"{_MODULE}.end()")
        self._forget()

    def _fitting(self, notebook: nbformat.NotebookNode) -> tuple[str, dict[str, Any], nbformat.NotebookNode]:
        """Return what was kept, with the reason why it does not fit, if it does not."""
        try:
            told = json.loads((self._folder / _TOLD).read_text(encoding="utf-8"))
            if told["why"]:
                return told["why"], told, notebook
            executed = nbformat.read(self._folder / _EXECUTED, as_version=4)
        except FileNotFoundError:
            return "no state of a failed execution with these parameters is kept", {}, notebook
        except (OSError, ValueError, nbformat.ValidationError) as error:
            return f"what is kept of a failed execution cannot be read: {error}", {}, notebook
        if len(notebook.cells) <= told["cell"]:
            return "the notebook has fewer cells than then", told, executed
        for index, (now, then) in enumerate(zip(notebook.cells[: told["cell"]], executed.cells, strict=False)):
            if (now.cell_type, now.source) != (then.cell_type, then.source):
                return f"cell {index} has changed since", told, executed
        return "", told, executed

    def _tell(self, told: dict[str, Any]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with replacing(self._folder / _TOLD) as unfinished:
            unfinished.write_text(json.dumps(told), encoding="utf-8")

    def _forget(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def _unkept(error: OSError) -> str:
    return f"its state cannot be kept: {error.strerror or error}"


def _wait(pid: int) -> None:
    """Wait for the end of a process that need not be a child of this one."""
    with suppress(OSError):
        descriptor = os.pidfd_open(pid)
        try:
            select.select([descriptor], [], [], _WRITTEN_S)
        finally:
            os.close(descriptor)
