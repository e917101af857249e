"""How git is started: never asking, never by way of the user's hooks, told in one language."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ...capabilities.redaction import redacted
from ...errors import ConfigurationError, MlopsError

# A repository on a sleeping network drive must not hold up anybody for ever.
TIMEOUT_S = 60.0
_OWNED_BY_ANOTHER = "dubious ownership"


class GitRefused(MlopsError):
    """git did not do it; callers tell it in the error tree's words.

    Parameters
    ----------
    words
        What git said, without credentials.
    """

    def __init__(self, words: str) -> None:
        super().__init__(words)


def git(
    directory: Path,
    *arguments: str,
    content: bytes | None = None,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
    hooks: bool = False,
    errors_too: bool = False,
) -> bytes:
    """Run git without hooks, reflogs and optional locks, and return what it wrote.

    Parameters
    ----------
    directory
        Where to stand.
    arguments
        The command and its arguments.
    content
        What the command reads.
    environment
        Variables of its own, such as another index.
    timeout_s
        How long it may take.
    hooks
        Whether the user's hooks run.
    errors_too
        Whether what it wrote as errors and progress is returned as well.

    Raises
    ------
    ConfigurationError
        When git is not installed, or the repository belongs to another user.
    GitRefused
        When git ended with an error.
    """
    # A hook is code of the user's that expects a user's commit; a ref of ours needs no entry in a reflog.
    words = ["git", "-C", str(directory), "--no-optional-locks"]
    words += ["-c", "core.logAllRefUpdates=false"]
    if not hooks:
        words += ["-c", "core.hooksPath=/dev/null"]
    try:
        done = subprocess.run(
            [*words, *arguments],
            input=b"" if content is None else content,
            capture_output=True,
            timeout=timeout_s,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", **(environment or {})},
            check=False,
        )
    except FileNotFoundError as error:
        raise ConfigurationError("git is not installed", "install git: https://git-scm.com/downloads") from error
    except subprocess.TimeoutExpired as error:
        raise GitRefused(f"git {arguments[0]} took longer than {timeout_s:g} s") from error
    if done.returncode == 0:
        return done.stdout + done.stderr if errors_too else done.stdout
    said = redacted(done.stderr.decode(errors="replace").strip())
    if _OWNED_BY_ANOTHER in said:
        raise ConfigurationError(
            f"git refuses {directory}: another user owns the repository",
            f"git config --global --add safe.directory {directory}, if you trust it",
        )
    raise GitRefused(said or f"git {arguments[0]} ended with {done.returncode}")
