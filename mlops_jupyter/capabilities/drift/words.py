"""How categories are distributed, in bounded memory: each is counted while there are not too many.

Beyond `MOST_NAMES` different ones, the counts are Misra and Gries's ("Finding repeated elements", 1982) in the
mergeable form of Agarwal et al. ("Mergeable summaries", PODS 2012): the rare ones are forgotten, and each count that
is left is at most `Words.lost` too small, which is at most a `MOST_NAMES`-th of all. What is forgotten is the tail.
It is all counting, so that the same values in the same order always give the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from .quantities import SKETCH_SIZE, Quantities

MOST_NAMES = 1_000
# Longer ones are told by how they begin, and by a digest.
LONGEST_NAME = 128
_BEGINNING = 96
_SHORTENED = re.compile(r"… (\d+) characters, [0-9a-f]{12}\Z")


class Words:
    """A mergeable summary of texts that may be names of categories.

    Attributes
    ----------
    count
        How many texts there were.
    counts
        How often each came, of the frequent ones.
    lost
        How much each count may be too small; 0 while nothing has been forgotten.
    lengths
        How long they are, in characters, once there are too many different ones; ``None`` before.
    """

    __slots__ = ("_size", "count", "counts", "lengths", "lost", "only_lengths")

    def __init__(self, *, only_lengths: bool = False, size: int = SKETCH_SIZE) -> None:
        self._size = size
        self.count = 0
        self.counts: dict[str, int] = {}
        self.lost = 0
        self.only_lengths = only_lengths
        self.lengths: Quantities | None = Quantities(size=size) if only_lengths else None

    @property
    def tail(self) -> int:
        """How many of the texts are in no count."""
        return self.count - sum(self.counts.values())

    def add(self, counted: Mapping[str, int]) -> None:
        """Take in different texts, each so many times."""
        if not counted:
            return
        self.count += sum(counted.values())
        if self.lengths is not None:
            _measure(self.lengths, counted.items())
            if self.only_lengths:
                return
        for name, count in counted.items():
            self.counts[name] = self.counts.get(name, 0) + count
        self._settle()

    def merge(self, other: Words) -> None:
        """Take in what another has seen."""
        if self.only_lengths or other.only_lengths:
            self._forget_names()
        self.count += other.count
        if self.lengths is None and other.lengths is not None:
            self.lengths = Quantities(size=self._size)
            _measure(self.lengths, self.counts.items())
        if self.lengths is not None:
            if other.lengths is None:
                _measure(self.lengths, other.counts.items())
            else:
                self.lengths.merge(other.lengths)
        if not self.only_lengths:
            for name, count in other.counts.items():
                self.counts[name] = self.counts.get(name, 0) + count
            self.lost += other.lost
            self._settle()

    def without_rare(self, least: int) -> None:
        """Move the names that came less often into the tail."""
        rare = [name for name, count in self.counts.items() if count < least]
        if rare:
            self.lost = max(self.lost, max(self.counts[name] for name in rare) + self.lost)
            for name in rare:
                del self.counts[name]

    def measured(self) -> Quantities:
        """Return how long the texts are; while all names are known, that follows from them."""
        if self.lengths is not None:
            return self.lengths
        found = Quantities(size=self._size)
        _measure(found, self.counts.items())
        return found

    def as_text(self) -> None:
        """Forget the names: how long the texts are is all that is kept from now on."""
        self._forget_names()

    def told(self, keep: Callable[[bytes], Any]) -> dict[str, Any]:
        """Return it as plain values; ``keep`` says what stands in the place of bytes."""
        named = sorted(self.counts.items(), key=lambda one: (-one[1], one[0]))
        said = {"count": self.count, "names": [list(one) for one in named], "lost": self.lost}
        if self.lengths is not None:
            said |= {"lengths": self.lengths.told(keep), "only_lengths": self.only_lengths}
        return said

    @classmethod
    def from_told(cls, said: Mapping[str, Any], kept: Callable[[Any], bytes]) -> Words:
        """Read what `told` has returned.

        Raises
        ------
        ValueError
            When it is something else.
        """
        try:
            made = cls()
            made.count, made.lost = int(said["count"]), int(said["lost"])
            made.counts = {str(name): int(count) for name, count in said["names"]}
            if "lengths" in said:
                made.lengths = Quantities.from_told(said["lengths"], kept)
                made.only_lengths = bool(said["only_lengths"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"counts cannot be read: {error!r}") from error
        if made.tail < 0 or made.lost < 0:
            raise ValueError(f"counts cannot be read: of {made.count} texts, {made.count - made.tail} have a name")
        return made

    def _settle(self) -> None:
        """Keep no more names than there is room for."""
        if len(self.counts) <= MOST_NAMES:
            return
        if self.lengths is None:
            self.lengths = Quantities(size=self._size)
            _measure(self.lengths, self.counts.items())
        counts = np.fromiter(self.counts.values(), np.int64, len(self.counts))
        cut = int(np.partition(counts, -MOST_NAMES - 1)[-MOST_NAMES - 1])
        self.counts = {name: count - cut for name, count in self.counts.items() if count > cut}
        self.lost += cut

    def _forget_names(self) -> None:
        if self.lengths is None:
            self.lengths = Quantities(size=self._size)
            _measure(self.lengths, self.counts.items())
        self.counts, self.lost, self.only_lengths = {}, 0, True


def named(value: object) -> str:
    """Return the name of a category: what a value is called, not too long, and such that it can be written."""
    if isinstance(value, str):
        name = value
    elif isinstance(value, bool | np.bool_):
        # As JSON and Arrow write it.
        name = "true" if value else "false"
    elif isinstance(value, bytes):
        name = value.decode("utf-8", "backslashreplace")
    elif isinstance(value, float | np.floating) and float(value).is_integer():
        # What is a whole number here may have become a float there, beside a missing value.
        name = str(int(value))
    else:
        name = str(value)
    if not name.isascii():
        name = name.encode("utf-8", "backslashreplace").decode("utf-8")
    if len(name) > LONGEST_NAME:
        digest = hashlib.sha256(name.encode()).hexdigest()[:12]
        name = f"{name[:_BEGINNING]}… {len(name)} characters, {digest}"
    return name


def _measure(lengths: Quantities, counted: Iterable[tuple[str, int]]) -> None:
    by_length: dict[int, int] = {}
    for name, count in counted:
        length = _length(name)
        by_length[length] = by_length.get(length, 0) + count
    values = np.fromiter(by_length, np.float64, len(by_length))
    lengths.add_counted(values, np.fromiter(by_length.values(), np.int64, len(by_length)))


def _length(name: str) -> int:
    if len(name) > _BEGINNING and (shortened := _SHORTENED.search(name)) is not None:
        return int(shortened[1])
    return len(name)
