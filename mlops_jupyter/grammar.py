"""From a plain annotated function to a click command.

A positional parameter is an argument, a keyword-only one an option; ``bool`` is a flag, ``Literal`` choices,
``Mapping`` repeated ``key=value``; the numpydoc docstring is the help. A parameter called ``reporter`` is what
a face supplies and no part of the command.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import inspect
import shlex
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin, get_type_hints

import click
from click.shell_completion import ShellComplete
from docstring_parser import numpydoc

from .errors import CommandError, ConfirmationRequired, MlopsError
from .protocols import Marker, Short
from .verbs import VERBS, Verb

REPORTER = "reporter"
# Options that a face adds to every verb, and takes off again before the verb is called.
FACE_OPTIONS = ("as_json", "debug", "strict", "yes")

_MAPPINGS = {Mapping, dict}
_SOURCE = Marker("source")
_CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class LiveText(str):
    """A token of a magic line that stands for a live object; the text is what the user typed, or the text it names.

    The text of any other object is made only where text is wanted: that of a large one takes long, and one that
    starts with a dash would be read as an option.
    """

    __slots__ = ("value",)
    value: object

    def __new__(cls, text: str, value: object) -> Self:
        token = super().__new__(cls, text)
        token.value = value
        return token

    @staticmethod
    def spelled(token: Any) -> Any:
        """Return the text of a token's object; anything else, also within a tuple, stays as it is."""
        if isinstance(token, tuple):
            return tuple(map(LiveText.spelled, token))
        return str(token.value) if isinstance(token, LiveText) else token


class _LiveObject(click.ParamType[Any, Any]):
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
        return super().type_cast_value(ctx, value if isinstance(self.type, _LiveObject) else LiveText.spelled(value))


class _Mapping(_Option):
    """Repeated ``key=value`` as one mapping."""

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        pairs = super().type_cast_value(ctx, value)
        return dict(pairs) if pairs else None


class _Argument(click.Argument):
    """An argument with help of its own."""

    def __init__(self, names: list[str], text: str, **settings: Any) -> None:
        super().__init__(names, **settings)
        self.text = text

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        return super().type_cast_value(ctx, value if isinstance(self.type, _LiveObject) else LiveText.spelled(value))


class _VerbCommand(click.Command):
    """A command whose help also explains its arguments."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        arguments = [(one.make_metavar(ctx), one.text) for one in self.params if isinstance(one, _Argument)]
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

    @property
    def wants_reporter(self) -> bool:
        """Whether the verb takes a reporter."""
        return REPORTER in inspect.signature(self.function).parameters


def verb_function(verb: Verb) -> Callable[..., Any]:
    """Import a verb's function."""
    module, _, name = verb.target.partition(":")
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

    def call(**arguments: Any) -> Any:
        face = {option: arguments.pop(option, False) for option in FACE_OPTIONS}
        parsed = Call(name, verb, _with_its_source(name, function), arguments, **face)
        return parsed if callback is None else callback(parsed)

    about = "\n\n".join(filter(None, (documentation.short_description, documentation.long_description)))
    checks = any(one.type_name == "CheckFailed" for one in documentation.raises)
    return _VerbCommand(
        name,
        params=[*parameters, *_face_options(verb, checks=checks)],
        callback=call,
        help=_plain(about),
        short_help=verb.line,
        context_settings=_CONTEXT,
    )


def _plain(text: str) -> str:
    """Take reStructuredText's double backticks back to one."""
    return text.replace("``", "`")


def _face_options(verb: Verb, *, checks: bool) -> Iterator[click.Option]:
    if verb.effect == "destroys":
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
    if get_origin(hint) in _MAPPINGS:
        flags = [
            *(marker.flag for marker in markers if isinstance(marker, Short)),
            _flag(parameter.name),
            parameter.name,
        ]
        return _Mapping(flags, multiple=True, type=_Pair(), default=(), help=text, metavar="KEY=VALUE")
    kind = _click_type(hint, markers)
    if _SOURCE in markers:
        return _Argument([parameter.name], text, type=kind, required=False)
    if parameter.kind is not parameter.KEYWORD_ONLY:
        return _Argument([parameter.name], text, type=kind, **given)
    flag = _flag(parameter.name)
    names = [marker.flag for marker in markers if isinstance(marker, Short)] + [flag, parameter.name]
    if hint is bool:
        names[-2] = f"{flag}/--no-{flag[2:]}" if default is not False else flag
        return click.Option(names, default=default, is_flag=True, help=text)
    shown = isinstance(default, int | float | str) and default != ""
    return _Option(names, type=kind, help=text, show_default=shown, **given)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


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
        return _LiveObject()
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
    return _source_of(call.function)


