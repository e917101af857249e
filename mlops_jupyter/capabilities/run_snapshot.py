"""The snapshot of a run's notebook, taken beside its body, which waits for nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from ..errors import MlopsError
from .journal import RunJournal

SNAPSHOT_TAG, ORIGIN_TAG = "mlops.snapshot", "mlops.snapshot_from"
NOTEBOOK_ARTIFACT = "mlops/notebook.ipynb"
# The tag's value where no commit holds the notebook, but the run's artifact alone.
ARTIFACT_ONLY = "artifact"

Origin = Literal["live", "disk"]


@dataclass(frozen=True)
class TakenForRun:
    """What a run keeps of its notebook.

    Attributes
    ----------
    content
        The notebook without outputs.
    commit
        The full hash of the snapshot; ``None`` outside git.
    origin
        Where the content came from.
    notes
        Sentences the user should read.
    """

    content: bytes
    commit: str | None
    origin: Origin
    notes: tuple[str, ...] = ()

    @property
    def tags(self) -> Mapping[str, str]:
        """The run's tags that name the snapshot."""
        return {SNAPSHOT_TAG: self.commit or ARTIFACT_ONLY, ORIGIN_TAG: self.origin}


def close_after(snapshot: RunSnapshot | None, journal: RunJournal) -> None:
    """Close a run's journal, once what its snapshot has to keep is in it."""
    if snapshot is None:
        journal.close()
    else:
        snapshot.then(journal.close)


class RunSnapshot:
    """A snapshot that is being taken in a thread of its own: git does the work, and Python mostly waits for it.

    Parameters
    ----------
    take
        Takes it; called in the thread, with what takes a sentence that the user should read soon.
    journal
        Where the run keeps what was taken, as soon as it is there.
    """

    def __init__(self, take: Callable[[Callable[[str], None]], TakenForRun], journal: RunJournal) -> None:
        self._take = take
        self._journal = journal
        self._notes: tuple[str, ...] = ()
        self._lock = threading.Lock()
        self._done = False
        self._actions: list[Callable[[], None]] = []
        self._thread = threading.Thread(target=self._work, name="mlops-snapshot", daemon=True)
        self._thread.start()

    def finish(self, wait_s: float) -> tuple[str, ...]:
        """Wait, no longer than so many seconds, and return what the user should read by then."""
        self._thread.join(wait_s)
        return self._notes

    @property
    def done(self) -> bool:
        """Whether all is kept, or will not be."""
        with self._lock:
            return self._done

    def then(self, action: Callable[[], None]) -> None:
        """Do something when all is kept: now, or later in the thread."""
        with self._lock:
            if not self._done:
                self._actions.append(action)
                return
        action()

    def _work(self) -> None:
        try:
            self._keep(self._take(self._tell))
        except MlopsError as refused:
            self._notes += (f"no snapshot of the notebook: {refused}",)
        except Exception as failed:  # noqa: BLE001 -- a bug of ours must not end the user's cell
            self._notes += (f"no snapshot of the notebook: {type(failed).__name__}: {failed}",)
        with self._lock:
            self._done = True
        for action in self._actions:
            action()

    def _tell(self, note: str) -> None:
        if note not in self._notes:
            self._notes += (note,)

    def _keep(self, taken: TakenForRun) -> None:
        for note in taken.notes:
            self._tell(note)
        self._journal.log_text(NOTEBOOK_ARTIFACT, taken.content.decode("utf-8"))
        self._journal.log_tags(taken.tags)
