"""The process that runs one notebook through Papermill: ``python -m mlops_jupyter.adapters.papermill_worker``.

It speaks JSON lines. First it reads ``{"notebook"}`` and answers ``declared`` or ``invalid``; then it waits for
``{"output", "parameters", "environment", "timeout_s"}`` and answers a ``cell`` line at each cell's start and end
and one ``done`` line. Papermill inside the caller's own process would share its event loop, which a kernel owns.
"""

from __future__ import annotations

import ast
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO, cast

import nbformat
import papermill
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.reader import NotJSONError
from papermill.exceptions import PapermillException, PapermillExecutionError, strip_color
from papermill.inspection import _infer_parameters

INJECTED = "injected-parameters"


class _Invalid(Exception):
    """The notebook cannot run; the message says why, the hint what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def read(path: Path) -> nbformat.NotebookNode:
    """Read and check a notebook, and settle which kernel runs it."""
    try:
        text = path.read_text(encoding="utf-8")
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
    except OSError as error:
        raise _Invalid(f"cannot read {path.name}: {error.strerror}", "check the path and its permissions") from error
    except UnicodeDecodeError as error:
        raise _Invalid(
            f"{path.name} is not UTF-8 text (byte {error.start})", "open it in JupyterLab and save it"
        ) from error
    except NotJSONError as error:
        raise _Invalid(f"{path.name} is no notebook: it is not JSON", "open it in JupyterLab and save it") from error
    except (nbformat.ValidationError, AttributeError, KeyError, TypeError, ValueError) as error:
        what = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise _Invalid(f"{path.name} is no valid notebook: {what}", "open it in JupyterLab and save it") from error
    for cell in notebook.cells:
        cell.metadata.setdefault("tags", [])  # Papermill's inspection takes them for granted
    spec = notebook.metadata.setdefault("kernelspec", {})
    spec.setdefault("name", "python3")
    try:
        found = KernelSpecManager().get_kernel_spec(spec["name"])
    except NoSuchKernel as error:
        raise _Invalid(
            f"{path.name} wants the kernel {spec['name']}, which is not installed", "jupyter kernelspec list"
        ) from error
    spec.setdefault("language", found.language)
    spec.setdefault("display_name", found.display_name)
    return cast("nbformat.NotebookNode", notebook)


def declared(notebook: nbformat.NotebookNode) -> list[dict[str, object]] | None:
    """Return the parameters of the cell tagged ``parameters``, ``None`` when there is no such cell."""
    if not any("parameters" in cell.metadata.get("tags", ()) for cell in notebook.cells):
        return None
    return [
        {"name": found.name, "default": default, "type": kind, "help": found.help}
        for found in _infer_parameters(notebook)
        for default, kind in [_default(found.default, found.inferred_type_name)]
    ]


def _default(source: str, annotation: str) -> tuple[object, str]:
    try:
        value = ast.literal_eval(source)
        json.dumps(value)
    except (ValueError, SyntaxError, TypeError):
        value = source
        return value, annotation if annotation != "None" else ""
    return value, annotation if annotation != "None" else type(value).__name__


class _Position:
    """Where the execution stands, in cells of the notebook as the user wrote it."""

    def __init__(self, written: int, say: Callable[..., None]) -> None:
        self._written = written
        self._say = say
        self._shift = 0
        self._injected = written
        self.cell: int | None = None
        self.source = ""

    def place(self, index: int) -> int:
        """Turn an index in the executed notebook, which has Papermill's injected cell, into one of the user's."""
        return index - self._shift if index > self._injected else index

    # nbclient calls these three, and their parameters, by name.
    def look(self, notebook: nbformat.NotebookNode) -> None:
        injected = [i for i, cell in enumerate(notebook.cells) if INJECTED in cell.metadata.get("tags", ())]
        self._shift = len(notebook.cells) - self._written
        self._injected = injected[0] if injected else len(notebook.cells)

    def begin(self, cell: nbformat.NotebookNode, cell_index: int) -> None:
        self.cell, self.source = self.place(cell_index), cell.source
        self._say(event="cell", cell=self.cell, ended=False)

    def end(self, cell_index: int, **_: object) -> None:
        self._say(event="cell", cell=self.place(cell_index), ended=True)


def execute(path: Path, notebook: nbformat.NotebookNode, request: dict[str, Any], say: Callable[..., None]) -> None:
    """Run the notebook as the request says, tell each cell, and tell how it ended."""
    _set_environment(request["environment"])
    at = _Position(len(notebook.cells), say)
    try:
        papermill.execute_notebook(
            str(path),
            request["output"],
            parameters=request["parameters"],
            kernel_name=notebook.metadata.kernelspec["name"],
            language=notebook.metadata.kernelspec["language"],
            progress_bar=False,
            cwd=str(path.parent),
            execution_timeout=request["timeout_s"],
            on_notebook_start=at.look,
            on_cell_start=at.begin,
            on_cell_executed=at.end,
        )
        outcome: dict[str, Any] = {"kind": "done"}
    except PapermillExecutionError as error:
        outcome = {
            "kind": "raised",
            "cell": at.place(error.cell_index),
            "source": error.source,
            "ename": error.ename,
            "evalue": strip_color(error.evalue),
            "traceback": strip_color("\n".join(error.traceback)),
        }
    except CellTimeoutError:
        limit = f"the cell ran longer than {request['timeout_s']} s"
        outcome = _stopped("timeout", at, "CellTimeoutError", limit)
    except DeadKernelError as error:
        outcome = _stopped("dead kernel", at, "DeadKernelError", str(error))
    except KeyboardInterrupt:
        outcome = _stopped("interrupted", at, "KeyboardInterrupt", "")
    say(event="done", **outcome)


def _stopped(kind: str, at: _Position, ename: str, evalue: str) -> dict[str, Any]:
    return {"kind": kind, "cell": at.cell, "source": at.source, "ename": ename, "evalue": evalue}


def _set_environment(variables: dict[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _interrupt_when_orphaned(requests: TextIO) -> None:
    """Stop the notebook when the caller is gone: its end of the pipe closes, also after ``kill -9``."""

    def watch() -> None:
        while requests.readline():
            pass
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Serve one caller on standard input and output."""
    # Whatever a library prints must not run into the protocol.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(**message: object) -> None:
        print(json.dumps(message), file=answers, flush=True)

    path = Path(json.loads(sys.stdin.readline())["notebook"])
    try:
        notebook = read(path)
        parameters = declared(notebook)
    except _Invalid as error:
        say(event="invalid", message=str(error), hint=error.hint)
        return
    except PapermillException as error:
        say(event="invalid", message=f"Papermill cannot read {path.name}: {error}", hint="mlops doctor")
        return
    say(event="declared", parameters=parameters, cells=len(notebook.cells))
    line = sys.stdin.readline()
    if not line:
        return
    _interrupt_when_orphaned(sys.stdin)
    execute(path, notebook, json.loads(line), say)
    answers.close()


if __name__ == "__main__":
    main()
