"""What a user may pass to a notebook's parameters, and as which type it arrives."""

from __future__ import annotations

import ast
import difflib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import CommandError
from ..records import Parameter
from .sweeping import shown

# What a value of a type is; a whole number will do for a float.
_FITS: dict[str, Callable[[object], bool]] = {
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "bool": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list | tuple),
    "dict": lambda value: isinstance(value, Mapping),
    "None": lambda value: value is None,
}
_EXAMPLES = {"int": "3", "float": "0.5", "bool": "true", "list": "'[1, 2]'", "dict": """'{"a": 1}'"""}
_PLAIN = {"List": "list", "Dict": "dict"}
# Of a default that is a number, any number is of its kind.
_LIKE = {"int": "float", "float": "float", "bool": "bool"}
_PYTHON_WORDS = {"True": True, "False": False, "None": None}


def as_parameters(
    notebook: str, declared: tuple[Parameter, ...] | None, given: Mapping[str, object], *, names_known: bool = True
) -> dict[str, object]:
    """Check given values against a notebook's declaration and give text its type.

    Text is read as JSON or as Python's ``True``, ``False``, ``None``; what is neither stays text, and a
    parameter whose default is text stays text whatever it looks like. An annotation is a promise: a value that does not
    fit it is refused. A default is none, and `misfits` tells.

    Parameters
    ----------
    notebook
        The notebook's name, for messages.
    declared
        What its ``parameters`` cell declares, ``None`` without such a cell.
    given
        Name and value; values from a command line are text.
    names_known
        Whether ``declared`` has all names; else any other is passed on.

    Raises
    ------
    CommandError
        When a name is not declared, a value does not fit its annotation, or cannot be written into a notebook.
    """
    if given and declared is None:
        names = ", ".join(given)
        raise CommandError(
            f"{notebook} has no cell tagged parameters, so {names} would change nothing",
            "in JupyterLab, tag the cell that holds the defaults with: parameters",
        )
    known = {parameter.name: parameter for parameter in declared or ()}
    if not names_known:
        known = {name: Parameter(name, None, "") for name in given} | known
    found = {}
    for name, value in given.items():
        parameter = _declared(notebook, name, known)
        found[name] = _typed(name, value, parameter)
        if parameter.annotated and not _keeps(parameter, found[name]):
            raise CommandError(
                f"{notebook} declares {name}: {parameter.type}, and {shown(found[name])} does not fit",
                f"for example: {name}={_EXAMPLES.get(_alternatives(parameter.type)[0], 'null')}",
            )
    return found


def misfits(declared: Sequence[Parameter], given: Mapping[str, object]) -> tuple[str, ...]:
    """Say in sentences which values are of another kind than a default that nothing annotates.

    Parameters
    ----------
    declared
        What the notebook declares.
    given
        What its parameters get, of the types that `as_parameters` gives.
    """
    odd = [
        one
        for one in declared
        if one.name in given and not one.annotated and given[one.name] is not None and one.type in _LIKE
        if not _FITS[_LIKE[one.type]](given[one.name])
    ]
    return tuple(
        f"the parameter {one.name} is {shown(given[one.name])}, and its default is {one.default}: "
        f"with {one.name}: {one.type} = {one.default} in the notebook such a value is refused"
        for one in odd
    )


def _keeps(parameter: Parameter, value: object) -> bool:
    """Tell whether a value is what the annotation says; of one that is not known here all is."""
    if value is None and parameter.default is None:
        return True
    kinds = [_FITS.get(name) for name in _alternatives(parameter.type)]
    return not kinds or any(fits is None or fits(value) for fits in kinds)


def _alternatives(annotation: str) -> list[str]:
    """Return the types that an annotation allows, by their plain names; none when it cannot be read."""
    try:
        return _names(ast.parse(annotation.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError):
        return []


def _names(node: ast.expr) -> list[str]:
    match node:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return [*_names(left), *_names(right)]
        case ast.Subscript(value=outer, slice=inner):
            name = _names(outer)[0]
            parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            if name in {"Optional", "Union"}:
                none = ["None"] if name == "Optional" else []
                return [one for part in parts for one in _names(part)] + none
            return [name]
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return [_PLAIN.get(name, name)]
        case ast.Constant(value=None):
            return ["None"]
    return [ast.unparse(node)]


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
