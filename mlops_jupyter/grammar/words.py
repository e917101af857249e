"""The words of a magic line: split as a shell would, with the user's variables put in."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

from ..errors import CommandError, MlopsError

# What has a text that others can follow, as in $folder/train.csv.
_TEXTS = (str, int, float, Path)


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
        """Return the text of a token's object; anything else, also within a tuple or list, stays as it is."""
        if isinstance(token, tuple | list):
            return tuple(map(LiveText.spelled, token))
        return str(token.value) if isinstance(token, LiveText) else token


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
        if word[at] == "$" and word[end : end + 1] in {".", "[", "("} and not isinstance(value, _TEXTS):
            # The whole text of a table would be the beginning of a path.
            said = f"a {type(value).__name__} is no text that {word[end:]} could follow"
            raise CommandError(f"{word}: {said}", f"{{{word[at + 1 :]}}} evaluates the expression")
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
