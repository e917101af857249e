"""Commits for others to look at: made beside the user's work, and pushed to a branch of a remote."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ...capabilities.redaction import redacted, without_credentials
from ...capabilities.remotes import hosted
from ...errors import ConfigurationError, Conflict, MlopsError, NotFound, Rejected, Unauthorized, Unavailable
from ...protocols import Pushed
from .command import GitRefused, git
from .trees import (
    add_files,
    add_tracked,
    author,
    commit_tree,
    identity,
    needed_tree,
    other_index,
    path_in,
    put,
    write_tree,
)

# A large push over a slow line.
_PUSH_S, _ASK_S = 600.0, 30.0
# Names what was pushed from here to branches of our own.
_OWN = "refs/mlops/pushed/"
_NO_OPTIONS = "does not support push options"
_DENIED = (
    "Authentication failed",
    "Permission denied",
    "could not read Username",
    "could not read Password",
    "returned error: 401",
    "returned error: 403",
)
_AWAY = (
    "Could not resolve host",
    "Could not read from remote repository",
    "Connection refused",
    "Connection timed out",
    "unable to access",
    "does not appear to be a git repository",
    "took longer than",
)


class GitPublishing:
    """Pushes from the repository around a directory."""

    def branch(self, directory: Path) -> str | None:
        """Return the branch that the user stands on, ``None`` with a detached HEAD."""
        try:
            return git(directory, "symbolic-ref", "--quiet", "--short", "HEAD").decode().strip()
        except GitRefused:
            return None

    def remote_url(self, directory: Path, remote: str) -> str:
        """Return the address that a remote is pushed to; if that names no host, the one that it is fetched from."""
        try:
            pushed = git(directory, "remote", "get-url", "--push", remote).decode().strip()
            return pushed if hosted(pushed) else git(directory, "remote", "get-url", remote).decode().strip()
        except GitRefused as refused:
            raise NotFound(f"there is no git remote {remote}", f"git remote add {remote} ADDRESS") from refused

    def default_branch(self, directory: Path, remote: str) -> str:
        """Return the branch that a remote itself stands on."""
        prefix = f"refs/remotes/{remote}/"
        try:
            told = git(directory, "symbolic-ref", "--quiet", f"{prefix}HEAD").decode().strip()
            return told.removeprefix(prefix)
        except GitRefused:
            # Only a clone notes it.
            pass
        try:
            told = git(directory, "ls-remote", "--symref", remote, "HEAD", timeout_s=_ASK_S).decode(errors="replace")
        except GitRefused as refused:
            raise _ours(refused, remote) from refused
        first = told.partition("\n")[0]
        if not first.startswith("ref: refs/heads/"):
            raise NotFound(f"the remote {remote} has no default branch yet", "name one: --target main")
        return first.removeprefix("ref: refs/heads/").split("\t")[0]

    def commit(
        self, directory: Path, files: Sequence[Path] | None, contents: Mapping[Path, bytes], title: str
    ) -> tuple[str, bool]:
        """Make a commit upon HEAD that no ref names; say whether it differs from HEAD.

        Parameters
        ----------
        directory
            Anywhere in the working tree.
        files
            Files to take as the working tree has them; ``None`` takes all tracked ones.
        contents
            Files to take with this content instead.
        title
            The commit's message.
        """
        top, users, head, sparse = needed_tree(directory)
        try:
            with other_index(users if files is None else None) as index:
                if files is None:
                    add_tracked(top, index, sparse=sparse, without=[path_in(top, file) for file in contents])
                elif head is not None:
                    git(top, "read-tree", head, environment=index)
                if files:
                    add_files(top, index, [path_in(top, file) for file in files])
                # Others get these: what git-lfs holds or git-crypt hides must not reach them as it is here.
                put(top, index, {path_in(top, file): content for file, content in contents.items()}, filtered=True)
                tree = write_tree(top, index)
        except GitRefused as refused:
            raise ConfigurationError(
                f"git cannot take the files of {top} as they are: {refused.words}", "git status"
            ) from refused
        if head is not None and git(top, "rev-parse", f"{head}^{{tree}}").decode().strip() == tree:
            return head, False
        nobody = author(top) is None
        return commit_tree(top, tree, head, title, nobody=nobody, seconds=int(time.time())), True

    def changed(self, directory: Path, base: str, commit: str) -> tuple[str, ...]:
        """Return the files that a commit has changed since it and another commit parted, relative to the top."""
        try:
            told = git(directory, "diff", "--name-only", "--no-relative", "-z", f"{base}...{commit}")
        except GitRefused:
            # They have nothing in common, or the base is not known here.
            told = git(directory, "ls-tree", "-r", "-z", "--name-only", "--full-tree", commit)
        return tuple(one.decode(errors="surrogateescape") for one in told.split(b"\0") if one)

    def who(self, directory: Path) -> str | None:
        """Return the part before the @ of the user's address, if git knows one."""
        known = identity(directory)
        return None if known is None else known[1].partition("@")[0] or None

    def brought_along(self, directory: Path, remote: str, commit: str, at_most: int) -> Iterator[tuple[str, bytes]]:
        """Yield what files were in the commits below that the remote, as far as is known here, does not have yet.

        Those of more bytes than `at_most` are left out.
        """
        parents = git(directory, "rev-parse", f"{commit}^@").decode().split()
        if not parents:
            return
        few = ("--filter=object:type=blob", f"--filter=blob:limit={at_most + 1}")
        listed = git(directory, "rev-list", "--objects", *few, *parents, "--not", f"--remotes={remote}")
        for line in listed.split(b"\n"):
            name, _, path = line.partition(b" ")
            if path:
                yield path.decode(errors="surrogateescape"), git(directory, "cat-file", "blob", name.decode())

    def push(
        self, directory: Path, remote: str, commit: str, branch: str, options: Sequence[str], *, replace: bool
    ) -> Pushed:
        """Push a commit to a branch of a remote; options that the remote cannot take are left out, and that is told."""
        told = [word for option in options for word in ("--push-option", option)]
        own = f"{_OWN}{remote}/{branch}"
        target, lease = f"{commit}:refs/heads/{branch}", []
        if replace:
            # Somebody may have pushed since it was asked for: the remote looks once more.
            lease = [f"--force-with-lease=refs/heads/{branch}:{_replaced(directory, remote, branch, own)}"]
        try:
            pushed = Pushed(_push(directory, remote, target, [*lease, *told]), options_taken=bool(options))
        except GitRefused as refused:
            if not options or _NO_OPTIONS not in refused.words:
                raise _ours(refused, remote) from refused
            try:
                pushed = Pushed(_push(directory, remote, target, lease), options_taken=False)
            except GitRefused as again:
                raise _ours(again, remote) from again
        git(directory, "update-ref", own, commit)
        return pushed


