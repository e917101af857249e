"""A notebook without its outputs, and the bytes that nbformat would write.

The rules are nbstripout's, with cell ids kept: a test holds the two equal. Two things it refuses are decided here,
since a commit must not fail for them: a cell whose metadata and tags contradict each other is stripped (what was not
committed can be committed later, the other way round not), and ids that are missing or doubled stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .reading import joined

# What changes without anybody having edited the notebook.
_NOTEBOOK_NOISE = {"signature", "widgets"}
_CELL_NOISE = {"collapsed", "ExecuteTime", "execution", "heading_collapsed", "hidden", "scrolled"}
# What nbformat never writes.
_NOTEBOOK_TRANSIENT = {"orig_nbformat", "orig_nbformat_minor", "signature"}
_CELL_TRANSIENT = {"trusted"}
_CELL_COUNTS, _OUTPUT_COUNTS = {"execution_count", "prompt_number"}, {"execution_count"}
_KEEP = "keep_output"
# Tuples, not sets: what a broken notebook has for a type may be no text, but a list.
_BUNDLES = ("execute_result", "display_data")
_SPLIT_MIMES = {"application/javascript", "image/svg+xml"}


def strip(notebook: Mapping[str, Any], *, keep_output: bool | None = None) -> dict[str, Any]:
    """Leave out outputs, execution counts and the metadata that changes by itself.

    Parameters
    ----------
    notebook
        As `reading.read` returns it; it is not changed.
    keep_output
        Whether cells keep their outputs that say nothing about it themselves, by ``keep_output`` or ``init_cell`` in
        their metadata or the tag ``keep_output``. ``None`` asks the notebook's own metadata.

    Returns
    -------
    dict
        The stripped notebook. It shares with the given one what both have.
    """
    metadata = _mapping(notebook.get("metadata"))
    keeps = bool(metadata.get(_KEEP)) if keep_output is None else keep_output
    stripped = {**notebook, "cells": [_strip_cell(cell, notebook_keeps=keeps) for cell in notebook["cells"]]}
    if metadata:
        stripped["metadata"] = _without(metadata, _NOTEBOOK_NOISE)
    return stripped


def dumps(notebook: Mapping[str, Any]) -> bytes:
    """Write a notebook as nbformat does, byte for byte.

    Parameters
    ----------
    notebook
        As `reading.read` returns it; it is not changed.

    Returns
    -------
    bytes
        UTF-8 with a newline at the end: indented by 1, keys sorted, texts as lists of lines.
    """
    written = {**notebook, "cells": [_write_cell(cell) for cell in notebook["cells"]]}
    metadata = _mapping(notebook.get("metadata"))
    if metadata:
        written["metadata"] = _without(metadata, _NOTEBOOK_TRANSIENT)
    text = json.dumps(written, indent=1, sort_keys=True, separators=(",", ": "), ensure_ascii=False)
    # Half of a surrogate pair has no UTF-8; what takes its place is JSON's own way to write it.
    return (text + "\n").encode("utf-8", "backslashreplace")


def _strip_cell(cell: Mapping[str, Any], *, notebook_keeps: bool) -> Any:
    stripped = dict(cell)
    metadata = _mapping(cell.get("metadata"))
    if metadata:
        stripped["metadata"] = _without(metadata, _CELL_NOISE)
    if isinstance(cell.get("outputs"), list):
        keeps = _keeps_output(metadata, notebook_keeps=notebook_keeps)
        stripped["outputs"] = [_uncounted(output, _OUTPUT_COUNTS) for output in cell["outputs"]] if keeps else []
    return _uncounted(stripped, _CELL_COUNTS)


def _keeps_output(metadata: Mapping[str, Any], *, notebook_keeps: bool) -> bool:
    if "init_cell" in metadata:
        return bool(metadata["init_cell"])
    if _KEEP in metadata:
        return bool(metadata[_KEEP])
    tags = metadata.get("tags")
    return notebook_keeps or (isinstance(tags, list) and _KEEP in tags)


def _uncounted(part: Any, counts: set[str]) -> Any:
    """Return a cell or an output without the number it got when it ran."""
    if not isinstance(part, dict):
        return part
    return {key: None if key in counts else value for key, value in part.items()}


def _write_cell(cell: Mapping[str, Any]) -> dict[str, Any]:
    written = {**cell, "source": _lines(joined(cell["source"]))}
    metadata = _mapping(cell.get("metadata"))
    if metadata:
        written["metadata"] = _without(metadata, _CELL_TRANSIENT)
    attachments = _mapping(cell.get("attachments"))
    if attachments:
        written["attachments"] = {name: _write_bundle(bundle) for name, bundle in attachments.items()}
    if cell.get("cell_type") == "code" and "outputs" in cell:
        written["outputs"] = [_write_output(output) for output in cell["outputs"]]
    return written


def _write_output(output: Mapping[str, Any]) -> dict[str, Any]:
    kind = output.get("output_type")
    if kind in _BUNDLES:
        return {**output, "data": _write_bundle(output["data"])} if "data" in output else dict(output)
    if "text" not in output:
        return dict(output)
    text = joined(output["text"])
    return {**output, "text": _lines(text) if kind == "stream" else text}


def _write_bundle(bundle: Any) -> Any:
    if not isinstance(bundle, dict):
        return bundle
    return {mime: _write_data(mime, data) for mime, data in bundle.items()}


def _write_data(mime: str, data: Any) -> Any:
    if mime == "application/json" or (mime.startswith("application/") and mime.endswith("+json")):
        return data
    text = joined(data)
    return _lines(text) if mime.startswith("text/") or mime in _SPLIT_MIMES else text


def _lines(value: Any) -> Any:
    return value.splitlines(keepends=True) if isinstance(value, str) else value


def _without(metadata: Mapping[str, Any], noise: set[str]) -> dict[str, Any]:
    return {key: value for key, value in metadata.items() if key not in noise}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
