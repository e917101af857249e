"""Combinations of parameters from a file: CSV, JSON or YAML, each row or entry one of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from ..errors import CommandError, ConfigurationError, NotFound

Row = dict[str, object]

_SHAPES = {
    ".csv": "a CSV file has a line of names, and below it a line for each combination",
    ".json": 'a JSON file is a list of objects: [{"lr": 0.1}, {"lr": 0.01}]',
    ".yaml": "a YAML file is a list of mappings: - {lr: 0.1}",
}
# Written in C, where the library has it: ten times as fast.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(path: Path) -> list[Row]:
    """Read a parameter file.

    Parameters
    ----------
    path
        The file. What it is, its name's ending says. A CSV file's cells are text; an empty one leaves the
        notebook's default.

    Returns
    -------
    list of dict
        The combinations, in the file's order.

    Raises
    ------
    NotFound
        When there is no such file.
    CommandError
        When its name says nothing that is known.
    ConfigurationError
        When it cannot be read or does not hold combinations; the line is told.
    """
    kind = {".yml": ".yaml"}.get(path.suffix.lower(), path.suffix.lower())
    if kind not in _SHAPES:
        raise CommandError(f"{path} is no parameter file: its name must end in .csv, .json or .yaml", "rename it")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path}", "check the path") from error
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}", "check the path") from error
    except UnicodeDecodeError as error:
        raise _wrong(path, f"it is not UTF-8 text (byte {error.start})") from error
    found = _READ[kind](path, text)
    if not found:
        raise _wrong(path, "it has no combinations")
    _check_once(path, found)
    return [row for _, row in found]


def _wrong(path: Path, what: str) -> ConfigurationError:
    kind = {".yml": ".yaml"}.get(path.suffix.lower(), path.suffix.lower())
    return ConfigurationError(f"{path.name} cannot be used: {what}", _SHAPES[kind])


# Where a row stands, in words, and the row.
_Found = list[tuple[str, Row]]


def _check_once(path: Path, found: _Found) -> None:
    """Refuse a combination that is there twice."""
    seen: dict[str, str] = {}
    for place, row in found:
        mark = json.dumps(row, sort_keys=True, ensure_ascii=False, default=repr)
        if mark in seen:
            raise _wrong(path, f"{place} is the same combination as {seen[mark]}")
        seen[mark] = place


def _csv(path: Path, text: str) -> _Found:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    found: _Found = []
    try:
        # A line may go on within quotation marks: the last one of a row is what the reader is at.
        lines = ((reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells))
        _, head = next(lines, (1, []))
        names = [name.strip() for name in head]
        _check_names(path, names)
        for line, cells in lines:
            if len(cells) != len(names):
                have = f"{len(cells)} cell{'' if len(cells) == 1 else 's'}"
                raise _wrong(path, f"line {line} has {have}, and the first line {len(names)} names")
            row: Row = {name: cell for name, cell in zip(names, cells, strict=True) if cell.strip()}
            found.append((f"line {line}", row))
    except csv.Error as error:
        raise _wrong(path, f"line {reader.line_num}: {error}") from error
    return found


def _check_names(path: Path, names: Sequence[str]) -> None:
    if "" in names:
        raise _wrong(path, f"line 1 has no name for column {names.index('') + 1}")
    for place, name in enumerate(names):
        if name in names[:place]:
            raise _wrong(path, f"line 1 has the name {name} twice")


def _json(path: Path, text: str) -> _Found:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [name for name, _ in pairs]
            raise _Twice(next(name for place, name in enumerate(names) if name in names[:place]))
        return made

    try:
        entries = json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise _wrong(path, f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise _wrong(path, "it is nested too deeply") from error
    except _Twice as error:
        raise _wrong(path, f"an object has the name {error} twice") from error
    if not isinstance(entries, list):
        raise _wrong(path, f"line 1: it is no list, but {_called(entries)}")
    found: _Found = []
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict):
            raise _wrong(path, f"entry {number} is no object, but {_called(entry)}")
        found.append((f"entry {number}", entry))
    return found


class _Twice(Exception):
    """A name that one object has twice."""


def _yaml(path: Path, text: str) -> _Found:
    try:
        for event in yaml.parse(text, Loader=_Loader):
            # A few lines of them can stand for more values than any memory holds.
            if isinstance(event, yaml.AliasEvent):
                raise _wrong(path, f"line {_line(event)}: aliases are not read")
        tree = yaml.compose(text, Loader=_Loader)
        if not isinstance(tree, yaml.SequenceNode):
            raise _wrong(path, "it is empty" if tree is None else f"line {_line(tree)}: it is no list")
        return [(f"line {_line(node)}", _mapping(path, node)) for node in tree.value]
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f"line {error.problem_mark.line + 1}: "
        raise _wrong(path, f"{line}{error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise _wrong(path, " ".join(str(error).split())) from error
    except (RecursionError, ValueError) as error:
        # A value that its kind says and no value can be, such as the date 2026-13-45.
        what = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise _wrong(path, what) from error


def _mapping(path: Path, node: yaml.Node) -> Row:
    if not isinstance(node, yaml.MappingNode) or node.tag != "tag:yaml.org,2002:map":
        raise _wrong(path, f"line {_line(node)} is no mapping")
    row: Row = {}
    loader = yaml.SafeLoader("")
    for key, value in node.value:
        # YAML takes the name "on" for true.
        if not isinstance(key, yaml.ScalarNode) or not key.value.isidentifier():
            raise _wrong(path, f"line {_line(key)}: a name must be a word")
        if key.value in row:
            raise _wrong(path, f"line {_line(key)} has the name {key.value} twice")
        row[key.value] = loader.construct_document(value)
    loader.dispose()
    return row


def _line(at: Any) -> int:
    return int(at.start_mark.line) + 1


def _called(value: object) -> str:
    words = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return words.get(type(value), "a number")


_READ: dict[str, Callable[[Path, str], _Found]] = {".csv": _csv, ".json": _json, ".yaml": _yaml}
