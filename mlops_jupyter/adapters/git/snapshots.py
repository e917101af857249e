"""Snapshots as commits under a private ref: ``refs/mlops/snapshots/<tree>-<parent>``.

The ref's name says what the commit holds, so that the same state is kept once. Of a project below the repository's top
it says too whose it is: several projects may share a repository, and each lets go of its own snapshots.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from ...errors import ConfigurationError, Conflict, NotFound
from ...protocols import StoredSnapshot
from .command import GitRefused, git
from .renames import renamed_from
from .trees import NOBODY, add_tracked, author, commit_tree, needed_tree, other_index, path_in, put, top_of, write_tree

REFS = "refs/mlops/snapshots/"
_SHORTEST = 4
_ROOT = "root"
_FIELDS = 5
_SUBMODULE = b"160000 "
_NOTEBOOK = ".ipynb"
# What stands before it in the name of a ref.
_OWNER = re.compile(r"[^-]*-[^-]*")
_HASH = re.compile(r"[0-9a-f]{40,64}")
_ONE_COMMIT = re.compile(r"\x01[0-9a-f]{40,64}")
# What git says when a commit has no such path, or there is no such commit.
_NOT_THERE = ("does not exist in", "exists on disk, but not in", "Not a valid object name", "invalid object name")


class GitSnapshots:
    """The snapshots in the repository around a directory."""

    def top(self, directory: Path) -> Path | None:
        """Return the working tree's top."""
        return top_of(directory)

    def take(
        self, directory: Path, notebooks: Mapping[Path, bytes], title: str, *, project: Path | None = None
    ) -> tuple[StoredSnapshot, bool]:
        """Keep notebooks with this content, and all tracked files as they are; say whether it is a new snapshot."""
        top, users, parent, sparse = needed_tree(directory)
        contents = {path_in(top, path): content for path, content in notebooks.items()}
        try:
            with other_index(users) as index:
                add_tracked(top, index, sparse=sparse, without=list(contents))
                put(top, index, contents)
                tree = write_tree(top, index)
        except GitRefused as refused:
            raise ConfigurationError(
                f"git cannot take the files of {top} as they are: {refused.words}", "git status"
            ) from refused
        ref = f"{REFS}{tree[:16]}-{_ROOT if parent is None else parent[:8]}{_whose(top, project)}"
        if (known := _named(top, ref)) is not None:
            return known, False
        who, seconds = _author(top), int(time.time())
        # In one line, as it is listed; what is no text, git could not tell again.
        title = " ".join(title.replace("\0", " ").encode(errors="replace").decode().split())
        commit = commit_tree(top, tree, parent, title, nobody=who is None, seconds=seconds)
        try:
            # Only where there is none yet.
            git(top, "update-ref", ref, commit, "0" * len(commit))
        except GitRefused:
            # Another process has taken the same one meanwhile.
            known = _named(top, ref)
            if known is None:
                raise
            return known, False
        return StoredSnapshot(commit, ref, datetime.fromtimestamp(seconds, UTC), title, who or NOBODY), True

    def resolve(self, directory: Path, name: str) -> StoredSnapshot | None:
        """Return the snapshot or commit that a name means, a snapshot's own hash first."""
        top = needed_tree(directory).top
        found = []
        if len(name) >= _SHORTEST:
            own = (name, f"{REFS}{name}")
            found = [one for one in _all(top) if one.commit.startswith(name.lower()) or one.ref in own]
        if len(found) > 1:
            several = ", ".join(one.commit[:12] for one in found)
            raise Conflict(f"{name} may be any of the snapshots {several}", "write more of it")
        if found:
            return found[0]
        if "\0" in name:
            return None
        try:
            told = git(top, "rev-parse", "--quiet", "--verify", "--end-of-options", f"{name}^{{commit}}")
        except GitRefused:
            return None
        # git 2.39 repeats the options' end before it.
        commit = told.decode(errors="replace").strip().rpartition("\n")[2]
        if _HASH.fullmatch(commit) is None:
            # As of `^main`, which means all but that.
            return None
        return next(_commits(git(top, "log", "-1", "-z", _FORMAT, commit)))

    def read(self, directory: Path, commit: str, path: str) -> bytes:
        """Return a file's content in a commit, as a checkout would write it."""
        try:
            return git(needed_tree(directory).top, "cat-file", "--filters", f"{commit}:{path}")
        except GitRefused as refused:
            if not any(words in refused.words for words in _NOT_THERE):
                # A filter's own failure, such as git-lfs without its file.
                raise
            raise NotFound(
                f"there is no {path} in {commit[:12]}", f"git ls-tree -r --name-only {commit[:12]}"
            ) from refused

    def notebooks(self, directory: Path, commit: str) -> tuple[str, ...]:
        """Return the paths of the notebooks in a commit."""
        try:
            told = git(needed_tree(directory).top, "ls-tree", "-r", "-z", "--name-only", "--full-tree", commit)
        except GitRefused as refused:
            raise NotFound(f"there is no commit {commit[:12]}: {refused.words}", "mlops history") from refused
        return tuple(path for path in _texts(told) if path.endswith(_NOTEBOOK))

    def commits_of(self, directory: Path, path: Path, limit: int | None = None) -> tuple[StoredSnapshot, ...]:
        """Return the commits that changed a file but for one that deleted it, newest first, renames followed."""
        top, _, head, _ = needed_tree(directory)
        if head is None:
            return ()
        own = path_in(top, path)
        most = () if limit is None else (f"--max-count={limit}",)
        told = git(
            top, "--literal-pathspecs", "log", "--follow", "--diff-filter=d", *most, "--name-only",
            "-z", _FORMAT, "--", renamed_from(top, head, own) or own,
        )  # fmt: skip
        return tuple(_commits(told))

    def taken(
        self, directory: Path, notebook: Path | None = None, *, project: Path | None = None
    ) -> tuple[StoredSnapshot, ...]:
        """Return all snapshots, newest first, or those that hold a notebook, or that one project has taken."""
        top = needed_tree(directory).top
        found = _all(top)
        if project is not None:
            whose = _whose(top, project)
            found = [one for one in found if _OWNER.sub("", one.ref.removeprefix(REFS), count=1) == whose]
        if notebook is None or not found:
            return tuple(found)
        path = path_in(top, notebook)
        if "\n" in path:
            # What cat-file reads ends with the line.
            return tuple(one._replace(path=path) for one in found if _holds(top, one.commit, path))
        asked = "".join(f"{one.commit}:{path}\n{one.commit}^:{path}\n" for one in found)
        told = git(top, "cat-file", _BLOBS, content=asked.encode(errors="surrogateescape")).splitlines()
        # Of each the notebook's blob, and that of the commit below.
        blobs = [(own, below) for own, below in zip(told[::2], told[1::2], strict=True)]
        older = [own for own, _ in blobs[1:]] + [b""]
        return tuple(
            one._replace(path=path, changed=own not in (before, below))
            for one, (own, below), before in zip(found, blobs, older, strict=True)
            if own.startswith(b"blob ")
        )

    def export(self, directory: Path, commit: str, target: Path) -> tuple[str, ...]:
        """Write a commit's files into an empty directory, as a checkout would, and say what is missing there."""
        top = needed_tree(directory).top
        try:
            listed = git(top, "ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0")
        except GitRefused as refused:
            raise NotFound(f"there is no commit {commit[:12]}: {refused.words}", "mlops history") from refused
        # With a working tree of its own, so that the commit's own attributes say which filters its files go through.
        words = (f"--work-tree={target.resolve()}", "-c", "core.sparseCheckout=false", "read-tree", "-m", "-u", commit)
        try:
            with other_index() as index:
                git(top, *words, environment=index)
        except GitRefused as refused:
            raise ConfigurationError(
                f"git cannot write {commit[:12]} to {target}: {refused.words}", "git status"
            ) from refused
        modules = [line.partition(b"\t")[2].decode(errors="replace") for line in listed if line.startswith(_SUBMODULE)]
        return tuple(f"the submodule {path} is not in it" for path in modules)

    def forget(self, directory: Path, snapshots: Sequence[StoredSnapshot]) -> None:
        """Delete snapshots' refs; git removes what they hold in its own time."""
        top = needed_tree(directory).top
        # Another process may have let go of some already.
        there = {(one.ref, one.commit) for one in _all(top)}
        deletes = "".join(f"delete {one.ref}\0{one.commit}\0" for one in snapshots if (one.ref, one.commit) in there)
        if deletes:
            git(top, "update-ref", "--stdin", "-z", content=deletes.encode())


