"""What the notebooks of a batch have to say, each sentence once."""

from __future__ import annotations

from collections.abc import Iterable

# More sentences than these nobody reads.
_MOST = 20


class Notes:
    """Sentences about combinations, those that are the same told together.

    Parameters
    ----------
    total
        How many combinations there are.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._about: dict[str, list[str]] = {}

    def take(self, name: str, notes: Iterable[str]) -> None:
        """Take what is said about a combination."""
        for note in notes:
            names = self._about.setdefault(note, [])
            if name not in names[-1:]:
                names.append(name)

    def told(self) -> tuple[str, ...]:
        """Return the sentences, each with the combination that it is about, or with how many it is about."""
        found = [self._sentence(note, names) for note, names in list(self._about.items())[:_MOST]]
        left = len(self._about) - len(found)
        return (*found, f"and {left} more notes about combinations") if left else tuple(found)

    def _sentence(self, note: str, names: list[str]) -> str:
        if self._total == 1:
            return note
        return f"{names[0]}: {note}" if len(names) == 1 else f"{len(names)} of {self._total}: {note}"
