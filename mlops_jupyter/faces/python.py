"""The Python face: a verb as a function that reports where it is called from."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from .. import grammar
from ..errors import ConfirmationRequired
from . import render


class ScriptReporter:
    """Writes cards to standard error, so that a script's own output stays its own."""

    def progress(self, message: str, done: float, total: float) -> None:
        """Say nothing: a script's output may be read by a program."""

    def show(self, record: object) -> None:
        """Write the record as text."""
        print(render.text(record), file=sys.stderr)  # noqa: T201

    def cancelled(self) -> bool:
        """Answer no: an interrupt is how a script stops."""
        return False


def bind(name: str) -> Callable[..., Any]:
    """Return a verb's function that supplies its reporter, and asks for ``yes=True`` before it destroys."""
    verb = grammar.find_verb(name)
    function = grammar.verb_function(verb)
    render.register_all()
    if verb.effect == "destroys":
        function = _guarded(name, function)
    if grammar.REPORTER not in inspect.signature(function).parameters:
        return function

    @functools.wraps(function)
    def reporting(*args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault(grammar.REPORTER, _reporter())
        return function(*args, **kwargs)

    return reporting


def _guarded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def guarded(*args: Any, yes: bool = False, **kwargs: Any) -> Any:
        if not yes:
            raise ConfirmationRequired(f"{name} destroys what it names", f"mlops_jupyter.{name}(…, yes=True)")
        return function(*args, **kwargs)

    return guarded


def _reporter() -> Any:
    # Only a process that has a shell has a place to display in.
    if render.shell() is None:
        return ScriptReporter()
    return import_module("mlops_jupyter.faces.kernel").NotebookReporter()
