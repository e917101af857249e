"""The Python face: a verb as a function that reports where it is called from."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import grammar
from ..errors import ConfirmationRequired
from . import render

if TYPE_CHECKING:
    from ..protocols import Watched


class ScriptReporter:
    """Writes cards to standard error, so that a script's own output stays its own."""

    def progress(self, message: str, done: float, total: float) -> None:
        """Say nothing: a script's output may be read by a program."""

    def show(self, record: object) -> None:
        """Write the record as text."""
        print(render.text(record), file=sys.stderr)  # noqa: T201

    def part(self, record: object) -> None:
        """Write a part of the result to standard output."""
        print(render.text(record), flush=True)  # noqa: T201

    def live(self, record: object | None) -> None:
        """Show nothing, as of progress."""

    def watch(self, watched: Watched) -> None:
        """Show nothing: what is returned says how it is now."""

    def page(self, record: object) -> str:
        """Return it as a page that needs nothing but a browser."""
        return render.page(record)

    def cancelled(self) -> bool:
        """Answer no: an interrupt is how a script stops."""
        return False


def bind(name: str) -> Callable[..., Any]:
    """Return a verb's function for Python code.

    It supplies the reporter, takes text where the verb takes a path, and wants ``yes=True`` before it destroys.
    """
    verb = grammar.find_verb(name)
    function = grammar.verb_function(verb)
    render.register_all()
    signature = inspect.signature(function)
    paths = grammar.path_parameters(function)
    reports = grammar.REPORTER in signature.parameters
    destroys = verb.effect == "destroys"
    if not (paths or reports or destroys):
        return function

    @functools.wraps(function)
    def calling(*args: Any, **kwargs: Any) -> Any:
        if destroys and not kwargs.pop("yes", False):
            raise ConfirmationRequired(f"{name} destroys what it names", f"mlops_jupyter.{name}(…, yes=True)")
        bound = signature.bind(*args, **kwargs)
        for path in paths & bound.arguments.keys():
            bound.arguments[path] = _path(bound.arguments[path])
        if reports:
            bound.arguments.setdefault(grammar.REPORTER, _reporter())
        return function(*bound.args, **bound.kwargs)

    return calling


def _path(given: Any) -> Any:
    if isinstance(given, tuple):
        return tuple(map(_path, given))
    return Path(given) if isinstance(given, str) else given


def _reporter() -> Any:
    # Only a process that has a shell has a place to display in.
    if render.shell() is None:
        return ScriptReporter()
    return import_module("mlops_jupyter.faces.kernel").NotebookReporter()