def _with_its_source(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Hold back a verb that got no source; a cell's body comes after its line is parsed, so click cannot tell."""
    source = _source_of(function)
    if source is None or inspect.signature(function).parameters[source].default is not inspect.Parameter.empty:
        return function

    @functools.wraps(function)
    def calling(**arguments: Any) -> Any:
        if arguments[source] is None:
            raise CommandError(f"{name}: missing argument '{source.upper()}'", f"mlops {name} --help")
        return function(**arguments)

    return calling


def _source_of(function: Callable[..., Any]) -> str | None:
    hints = get_type_hints(function, include_extras=True)
    for name, hint in hints.items():
        if _SOURCE in _unwrap(hint)[1]:
            return name
    return None


def path_parameters(function: Callable[..., Any]) -> set[str]:
    """Return the names of a verb's parameters that take a path."""
    hints = get_type_hints(function, include_extras=True)
    return {name for name, hint in hints.items() if name != "return" and _unwrap(hint)[0] is Path}


def parse(words: list[str]) -> Call:
    """Parse a verb and its arguments.

    Raises
    ------
    CommandError
        When the verb, an option or an argument is wrong.
    HelpAsked
        When the words ask for help.
    """
    name = LiveText.spelled(words[0])
    built = command(name)
    # click would print its help itself.
    options = words[1 : words.index("--")] if "--" in words else words[1:]
    if {"--help", "-h"} & set(options):
        raise HelpAsked(help_text(built))
    try:
        with built.make_context(name, list(words[1:])) as context:
            call: Call = built.invoke(context)
            return call
    except click.UsageError as error:
        raise usage_error(error, name) from error


def confirm(call: Call, ask: Callable[[str], bool | None]) -> None:
    """Ask once before a destroying verb.

    Parameters
    ----------
    call
        The parsed call.
    ask
        Puts the question; ``None`` means that nobody can be asked.

    Raises
    ------
    ConfirmationRequired
        When there is no yes.
    """
    if call.verb.effect != "destroys" or call.yes:
        return
    answer = ask(f"{call.name} destroys what it names. Go on?")
    if answer is None:
        raise ConfirmationRequired(f"{call.name} destroys what it names, and nobody can be asked here", "add --yes")
    if not answer:
        raise ConfirmationRequired(f"{call.name} was not confirmed, so nothing was done", "add --yes")


class HelpAsked(Exception):
    """``--help`` was among the words; the text is the answer."""


def help_text(built: click.Command, prefix: str = "mlops") -> str:
    """Return a verb's help as the terminal prints it."""
    context = click.Context(built, info_name=f"{prefix} {built.name}", terminal_width=100, **_CONTEXT)
    return built.get_help(context)


def usage_error(error: click.UsageError, verb: str | None) -> CommandError:
    """Turn click's complaint into ours, with the next command."""
    hint = f"mlops {verb} --help" if verb else "mlops --help"
    if isinstance(error, click.NoSuchOption):
        near = difflib.get_close_matches(error.option_name, error.possibilities or _options_of(error), n=1)
        hint = f"did you mean {near[0]}?" if near else hint
        return CommandError(f"{verb or 'mlops'} has no option {error.option_name}", hint)
    message = error.format_message().rstrip(".")
    return CommandError(f"{verb}: {message[:1].lower()}{message[1:]}" if verb else message, hint)


def _options_of(error: click.UsageError) -> list[str]:
    if error.ctx is None:
        return []
    return [name for one in error.ctx.command.params for name in one.opts if name.startswith("--")]


def split(line: str) -> list[str]:
    """Split a magic line as a shell would, but leave backslashes alone, for Windows paths.

    An ``{expr}`` outside of quotation marks is one piece, whatever spaces and quotation marks of its own it has.

    Raises
    ------
    CommandError
        When a quotation mark is not closed.
    """
    lexer = shlex.shlex(_with_expressions_quoted(line), posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    lexer.escape = ""
    try:
        return list(lexer)
    except ValueError as error:
        raise CommandError(
            f"a quotation mark is not closed: {line.strip()}", "close it, or quote it with the other kind"
        ) from error


def _with_expressions_quoted(line: str) -> str:
    quoted, mark, at = "", "", 0
    while at < len(line):
        end = at + 1
        if mark:
            mark = "" if line[at] == mark else mark
        elif line[at] in "'\"":
            mark = line[at]
        elif line[at : at + 2] == "{{":
            end = at + 2
        elif line[at] == "{" and (closed := _end_of_expression(line, at)) is not None:
            quoted, at = quoted + shlex.quote(line[at:closed]), closed
            continue
        quoted, at = quoted + line[at:end], end
    return quoted


def _end_of_expression(text: str, start: int) -> int | None:
    """Return where the ``{expr}`` that starts at a place ends; braces within Python strings do not count."""
    depth, mark, at = 0, "", start
    while at < len(text):
        letter = text[at]
        if mark:
            at += letter == "\\"
            mark = "" if letter == mark else mark
        elif letter in "'\"":
            mark = letter
        else:
            depth += {"{": 1, "}": -1}.get(letter, 0)
            if depth == 0:
                return at + 1
        at += 1
    return None


def expand(words: list[str], evaluate: Callable[[str], object], known: Callable[[], list[str]]) -> list[str]:
    """Replace ``$name`` and ``{expr}`` in the words of a magic line.

    A word that is one of them entirely becomes a `LiveText`, so that an `Object` parameter gets the live
    object; within other text they become text. ``$$`` and ``{{``, ``}}`` stand for themselves.

    Parameters
    ----------
    words
        The line's words.
    evaluate
        Evaluates an expression in the user's namespace.
    known
        Lists the user's names, for suggestions.

    Raises
    ------
    CommandError
        When a name is not set, or an expression fails.
    """
    expanded: list[str] = []
    for word in words:
        # `--data=$df` would be cut by click, and the live object with it.
        option, equals, value = word.partition("=")
        if option.startswith("--") and equals and value[:1] in {"$", "{"}:
            expanded.append(option)
            word = value  # noqa: PLW2901
        pieces = list(_pieces(word, evaluate, known))
        if len(pieces) == 1:
            expanded.append(pieces[0])
        else:
            expanded.append("".join(map(LiveText.spelled, pieces)))
    return expanded


def _pieces(word: str, evaluate: Callable[[str], object], known: Callable[[], list[str]]) -> Iterator[str]:
    plain, at = "", 0
    while at < len(word):
        if word[at : at + 2] in {"$$", "{{", "}}"}:
            plain, at = plain + word[at], at + 2
            continue
        end, expression = _reference(word, at)
        if expression is None:
            plain, at = plain + word[at], at + 1
            continue
        if plain:
            yield plain
            plain = ""
        value = _value(word[at:end], expression, evaluate, known)
        yield LiveText(value if isinstance(value, str) else word[at:end], value)
        at = end
    if plain or not word:
        yield plain


def _reference(word: str, at: int) -> tuple[int, str | None]:
    """Return the end and the expression of a ``$name`` or ``{expr}`` that starts at a place, if one does."""
    if word[at] == "$":
        end = at + 1
        while end < len(word) and (word[at + 1 : end + 1]).isidentifier():
            end += 1
        return end, word[at + 1 : end] or None
    if word[at] == "{" and (closed := _end_of_expression(word, at)) is not None:
        return closed, word[at + 1 : closed - 1].strip() or None
    return at + 1, None


def _value(shown: str, expression: str, evaluate: Callable[[str], object], known: Callable[[], list[str]]) -> object:
    try:
        return evaluate(expression)
    except MlopsError:
        raise
    except NameError as error:
        name = error.name or expression
        near = difflib.get_close_matches(name, known(), n=1)
        hint = f"did you mean ${near[0]}?" if near else f"run the cell that sets {name} first"
        raise CommandError(f"{shown}: there is no variable {name}", hint) from error
    except Exception as error:  # the user's own expression may raise anything
        said = f"{type(error).__name__}: {error}"
        raise CommandError(f"{shown} cannot be evaluated: {said}", "write {{ and }} for plain braces") from error


def complete(words: list[str], incomplete: str) -> list[tuple[str, str]]:
    """Complete a line of words.

    Parameters
    ----------
    words
        The whole words before the cursor, without ``mlops``.
    incomplete
        The word under the cursor.

    Returns
    -------
    list of (str, str)
        What the word may become, and help for it.
    """
    if not words:
        shown = {name: verb for name, verb in VERBS.items() if verb.place != "code"}
        return [(name, verb.line) for name, verb in shown.items() if name.startswith(incomplete)]
    if words[0] not in VERBS:
        return []
    group = click.Group("mlops", commands={words[0]: command(words[0])})
    shell = ShellComplete(group, {}, "mlops", "_MLOPS_COMPLETE")
    found: list[tuple[str, str]] = []
    for item in shell.get_completions(words, incomplete):
        found += _files(incomplete) if item.type == "file" else [(item.value, item.help or "")]
    return found


def _files(start: str) -> list[tuple[str, str]]:
    """Complete a path: directories, and notebooks first of all files."""
    directory, _, name = start.rpartition("/")
    try:
        entries = sorted(Path(directory or ("/" if start.startswith("/") else ".")).iterdir())
    except OSError:
        return []
    prefix = f"{directory}/" if "/" in start else ""
    matching = [entry for entry in entries if entry.name.startswith(name) and (name or entry.name[0] != ".")]
    matching.sort(key=lambda entry: entry.suffix != ".ipynb")
    return [(prefix + entry.name + ("/" if entry.is_dir() else ""), "") for entry in matching]
