"""What a user may pass to a notebook's parameters, and as which type it arrives."""

from __future__ import annotations

import ast
import difflib
import json
from collections.abc import Mapping
from typing import Any

from ..errors import CommandError
from ..records import Parameter

_PYTHON_WORDS = {"True": True, "False": False, "None": None}


def as_parameters(
    notebook: str, declared: tuple[Parameter, ...] | None, given: Mapping[str, object]
) -> dict[str, object]:
    """Check given values against a notebook's declaration and give text its type.

    Text is read as JSON or as Python's ``True``, ``False``, ``None``; what is neither stays text, and a
    parameter whose default is text stays text whatever it looks like.

    Parameters
    ----------
    notebook
        The notebook's name, for messages.
    declared
        What its ``parameters`` cell declares, ``None`` without such a cell.
    given
        Name and value; values from a command line are text.

    Raises
    ------
    CommandError
        When a name is not declared, or a value cannot be written into a notebook.
    """
    if given and declared is None:
        names = ", ".join(given)
        raise CommandError(
            f"{notebook} has no cell tagged parameters, so {names} would change nothing",
            "in JupyterLab, tag the cell that holds the defaults with: parameters",
        )
    known = {parameter.name: parameter for parameter in declared or ()}
    return {name: _typed(name, value, _declared(notebook, name, known)) for name, value in given.items()}


def _declared(notebook: str, name: str, known: Mapping[str, Parameter]) -> Parameter:
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    declared = ", ".join(known) or "nothing"
    raise CommandError(
        f"{notebook} declares no parameter {name}",
        f"did you mean {near[0]}?" if near else f"its parameters cell declares: {declared}",
    )


def _typed(name: str, value: object, parameter: Parameter) -> object:
    if isinstance(value, str):
        return value if parameter.type in {"str", "string"} else _read(value)
    item = getattr(value, "item", None)
    try:
        plain = item() if callable(item) else value
        json.dumps(plain)
    except (TypeError, ValueError) as error:
        raise CommandError(
            f"the parameter {name} cannot be written into a notebook: it is a {type(value).__name__}",
            "pass text, a number, true, false, none, or a list or mapping of these",
        ) from error
    return plain


def _read(text: str) -> Any:
    if text in _PYTHON_WORDS:
        return _PYTHON_WORDS[text]
    try:
        return json.loads(text)
    except ValueError:
        return _written(text)


def _written(text: str) -> Any:
    """Read a list or mapping as Python writes it, which is how a run's params hold one; all else is text."""
    if not text.startswith(("[", "{", "(")):
        return text
    try:
        value = ast.literal_eval(text)
        json.dumps(value)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
    return value
