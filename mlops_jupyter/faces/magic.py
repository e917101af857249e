"""The magic stub: what ``%load_ext mlops_jupyter`` registers, and nothing more.

A cell magic that ran its body with ``run_cell`` would swallow its failure, so ``%%mlops track`` is no magic at
first: `track_cell`, an input transformer, turns the line into a call that opens the run and leaves the body as
it is, and the event at the cell's end closes the run. Everything that costs time to import waits in
``faces.kernel`` for the first use.
"""

from __future__ import annotations

import linecache
import sys
from _thread import get_ident
from importlib import import_module
from time import monotonic
from typing import TYPE_CHECKING, Any

from IPython.core.getipython import get_ipython
from IPython.core.inputtransformer2 import cell_magic
from IPython.core.magic import no_var_expand

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell

_MAGIC = "mlops"
# The comm by which a front end tells of its notebook, unsaved edits too.
DOCUMENTS = "mlops-jupyter:document"
_OPEN = "__import__('mlops_jupyter').faces.magic.open_cell"


class Cell:
    """A cell that runs now: its id and source, since when, its body if it is tracked, and whether IPython is silent.

    The cells of ``%run notebook.ipynb`` are silent: only their start and end are told, not their result.
    """

    __slots__ = ("begun", "cell_id", "silent", "source", "tracked")

    def __init__(self) -> None:
        self.cell_id: str | None = None
        self.source: str | None = None
        self.tracked: Any = None
        self.silent = True
        self.begun = monotonic()


class _State:
    """What is registered, and of each thread the cells that run now, the innermost last."""

    shell: InteractiveShell | None = None
    executed: Any = None
    cells: dict[int, list[Cell]] = {}  # noqa: RUF012 -- the process has one kernel


def _kernel() -> Any:
    return import_module("mlops_jupyter.faces.kernel")


def _executed() -> Any:
    # Loading the extension has no time for it; the first cell that ends has.
    if _State.executed is None:
        _State.executed = import_module("mlops_jupyter.capabilities.executed_cells").ExecutedCells()
    return _State.executed


def load(shell: InteractiveShell) -> None:
    """Register magic, transformer, events and completion; a second time changes nothing."""
    if _State.shell is not None:
        unload(_State.shell)
    _State.shell = shell
    if "mlflow" in sys.modules:
        import_module("mlops_jupyter.faces.mlflow_project").tell_store()
    shell.magics_manager.register_function(mlops, "line_cell", _MAGIC)
    shell.input_transformers_cleanup.append(track_cell)
    for event, function in _EVENTS.items():
        shell.events.register(event, function)
    shell.Completer.custom_matchers.append(_match)
    if (comms := _comms(shell)) is not None:
        comms.register_target(DOCUMENTS, _document_opened)


def _comms(shell: InteractiveShell) -> Any:
    # A terminal's IPython has no kernel.
    return getattr(getattr(shell, "kernel", None), "comm_manager", None)


def _document_opened(comm: Any, message: Any) -> None:
    import_module("mlops_jupyter.faces.documents").opened(comm, message)


def unload(shell: InteractiveShell) -> None:
    """Take everything back; a tracked cell that runs right now is still closed when it ends."""
    if _State.shell is None:
        return
    _State.shell = None
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop(_MAGIC, None)
    shell.input_transformers_cleanup.remove(track_cell)
    shell.Completer.custom_matchers.remove(_match)
    if (comms := _comms(shell)) is not None:
        comms.unregister_target(DOCUMENTS, _document_opened)
    if not any(cell.tracked for stack in _State.cells.values() for cell in stack):
        _State.cells.clear()
        for event, function in _EVENTS.items():
            shell.events.unregister(event, function)


@no_var_expand
def mlops(line: str, cell: str | None = None) -> Any:
    """MLOps verbs; see `getdoc`."""
    if cell is None:
        return _kernel().run_line(_State.shell, line)
    return _kernel().run_cell(_State.shell, line, cell)


# IPython asks an object for its documentation at `%mlops?`: the table of verbs is read only then.
mlops.getdoc = lambda: _kernel().describe()  # type: ignore[attr-defined]


