"""The process that runs notebooks through Papermill: ``python -m mlops_jupyter.adapters.papermill.worker``.

It speaks JSON lines, one notebook after the other. It reads ``{"notebook"}`` and answers ``declared`` or ``invalid``;
then any number of ``{"output", "parameters", "environment", …}``, each answered with a ``cell`` line at each cell's
start and end and one ``done`` line. Papermill inside the caller's own process would share its event loop, which a
kernel owns.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO, cast

# jsonschema builds a grammar with it at each import of nbformat, for a format that no notebook uses; without it that
# one format is not checked.
sys.modules.setdefault("rfc3987_syntax", cast("ModuleType", None))

import nbformat  # noqa: E402
import papermill  # noqa: E402
from jupyter_client.kernelspec import KernelSpecManager  # noqa: E402
from jupyter_client.provisioning.factory import KernelProvisionerFactory  # noqa: E402
from papermill.engines import papermill_engines  # noqa: E402
from papermill.exceptions import PapermillException  # noqa: E402

from .engine import NAME, CellEngine, Position, outcome  # noqa: E402
from .kept_cells import KeptCells  # noqa: E402
from .reading import Invalid, declared, names_known, read  # noqa: E402
from .saving import Unwritable  # noqa: E402

Say = Callable[..., None]

# What a worker imports on its way to the first cell, beyond what importing this module does.
_ALSO = ("encodings.ascii", "ipykernel.kernelspec", "jupyter_client.manager", "psutil")


def execute(path: Path, notebook: nbformat.NotebookNode, request: Mapping[str, Any], say: Say) -> None:
    """Run the notebook as the request says, tell each cell, and tell how it ended."""
    at = Position(len(notebook.cells), partial(say, event="cell"))
    where = request["kept"]
    kept = None if where is None else KeptCells(Path(where["folder"]), resume=where["resume"], keep=where["keep"])
    raised: BaseException | None = None
    try:
        papermill.execute_notebook(
            str(path),
            request["output"],
            parameters=request["parameters"],
            engine_name=NAME,
            kernel_name=notebook.metadata.kernelspec["name"],
            language=notebook.metadata.kernelspec["language"],
            progress_bar=False,
            cwd=str(path.parent),
            execution_timeout=request["timeout_s"],
            total_timeout=request["total_timeout_s"],
            environment=_environment(request["environment"]),
            kept=kept,
            **at.hooks,
        )
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 -- `outcome` raises what is no end of a notebook
        raised = error
    if isinstance(raised, Unwritable):
        say(event="invalid", message=str(raised), hint="free some space, or name another --output")
        return
    note = "; ".join(filter(None, ("" if kept is None else kept.note(at.place), at.note)))
    say(event="done", **outcome(at, raised)._replace(note=note, kernel=at.kernel)._asdict())


def _environment(changes: Mapping[str, str | None]) -> dict[str, str]:
    """Return this process's environment with changes; ``None`` takes a variable away."""
    merged: dict[str, str | None] = {**os.environ, **changes}
    return {name: value for name, value in merged.items() if value is not None}


class Requests:
    """What the caller asks for. When it is gone, also by ``kill -9``, a notebook that runs is interrupted."""

    def __init__(self, source: TextIO) -> None:
        self._source = source
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.executing = False
        threading.Thread(target=self._read, daemon=True).start()

    def next(self) -> dict[str, Any] | None:
        """Wait for a request, ``None`` when there will be none any more."""
        line = self._lines.get()
        return None if line is None else cast("dict[str, Any]", json.loads(line))

    def _read(self) -> None:
        for line in self._source:
            self._lines.put(line)
        self._lines.put(None)
        if self.executing:
            os.kill(os.getpid(), signal.SIGINT)


def serve(requests: Requests, say: Say) -> None:
    """Answer until the caller is gone."""
    path, notebook = Path(), nbformat.v4.new_notebook()
    while (request := requests.next()) is not None:
        if "notebook" not in request:
            requests.executing = True
            execute(path, notebook, request, say)
            requests.executing = False
            continue
        path = Path(request["notebook"])
        try:
            notebook = read(path)
            parameters = declared(notebook)
            known = parameters is None or names_known(notebook)
        except Invalid as error:
            say(event="invalid", message=str(error), hint=error.hint)
        except PapermillException as error:
            say(event="invalid", message=f"Papermill cannot read {path.name}: {error}", hint="mlops doctor")
        else:
            say(event="declared", parameters=parameters, names_known=known, cells=len(notebook.cells))


def before_imports() -> None:
    """Do once in a warm process what each worker forked from it would do first."""
    # The rules for notebooks are compiled when they are first asked for, one set a version.
    for minor in range(nbformat.current_nbformat_minor + 1):
        nbformat.validator.get_validator(nbformat.current_nbformat, minor)
    KernelSpecManager().find_kernel_specs()
    for provisioner in KernelProvisionerFactory.instance().provisioners.values():
        provisioner.load()
    for name in _ALSO:
        import_module(name)


def main() -> None:
    """Serve one caller on standard input and output."""
    # Whatever a library prints must not run into the protocol.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(**message: object) -> None:
        print(json.dumps(message), file=answers, flush=True)

    papermill_engines.register(NAME, CellEngine)
    code = 0
    try:
        serve(Requests(sys.stdin), say)
    except (BrokenPipeError, KeyboardInterrupt):
        # The caller is gone, in the middle of a notebook.
        code = 1
    except BaseException:  # noqa: BLE001 -- said here, since the process ends without the interpreter's own care
        traceback.print_exc()
        code = 1
    logging.shutdown()
    # Nothing of this process is left to be kept, and an interpreter takes a third of a second to take itself apart.
    os._exit(code)


if __name__ == "__main__":
    main()
