"""Trees and commits made beside the user's work: in an index of their own, which is thrown away."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ...errors import NotFound
from .command import GitRefused, git

# A shared index would be written beside the user's; a file is taken as it is, whatever its line ends may become.
_APART = ("-c", "core.splitIndex=false", "-c", "core.safecrlf=false", "-c", "advice.addEmbeddedRepo=false")
_TOP_AND_INDEX = 2
# Whom a commit is by where git knows nobody: in a container, on a fresh machine.
NOBODY = "mlops-jupyter"
_NOBODY = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", NOBODY), ("EMAIL", "mlops-jupyter@localhost"))
}


def path_in(top: Path, path: Path) -> str:
    """Return a path as git says it; links on the way to the repository are followed, the file's own is not."""
    return (path.parent.resolve() / path.name).relative_to(top.resolve()).as_posix()


def top_of(directory: Path) -> Path | None:
    """Return the working tree's top, ``None`` outside a repository or in one that has no working tree."""
    try:
        said = git(directory, "rev-parse", "--show-toplevel")
    except GitRefused:
        return None
    told = said.decode(errors="surrogateescape").rstrip("\n")
    return Path(told) if told else None


class Place(NamedTuple):
    """Where somebody stands: the working tree's top, the index, and the commit, ``None`` before the first one."""

    top: Path
    users_index: Path
    head: str | None


def place_of(directory: Path) -> Place:
    """Ask git once for all of it; raises `NotFound` where there is no working tree."""
    try:
        said = git(directory, "rev-parse", "--show-toplevel", "--git-path", "index", "--revs-only", "HEAD")
    except GitRefused as refused:
        raise NotFound(f"{directory} is in no git repository that has files", "git init") from refused
    lines = said.decode(errors="surrogateescape").splitlines()
    if len(lines) < _TOP_AND_INDEX:
        raise NotFound(f"{directory} is in no git repository that has files", "git init")
    return Place(Path(lines[0]), directory / lines[1], lines[2] if len(lines) > _TOP_AND_INDEX else None)


@contextmanager
def other_index(users: Path | None = None) -> Iterator[dict[str, str]]:
    """Yield the variables by which git works with an index of its own, empty or at first the same as the user's."""
    with tempfile.TemporaryDirectory(prefix="mlops-index-") as folder:
        index = Path(folder) / "index"
        if users is not None and users.exists():
            # With its time: git tells by it which files may have changed since without their times telling.
            shutil.copy2(users, index)
        yield {"GIT_INDEX_FILE": str(index)}


def add_tracked(top: Path, index: Mapping[str, str], without: Sequence[str] = ()) -> None:
    """Take all tracked files as the working tree has them, but for some paths; also in a conflict."""
    left_out = [f":(top,exclude,literal){path}" for path in without]
    git(top, *_APART, "add", "--update", "--", ":(top)", *left_out, environment=index)


def add_files(top: Path, index: Mapping[str, str], files: Sequence[str]) -> None:
    """Take some files as the working tree has them, ignored ones too."""
    git(top, *_APART, "--literal-pathspecs", "add", "--force", "--", *files, environment=index)


def put(top: Path, index: Mapping[str, str], contents: Mapping[str, bytes]) -> None:
    """Put contents into the index, whatever is there under their paths."""
    entries = b""
    for path, content in contents.items():
        blob = git(top, "hash-object", "-w", "--stdin", content=content).strip()
        entries += b"100644 " + blob + b"\t" + path.encode(errors="surrogateescape") + b"\0"
    git(top, *_APART, "update-index", "--add", "--replace", "-z", "--index-info", content=entries, environment=index)


def write_tree(top: Path, index: Mapping[str, str]) -> str:
    """Return the tree that an index stands for."""
    return git(top, *_APART, "write-tree", environment=index).decode().strip()


def author(top: Path) -> str | None:
    """Return the name that git gives a commit of the user's here, ``None`` when it knows nobody."""
    try:
        return git(top, "var", "GIT_AUTHOR_IDENT").decode(errors="replace").rpartition(" <")[0]
    except GitRefused:
        return None


def commit_tree(top: Path, tree: str, parent: str | None, title: str, *, nobody: bool, seconds: int) -> str:
    """Make a commit that no ref names yet, at a second of the epoch, by the user or by nobody in particular."""
    words = ["commit-tree", tree, *(() if parent is None else ("-p", parent)), "-F", "-"]
    date = f"@{seconds} +0000"
    environment = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date, **(_NOBODY if nobody else {})}
    return git(top, *words, content=title.encode(errors="replace"), environment=environment).decode().strip()
