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
    """Return the installed modules that the cells of a notebook import at their top level, sorted.

    Those of Python itself are left out, as they cost little, and packages of which a module is named. A module that is
    not among the installed ones, as one that lies beside the notebook, is left to the notebook: it may be edited yet.
    """
    named = {module for source in _sources(content) for name in _imported(source) if (module := _installed(name))}
    return tuple(sorted(one for one in named if not any(other.startswith(f"{one}.") for other in named)))


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
def _installed(name: str) -> str | None:
    """Return the installed module that an import loads, looked up without importing anything."""
    module, _, member = name.partition(":")
    parts = module.split(".")
    if parts[0] in sys.stdlib_module_names or parts[0] == "__main__":
        return None
    places: list[str] | None = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    for depth in range(1, len(parts) + 1):
        spec = None if places is None else PathFinder.find_spec(".".join(parts[:depth]), places)
        if spec is None:
            # What a package makes of itself when it is imported, nobody knows before.
            return ".".join(parts[: depth - 1]) or None
        places = spec.submodule_search_locations
    if member and places is not None and PathFinder.find_spec(f"{module}.{member}", places) is not None:
        return f"{module}.{member}"
    return module
