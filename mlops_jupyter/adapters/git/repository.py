"""git, read only, through its own command."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ...capabilities.redaction import without_credentials
from ...errors import ConfigurationError
from ...records import Checkout
from .command import git

# A repository on a sleeping network drive must not hold up a run.
_TIMEOUT_S = 10.0


class GitRepository:
    """The git repository around a directory."""

    def checkout(self, directory: Path, file: Path | None = None) -> Checkout | None:
        """Describe the repository around a directory.

        Untracked files are not listed, which is slow in large repositories; only `file` is asked for by name.

        Parameters
        ----------
        directory
            Where to stand.
        file
            A file that makes the checkout dirty also when git does not know it.

        Returns
        -------
        Checkout or None
            ``None`` outside a repository, in one that git refuses to read, or without git.
        """
        status = _git(directory, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
        # Asked in this order: a directory that is in no repository yet may be in one later.
        root = None if status is None else _top(directory)
        if status is None or root is None:
            return None
        headers, changes = {}, 0
        for line in status.splitlines():
            if line.startswith("# "):
                key, _, value = line[2:].partition(" ")
                headers[key] = value
            else:
                changes += 1
        commit, branch = headers.get("branch.oid"), headers.get("branch.head")
        unknown = changes == 0 and file is not None and _git(directory, "ls-files", "--", str(file)) == ""
        return Checkout(
            root=root,
            commit=None if commit == "(initial)" else commit,
            branch=None if branch == "(detached)" else branch,
            dirty=changes > 0 or unknown,
            remote=_remote(directory, branch, _config_age(root)),
        )


@cache
def _top(directory: Path) -> str | None:
    said = _git(directory, "rev-parse", "--show-toplevel")
    return said.strip() if said else None


def _config_age(root: str) -> int | None:
    """Return when the repository's settings were changed last; a worktree's are elsewhere, and not looked at."""
    try:
        return (Path(root) / ".git" / "config").stat().st_mtime_ns
    except OSError:
        return None


@cache
def _remote(directory: Path, branch: str | None, config_age: int | None) -> str | None:  # noqa: ARG001 -- a cache's key
    name = _git(directory, "config", "--get", f"branch.{branch}.remote") if branch else None
    url = _git(directory, "remote", "get-url", (name or "origin").strip())
    return without_credentials(url.strip()) if url and url.strip() else None


def _git(directory: Path, *arguments: str) -> str | None:
    """Return what git said, ``None`` when it refused, was too slow, or is not installed."""
    try:
        return git(directory, *arguments, timeout_s=_TIMEOUT_S).decode(errors="replace")
    except ConfigurationError:
        return None
