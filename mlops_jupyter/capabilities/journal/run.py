"""An open run's journal: what this process logs to it, under its owner's hands."""

from __future__ import annotations

import errno
import itertools
import operator
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import CommandError, Unavailable
from ...records import RunStart, Subject
from .folder import RunFolder, Shipped
from .link import ShipperLink
from .listing import files_of
from .reading import Follower
from .series import Series
from .writing import JournalWriter, check_name

_STEPS = 2**63
_LOOK_S = 0.005
_FILES = ("sqlite:", "file:")
_DATABASES = ("sqlite:", "postgresql", "mysql", "mssql")


class RunJournal:
    """The journal of a run that is open in this process.

    Parameters
    ----------
    start
        What the run is.
    folder
        Its folder, not there yet.
    link
        Whoever ships.
    tell
        Told in a sentence what the user should know at once.

    Raises
    ------
    Unavailable
        When the folder cannot be made: the disk is full or read-only.
    """

    def __init__(self, start: RunStart, folder: RunFolder, link: ShipperLink, tell: Callable[[str], None]) -> None:
        self.start = start
        self.folder = folder
        self.process = os.getpid()
        self.ended: str | None = None
        self.ended_ms: int | None = None
        self.closed = False
        self._settled = False
        self.params: dict[str, str] = {}
        self.tags: dict[str, str] = dict(start.tags)
        self._link = link
        self._steps: dict[str, Iterator[int]] = {}
        self._home = start.known_as or (None if self.renumbered else start.run_id)
        self._looked = 0.0
        folder.begin(start)
        self._writer = JournalWriter(folder.path, link.wake, tell)

    @property
    def renumbered(self) -> bool:
        """Whether the store gives the run an id of its own: only a database takes the journal's."""
        return self.start.known_as is None and not self.start.store.startswith(_DATABASES)

    @property
    def may_be_elsewhere(self) -> bool:
        """Whether the run may be in the project's own sqlite file, its store being away; it was not seen there yet."""
        seen = self.renumbered and self._home is not None
        if seen or self.settled or self.start.known_as is not None or self.start.store.startswith(_FILES):
            return False
        return self.folder.shipped().run_id is None

    @property
    def settled(self) -> bool:
        """Whether nothing of a closed run is left to be shipped; its folder is gone then, or says so."""
        if self.closed and not self._settled:
            self._settled = not self.folder.path.exists() or self.folder.shipped().done
        return self._settled

    @property
    def dropped(self) -> int:
        """How many points a full disk had no room for."""
        return self._writer.dropped

    def log(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Append metrics at one instant; without ``step`` each counts up from 0 by itself."""
        now = time.time_ns() // 1_000_000
        writer = self._writer
        if not metrics.keys() <= self._steps.keys():
            # All are looked at before the first is kept.
            for name in metrics:
                check_name(name)
        if step is not None:
            step = _whole(step)
            for name, value in metrics.items():
                writer.point(name, value, step, now)
                self._steps[name] = itertools.count(step + 1)
            return
        for name, value in metrics.items():
            counter = self._steps.get(name)
            if counter is None:
                # Another thread may log the metric's first value now too.
                counter = self._steps.setdefault(name, itertools.count())
            writer.point(name, value, next(counter), now)

    def count_on(self, last: Mapping[str, int]) -> None:
        """Let metrics that are logged without a step go on after these, the last steps of a run that is resumed."""
        for name, step in last.items():
            self._steps[name] = itertools.count(step + 1)

    def point(self, name: str, value: float, step: float, time_ms: float, subject: Subject | None = None) -> None:
        """Append one point as MLflow's own interface gives it: its times and steps may be floats."""
        self._writer.point(name, value, _whole(step), int(time_ms), subject)

    def knows(self, name: str) -> bool:
        """Tell whether the run has a metric of this name, which has been checked then."""
        return name in self._writer.series

    def log_params(self, params: Mapping[str, str]) -> None:
        """Append params."""
        self.params |= params
        if params:
            self._entry({"params": dict(params)})

    def log_tags(self, tags: Mapping[str, str]) -> None:
        """Append tags."""
        self.tags |= tags
        if tags:
            # An entry that says nothing would wait for ever for one that does.
            self._entry({"tags": dict(tags)})

    def log_text(self, path: str, text: str) -> None:
        """Append a text artifact."""
        self._keep(path, lambda file: file.write_text(text, encoding="utf-8", errors="backslashreplace"))

    def log_file(self, directory: str, source: Path) -> None:
        """Append a file, copied, as an artifact below a directory."""
        path = f"{directory}/{source.name}" if directory else source.name
        self._keep(path, lambda file: shutil.copyfile(source, file))

    def log_inputs(self, inputs: Sequence[Mapping[str, Any]]) -> None:
        """Append dataset inputs, each with the fields of MLflow's Dataset and ``context``."""
        self._entry({"inputs": [dict(one) for one in inputs]})

    def rename(self, name: str) -> None:
        """Append a new name of the run."""
        self._entry({"name": name})

    def end(self, status: str, time_ms: int | None = None) -> None:
        """Append how the run ended; a later call overrules an earlier one."""
        self.ended = status
        self.ended_ms = time.time_ns() // 1_000_000 if time_ms is None else time_ms
        self._entry({"end": status, "time_ms": self.ended_ms}, last=True)
        self.folder.note_end()

    def close(self) -> None:
        """Let go of the folder, which the shipper may then remove, and have everything shipped."""
        self.closed = True
        self._writer.close()
        self.folder.let_go()
        self._link.wake()

    def series(self) -> dict[str, Series]:
        """Return what is known of each metric, those included that forked processes have logged and not shipped."""
        found = {name: series for name, series in self._writer.series.items() if series.count}
        own, _, _ = self._writer.position()
        if any(file.name.partition("-")[0] != own for file in files_of(self.folder.path, ".seg")):
            others = Follower(self.folder.path, without=own)
            while batch := others.batch():
                for name, value, time_ms, step, *_ in batch.points:
                    found.setdefault(name, Series()).add(step, time_ms, value)
            others.close()
        return found

    def home_id(self, wait_s: float = 0.0) -> str | None:
        """Return the store's id of the run, waiting so long for the shipper to create it there."""
        if self._home is None:
            now = time.monotonic()
            if wait_s:
                self._link.wake()
            elif now - self._looked < _LOOK_S * 10:
                return None
            self._looked = now
            shipped = self._wait(lambda shipped: bool(shipped.run_id or shipped.local or shipped.error), wait_s)
            self._home = shipped.run_id
        return self._home

    def shipped(self) -> Shipped:
        """Return how far the run is shipped."""
        return self.folder.shipped()

    def flush(self, timeout_s: float) -> Shipped:
        """Wait until what this process has appended is shipped, no longer than so many seconds.

        Returns
        -------
        Shipped
            How far the run is; ``error`` says what holds it up.
        """
        writer, segment, slot = self._writer.position()
        if segment < 0:
            return self._wait(lambda shipped: shipped.run_id is not None, timeout_s)

        def done(shipped: Shipped) -> bool:
            position = shipped.local_position if shipped.local else shipped.position
            # Of a run that has ended the store is told so after all else.
            return tuple(position.get(writer, (-1, 0))) >= (segment, slot) and (self.ended is None or shipped.end_told)

        if not done(self.folder.shipped()):
            self._link.wake()
        return self._wait(done, timeout_s)

    def placed(self, timeout_s: float) -> Shipped:
        """Wait until the run exists somewhere: in its store, or in the project's sqlite file meanwhile."""
        return self._wait(lambda shipped: shipped.run_id is not None or shipped.local, timeout_s)

    def settle(self, timeout_s: float) -> Shipped:
        """Wait until a closed run is in its store with all that it has, or until it is known what holds it up."""
        return self._wait(lambda shipped: shipped.done or shipped.error is not None, timeout_s)

    def _wait(self, done: Callable[[Shipped], bool], timeout_s: float) -> Shipped:
        # The folder of a run that has arrived is gone.
        return self._link.wait(
            self.folder.shipped, lambda seen: done(seen) or (self.closed and self.settled), timeout_s, _LOOK_S
        )

    def _entry(self, data: Mapping[str, Any], *, last: bool = False) -> None:
        if not self._writer.entry(data, last=last):
            self._writer.dropped += 1

    def _keep(self, path: str, write: Callable[[Path], object]) -> None:
        """Append an artifact, once its file is written; a full disk drops it as it drops points."""
        file = self.folder.files / path
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write(file)
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise Unavailable("journal", f"cannot keep {path}: {error}", "mlops doctor") from error
            file.unlink(missing_ok=True)
            self._writer.dropped += 1
            return
        self._entry({"artifact": path})


def _whole(step: Any) -> int:
    """Return a step as a plain number; raise `CommandError` when it is none of 64 bits."""
    try:
        whole = int(step) if isinstance(step, float) and step.is_integer() else operator.index(step)
    except TypeError as error:
        raise CommandError(f"the step {step!r} is no whole number", "count steps from 0") from error
    if not -_STEPS <= whole < _STEPS:
        raise CommandError(f"the step {whole} does not fit 64 bits", "count steps from 0")
    return whole
