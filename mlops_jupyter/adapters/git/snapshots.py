"""Snapshots as commits under a private ref: ``refs/mlops/snapshots/<tree>-<parent>``.

The ref's name says what the commit holds, so that the same state is kept once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from ...errors import ConfigurationError, Conflict, NotFound
from ...protocols import StoredSnapshot
from .command import GitRefused, git
from .trees import NOBODY, add_tracked, author, commit_tree, other_index, path_in, place_of, put, top_of, write_tree

REFS = "refs/mlops/snapshots/"
_SHORTEST = 4
_ROOT = "root"
_FIELDS = 5
_SUBMODULE = b"160000 "
_NOTEBOOK = ".ipynb"


class GitSnapshots:
    """The snapshots in the repository around a directory."""

    def top(self, directory: Path) -> Path | None:
        """Return the working tree's top."""
        return top_of(directory)

    def take(self, directory: Path, notebooks: Mapping[Path, bytes], title: str) -> tuple[StoredSnapshot, bool]:
        """Keep notebooks with this content, and all tracked files as they are; say whether it is a new snapshot."""
        top, users_index, parent = place_of(directory)
        contents = {path_in(top, path): content for path, content in notebooks.items()}
        try:
            with other_index(users_index) as index:
                add_tracked(top, index, without=list(contents))
                put(top, index, contents)
                tree = write_tree(top, index)
        except GitRefused as refused:
            raise ConfigurationError(
                f"git cannot take the files of {top} as they are: {refused}", "git status"
            ) from refused
        ref = f"{REFS}{tree[:16]}-{_ROOT if parent is None else parent[:8]}"
        if (known := self._named(top, ref)) is not None:
            return known, False
        who, seconds = _author(top), int(time.time())
        commit = commit_tree(top, tree, parent, title, nobody=who is None, seconds=seconds)
        try:
            git(top, "update-ref", ref, commit, "0" * len(commit))
        except GitRefused:
            # Another process has taken the same one meanwhile.
            known = self._named(top, ref)
            if known is None:
                raise
            return known, False
        first = title.strip().partition("\n")[0]
        return StoredSnapshot(commit, ref, datetime.fromtimestamp(seconds, UTC), first, who or NOBODY), True

    def resolve(self, directory: Path, name: str) -> StoredSnapshot | None:
        """Return the snapshot or commit that a name means, a snapshot's own hash first."""
        top = self._top(directory)
        found = []
        if len(name) >= _SHORTEST:
            found = [one for one in self.taken(directory) if one.commit.startswith(name.lower()) or one.ref == name]
        if len(found) > 1:
            several = ", ".join(one.commit[:12] for one in found)
            raise Conflict(f"{name} may be any of the snapshots {several}", "write more of it")
        if found:
            return found[0]
        try:
            commit = (
                git(top, "rev-parse", "--quiet", "--verify", "--end-of-options", f"{name}^{{commit}}").decode().strip()
            )
            # With an option's end in front of it, git tells that as well.
            return _commit(git(top, "log", "-1", "-z", _FORMAT, commit.splitlines()[-1]))
        except GitRefused:
            return None

    def read(self, directory: Path, commit: str, path: str) -> bytes:
        """Return a file's content in a commit, as a checkout would write it."""
        try:
            return git(self._top(directory), "cat-file", "--filters", f"{commit}:{path}")
        except GitRefused as refused:
            raise NotFound(
                f"there is no {path} in {commit[:12]}", f"git ls-tree -r --name-only {commit[:12]}"
            ) from refused

    def notebooks(self, directory: Path, commit: str) -> tuple[str, ...]:
        """Return the paths of the notebooks in a commit."""
        try:
            told = git(self._top(directory), "ls-tree", "-r", "-z", "--name-only", "--full-tree", commit)
        except GitRefused as refused:
            raise NotFound(f"there is no commit {commit[:12]}: {refused}", "mlops history") from refused
        return tuple(path for path in _texts(told) if path.endswith(_NOTEBOOK))

    def commits_of(self, directory: Path, path: Path, limit: int) -> tuple[StoredSnapshot, ...]:
        """Return the commits that changed a file, newest first, renames followed."""
        top = self._top(directory)
        if place_of(top).head is None:
            return ()
        told = git(
            top, "--literal-pathspecs", "log", "--follow", f"--max-count={limit}", "--name-only", "-z", _FORMAT, "--",
            path_in(top, path),
        )  # fmt: skip
        return tuple(_commits(told))

    def taken(self, directory: Path, notebook: Path | None = None) -> tuple[StoredSnapshot, ...]:
        """Return all snapshots, newest first, or those that hold a notebook."""
        top = self._top(directory)
        found = [
            _stored(line.split("\0"))
            for line in git(top, "for-each-ref", "--sort=-committerdate", _REF_FORMAT, REFS)
            .decode(errors="replace")
            .splitlines()
        ]
        if notebook is None or not found:
            return tuple(found)
        path = path_in(top, notebook)
        asked = "".join(f"{one.commit}:{path}\n" for one in found).encode(errors="surrogateescape")
        answers = git(top, "cat-file", "--batch-check=%(objecttype)", content=asked).splitlines()
        return tuple(one._replace(path=path) for one, answer in zip(found, answers, strict=True) if answer == b"blob")

    def export(self, directory: Path, commit: str, target: Path) -> tuple[str, ...]:
        """Write a commit's files into an empty directory, as a checkout would, and say what is missing there."""
        top = self._top(directory)
        try:
            with other_index() as index:
                git(top, "read-tree", commit, environment=index)
                git(top, "checkout-index", "--all", "--force", "--quiet", f"--prefix={target}/", environment=index)
        except GitRefused as refused:
            raise NotFound(f"{commit[:12]} cannot be written to {target}: {refused}", "mlops history") from refused
        listed = git(top, "ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0")
        modules = [line.partition(b"\t")[2].decode(errors="replace") for line in listed if line.startswith(_SUBMODULE)]
        return tuple(f"the submodule {path} is not in it" for path in modules)

    def forget(self, directory: Path, snapshots: Sequence[StoredSnapshot]) -> None:
        """Delete snapshots' refs; git removes what they hold in its own time."""
        deletes = "".join(f"delete {one.ref}\0{one.commit}\0" for one in snapshots)
        if deletes:
            git(self._top(directory), "update-ref", "--stdin", "-z", content=deletes.encode())

    def _named(self, top: Path, ref: str) -> StoredSnapshot | None:
        told = git(top, "for-each-ref", "--count=1", _REF_FORMAT, ref).decode(errors="replace").rstrip("\n")
        return _stored(told.split("\0")) if told else None

    def _top(self, directory: Path) -> Path:
        top = top_of(directory)
        if top is None:
            raise NotFound(f"{directory} is in no git repository that has files", "git init")
        return top


# Who the user is does not change while a kernel lives, and to ask is a process more for each snapshot.
_author = cache(author)
_FORMAT = "--format=%x01%H%x00%x00%ct%x00%an%x00%s"
_REF_FORMAT = "--format=%(objectname)%00%(refname)%00%(committerdate:unix)%00%(authorname)%00%(contents:subject)"


def _stored(fields: Sequence[str]) -> StoredSnapshot:
    commit, ref, seconds, author, title = fields[:_FIELDS]
    return StoredSnapshot(commit, ref, datetime.fromtimestamp(int(seconds), UTC), title, author)


def _commit(told: bytes) -> StoredSnapshot:
    return next(_commits(told))


def _commits(told: bytes) -> Iterator[StoredSnapshot]:
    """Read commits, each with the path that the file has in it, if paths were asked for."""
    for one in told.decode(errors="surrogateescape").split("\x01")[1:]:
        fields = one.split("\0")
        path = next((field.lstrip("\n") for field in fields[_FIELDS:] if field.strip("\n")), "")
        yield _stored(fields)._replace(path=path)


def _texts(told: bytes) -> list[str]:
    return [one.decode(errors="surrogateescape") for one in told.split(b"\0") if one]
