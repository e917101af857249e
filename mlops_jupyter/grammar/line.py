"""A line of words: parsed to a call, confirmed, explained, completed."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import ShellComplete

from ..errors import CommandError, ConfirmationRequired
from ..verbs import VERBS
from .building import CONTEXT, Call, command, confirming_flag
from .words import LiveText


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
    if call.yes or not call.destroys:
        return
    flags = [f"--{name.replace('_', '-')}" for name in sorted(call.destroying) if call.arguments.get(name)]
    asked = " ".join([call.name, *flags])
    answer = ask(f"{asked} destroys what it names. Go on?")
    if answer is None:
        raise ConfirmationRequired(f"{asked} destroys what it names, and nobody can be asked here", "add --yes")
    if not answer:
        raise ConfirmationRequired(f"{asked} was not confirmed, so nothing was done", "add --yes")


def answered(call: Call, ask: Callable[[str], bool | None]) -> Any:
    """Call a verb; where it turns out that it wants a yes, ask for one and call it once more.

    Parameters
    ----------
    call
        The parsed call.
    ask
        As of `confirm`.

    Raises
    ------
    ConfirmationRequired
        When there is no yes.
    """
    try:
        return call.function(**call.arguments)
    except ConfirmationRequired as wanted:
        flag = confirming_flag(call.function)
        answer = None if flag is None or call.yes else ask(f"{call.name}: {wanted.message}. Go on?")
        if flag is None or answer is None:
            raise
        if not answer:
            raise ConfirmationRequired(f"{call.name} was not confirmed, so nothing was done", wanted.hint) from wanted
        call.arguments[flag] = True
    return call.function(**call.arguments)


class HelpAsked(Exception):
    """``--help`` was among the words; the text is the answer."""


def help_text(built: click.Command, prefix: str = "mlops") -> str:
    """Return a verb's help as the terminal prints it."""
    context = click.Context(built, info_name=f"{prefix} {built.name}", terminal_width=100, **CONTEXT)
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
