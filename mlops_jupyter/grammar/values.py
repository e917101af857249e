"""A verb as JSON describes it, and a call by JSON values: what a face with forms needs instead of a line of words."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import click

from ..errors import CommandError
from ..verbs import VERBS
from .building import (
    FACE_OPTIONS,
    Argument,
    Call,
    LiveObject,
    Mapped,
    NamesOption,
    command,
    completed_parameters,
    completions,
    confirming_flag,
    find_verb,
    source_parameter_of,
    verb_function,
)
from .line import usage_error

if TYPE_CHECKING:
    from ..settings import Settings

# "object" is a reference as text here: only a kernel has live objects. "source" is the text itself.
Kind = Literal["text", "path", "integer", "number", "flag", "choice", "texts", "paths", "pairs", "object", "source"]
_YES = "yes"


def describe(name: str) -> dict[str, Any]:
    """Describe a verb as JSON values.

    Parameters
    ----------
    name
        The verb.

    Returns
    -------
    dict
        ``name``, ``line``, ``about``, ``effect``, ``place``; ``asks``, whether it may want a yes; and ``parameters``,
        each with ``name``, ``flag`` (``None`` for an argument), ``kind``, ``help``, ``required``, ``default``,
        ``choices``, and ``completed``, whether `suggestions` knows words for it.
    """
    verb = find_verb(name)
    built = command(name)
    function = verb_function(verb)
    source, completed = source_parameter_of(function), completed_parameters(function)
    context = click.Context(built)
    return {
        "name": name,
        "line": verb.line,
        "about": built.help or "",
        "effect": verb.effect,
        "place": verb.place,
        "asks": _may_ask(built, name),
        "parameters": [
            _described(one, context, source) | {"completed": one.name in completed}
            for one in built.params
            if one.name not in FACE_OPTIONS
        ],
    }


def describe_all() -> list[dict[str, Any]]:
    """Describe every verb that is more than a function of Python."""
    return [describe(name) for name, verb in VERBS.items() if verb.place != "code"]


def suggestions(name: str, parameter: str, begun: str, current: Settings) -> list[tuple[str, str]]:
    """Return what a parameter of a verb may be in a project, as far as that is known here.

    Parameters
    ----------
    name
        The verb.
    parameter
        The parameter.
    begun
        How the words begin.
    current
        The project's settings.

    Returns
    -------
    list of tuple
        Each word, and what is to be said of it.

    Raises
    ------
    CommandError
        When there is no such verb, or it has no parameter for which words are known.
    """
    completed = completed_parameters(verb_function(find_verb(name)))
    if parameter not in completed:
        raise CommandError(f"{name} has no parameter {parameter} whose words are known", f"mlops {name} --help")
    return completions(completed[parameter], begun, lambda: current)


def call_with(name: str, values: Mapping[str, Any], *, yes: bool = False) -> Call:
    """Make a call of a verb by JSON values.

    Parameters
    ----------
    name
        The verb.
    values
        By parameter what it is to be; what is left out, or ``None``, has its default.
    yes
        Whether the user has said yes.

    Raises
    ------
    CommandError
        When there is no such verb or parameter, or a value does not fit.
    """
    built = command(name)
    known = {one.name: one for one in built.params if one.name not in FACE_OPTIONS}
    for given in values:
        if given not in known:
            near = difflib.get_close_matches(given, [str(one) for one in known], n=1)
            hint = f"did you mean {near[0]}?" if near else f"parameters: {', '.join(map(str, known))}"
            raise CommandError(f"{name} has no parameter {given}", hint)
    source = source_parameter_of(verb_function(find_verb(name)))
    context = click.Context(built, info_name=name)
    made: dict[str, Any] = {}
    try:
        for parameter, one in known.items():
            value = values.get(str(parameter))
            taken = None if value is None else _taken(name, one, _kind(one, source), value)
            made[str(parameter)] = one.process_value(context, one.get_default(context) if taken is None else taken)
    except click.UsageError as error:
        raise usage_error(error, name) from error
    if built.callback is None:
        raise TypeError(name)
    call: Call = built.callback(**made, yes=yes)
    return call


def _may_ask(built: click.Command, name: str) -> bool:
    return any(one.name == _YES for one in built.params) or confirming_flag(verb_function(VERBS[name])) is not None


def _described(parameter: click.Parameter, context: click.Context, source: str | None) -> dict[str, Any]:
    option = isinstance(parameter, click.Option)
    flags = [one for one in parameter.opts if one.startswith("--")]
    default = parameter.get_default(context)
    return {
        "name": parameter.name,
        "flag": flags[0] if option else None,
        "kind": _kind(parameter, source),
        "help": parameter.help or "" if isinstance(parameter, click.Option) else getattr(parameter, "text", ""),
        "required": parameter.required or (isinstance(parameter, Argument) and parameter.name == source),
        "default": default if isinstance(default, str | int | float | bool) else None,
        "choices": list(parameter.type.choices) if isinstance(parameter.type, click.Choice) else None,
    }


def _kind(parameter: click.Parameter, source: str | None) -> Kind:
    if parameter.name == source:
        return "source"
    if isinstance(parameter, Mapped):
        return "pairs"
    several = parameter.multiple or parameter.nargs == -1
    if isinstance(parameter.type, click.Path):
        return "paths" if several else "path"
    if several:
        return "texts"
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return "flag"
    return _kind_of_one(parameter.type)


def _kind_of_one(kind: click.ParamType[Any, Any]) -> Kind:
    if isinstance(kind, click.Choice):
        return "choice"
    kinds: dict[Any, Kind] = {click.INT: "integer", click.FLOAT: "number", click.BOOL: "flag"}
    return "object" if isinstance(kind, LiveObject) else kinds.get(kind, "text")


def _taken(name: str, parameter: click.Parameter, kind: Kind, value: Any) -> Any:
    """Return a JSON value as click takes it from a line of words."""
    fits = {
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "number": isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value),
        "flag": isinstance(value, bool),
        "choice": isinstance(value, str | int) and not isinstance(value, bool),
        "texts": _texts(value),
        "paths": _texts(value),
        "pairs": isinstance(value, Mapping) and all(_scalar(one) for one in value.values()),
    }.get(kind, isinstance(value, str))
    if not fits:
        wanted = {"integer": "a whole number", "number": "a number", "flag": "true or false", "choice": "one of them"}
        several = {"texts": "a list of texts", "paths": "a list of paths", "pairs": "an object of texts and numbers"}
        said = wanted.get(kind) or several.get(kind) or "a text"
        raise CommandError(f"{name}: {parameter.name} must be {said}", f"mlops {name} --help")
    if kind == "pairs":
        # As on a command line, where everything is text.
        return [(key, one if isinstance(one, str) else json.dumps(one)) for key, one in value.items()]
    if kind in {"texts", "paths"}:
        return [value] if isinstance(value, str) else [",".join(value)] if isinstance(parameter, NamesOption) else value
    return value


def _texts(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value))


def _scalar(value: Any) -> bool:
    return isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))
