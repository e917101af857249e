"""What a notebook imports, read from its code alone."""

from __future__ import annotations

import ast
import json
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

# Lines that IPython takes: a magic, a command, a question, also where their answer is bound to a name.
_IPYTHON = re.compile(r"^(\s*)(?:[%!?].*|[\w.*]+\?{1,2}|[\w ,.\[\]'\"]+=\s*[%!].*)$", re.MULTILINE)
_CELL_MAGIC = re.compile(r"\s*%%(\w+)")
# Cell magics whose body is no Python of this process.
_NO_PYTHON = {
    "!", "bash", "cmd", "html", "javascript", "js", "latex", "markdown", "perl", "pypy", "python", "python2", "python3",
    "ruby", "script", "sh", "sql", "svg", "sx", "system", "writefile",
}  # fmt: skip


def imports_of(content: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what the cells of a notebook import at their top level and is installed, sorted.

    ``from a import b`` is ``a:b``, as ``b`` may be a module or a name. A module that is not among the installed ones,
    as one that lies beside the notebook, is left to the notebook: it may have been edited since.
    """
    found: set[str] = set()
    for source in _sources(content):
        for name in _imported(source):
            if _is_installed(name.partition(":")[0].partition(".")[0]):
                found.add(name)
    return tuple(sorted(found))


def imports_of_file(notebook: Path) -> tuple[str, ...]:
    """Return what a notebook's file imports; nothing when it cannot be read, which its kernel's user is told anyway."""
    try:
        content = json.loads(notebook.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ()
    return imports_of(content) if isinstance(content, dict) else ()


def _sources(content: Mapping[str, Any]) -> Iterator[str]:
    cells = content.get("cells")
    for cell in cells if isinstance(cells, list) else ():
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            source = cell.get("source", "")
            yield "".join(source) if isinstance(source, list) else str(source)


def _imported(source: str) -> Iterator[str]:
    magic = _CELL_MAGIC.match(source)
    if magic is not None and magic[1] in _NO_PYTHON:
        return
    try:
        body = ast.parse(_IPYTHON.sub(r"\1pass", source)).body
    except (SyntaxError, ValueError, RecursionError):
        return
    for statement in _at_top_level(body):
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            yield from (
                statement.module if alias.name == "*" else f"{statement.module}:{alias.name}"
                for alias in statement.names
            )


def _at_top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Go through what surely runs when the cell does: not what is in a function, a branch or a try."""
    for statement in body:
        if isinstance(statement, ast.With):
            yield from _at_top_level(statement.body)
        else:
            yield statement


@cache
def _is_installed(name: str) -> bool:
    if name in sys.builtin_module_names:
        return False
    paths = sysconfig.get_paths()
    places = [paths[place] for place in ("stdlib", "platstdlib", "purelib", "platlib")]
    return name in sys.stdlib_module_names or PathFinder.find_spec(name, places) is not None
