"""A real repository in a temporary directory, and git commands in it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

# Nobody's settings but the test's, and a name to commit by.
QUIET = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ana",
    "GIT_AUTHOR_EMAIL": "ana@example.org",
    "GIT_COMMITTER_NAME": "Ana",
    "GIT_COMMITTER_EMAIL": "ana@example.org",
}


def git(directory: Path, *words: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run git in a directory, as a user whose name is Ana."""
    done = subprocess.run(
        ["git", "-C", str(directory), *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **QUIET, **environment},
    )
    if check and done.returncode != 0:
        raise AssertionError(f"git {' '.join(words)}: {done.stderr}")
    return done


def new_repository(directory: Path) -> Path:
    """Make a repository on ``main`` with nothing in it."""
    directory.mkdir(parents=True, exist_ok=True)
    git(directory, "init", "-q", "-b", "main")
    return directory
