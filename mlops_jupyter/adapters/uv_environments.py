"""Environments of Python made by uv, which links what it has instead of copying it."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from ..errors import ConfigurationError, MissingDependency

_SAID = 600


class UvEnvironments:
    """Calls ``uv``, as it is on PATH, beside this Python, or as a module."""

    def build(self, folder: Path, python: str, requirements: Sequence[str]) -> Path:
        """Make an environment with ``uv venv`` and ``uv pip install``."""
        uv = _uv()
        # This very Python is there for sure; another one uv may have to find, or to fetch.
        wanted = sys.executable if python == platform.python_version() else python
        _call([*uv, "venv", "--quiet", "--python", wanted, str(folder)], f"Python {python}")
        interpreter = folder / "bin" / "python"
        listed = folder / "requirements.txt"
        listed.write_text("\n".join(requirements) + "\n", encoding="utf-8")
        # The list is whole: what these would like beside it was not there.
        _call(
            [*uv, "pip", "install", "--quiet", "--no-deps", "--python", str(interpreter), "-r", str(listed)],
            f"the {len(requirements)} recorded distributions",
        )
        return interpreter


def _uv() -> list[str]:
    beside = Path(sys.executable).parent / "uv"
    if found := shutil.which("uv") or (str(beside) if beside.is_file() else None):
        return [found]
    if find_spec("uv") is not None:
        return [sys.executable, "-m", "uv"]
    raise MissingDependency("building the recorded environment", "uv")


def _call(words: Sequence[str], what: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[-_SAID:]
        raise ConfigurationError(f"uv cannot install {what}: {said}", "leave out --env to use the present environment")
