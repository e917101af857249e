"""A repository's own settings of git: its configuration and what attributes a file has."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...errors import ConfigurationError
from ...protocols import GitPlace
from .command import start

_TIMEOUT_S = 10.0
_UNSPECIFIED = "unspecified"
_NO_SUCH_KEY = 1


class GitSetup:
    """git's settings, through its own command."""

    def place(self, directory: Path) -> GitPlace | None:
        """Describe the working tree around a directory."""
        done = _git(directory, "rev-parse", "--is-inside-work-tree", "--show-toplevel", "--git-common-dir")
        said = done.stdout.splitlines()
        if done.returncode != 0 and "not a git repository" in done.stderr:
            return None
        if said[:1] == ["false"]:
            # The inside of .git, or a bare repository.
            return None
        if done.returncode != 0:
            raise _refused(directory, done)
        top, common = Path(said[1]), (directory / said[2]).resolve()
        listed = _git(directory, "worktree", "list", "--porcelain").stdout
        config = common / "config"
        shown = config.relative_to(top) if config.is_relative_to(top) else config
        worktrees = sum(line.startswith("worktree ") for line in listed.splitlines())
        return GitPlace(top, str(shown), worktrees)

    def setting(self, directory: Path, name: str) -> tuple[str, str] | None:
        """Return a setting that holds here and the file it stands in."""
        done = _git(directory, "config", "--show-origin", "-z", "--get", name)
        if done.returncode == _NO_SUCH_KEY:
            return None
        if done.returncode != 0:
            raise _refused(directory, done)
        origin, value = done.stdout.rstrip("\0").split("\0", 1)
        return value, origin.removeprefix("file:")

    def write_setting(self, directory: Path, name: str, value: str) -> None:
        """Write a setting into the repository's own configuration."""
        done = _git(directory, "config", "--local", "--replace-all", name, value)
        if done.returncode != 0:
            raise _refused(directory, done)

    def attributes(self, file: Path, names: Sequence[str]) -> Mapping[str, str]:
        """Return those of a file's attributes that are given; the file need not exist."""
        done = _git(file.parent, "check-attr", "-z", *names, "--", file.name)
        if done.returncode != 0:
            raise _refused(file.parent, done)
        words = done.stdout.split("\0")
        told = dict(zip(words[1::3], words[2::3], strict=False))
        return {name: value for name, value in told.items() if value != _UNSPECIFIED}


def _refused(directory: Path, done: subprocess.CompletedProcess[str]) -> ConfigurationError:
    lines = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
    command = next((line.strip() for line in lines if line.strip().startswith("git config ")), None)
    return ConfigurationError(f"git refuses in {directory}: {lines[0].removeprefix('fatal: ')}", command)


def _git(directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    try:
        done = start(directory, *words, timeout_s=_TIMEOUT_S)
    except FileNotFoundError as error:
        raise ConfigurationError("git is not installed", "install git") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigurationError(f"git does not answer in {directory}: {error}", None) from error
    out, err = (said.decode("utf-8", "surrogateescape") for said in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)
