"""From a plain annotated function to a click command.

A positional parameter is an argument, ``*names`` any number, a keyword-only one an option; ``bool`` is a flag,
``Literal`` choices, ``Mapping`` repeated ``key=value``, ``Sequence`` an option that may be repeated; the numpydoc
docstring is the help. A parameter called ``reporter`` is what a face supplies and no part of the command.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import inspect
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import click
from click.shell_completion import CompletionItem
from docstring_parser import numpydoc

from ..errors import CommandError, MlopsError
from ..protocols import Completed, Marker, Short
from ..verbs import VERBS, Verb
from .words import LiveText

if TYPE_CHECKING:
    from ..settings import Settings

REPORTER = "reporter"
# Options that a face adds to every verb, and takes off again before the verb is called.
FACE_OPTIONS = ("as_json", "debug", "strict", "yes")
CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

_MAPPINGS = {Mapping, dict}
_SOURCE = Marker("source")
_DESTROYS = Marker("destroys")
_ONCE = Marker("once")
_NAMES = Marker("names")
_CONFIRMS = Marker("confirms")


class LiveObject(click.ParamType[Any, Any]):
    """A value that may be any object of a kernel, or the text of one."""

    name = "object"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value.value if isinstance(value, LiveText) else value


class _NameList(click.ParamType[Any, Any]):
    name = "name,name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return tuple(filter(None, (name.strip() for name in value.split(",")))) if isinstance(value, str) else value


class _Pair(click.ParamType[Any, Any]):
    name = "key=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        key, equals, text = value.partition("=")
        if not equals or not key.strip():
            self.fail(f"{value!r} is not key=value", param, ctx)
        return key.strip(), text


class _Option(click.Option):
    """An option that takes a live object, or the text of it."""

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        return super().type_cast_value(ctx, value if isinstance(self.type, LiveObject) else LiveText.spelled(value))


class NamesOption(_Option):
    """An option that may be given several times, with several names each time."""

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        return tuple(name for names in super().type_cast_value(ctx, value) or () for name in names)


class Mapped(_Option):
    """Repeated ``key=value`` as one mapping; the last of a name wins, where it may come twice."""

    def __init__(self, *words: Any, once: bool, **settings: Any) -> None:
        super().__init__(*words, **settings)
        self._once = once

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        pairs = super().type_cast_value(ctx, value)
        found: dict[str, Any] = {}
        for name, one in pairs or ():
            if name in found and self._once:
                raise click.BadParameter(f"{name} is given twice", ctx, self)
            found[name] = one
        return found or None


class Argument(click.Argument):
    """An argument with help of its own."""

    def __init__(self, names: list[str], text: str, **settings: Any) -> None:
        super().__init__(names, **settings)
        self.text = text

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        return super().type_cast_value(ctx, value if isinstance(self.type, LiveObject) else LiveText.spelled(value))


class _VerbCommand(click.Command):
    """A command whose help also explains its arguments."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        arguments = [(one.make_metavar(ctx), one.text) for one in self.params if isinstance(one, Argument)]
        if arguments:
            with formatter.section("Arguments"):
                formatter.write_dl(arguments)
        super().format_options(ctx, formatter)


@dataclass(frozen=True)
class Call:
    """A parsed line: the verb's function, its arguments, and what the face was asked."""

    name: str
    verb: Verb
    function: Callable[..., Any]
    arguments: dict[str, Any]
    as_json: bool
    debug: bool
    strict: bool
    yes: bool
    destroying: frozenset[str] = frozenset()

    @property
    def destroys(self) -> bool:
        """Whether what was asked destroys something, so that somebody has to say yes."""
        return self.verb.effect == "destroys" or any(self.arguments.get(name) for name in self.destroying)

    @property
    def wants_reporter(self) -> bool:
        """Whether the verb takes a reporter."""
        return REPORTER in inspect.signature(self.function).parameters


def verb_function(verb: Verb) -> Callable[..., Any]:
    """Import a verb's function."""
    return _imported(verb.target)


def _imported(target: str) -> Callable[..., Any]:
    module, _, name = target.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function


def find_verb(name: str) -> Verb:
    """Look a verb up.

    Raises
    ------
    CommandError
        When there is none of that name; the nearest one is suggested.
    """
    if name in VERBS:
        return VERBS[name]
    near = difflib.get_close_matches(name, VERBS, n=1)
    raise CommandError(f"there is no verb {name}", f"did you mean {near[0]}?" if near else f"verbs: {', '.join(VERBS)}")


