"""A notebook from the bytes of its file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from ...errors import ConfigurationError

_FORMAT = 4
_CONFLICT = re.compile(rb"^(?:<<<<<<<|>>>>>>>) ", re.MULTILINE)
_KINDS = ("code", "markdown", "raw")


def read(content: bytes, name: str, *, exact: bool = False, file: str | None = None) -> dict[str, Any]:
    """Read a notebook of nbformat 4, any minor version.

    Parameters
    ----------
    content
        The file's bytes.
    name
        What the notebook is called in an error.
    exact
        Whether integers past 64 bits stay what they are, which costs half as much again: for what is written back.
    file
        Which file a command that mends it takes, where that is not the name.

    Returns
    -------
    dict
        The notebook's JSON as it is: ids that are missing stay missing, and ids that two cells share are in both.

    Raises
    ------
    ConfigurationError
        When it is no notebook, not UTF-8, holds git's conflict markers, or is of an older format.
    """
    if exact:
        notebook = _read_leniently(content, name, file or name)
    else:
        try:
            # orjson takes neither NaN, which other tools write, nor a byte order mark.
            notebook = orjson.loads(content)
        except orjson.JSONDecodeError:
            notebook = _read_leniently(content, name, file or name)
    _check(notebook, name, file or name)
    return notebook  # type: ignore[no-any-return]


def _read_leniently(content: bytes, name: str, file: str) -> Any:
    if not content.strip():
        raise ConfigurationError(f"{name} is empty, so it is no notebook", f"restore it: mlops history {file}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{name} is not UTF-8: byte {error.start} cannot be read", f"restore it: mlops history {file}"
        ) from error
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ConfigurationError(f"{name} is no notebook: it is nested too deeply", None) from error
    except ValueError as error:
        if _CONFLICT.search(content):
            raise ConfigurationError(
                f"{name} holds git's conflict markers, so it is no valid notebook",
                f"take one side: git checkout --ours -- {file} (or --theirs)",
            ) from error
        raise ConfigurationError(f"{name} is not valid JSON: {error}", f"restore it: mlops history {file}") from error


def _check(notebook: Any, name: str, file: str) -> None:
    if not isinstance(notebook, dict) or not isinstance(notebook.get("nbformat"), int):
        raise ConfigurationError(f"{name} is JSON, but no notebook: it has no nbformat", None)
    if notebook["nbformat"] != _FORMAT:
        older = notebook["nbformat"] < _FORMAT
        raise ConfigurationError(
            f"{name} is a notebook of format {notebook['nbformat']}; this takes format {_FORMAT}",
            f"jupyter nbconvert --to notebook --inplace {file}" if older else "pip install --upgrade mlops-jupyter",
        )
    if not isinstance(notebook.get("cells"), list):
        raise ConfigurationError(f"{name} is no valid notebook: it has no list of cells", None)
    for place, cell in enumerate(notebook["cells"]):
        if not isinstance(cell, dict) or cell.get("cell_type") not in _KINDS or not _is_text(cell.get("source")):
            raise ConfigurationError(
                f"{name} is no valid notebook: cell {place} has no type or no source", f"mlops history {file}"
            )
        if cell["cell_type"] == "code" and not _are_outputs(cell.get("outputs", [])):
            raise ConfigurationError(f"{name} is no valid notebook: the outputs of cell {place} are none", None)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or _are_lines(value)


def _are_lines(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(line, str) for line in value)


def joined(value: Any) -> Any:
    """Return lines as one text, as nbformat lets both be written; what is neither stays as it is."""
    return "".join(value) if _are_lines(value) else value


def _are_outputs(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) and "output_type" in one for one in value)


def source(cell: Mapping[str, Any]) -> str:
    """Return a cell's source as one text."""
    return str(joined(cell["source"]))


def ids(notebook: Mapping[str, Any]) -> Iterator[str | None]:
    """Return of each cell the id it can be told by: ``None`` for one that has none, or another's."""
    seen: set[str] = set()
    for cell in notebook["cells"]:
        ident = cell.get("id")
        known = isinstance(ident, str) and bool(ident) and ident not in seen
        if known:
            seen.add(ident)
        yield ident if known else None