def track_cell(lines: list[str]) -> list[str]:
    """Turn a leading ``%%mlops track …`` line into a call that opens the run, followed by the body.

    Comments and empty lines may stand above it. Line numbers stay what they were, and a body that is itself a
    cell magic (``%%time``) is transformed as IPython would have done.
    """
    at = next((i for i, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")), None)
    if at is None:
        return lines
    line = lines[at]
    if not line.startswith("%%mlops"):
        return lines
    words = line[len("%%mlops") :].split(None, 1)
    if not words or words[0] != "track" or not line[len("%%mlops")].isspace():
        return lines
    options = words[1].strip() if words[1:] else ""
    body = lines[at + 1 :]
    first = next((i for i, line in enumerate(body) if line.strip()), 0)
    return [*lines[:at], f"{_OPEN}({options!r})\n", *body[:first], *cell_magic(body[first:])]


# A console then waits for the body, as it does for any cell magic.
track_cell.has_side_effects = True  # type: ignore[attr-defined]


def open_cell(options: str) -> None:
    """Open the run of the tracked cell that is starting; the transformed cell calls this."""
    _show_as_written(sys._getframe(1).f_code.co_filename, options)  # noqa: SLF001 -- the cell that calls
    stack = _State.cells.get(get_ident())
    try:
        # What the first use imports is imported whole; and once the run is open, the cell's end closes it.
        with import_module("mlops_jupyter.capabilities.interrupts").held():
            _kernel().open_cell(_State.shell, options, stack[-1] if stack else None)
    except KeyboardInterrupt as interrupt:
        said = "KeyboardInterrupt: the cell was interrupted before its first line"
        interrupt._render_traceback_ = lambda: [said]  # type: ignore[attr-defined]
        raise


def _show_as_written(filename: str, options: str) -> None:
    """Have tracebacks show the cell's first line as the user wrote it: as a comment, for they parse what they show."""
    entry = linecache.cache.get(filename)
    if entry is None or len(entry) == 1:
        return
    size, time, lines, name = entry
    shown = [f"# %%{_MAGIC} track {options}".rstrip() + "\n" if line.startswith(_OPEN) else line for line in lines]
    linecache.cache[filename] = (size, time, shown, name)


def _begin() -> None:
    _State.cells.setdefault(get_ident(), []).append(Cell())


def _begin_aloud(info: ExecutionInfo) -> None:
    if stack := _State.cells.get(get_ident()):
        cell = stack[-1]
        cell.cell_id, cell.source, cell.silent = info.cell_id, info.raw_cell, False


def _end() -> None:
    # A silent cell's end is not told with its result.
    stack, shell = _State.cells.get(get_ident()), get_ipython()
    if stack and stack[-1].silent and shell is not None:
        _end_aloud(shell.last_execution_result)


def _end_aloud(result: ExecutionResult | None) -> None:
    # IPython announces the end of an empty cell but not its start; such a one may be run within a tracked cell.
    info = None if result is None else result.info
    if info is not None and not info.raw_cell.strip():
        return
    # The cell that loaded the extension has begun before it could be noted.
    stack = _State.cells.get(get_ident())
    cell = stack.pop() if stack else Cell()
    tracked = cell.tracked
    if result is not None and info is not None and info.store_history:
        _executed().ran(info.cell_id, result.execution_count or 0, info.raw_cell, result.success)
    if tracked is not None:
        _kernel().close_cell(tracked, result, _executed())
    elif info is not None and (made := sys.modules.get("mlops_jupyter.capabilities.made_by_runs")) is not None:
        # A model that is trained again here is not any more what a tracked cell has made.
        shell = get_ipython()
        made.forget_trained(info.raw_cell, {} if shell is None else shell.user_ns, cell.begun)


_EVENTS: dict[str, Callable[..., None]] = {
    "pre_execute": _begin,
    "pre_run_cell": _begin_aloud,
    "post_execute": _end,
    "post_run_cell": _end_aloud,
}


def _match(context: Any) -> dict[str, Any]:
    text = context.text_until_cursor
    if "%mlops" not in text:
        return {"completions": []}
    matches: dict[str, Any] = _kernel().matches(text)
    return matches


_match.matcher_api_version = 2  # type: ignore[attr-defined]