# Who the user is does not change while a kernel lives, and to ask is a process more for each snapshot.
_author = cache(author)
_BLOBS = "--batch-check=%(objecttype) %(objectname)"
_FORMAT = "--format=%x01%H%x00%x00%ct%x00%an%x00%s"
_REF_FORMAT = "--format=%(objectname)%00%(refname)%00%(committerdate:unix)%00%(authorname)%00%(contents:subject)"


def _stored(fields: Sequence[str]) -> StoredSnapshot:
    commit, ref, seconds, author, title = fields[:_FIELDS]
    return StoredSnapshot(commit, ref, datetime.fromtimestamp(int(seconds), UTC), title.strip(), author)


def _whose(top: Path, project: Path | None) -> str:
    """Return the end of the names of a project's refs: empty at the repository's top, and where none is told."""
    if project is None or (root := project.resolve()) == top.resolve() or not root.is_relative_to(top.resolve()):
        return ""
    return "-" + hashlib.sha256(root.relative_to(top.resolve()).as_posix().encode(errors="replace")).hexdigest()[:8]


def _all(top: Path) -> list[StoredSnapshot]:
    return _refs(git(top, "for-each-ref", "--sort=-committerdate", _REF_FORMAT, REFS))


def _named(top: Path, ref: str) -> StoredSnapshot | None:
    return next(iter(_refs(git(top, "for-each-ref", "--count=1", _REF_FORMAT, ref))), None)


def _refs(told: bytes) -> list[StoredSnapshot]:
    # Not `splitlines`, to which some letters of a title are a line's end.
    return [_stored(line.split("\0")) for line in told.decode(errors="replace").split("\n") if line]


def _holds(top: Path, commit: str, path: str) -> bool:
    return bool(git(top, "--literal-pathspecs", "ls-tree", "--full-tree", "--name-only", commit, "--", path))


def _commits(told: bytes) -> Iterator[StoredSnapshot]:
    """Read commits, each with the path that the file has in it, if paths were asked for."""
    fields = told.decode(errors="surrogateescape").split("\0")
    place = 0
    while place + _FIELDS <= len(fields):
        commit = _stored([fields[place].lstrip("\x01"), *fields[place + 1 : place + _FIELDS]])
        place += _FIELDS
        path = ""
        while place < len(fields) and _ONE_COMMIT.fullmatch(fields[place]) is None:
            path = path or fields[place].removeprefix("\n")
            place += 1
        yield commit._replace(path=path)


def _texts(told: bytes) -> list[str]:
    return [one.decode(errors="surrogateescape") for one in told.split(b"\0") if one]
