"""The magic stub: what ``%load_ext mlops_jupyter`` registers, and nothing more.

A cell magic that ran its body with ``run_cell`` would swallow its failure, so ``%%mlops track`` is no magic at
first: `track_cell`, an input transformer, turns the line into a call that opens the run and leaves the body as
it is, and the ``post_run_cell`` event closes the run. Everything that costs time to import waits in
``faces.kernel`` for the first use.
"""

from __future__ import annotations

from _thread import get_ident
from importlib import import_module
from typing import TYPE_CHECKING, Any

from IPython.core.inputtransformer2 import cell_magic
from IPython.core.magic import no_var_expand

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell

_MAGIC = "mlops"
_OPEN = "__import__('mlops_jupyter').faces.magic.open_cell"


class _State:
    """What is registered, and the cells that run now: of each thread a stack of (cell id, tracked body)."""

    shell: InteractiveShell | None = None
    cells: dict[int, list[list[Any]]] = {}  # noqa: RUF012 -- the process has one kernel


def _kernel() -> Any:
    return import_module("mlops_jupyter.faces.kernel")


def load(shell: InteractiveShell) -> None:
    """Register magic, transformer, events and completion; a second time changes nothing."""
    if _State.shell is not None:
        unload(_State.shell)
    _State.shell = shell
    shell.magics_manager.register_function(mlops, "line_cell", _MAGIC)
    shell.input_transformers_cleanup.append(track_cell)
    shell.events.register("pre_run_cell", _before_cell)
    shell.events.register("post_run_cell", _after_cell)
    shell.Completer.custom_matchers.append(_match)


def unload(shell: InteractiveShell) -> None:
    """Take everything back; a tracked cell that runs right now is still closed when it ends."""
    if _State.shell is None:
        return
    _State.shell = None
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop(_MAGIC, None)
    shell.input_transformers_cleanup.remove(track_cell)
    shell.Completer.custom_matchers.remove(_match)
    shell.events.unregister("pre_run_cell", _before_cell)
    if not any(tracked for stack in _State.cells.values() for _, tracked in stack):
        shell.events.unregister("post_run_cell", _after_cell)


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
    if not line.startswith("%%mlops") or line.rstrip().endswith("?"):
        return lines
    words = line[len("%%mlops") :].split(None, 1)
    if not words or words[0] != "track" or not line[len("%%mlops")].isspace():
        return lines
    options = words[1].strip() if words[1:] else ""
    body: list[str] = cell_magic(lines[at + 1 :])
    return [*lines[:at], f"{_OPEN}({options!r})\n", *body]


# A console then waits for the body, as it does for any cell magic.
track_cell.has_side_effects = True  # type: ignore[attr-defined]


def open_cell(options: str) -> None:
    """Open the run of the tracked cell that is starting; the transformed cell calls this."""
    stack = _State.cells.get(get_ident())
    _kernel().open_cell(_State.shell, options, stack[-1] if stack else None)


def _before_cell(info: ExecutionInfo) -> None:
    _State.cells.setdefault(get_ident(), []).append([info.cell_id, None])


def _after_cell(result: ExecutionResult) -> None:
    # The cell that loaded the extension has begun before it could be noted.
    stack = _State.cells.get(get_ident())
    tracked = stack.pop()[1] if stack else None
    if tracked is not None:
        _kernel().close_cell(tracked, result)


def _match(context: Any) -> dict[str, Any]:
    text = context.text_until_cursor
    if "%mlops" not in text:
        return {"completions": []}
    matches: dict[str, Any] = _kernel().matches(text)
    return matches


_match.matcher_api_version = 2  # type: ignore[attr-defined]
