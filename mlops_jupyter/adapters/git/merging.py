"""Three-way merges of texts, by ``git merge-file``."""

from __future__ import annotations

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from ...errors import ConfigurationError
from ...protocols import Clash, MergedText
from .command import TIMEOUT_S, start

# So many letters begin the lines that git sets around a clash: no line of a pipeline begins like them.
_SIZE = 23
_MINE, _BASE, _THEIRS, _END = ("<" * _SIZE, "|" * _SIZE, "=" * _SIZE, ">" * _SIZE)
# git merge-file ends with the number of clashes, and with more than this for an error.
_MOST_CLASHES = 127


class GitTextMerge:
    """git's own merge of one file; no repository is needed."""

    def merge(self, directory: Path, base: str, mine: str, theirs: str) -> MergedText:
        """Return ``mine`` with what ``theirs`` has changed of ``base``."""
        with TemporaryDirectory() as folder:
            files = [Path(folder) / name for name in ("mine", "base", "theirs")]
            for file, text in zip(files, (mine, base, theirs), strict=True):
                file.write_text(text, encoding="utf-8", newline="")
            words = ["merge-file", "-p", "--diff3", f"--marker-size={_SIZE}", *map(str, files)]
            try:
                done = start(directory, *words, timeout_s=TIMEOUT_S)
            except (OSError, subprocess.TimeoutExpired) as error:
                raise ConfigurationError(f"git merge-file cannot be run: {error}", "git --version") from error
        if done.returncode > _MOST_CLASHES or done.returncode < 0:
            raise ConfigurationError(f"git merge-file failed: {done.stderr.decode(errors='replace').strip()}")
        text = done.stdout.decode()
        return MergedText(text, () if done.returncode == 0 else _clashes(text, mine))


def _clashes(merged: str, mine: str) -> tuple[Clash, ...]:
    """Find the lines of one side that git set between its marks."""
    lines = mine.splitlines()
    found: list[Clash] = []
    taken: list[str] | None = None
    place = 0
    for line in merged.splitlines():
        if line.startswith(_MINE):
            taken = []
        elif line.startswith(_BASE) and taken is not None:
            place = _where(lines, taken, place)
            found.append(Clash(place + 1, place + max(1, len(taken))))
            place += len(taken)
            taken = None
        elif taken is not None:
            taken.append(line)
    return tuple(found)


def _where(lines: list[str], taken: list[str], start_at: int) -> int:
    """Return the index of the first line of a stretch, at or after another."""
    ends = range(start_at, len(lines) - len(taken) + 1)
    return next((place for place in ends if lines[place : place + len(taken)] == taken), start_at)