def command(name: str, callback: Callable[[Call], Any] | None = None) -> click.Command:
    """Build the click command of a verb.

    Parameters
    ----------
    name
        The verb.
    callback
        What is done with a parsed call; left out, it is returned.
    """
    verb = find_verb(name)
    function = verb_function(verb)
    documentation = numpydoc.parse(inspect.getdoc(function) or "")
    described = {one.arg_name: _plain(" ".join((one.description or "").split())) for one in documentation.params}
    hints = get_type_hints(function, include_extras=True)
    parameters = [
        _parameter(one, hints[one.name], described.get(one.name, ""))
        for one in inspect.signature(function).parameters.values()
        if one.name != REPORTER and one.kind is not one.VAR_KEYWORD
    ]

    confirms = confirming_flag(function)

    def call(**arguments: Any) -> Any:
        face = {option: arguments.pop(option, False) for option in FACE_OPTIONS}
        if confirms is not None:
            arguments[confirms] = face["yes"]
        destroying = frozenset(destroying_flags(function))
        parsed = Call(
            name, verb, _with_its_source(name, _by_keyword(function)), arguments, **face, destroying=destroying
        )
        return parsed if callback is None else callback(parsed)

    about = "\n\n".join(filter(None, (documentation.short_description, documentation.long_description)))
    checks = any(one.type_name == "CheckFailed" for one in documentation.raises)
    return _VerbCommand(
        name,
        params=[*parameters, *_face_options(verb, checks=checks, destroys=bool(destroying_flags(function)))],
        callback=call,
        help=_plain(about),
        short_help=verb.line,
        context_settings=CONTEXT,
    )


def _plain(text: str) -> str:
    """Take reStructuredText's double backticks back to one."""
    return text.replace("``", "`")


def _face_options(verb: Verb, *, checks: bool, destroys: bool) -> Iterator[click.Option]:
    if destroys or verb.effect == "destroys":
        yield click.Option(["--yes", "-y"], is_flag=True, help="Do not ask.")
    if verb.place == "anywhere":
        yield click.Option(["--json", "as_json"], is_flag=True, help="Print the record as JSON.")
    if checks:
        yield click.Option(["--strict"], is_flag=True, help="In a notebook, raise when a check answers no.")
    yield click.Option(["--debug"], is_flag=True, help="Show whole tracebacks.")


def _parameter(parameter: inspect.Parameter, hint: Any, text: str) -> click.Parameter:
    hint, markers = _unwrap(hint)
    required = parameter.default is inspect.Parameter.empty
    default = None if required else parameter.default
    # To click, a default of None is a default like any other, and a parameter that has one is never missing.
    given: dict[str, Any] = {"required": True} if required else {"required": False, "default": default}
    if (listed := next((one for one in markers if isinstance(one, Completed)), None)) is not None:
        given["shell_complete"] = _completion(listed)
    if get_origin(hint) in _MAPPINGS:
        flags = [
            *(marker.flag for marker in markers if isinstance(marker, Short)),
            _flag(parameter.name),
            parameter.name,
        ]
        once = _ONCE in markers
        return Mapped(flags, once=once, multiple=True, type=_Pair(), default=(), help=text, metavar="KEY=VALUE")
    several = get_origin(hint) is Sequence
    kind = _click_type(get_args(hint)[0] if several else hint, markers)
    if parameter.kind is parameter.VAR_POSITIONAL:
        return Argument([parameter.name], text, type=kind, nargs=-1, required=False)
    if _SOURCE in markers:
        return Argument([parameter.name], text, type=kind, required=False)
    if parameter.kind is not parameter.KEYWORD_ONLY:
        return Argument([parameter.name], text, type=kind, **given)
    flag = _flag(parameter.name)
    names = [marker.flag for marker in markers if isinstance(marker, Short)] + [flag, parameter.name]
    if hint is bool:
        names[-2] = f"{flag}/--no-{flag[2:]}" if default is not False else flag
        return click.Option(names, default=default, is_flag=True, help=text)
    if several or _NAMES in markers:
        given = {"multiple": True, "required": False, "default": ()}
    shown = isinstance(default, int | float | str) and default != ""
    made = NamesOption if _NAMES in markers else _Option
    return made(names, type=kind, help=text, show_default=shown, **given)


def _completion(listed: Completed) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Return click's function that completes a word by what a function of ours lists."""

    def complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from .. import settings  # noqa: PLC0415 -- no other command line needs it here

        return [CompletionItem(word, help=about) for word, about in completions(listed, incomplete, settings.current)]

    return complete


