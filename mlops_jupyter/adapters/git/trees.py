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

# Whom a commit is by where git knows nobody: in a container, on a fresh machine.
NOBODY = "mlops-jupyter"
_NOBODY = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", NOBODY), ("EMAIL", "mlops-jupyter@localhost"))
}
# What git says of a directory that is in no working tree. A repository that is damaged is another matter.
_NO_TREE = ("not a git repository (or any", "must be run in a work tree", "cannot change to")
_AFTER_TOP, _AFTER_INDEX = "--end-of-top", "--end-of-index"


class WorkingTree(NamedTuple):
    """Where a working tree is, at which commit, and whether some folders may be left out of it."""

    top: Path
    index_file: Path
    head: str | None
    sparse: bool


def tree_of(directory: Path) -> WorkingTree | None:
    """Return the working tree around a directory, ``None`` outside a repository or in one that has none."""
    try:
        # Words that git does not know, it repeats: they part the answers, which may have line ends of their own.
        said = git(
            directory, "rev-parse", "--show-toplevel", _AFTER_TOP, "--git-path", "index", _AFTER_INDEX,
            "--revs-only", "HEAD^{commit}",
        )  # fmt: skip
    except GitRefused as refused:
        if any(words in refused.words for words in _NO_TREE):
            return None
        raise
    top, _, rest = said.decode(errors="surrogateescape").partition(f"\n{_AFTER_TOP}\n")
    index, _, head = rest.partition(f"\n{_AFTER_INDEX}\n")
    users = directory / index
    left_out = users.parent / "info" / "sparse-checkout"
    return WorkingTree(Path(top), users, head.strip() or None, left_out.exists())


def top_of(directory: Path) -> Path | None:
    """Return the working tree's top, ``None`` outside a repository or in one that has no working tree."""
    tree = tree_of(directory)
    return None if tree is None else tree.top


def needed_tree(directory: Path) -> WorkingTree:
    """Return the working tree around a directory.

    Raises
    ------
    NotFound
        Outside a repository, or in one that has no working tree.
    """
    tree = tree_of(directory)
    if tree is None:
        raise NotFound(f"{directory} is in no git repository that has files", "git init")
    return tree


def path_in(top: Path, path: Path) -> str:
    """Return a path as git says it; links on the way to the repository are followed, the file's own is not.

    Raises
    ------
    NotFound
        When the path is not the repository's: it lies outside, or in another one inside, such as a submodule.
    """
    real = path.parent.resolve() / path.name
    if not real.is_relative_to(top):
        raise NotFound(f"{path} lies outside the git repository {top}", f"cd {path.parent}")
    for above in real.parents:
        if above == top:
            break
        if (above / ".git").exists():
            raise NotFound(f"{path} belongs to the git repository {above}, not to {top}", f"cd {above}")
    return real.relative_to(top).as_posix()


@contextmanager
def other_index(begins_as: Path | None = None) -> Iterator[dict[str, str]]:
    """Yield the variables by which git works with an index of its own, empty or a copy of another."""
    with tempfile.TemporaryDirectory(prefix="mlops-index-") as folder:
        index = Path(folder) / "index"
        if begins_as is not None and begins_as.exists():
            # With its time: git tells by it which files may have changed since without their times telling.
            shutil.copy2(begins_as, index)
        yield {"GIT_INDEX_FILE": str(index)}


def add_tracked(top: Path, index: Mapping[str, str], *, sparse: bool, without: Sequence[str] = ()) -> None:
    """Take all tracked files as the working tree has them, but for some paths; also in a conflict.

    Of folders that are left out of the working tree (`sparse`) it takes the files that are there all the same.
    """
    left_out = [f":(top,exclude,literal){path}" for path in without]
    words = ("add", "--update", *(("--sparse",) if sparse else ()), "--", ":(top)", *left_out)
    git(top, *words, environment=index)


def add_files(top: Path, index: Mapping[str, str], files: Sequence[str]) -> None:
    """Take some files as the working tree has them, ignored ones too."""
    listed = "\0".join(files).encode(errors="surrogateescape")
    words = ("--literal-pathspecs", "add", "--force", "--pathspec-from-file=-", "--pathspec-file-nul")
    git(top, *words, content=listed, environment=index)


def put(top: Path, index: Mapping[str, str], contents: Mapping[str, bytes], *, filtered: bool = False) -> None:
    """Put contents into the index, whatever is there under their paths.

    Parameters
    ----------
    top
        The working tree's top.
    index
        The variables of the index.
    contents
        The contents by their paths.
    filtered
        Whether they go through the filters that git has for these paths.
    """
    entries = b""
    for path, content in contents.items():
        way = (f"--path={path}",) if filtered else ()
        blob = git(top, "hash-object", "-w", "--stdin", *way, content=content).strip()
        entries += b"100644 " + blob + b"\t" + path.encode(errors="surrogateescape") + b"\0"
    if entries:
        git(top, "update-index", "--add", "--replace", "-z", "--index-info", content=entries, environment=index)


def write_tree(top: Path, index: Mapping[str, str]) -> str:
    """Return the tree that an index stands for."""
    return git(top, "write-tree", environment=index).decode().strip()


def author(top: Path) -> str | None:
    """Return the name that git gives a commit of the user's here, ``None`` when it knows nobody."""
    known = identity(top)
    return None if known is None else known[0]


def identity(directory: Path) -> tuple[str, str] | None:
    """Return the name and the address that git gives a commit of the user's here, ``None`` when it knows nobody."""
    try:
        told = git(directory, "var", "GIT_AUTHOR_IDENT").decode(errors="replace")
    except GitRefused:
        return None
    name, _, rest = told.rpartition(" <")
    return name, rest.partition(">")[0]


def commit_tree(top: Path, tree: str, parent: str | None, title: str, *, nobody: bool, seconds: int) -> str:
    """Make a commit that no ref names yet, at a second of the epoch, by the user or by nobody in particular."""
    words = ["commit-tree", tree, *(() if parent is None else ("-p", parent)), "-F", "-"]
    date = f"@{seconds} +0000"
    environment = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date, **(_NOBODY if nobody else {})}
    # What no commit can hold.
    content = title.replace("\0", " ").encode(errors="replace")
    return git(top, *words, content=content, environment=environment).decode().strip()
