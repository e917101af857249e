"""nbdime as git's drivers: ``python -m mlops_jupyter.faces.git_drivers merge|diff ...``, started by git.

nbdime has drivers of its own, and its options (`nbdime_config.json`) count here too. What they do besides nbdime: they
start in a third of the time; cells that both sides have added do not end the merge in an exception, which nbdime 4.0.4
raises over their ids, with the other side's cells lost from sight; and a file that is no notebook is merged and shown
as text instead of ending `git diff` altogether.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# jsonschema builds a grammar of this optional package at import, for a second, to check addresses in Unicode. No
# notebook has any.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

import nbformat  # noqa: E402
from nbdime.args import (  # noqa: E402
    ConfigBackedParser,
    add_diff_args,
    add_filename_args,
    add_generic_args,
    add_merge_args,
    process_diff_flags,
)
from nbdime.log import logger  # noqa: E402
from nbdime.merging import merge_notebooks  # noqa: E402
from nbdime.vcs.git import diffdriver  # noqa: E402
from nbformat.reader import reads  # noqa: E402
from nbformat.validator import isvalid  # noqa: E402

from ..capabilities.notebooks.reading import read  # noqa: E402
from ..capabilities.notebooks.stripping import dumps  # noqa: E402
from ..errors import MlopsError  # noqa: E402

_WITH_IDS = 5
_UNMERGED_WORDS = 1


def merge(base: Path, ours: Path, theirs: Path, marker_size: str, name: str) -> int:
    """Merge into `ours`, as git asks of a merge driver.

    Parameters
    ----------
    base, ours, theirs
        Temporary files that git has made; `base` is empty when both sides have added the notebook.
    marker_size
        How long conflict markers are, for what is merged as text.
    name
        The notebook's path in the repository.

    Returns
    -------
    int
        0, or 1 when conflicts are left in the file.
    """
    try:
        sides = [_notebook(file, name) for file in (ours, theirs)]
        common = _notebook(base, name) if base.stat().st_size else _empty(sides[0])
    except MlopsError as error:
        _tell(f"{error.message}; merged as text")
        words = ["git", "merge-file", "--marker-size", marker_size, "-L", "ours", "-L", "base", "-L", "theirs"]
        return 1 if subprocess.run([*words, ours, base, theirs], check=False).returncode else 0
    try:
        merged, conflicts = _merged(common, sides, [str(base), str(ours), str(theirs)])
    except Exception as error:  # noqa: BLE001 -- whatever nbdime stumbles over, git must be left with a notebook
        _tell(f"nbdime cannot merge {name} ({_in_short(error)}), so it holds your side alone")
        _tell(f"to take the other side: git checkout --theirs -- {name}")
        return 1
    ours.write_bytes(dumps(merged))
    if conflicts:
        _tell(f"{name} has conflicts: they are marked in its cells, and it can be opened")
    return 1 if conflicts else 0


def _merged(common: Any, sides: Sequence[Any], names: list[str]) -> tuple[Any, bool]:
    parser = ConfigBackedParser("git-nbmergedriver")
    add_generic_args(parser)
    add_diff_args(parser)
    add_merge_args(parser)
    add_filename_args(parser, ["base", "local", "remote"])
    options = parser.parse_args(names)
    process_diff_flags(options)
    # It warns of strategies that its own defaults name and it does not know; conflicts are told by us.
    logger.setLevel(logging.ERROR)
    merged, decisions = merge_notebooks(common, *sides, options)
    _mend_ids(merged)
    if not isvalid(merged) and all(map(isvalid, sides)):
        raise ValueError("what it made is no valid notebook")
    return merged, any(decision.conflict for decision in decisions)


def _notebook(file: Path, name: str) -> Any:
    content = file.read_bytes()
    read(content, name)
    # Not nbformat.read: it gives cells without an id a random one, another on each side.
    return reads(content.decode("utf-8-sig"))


def _empty(like: Any) -> Any:
    return nbformat.from_dict({"nbformat": 4, "nbformat_minor": like.nbformat_minor, "metadata": {}, "cells": []})


def _mend_ids(notebook: Any) -> None:
    """Give each cell an id of its own; nbdime leaves both ids in a cell that it made of two."""
    if notebook.nbformat_minor < _WITH_IDS:
        return
    seen: set[str] = set()
    for cell in notebook.cells:
        ident = cell.get("id")
        if isinstance(ident, dict):
            ident = ident.get("local_id")
        if not isinstance(ident, str) or ident in seen:
            ident = uuid.uuid4().hex[:8]
        cell["id"] = ident
        seen.add(ident)


def diff(words: list[str]) -> int:
    """Show a change, as git asks of an external diff: its words are the path, and each side's file, blob and mode."""
    name, *rest = words
    if len(words) == _UNMERGED_WORDS:
        sys.stdout.write(f"* Unmerged path {name}\n")
        return 0
    old, new = Path(rest[0]), Path(rest[3])
    coloured = sys.stdout.isatty() or "GIT_PAGER_IN_USE" in os.environ
    try:
        for file in (old, new):
            if str(file) != os.devnull:
                read(file.read_bytes(), name)
        diffdriver.main(["diff", *([] if coloured else ["--no-color"]), *words])
    except MlopsError as error:
        return _diff_as_text(error.message, old, new)
    except Exception as error:  # noqa: BLE001 -- nbdime may stumble over this one; git has more files to show
        return _diff_as_text(f"nbdime cannot show {name} ({_in_short(error)})", old, new)
    # git takes anything else for the end of the whole command.
    return 0


def _diff_as_text(reason: str, old: Path, new: Path) -> int:
    _tell(f"{reason}; shown as text")
    subprocess.run(["git", "diff", "--no-index", "--no-ext-diff", "--", old, new], check=False)
    return 0


def _in_short(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _tell(sentence: str) -> None:
    sys.stderr.write(f"mlops: {sentence}\n")
    sys.stderr.flush()


def main(words: list[str]) -> int:
    """Do what git asks; ``check`` only tells that it starts."""
    if words == ["check"]:
        return 0
    if words[0] == "diff":
        return diff(words[1:])
    base, ours, theirs, marker_size, name = words[1:]
    return merge(Path(base), Path(ours), Path(theirs), marker_size, name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