def _replaced(directory: Path, remote: str, branch: str, own: str) -> str:
    """Return the commit that a remote's branch has, and that was pushed from here; empty where there is no branch.

    Raises
    ------
    Conflict
        When somebody else has pushed there.
    """
    try:
        # Where it is pushed to, which may be elsewhere than where it is fetched from.
        place = git(directory, "remote", "get-url", "--push", remote).decode().strip()
        told = git(directory, "ls-remote", place, f"refs/heads/{branch}", timeout_s=_ASK_S).decode(errors="replace")
    except GitRefused as refused:
        raise _ours(refused, remote) from refused
    there = told.partition("\t")[0].strip()
    try:
        ours = git(directory, "rev-parse", "--verify", "--quiet", own).decode().strip()
    except GitRefused:
        ours = ""
    if there and there != ours:
        raise Conflict(
            f"the branch {branch} of {remote} holds what was not pushed from here, and stays as it is",
            "mlops review --branch NAME",
        )
    return there


def _push(directory: Path, remote: str, target: str, options: Sequence[str]) -> str:
    # The user's hooks do run: git-lfs brings its files along by one, and whoever checks pushes means this one too.
    words = ("push", "--no-follow-tags", *options, remote, target)
    said = git(directory, *words, timeout_s=_PUSH_S, as_user=True, errors_too=True)
    return redacted(said.decode(errors="replace").strip())


def _ours(refused: GitRefused, remote: str) -> MlopsError:
    said = refused.words
    lines = said.splitlines()
    server = "; ".join(filter(None, (line.removeprefix("remote:").strip() for line in lines if _from_server(line))))
    # A remote that rejects has let git in, whatever words it finds for it.
    if rejected := [line for line in lines if line.lstrip().startswith("! [")]:
        why = server or rejected[0].strip()
        return Rejected("git", f"the remote {remote} rejected the push: {why}", "git fetch, or name another --branch")
    if any(word in said for word in _DENIED):
        why = server or _last(said)
        return Unauthorized("git", f"the remote {remote} does not let git in: {why}", f"git push {remote}")
    if any(word in said for word in _AWAY):
        return Unavailable(
            "git", f"the remote {remote} does not answer: {_last(said)}", f"git remote -v; git push {remote}"
        )
    return Rejected("git", f"git cannot push to {remote}: {_last(said)}", f"git push {remote}")


def _from_server(line: str) -> bool:
    return line.startswith("remote:")


def _last(said: str) -> str:
    """Return the line that says most: git's last that is no advice."""
    lines = [line.strip() for line in said.splitlines() if line.strip() and not line.startswith("hint:")]
    told = [line for line in lines if line.startswith(("fatal:", "error:", "!", "ssh:"))] or lines
    return without_credentials(told[0]) if told else said
