"""Version control: what is there, what is kept, what is published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from ..records import Checkout
from .tracking import ServedPage


class SourceControl(Protocol):
    """A version control system, read only."""

    def checkout(self, directory: Path, file: Path | None) -> Checkout | None:
        """Describe the repository around a directory, ``None`` outside one; ``file`` counts in ``dirty``."""


class GitPlace(NamedTuple):
    """A working tree: its top, the file of the repository's own settings, and how many working trees share it."""

    top: Path
    config: str
    worktrees: int


class GitSetup(Protocol):
    """The settings of the git repository around a directory. What git refuses raises `ConfigurationError`."""

    def place(self, directory: Path) -> GitPlace | None:
        """Describe the working tree around a directory, ``None`` outside one."""

    def setting(self, directory: Path, name: str) -> tuple[str, str] | None:
        """Return the value of a setting that holds here, and the file it stands in."""

    def write_setting(self, directory: Path, name: str, value: str) -> None:
        """Write into the repository's own settings."""

    def attributes(self, file: Path, names: Sequence[str]) -> Mapping[str, str]:
        """Return which of these attributes a file has, or would have."""


class SecretMatch(NamedTuple):
    """Where in a text a secret stands, in bytes, and of what kind it is in a few words."""

    kind: str
    start: int
    end: int


class SecretScanner(Protocol):
    """Finds tokens, keys and passwords in text, on this machine alone."""

    def prepare(self) -> None:
        """Begin, in another process, what the first scan on a machine would take seconds for."""

    def scan(self, content: bytes) -> tuple[SecretMatch, ...]:
        """Return what looks like a secret, in order; no two overlap."""


_SHOWN_HASH = 12


class StoredSnapshot(NamedTuple):
    """A commit that holds versions of notebooks; ``ref`` names a snapshot's own ref, and is empty for a commit.

    ``path`` is where the notebook that was asked for lies in it, relative to the repository's top, with ``/``; it is
    ``changed`` where the next older snapshot, or the commit below this one, holds another of it, or none.
    """

    commit: str
    ref: str
    time: datetime
    title: str
    author: str
    path: str = ""
    changed: bool = True

    @property
    def kind(self) -> Literal["commit", "snapshot"]:
        """Which of the two it is."""
        return "snapshot" if self.ref else "commit"

    @property
    def short(self) -> str:
        """The beginning of its hash, by which it is named."""
        return self.commit[:_SHOWN_HASH]


class Snapshots(Protocol):
    """Versions of a project's files in its version control system.

    ``directory`` is anywhere in the working tree. Nothing of the user's is ever touched: index, HEAD, branches,
    stash, hooks, reflogs and working tree stay as they are. Errors: `ConfigurationError` when the system is not
    installed or refuses the repository, `NotFound` for a version or path that is not there.
    """

    def top(self, directory: Path) -> Path | None:
        """Return the working tree's top, ``None`` outside a repository or in one that has no working tree."""

    def take(
        self, directory: Path, notebooks: Mapping[Path, bytes], title: str, *, project: Path | None = None
    ) -> tuple[StoredSnapshot, bool]:
        """Keep notebooks with this content, and all tracked files as they are, for the project with this root.

        Say whether it is a new one.
        """

    def resolve(self, directory: Path, name: str) -> StoredSnapshot | None:
        """Return the snapshot or commit that a name means, a snapshot's own hash first; ``None`` for no such one."""

    def read(self, directory: Path, commit: str, path: str) -> bytes:
        """Return a file's content in a commit; ``path`` is relative to the working tree's top, with ``/``."""

    def notebooks(self, directory: Path, commit: str) -> tuple[str, ...]:
        """Return the paths of the notebooks in a commit, relative to the working tree's top, with ``/``."""

    def commits_of(self, directory: Path, path: Path, limit: int | None = None) -> tuple[StoredSnapshot, ...]:
        """Return the commits that changed a file, newest first, with its ``path`` in each.

        Renames are followed, also one that is in no commit yet.
        """

    def taken(
        self, directory: Path, notebook: Path | None = None, *, project: Path | None = None
    ) -> tuple[StoredSnapshot, ...]:
        """Return all snapshots, newest first, or those that hold a notebook, with its ``path`` in them.

        With a project's root, those that it has taken.
        """

    def export(self, directory: Path, commit: str, target: Path) -> tuple[str, ...]:
        """Write a commit's files into an empty directory, and say in sentences what is missing there."""

    def forget(self, directory: Path, snapshots: Sequence[StoredSnapshot]) -> None:
        """Let go of snapshots; the system removes their content in its own time."""


class NotebookDiffer(Protocol):
    """Tells which cells are alike, where no id tells which is which."""

    def align(self, before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
        """Return which of the first cells is which of the second, both rising."""


class WebDiff(Protocol):
    """Web pages that show two versions of a notebook."""

    def open(self, before: bytes, after: bytes, server_url: str | None) -> ServedPage:
        """Return a page that can be opened now, also through the Jupyter server of that base path."""


class Pushed(NamedTuple):
    """What a remote said to a push, and whether it took the push's options."""

    said: str
    options_taken: bool


class Publishing(Protocol):
    """Brings commits to a remote for others to look at; nothing of the user's is touched, as with `Snapshots`."""

    def branch(self, directory: Path) -> str | None:
        """Return the branch that the user stands on, if on one."""

    def remote_url(self, directory: Path, remote: str) -> str:
        """Return a remote's address; raises `NotFound` for no such remote."""

    def default_branch(self, directory: Path, remote: str) -> str:
        """Return the branch that a remote itself stands on."""

    def commit(
        self, directory: Path, files: Sequence[Path] | None, contents: Mapping[Path, bytes], title: str
    ) -> tuple[str, bool]:
        """Make a commit upon HEAD of some files, or of all tracked ones; say whether it differs from HEAD."""

    def changed(self, directory: Path, base: str, commit: str) -> tuple[str, ...]:
        """Return the files that a commit has changed since it and another parted, relative to the top."""

    def who(self, directory: Path) -> str | None:
        """Return what tells the user from others in an e-mail address: the part before the @, if one is set."""

    def brought_along(self, directory: Path, remote: str, commit: str, at_most: int) -> Iterator[tuple[str, bytes]]:
        """Yield the files of so many bytes at the most in the commits below that a push brings along, and contents."""

    def push(
        self, directory: Path, remote: str, commit: str, branch: str, options: Sequence[str], *, replace: bool
    ) -> Pushed:
        """Push a commit to a branch; what was pushed there from here before may be replaced, and nothing else.

        Errors: `Rejected` with the remote's words, `Unauthorized`, `Unavailable`; `Conflict` where a branch that may be
        replaced has something that was not pushed from here.
        """


class Proposal(NamedTuple):
    """What a merge request says; ``text`` is Markdown."""

    branch: str
    target: str
    title: str
    text: str
    draft: bool = False


class CodeReview(Protocol):
    """A host of merge requests, told by the address of a git remote."""

    def push_options(self, proposal: Proposal) -> tuple[str, ...]:
        """Return the options of ``git push`` that open the merge request, none where the host knows no such options."""

    def open(self, proposal: Proposal, token: str) -> str:
        """Open the merge request, or find the one that is open, write the text on it, and return its page.

        Errors: `Unauthorized`, `Rejected`, `Unavailable`.
        """

    def note(self, number: int, mark: str, text: str, token: str) -> str:
        """Write a note on a merge request, or write the one anew that begins with the same mark; return its page.

        Errors: as of `open`.
        """

    def page(self, proposal: Proposal) -> str | None:
        """Return the page on which a person can open the merge request, if it can be told."""
