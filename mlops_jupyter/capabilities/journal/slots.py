"""The layout of a segment: slots of 32 bytes, each whole once its last byte is set.

A point is one slot. Longer things have a slot that says how many bytes follow, in slots of their own that are
written before it. The last byte of a slot is written last, so a process killed in the middle leaves a slot that
does not count.
"""

from __future__ import annotations

from struct import Struct

# step or length, time in milliseconds of the epoch, value, key, kind, four spare bytes, the byte that makes it count
SLOT = Struct("<qqdHB4xB")
SIZE = SLOT.size
KIND, COMMITTED = 26, SIZE - 1

POINT = 1
# A metric's name; points refer to it by its key, which is its place in the segment's list of names. Behind a zero byte
# may follow, as a JSON list, the logged model, the dataset's name and the dataset's digest that the points are of.
NAME = 2
# A JSON object.
ENTRY = 3

KEYS = 1 << 16
# A run that logs little takes little room; one that logs much starts few segments.
FIRST_SEGMENT, LARGEST_SEGMENT, GROWTH = 16 * 1024, 4 * 1024 * 1024, 4


def slots_of(length: int) -> int:
    """Return how many slots so many bytes take."""
    return -(-length // SIZE)
