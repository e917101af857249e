"""Write labextension/src/lab/generated.ts from the verb table, the grammar, the records and the errors: ``make docs``.

A record is written as `render.as_json` tells it. A test holds the file equal to what is written here.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import types
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from mlops_jupyter import errors, records
from mlops_jupyter.faces import render
from mlops_jupyter.grammar import verb_function
from mlops_jupyter.grammar.values import Kind
from mlops_jupyter.records import KeptSources, Overview, Parameter
from mlops_jupyter.records.runs import MetricPoint
from mlops_jupyter.verbs import VERBS, Effect, Place

LINES = Path(__file__).parents[1] / "labextension" / "src" / "lab" / "verb_lines.ts"
TARGET = Path(__file__).parents[1] / "labextension" / "src" / "lab" / "generated.ts"

_HEAD = """// Made by `make docs` from the verbs, the grammar, the records and the errors: what the server sends, typed.

/** A number; what JSON has no number for is told by a word. */
export type Float = number | "NaN" | "Infinity" | "-Infinity";
"""
_LINES_HEAD = """// Made by `make docs` from the verb table: its lines as literals, which is how translations are found.
import type { TranslationBundle } from "@jupyterlab/translation";

/** What a verb does, translated; of one that a newer server has, its own `line`. */
// prettier-ignore
export function translatedLine(name: string, line: string, trans: TranslationBundle): string {
  switch (name) {
"""
_FINER = """/** An adapter may have finer ones. */
export type ErrorName = KnownError | (string & Record<never, never>);
"""
_PLAIN: dict[Any, str] = {
    str: "string",
    Path: "string",
    datetime: "string",
    bool: "boolean",
    int: "number",
    float: "Float",
    type(None): "null",
    object: "unknown",
    Any: "unknown",
}


def page() -> str:
    """Return the whole file."""
    shown = [getattr(records, name) for name in render.VIEWS]
    written = _Interfaces()
    for record in (Overview, KeptSources, Parameter, *shown):
        written.of(record)
    mimes = {f'"{_mime(record)}"': record.__name__ for record in shown}
    offered = {name: verb for name, verb in VERBS.items() if verb.place != "code"}
    parts = [
        _HEAD,
        _words("VerbName", "A verb that can be called from here.", offered),
        _words("Effect", "What a verb does.", get_args(Effect)),
        _words("Place", "Where a verb can be called.", [one for one in get_args(Place) if one != "code"]),
        _words("Kind", "How a parameter is written as JSON.", get_args(Kind)),
        _words("KnownError", "What an answer's `error` may be.", [*_errors(errors.MlopsError), "Unexpected"]),
        _FINER,
        *written.texts.values(),
        _interface("Records", "A record by its mime type.", mimes),
        _interface("Returns", "What a verb returns, if it is a record.", _returned(offered)),
    ]
    return "\n".join(parts)


def lines() -> str:
    """Return the file with what each verb does, in the words of the page's language."""
    cases = "".join(
        f"    case {json.dumps(name)}:\n      return trans.__({json.dumps(verb.line, ensure_ascii=False)});\n"
        for name, verb in VERBS.items()
        if verb.place != "code"
    )
    return f"{_LINES_HEAD}{cases}    default:\n      return line;\n  }}\n}}\n"


def _mime(record: type) -> str:
    return f"application/vnd.mlops-jupyter.{record.__name__.lower()}+json"


def _errors(error: type) -> list[str]:
    named = [one for one in error.__subclasses__() if one.__module__ == errors.__name__]
    return [error.__name__, *(name for below in named for name in _errors(below))]


def _returned(offered: Iterable[str]) -> dict[str, str]:
    found = {}
    for name in offered:
        told = get_type_hints(verb_function(VERBS[name]))["return"]
        names = [getattr(one, "__name__", "") for one in get_args(told) or (told,)]
        kinds = [name for name in names if name in render.VIEWS]
        if kinds:
            found[name] = " | ".join(kinds)
    return found


class _Interfaces:
    """The interfaces of records, each after those that it holds."""

    def __init__(self) -> None:
        self.texts: dict[type, str] = {}

    def of(self, record: type) -> str:
        """Write a record's interface, if it is not there yet, and return its name."""
        if record not in self.texts:
            hints = get_type_hints(record)
            members: dict[str, str] = {}
            for field in dataclasses.fields(record):
                if "unsaid" in field.metadata:
                    continue
                # Columns, and thinned: see `render.as_json`.
                members[field.name] = self._curves() if field.name == "history" else self._type(hints[field.name])
            for name, member in vars(record).items():
                if isinstance(member, property):
                    members[name] = self._type(get_type_hints(member.fget)["return"])
            said = (record.__doc__ or "").splitlines()[0].replace("``None``", "null").replace("``", "`")
            self.texts[record] = _interface(record.__name__, said, members)
        return record.__name__

    def _curves(self) -> str:
        hints = get_type_hints(MetricPoint)
        columns = "; ".join(f"readonly {name}: readonly {self._type(kind)}[]" for name, kind in hints.items())
        return f"Readonly<Record<string, {{ {columns} }}>>"

    def _type(self, told: Any) -> str:
        """Write a type as JSON has it."""
        if told in _PLAIN:
            return _PLAIN[told]
        if dataclasses.is_dataclass(told) and isinstance(told, type):
            return self.of(told)
        if isinstance(told, type) and hasattr(told, "_fields"):
            return f"readonly [{', '.join(map(self._type, get_type_hints(told).values()))}]"
        origin, inner = get_origin(told), get_args(told)
        if origin is Literal:
            return " | ".join(f'"{word}"' for word in inner)
        if origin in {Union, types.UnionType}:
            return " | ".join(dict.fromkeys(map(self._type, inner)))
        return self._container(origin, inner)

    def _container(self, origin: Any, inner: tuple[Any, ...]) -> str:
        if issubclass(origin, Mapping):
            return f"Readonly<Record<string, {self._type(inner[1])}>>"
        if origin is tuple and inner[-1] is not ...:
            return f"readonly [{', '.join(map(self._type, inner))}]"
        if not issubclass(origin, Sequence):
            raise TypeError(origin)
        one = self._type(inner[0])
        return f"readonly ({one})[]" if " " in one else f"readonly {one}[]"


def _words(name: str, said: str, words: Iterable[str]) -> str:
    lines = "".join(f'\n  | "{word}"' for word in words)
    return f"/** {said} */\nexport type {name} ={lines};\n"


def _interface(name: str, said: str, members: Mapping[str, str]) -> str:
    lines = "".join(f"  readonly {member}: {kind};\n" for member, kind in members.items())
    return f"/** {said} */\nexport interface {name} {{\n{lines}}}\n"


if __name__ == "__main__":
    for target, text in ((TARGET, page()), (LINES, lines())):
        target.write_text(text, encoding="utf-8")
        print(f"wrote {target.relative_to(Path.cwd())}", file=sys.stderr)
