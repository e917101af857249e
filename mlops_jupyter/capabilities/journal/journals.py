"""A project's journals, as a process that logs sees them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from ...records import RunStart
from .folder import RunFolder, RunFolders, Shipped
from .link import ShipperLink
from .reading import Follower, Position
from .run import RunJournal
from .surroundings import Surroundings

_LOOK_S = 0.01


class Journals:
    """Opens journals, and waits for what is in them to reach the store.

    Parameters
    ----------
    root
        The folder of the journals.
    store
        The tracking URI that runs opened here go to.
    start_shipper
        Starts a shipper, which ends by itself when another is there.
    here
        Gives the part of the store that runs opened now go to, and the environment variables that this process speaks
        to the store with; without it, a shipper does with its own.
    """

    def __init__(
        self,
        root: Path,
        store: str,
        start_shipper: Callable[[], None],
        here: Callable[[], tuple[str | None, Mapping[str, str]]] | None = None,
    ) -> None:
        self.store = store
        self._root = root
        self._folders = RunFolders(root)
        self._link = ShipperLink(root, start_shipper)
        self._here = here

    def open(self, start: RunStart, tell: Callable[[str], None]) -> RunJournal:
        """Open the journal of a run.

        Raises
        ------
        Unavailable
            When its folder cannot be made: the disk is full or read-only.
        """
        start = replace(start, workspace=self._leave_surroundings())
        journal = RunJournal(start, self._folders.of(start.run_id), self._link, tell)
        self._link.wake()
        return journal

    def _leave_surroundings(self) -> str | None:
        """Leave for the shipper what this process speaks to the store with; return the workspace."""
        if self._here is None:
            return None
        workspace, variables = self._here()
        Surroundings(self._root).leave(self.store, variables)
        return workspace

    def wake(self) -> None:
        """Have a shipper ready for what will be opened soon: its start takes longer than that of a notebook."""
        try:
            self._root.mkdir(parents=True, exist_ok=True)
        except OSError:
            # Whoever opens a run there is told.
            return
        self._link.wake()

    def waiting(self) -> dict[str, str | None]:
        """Return the runs of which something is not in the store yet, with what holds each of them up."""
        seen = ((folder.name, self._left(folder)) for folder in self._folders)
        return {name: shipped.error for name, shipped in seen if shipped is not None}

    def _left(self, folder: RunFolder, end: Position | None = None) -> Shipped | None:
        """Return how far a run is, if what was written up to ``end``, or at all, is not in its store; else ``None``."""
        shipped = folder.shipped()
        if shipped.done:
            return None
        position = shipped.local_position if shipped.local else shipped.position
        reached = end is not None and all(position.get(writer, (-1, 0)) >= at for writer, at in end.items())
        follower = Follower(folder.path, position)
        pending = not reached and follower.pending()
        follower.close()
        wanted = pending or shipped.run_id is None or shipped.status is not None or not folder.owner_lives()
        # A folder that is gone by now is a run that has arrived.
        return shipped if wanted and folder.path.is_dir() else None

    def _ends(self, names: Iterable[str]) -> dict[str, Position]:
        """Return how far runs are written now."""
        found = {}
        for name in names:
            folder = self._folders.of(name)
            shipped = folder.shipped()
            found[name] = Follower(folder.path, shipped.local_position if shipped.local else shipped.position).end()
        return found

    def backlog(self) -> int:
        """Return how many bytes, at the most, wait to be shipped."""
        return sum(
            Follower(folder.path, folder.shipped().position).unread()
            for folder in self._folders
            if not folder.shipped().done
        )

    def refused(self) -> dict[Path, int]:
        """Return the files that hold what a store refused for good, and how many entries each has."""
        folders = (one for one in (*self._folders, *self._folders.arrived()) if one.refusals.exists())
        return {one.refusals: one.shipped().refused for one in folders}

    def flush(self, timeout_s: float, *, hurry: bool = False) -> dict[str, str | None]:
        """Wait, so long at the most, until what is written by now is in the store; return what is left of it.

        What is logged meanwhile is not waited for: somebody may be training all the time.

        Parameters
        ----------
        timeout_s
            Seconds.
        hurry
            Ask stores that did not answer again at once, with what this process speaks to its store with, instead of
            giving up on them at once.

        Returns
        -------
        dict
            The runs of which something is left, with what holds each of them up.

        Raises
        ------
        Unavailable
            When a shipper cannot be told what to speak to the store with.
        """
        left = self.waiting()
        if not left:
            return left
        # Who may only read can bring nothing.
        if hurry and os.access(self._root, os.W_OK):
            self._leave_surroundings()
        self._link.wake(hurry=hurry)
        ends = self._ends(left)

        def look() -> dict[str, str | None]:
            seen = ((name, self._left(self._folders.of(name), end)) for name, end in ends.items())
            return {name: shipped.error for name, shipped in seen if shipped is not None}

        return self._link.wait(look, lambda left: not left or (not hurry and all(left.values())), timeout_s, _LOOK_S)
