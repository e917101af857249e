"""How git is started: never asking, never by way of the user's hooks, told in one language."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ...capabilities.redaction import redacted
from ...errors import ConfigurationError

# A repository on a sleeping network drive must not hold up anybody for ever.
TIMEOUT_S = 60.0
_OWNED_BY_ANOTHER = re.compile(r"dubious ownership in repository at '(.+)'")
# What git gives its hooks and `rebase --exec`, and those hand on to us. Which repository is meant, the directory says;
# its index is the user's, not the half-made one of the commit that is under way; and paths mean what they say here.
_OF_ANOTHER_COMMAND = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_AUTHOR_DATE",
        "GIT_COMMITTER_DATE",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_GLOB_PATHSPECS",
        "GIT_ICASE_PATHSPECS",
        "GIT_INDEX_FILE",
        "GIT_LITERAL_PATHSPECS",
        "GIT_NAMESPACE",
        "GIT_NOGLOB_PATHSPECS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_WORK_TREE",
    }
)
# A hook is code of the user's that expects a user's commit, and so is a file-system monitor, which git may even start
# as a daemon; a ref of ours needs no entry in a reflog; a shared index would be written beside the user's; a file is
# taken as it is, whatever its line ends may become; titles are UTF-8, and nothing but what is asked for is told.
_APART = {
    "advice.addEmbeddedRepo": "false",
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.logAllRefUpdates": "false",
    "core.safecrlf": "false",
    "core.splitIndex": "false",
    "i18n.commitEncoding": "UTF-8",
    "i18n.logOutputEncoding": "UTF-8",
    "log.showRoot": "true",
    "log.showSignature": "false",
}


def start(
    directory: Path,
    *words: str,
    timeout_s: float,
    content: bytes | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run git in a directory, whatever another git command has told this process, and return how it ended.

    Raises
    ------
    OSError
        When git cannot be started.
    subprocess.TimeoutExpired
        When it takes longer than so many seconds.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER_COMMAND}
    return subprocess.run(
        ["git", "-C", str(directory), "--no-optional-locks", *words],
        input=b"" if content is None else content,
        capture_output=True,
        timeout=timeout_s,
        env={**inherited, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", **(environment or {})},
        check=False,
    )


class GitRefused(ConfigurationError):
    """git did not do it; callers that know why tell it in better words.

    Parameters
    ----------
    words
        What git said, without credentials.
    """

    def __init__(self, words: str) -> None:
        super().__init__(f"git refused: {words}", "git status")
        self.words = words


def git(
    directory: Path,
    *arguments: str,
    content: bytes | None = None,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
    as_user: bool = False,
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
    as_user
        Whether it runs as the user's own command would: with hooks and reflogs.
    errors_too
        Whether what it wrote as errors and progress is returned as well.

    Raises
    ------
    ConfigurationError
        When git is not installed, or the repository belongs to another user.
    GitRefused
        When git ended with an error.
    """
    apart = [] if as_user else [word for key, value in _APART.items() for word in ("-c", f"{key}={value}")]
    try:
        done = start(directory, *apart, *arguments, content=content, environment=environment, timeout_s=timeout_s)
    except FileNotFoundError as error:
        raise ConfigurationError("git is not installed", "install git: https://git-scm.com/downloads") from error
    except OSError as error:
        raise ConfigurationError(f"git cannot be started: {error.strerror}", "git --version") from error
    except subprocess.TimeoutExpired as error:
        raise GitRefused(f"git {arguments[0]} took longer than {timeout_s:g} s") from error
    if done.returncode == 0:
        return done.stdout + done.stderr if errors_too else done.stdout
    said = redacted(done.stderr.decode(errors="replace").strip())
    if owned := _OWNED_BY_ANOTHER.search(said):
        raise ConfigurationError(
            f"git refuses {owned[1]}: another user owns the repository",
            f"git config --global --add safe.directory {shlex.quote(owned[1])}, if you trust it",
        )
    raise GitRefused(said or f"git {arguments[0]} ended with {done.returncode}")
