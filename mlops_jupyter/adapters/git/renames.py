"""A rename of a notebook that is not committed yet, which git's own history does not follow."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

from .command import git

_RENAMED = re.compile(r"R\d+")
_NOTEBOOKS = "*.ipynb"
_NEW = "new"


def renamed_from(top: Path, head: str, path: str) -> str | None:
    """Return the path that a notebook has in the last commit, where it has another now; ``None`` where git sees none.

    Git itself tells whether it is one of the notebooks that are gone from the working tree, as it does for a commit.
    """
    file = top / path
    if not file.is_file() or git(top, "--literal-pathspecs", "ls-tree", "--full-tree", "--name-only", head, "--", path):
        return None
    told = git(top, "diff", "--raw", "-z", "--no-abbrev", "--no-renames", "--diff-filter=D", head, "--", _NOTEBOOKS)
    # Of each its modes and hashes, then its path.
    gone = [(fields.split()[2].decode(), path) for fields, path in _pairs(told)]
    if not gone:
        return None
    own = git(top, "hash-object", "-w", "--stdin", f"--path={path}", content=file.read_bytes()).decode().strip()
    before = _tree(top, {str(number): blob for number, (blob, _) in enumerate(gone)})
    found = git(top, "diff-tree", "-M", "-z", "--name-status", before, _tree(top, {_NEW: own})).decode().split("\0")
    return next((gone[int(one)][1] for kind, one in pairwise(found) if _RENAMED.fullmatch(kind)), None)


def _pairs(told: bytes) -> list[tuple[bytes, str]]:
    fields = told.split(b"\0")
    return [(one, path.decode(errors="surrogateescape")) for one, path in zip(fields[::2], fields[1::2], strict=False)]


def _tree(top: Path, blobs: dict[str, str]) -> str:
    content = "".join(f"100644 blob {blob}\t{name}\n" for name, blob in blobs.items()).encode()
    return git(top, "mktree", content=content).decode().strip()