def completions(listed: Completed, begun: str, current: Callable[[], Settings]) -> list[tuple[str, str]]:
    """Return the words that a begun one may become in a project, and what is to be said of each."""
    try:
        found = _imported(listed.by)(current(), begun)
    except MlopsError:
        # Whoever presses the tab key wants no error; the verb itself says what is wrong.
        return []
    return [(word, about) for word, about in found if word.startswith(begun)]


def _flag(name: str) -> str:
    # A word that Python keeps for itself has an underscore after it.
    return "--" + name.rstrip("_").replace("_", "-")


def _unwrap(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return the type within ``Annotated`` and ``| None``, and the markers found on the way."""
    markers: tuple[Any, ...] = ()
    while True:
        if get_origin(hint) is Annotated:
            hint, *found = get_args(hint)
            markers += tuple(found)
        elif get_origin(hint) in {Union, types.UnionType} and type(None) in get_args(hint):
            rest = [one for one in get_args(hint) if one is not type(None)]
            hint = rest[0] if len(rest) == 1 else Any
        else:
            return hint, markers


def _click_type(hint: Any, markers: tuple[Any, ...]) -> click.ParamType[Any, Any]:
    meanings = {marker.meaning for marker in markers if isinstance(marker, Marker)}
    if "object" in meanings:
        return LiveObject()
    if "names" in meanings:
        return _NameList()
    if "source" in meanings or hint is str:
        return click.STRING
    if get_origin(hint) is Literal:
        return click.Choice(get_args(hint))
    if hint is Path:
        return click.Path(path_type=Path, readable=False)  # the verb says what is wrong with it
    if hint in (int, float, bool):
        kinds: dict[Any, click.ParamType[Any, Any]] = {int: click.INT, float: click.FLOAT, bool: click.BOOL}
        return kinds[hint]
    raise TypeError(f"the grammar has no words for {hint!r}")


def source_parameter(call: Call) -> str | None:
    """Return the name of the parameter that takes a cell's body, if the verb has one."""
    return source_parameter_of(call.function)


def _with_its_source(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Hold back a verb that got no source; a cell's body comes after its line is parsed, so click cannot tell."""
    source = source_parameter_of(function)
    if source is None or inspect.signature(function).parameters[source].default is not inspect.Parameter.empty:
        return function

    @functools.wraps(function)
    def calling(**arguments: Any) -> Any:
        if arguments[source] is None:
            raise CommandError(f"{name}: missing argument '{source.upper()}'", f"mlops {name} --help")
        return function(**arguments)

    return calling


def _by_keyword(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function that takes ``*runs`` be called with ``runs=[…]``, as a parsed line calls every verb."""
    every = list(inspect.signature(function).parameters.values())
    several = next((one.name for one in every if one.kind is one.VAR_POSITIONAL), None)
    if several is None:
        return function
    before = [one.name for one in every if one.kind is one.POSITIONAL_OR_KEYWORD]

    @functools.wraps(function)
    def calling(**arguments: Any) -> Any:
        first = [arguments.pop(name) for name in before]
        return function(*first, *arguments.pop(several), **arguments)

    return calling


def source_parameter_of(function: Callable[..., Any]) -> str | None:
    """Return the name of a function's parameter that takes a cell's body, if there is one."""
    hints = get_type_hints(function, include_extras=True)
    for name, hint in hints.items():
        if _SOURCE in _unwrap(hint)[1]:
            return name
    return None


def destroying_flags(function: Callable[..., Any]) -> set[str]:
    """Return the names of a verb's flags that make it one that destroys."""
    hints = get_type_hints(function, include_extras=True)
    return {name for name, hint in hints.items() if name != "return" and _DESTROYS in _unwrap(hint)[1]}


def confirming_flag(function: Callable[..., Any]) -> str | None:
    """Return the name of the flag by which a verb is told yes, if it asks at work."""
    hints = get_type_hints(function, include_extras=True)
    return next((name for name, hint in hints.items() if name != "return" and _CONFIRMS in _unwrap(hint)[1]), None)


def completed_parameters(function: Callable[..., Any]) -> dict[str, Completed]:
    """Return which of a verb's parameters have words that can be listed, and what lists them."""
    hints = get_type_hints(function, include_extras=True)
    markers = {name: _unwrap(hint)[1] for name, hint in hints.items()}
    return {name: one for name, found in markers.items() for one in found if isinstance(one, Completed)}


def path_parameters(function: Callable[..., Any]) -> set[str]:
    """Return the names of a verb's parameters that take a path."""
    hints = get_type_hints(function, include_extras=True)
    return {name for name, hint in hints.items() if name != "return" and _unwrap(hint)[0] is Path}
