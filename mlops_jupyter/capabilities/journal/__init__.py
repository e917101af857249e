"""The journal: what a run logs, kept in files that survive the process, until it is in the store.

A run has a folder. Each process that logs to the run appends to segments of its own, files that it has mapped
into its memory: a point is written once its call returns, and nothing that happens to the process afterwards
takes it away. `shipping` brings it to the store.
"""

from .folder import RunFolder, RunFolders, Shipped, room_taken
from .journals import Journals
from .link import ShipperLink
from .listing import files_of
from .reading import Batch, Follower, SegmentReader
from .run import RunJournal
from .surroundings import Surroundings
from .writing import JournalWriter

__all__ = [
    "Batch",
    "Follower",
    "JournalWriter",
    "Journals",
    "RunFolder",
    "RunFolders",
    "RunJournal",
    "SegmentReader",
    "Shipped",
    "ShipperLink",
    "Surroundings",
    "files_of",
    "room_taken",
]
