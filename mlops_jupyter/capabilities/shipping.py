"""Shipping: what journals hold goes to the store, in order and once, and runs of dead processes get their end.

A point that is sent twice is one point to MLflow's databases, which key it by run, name, time, step and value; so
a batch whose acknowledgement was lost is sent again. How far a run has come is noted after each batch.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import Conflict, MlopsError, NotFound, Rejected, Unauthorized, Unavailable
from ..protocols import MetricMirror, RunSink
from ..records import RunStart
from .journal import Batch, Follower, RunFolder, RunFolders, Shipped
from .rendering import HTML_ARTIFACT, Renderings
from .run_snapshot import NOTEBOOK_ARTIFACT
from .tracking import ERROR_TAG, LOCAL_ID_TAG, PARENT_TAG, RERUN_TAG

HEARTBEAT_TAG = "mlops.alive"
NOTE_TAG = "mlflow.note.content"
COPIED_TAG = "mlops.copied_to"
# On a run whose metrics are written a second time; it says for which tool.
MIRROR_TAG = "mlops.mirrored"
ENVIRONMENT_ARTIFACT = "mlops/environment.json"

_UNFIT, _LONGEST_NAME = re.compile(r"[^\w.=+-]+"), 100
_REACH_S = 3.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
_HEARTBEAT_S = 60.0
# A run gives way to the others after so many batches.
_BATCHES_A_TURN = 20
# How long the folder of a run that a server has renumbered is kept: code may still speak of it by its first id.
_REMEMBERED_S = 24 * 3600.0

# What is the matter with the store or with the whole run, and so no reason to set an entry aside.
_NOT_THE_ENTRY = (Unavailable, Unauthorized, NotFound, Conflict)

_Point = tuple[str, float, int, int]


@dataclass
class _Work:
    """A run that is being shipped."""

    folder: RunFolder
    start: RunStart
    shipped: Shipped
    follower: Follower
    last_ms: int = 0
    seen_alive: bool = False
    heartbeat: float = field(default_factory=time.monotonic)
    # When artifacts that were set aside are tried again.
    aside_at: float = 0.0
    blocked_until: float = 0.0


@dataclass
class _Pause:
    """A store that does not answer: when it is asked again."""

    until: float = 0.0
    length: float = field(default=_FIRST_PAUSE_S)
    reason: str = ""


class Shipper:
    """Ships the journals of a project.

    Parameters
    ----------
    folders
        The journals.
    sink
        Gives the store behind a tracking URI.
    local
        The URI of the project's own sqlite file: runs open there while their server is away.
    environment
        Describes what is installed on a search path, as JSON text.
    note
        Finds what the notebook says directly above a run's cell.
    pages
        Makes the pages of runs' notebooks.
    mirror
        Gives what writes metrics a second time, by the tool that they are for; ``None`` where nothing does.
    """

    def __init__(  # noqa: PLR0917 -- what a shipper works with
        self,
        folders: RunFolders,
        sink: Callable[[str], RunSink],
        local: str,
        environment: Callable[[Sequence[str]], str],
        note: Callable[[RunStart], str | None],
        pages: Renderings,
        mirror: Callable[[str], MetricMirror] | None = None,
    ) -> None:
        self._folders = folders
        self._sink = sink
        self._local = local
        self._environment = environment
        self._note = note
        self._pages = pages
        self._mirror = mirror
        self._work: dict[str, _Work] = {}
        self._pauses: dict[str, _Pause] = {}
        # Runs of whose stores it was said, while they were shipped, that they are away.
        self._blamed: set[str] = set()
        self.problems: dict[str, Exception] = {}

    def turn(self) -> bool:
        """Do some of what there is to do; tell whether there was anything."""
        busy = False
        folders = list(self._folders)
        for name in self._work.keys() - {folder.name for folder in folders}:
            # Removed by somebody: nothing is left to ship.
            self._work.pop(name).follower.close()
            self._blamed.discard(name)
        # It may be the run: when its store is asked again, the others come first.
        folders.sort(key=lambda folder: folder.name in self._blamed)
        for folder in folders:
            try:
                busy |= self._turn_of(folder)
            except Exception as error:  # noqa: BLE001 -- one run's trouble must not keep the others from the store
                self._trouble(folder, error)
        self._pages.turn()
        self.problems |= {f"page {digest[:12]}": MlopsError(said) for digest, said in self._pages.problems.items()}
        self._pages.problems.clear()
        return busy

    def close(self) -> None:
        """End what is done beside the shipping."""
        self._pages.close()

    def unfinished(self) -> set[str]:
        """Return the runs that it has looked at and that are not all in their store."""
        return {name for name, work in self._work.items() if not work.shipped.done}

    def left(self) -> bool:
        """Tell whether runs are open, or wait for a store that may come back."""
        return bool(self.unfinished())

    def alive(self) -> bool:
        """Tell whether a process has a run open, or a run's page is still being made."""
        if self._pages.pending:
            return True
        return any(work.folder.owner_lives() for work in self._work.values() if not work.shipped.done)

    def hurry(self) -> None:
        """Ask stores that did not answer again at once."""
        self._pauses.clear()
        for work in self._work.values():
            work.blocked_until = work.aside_at = 0.0

    def _turn_of(self, folder: RunFolder) -> bool:
        work = self._work.get(folder.name) or self._take_up(folder)
        now = time.monotonic()
        if work is None or now < work.blocked_until:
            return False
        if work.shipped.done:
            return self._forget(work)
        # Asked before reading: a process that ends says so in the journal first.
        alive = folder.owner_lives()
        work.seen_alive |= alive
        if work.shipped.local or self._is_away(work):
            busy = self._ship_locally(work)
        elif (pause := self._paused(work.start.store)) is not None:
            if work.shipped.run_id is None or work.shipped.status is not None or work.follower.pending():
                work.shipped = folder.note(work.shipped, error=pause.reason)
            return False
        else:
            busy = self._ship(work, self._sink_of(work.start.store), local=False)
        if not busy and not alive and work.shipped.status is None:
            if not work.start.ends_with_process:
                # Somebody else's run, to which only points were logged from here.
                work.shipped = work.folder.note(work.shipped, done=True)
                return self._forget(work)
            self._reap(work)
        if work.shipped.status is not None and not busy:
            busy = self._finish(work)
        elif alive and now - work.heartbeat > _HEARTBEAT_S:
            work.heartbeat = now
            self._sink(self._place(work)).write(self._id(work), (), {}, {HEARTBEAT_TAG: _clock()})
        return busy

    def _take_up(self, folder: RunFolder) -> _Work | None:
        start = folder.start()
        if start is None:
            return None
        shipped = folder.shipped()
        position = shipped.local_position if shipped.local else shipped.position
        work = _Work(folder, start, shipped, Follower(folder.path, position), shipped.last_ms)
        self._work[folder.name] = work
        return work

    def _trouble(self, folder: RunFolder, error: Exception) -> None:
        if not isinstance(error, MlopsError):
            self.problems[folder.name] = error
            error = MlopsError(f"{type(error).__name__}: {error}")
        try:
            self._give_up_for_now(folder, error)
        except Exception as second:  # noqa: BLE001 -- the folder has been removed, or the disk is full
            self.problems[folder.name] = second

    def _give_up_for_now(self, folder: RunFolder, error: MlopsError) -> None:
        work = self._work.pop(folder.name, None)
        if work is None:
            return
        work.follower.close()
        if isinstance(error, Unavailable | Unauthorized):
            self._pause(work.start.store, error)
            if work.shipped.run_id is not None:
                self._blamed.add(folder.name)
        shipped = work.folder.note(work.folder.shipped(), error=error.message)
        again = self._take_up(folder)
        if again is not None:
            again.shipped, again.seen_alive, again.heartbeat = shipped, work.seen_alive, work.heartbeat
            if not isinstance(error, Unavailable | Unauthorized):
                again.blocked_until = time.monotonic() + _LONGEST_PAUSE_S

    # --- where a run goes -------------------------------------------------------------------------------------

    def _pause(self, uri: str, error: MlopsError) -> None:
        """Leave a store alone for a while, each time for longer."""
        pause = self._pauses.setdefault(uri, _Pause())
        pause.until = time.monotonic() + pause.length
        pause.length = min(pause.length * 2, _LONGEST_PAUSE_S)
        pause.reason = error.message

    def _paused(self, uri: str) -> _Pause | None:
        pause = self._pauses.get(uri)
        return pause if pause is not None and time.monotonic() < pause.until else None

    def _sink_of(self, uri: str) -> RunSink:
        sink = self._sink(uri)
        if uri in self._pauses:
            sink.reach(_REACH_S)
            del self._pauses[uri]
        return sink

    def _is_away(self, work: _Work) -> bool:
        """Tell whether the run's store does not answer, before the run exists there."""
        uri = work.start.store
        exists = work.shipped.run_id is not None or work.start.known_as is not None
        if exists or not uri.startswith(("http://", "https://")):
            return False
        pause = self._paused(uri)
        if pause is None:
            try:
                self._sink(uri).reach(_REACH_S)
            except (Unavailable, Unauthorized) as away:
                self._pause(uri, away)
                pause = self._pauses[uri]
            else:
                self._pauses.pop(uri, None)
                return False
        work.shipped = work.folder.note(work.shipped, error=pause.reason)
        return True

    def _place(self, work: _Work) -> str:
        return self._local if work.shipped.local else work.start.store

    @staticmethod
    def _id(work: _Work) -> str:
        return work.start.run_id if work.shipped.local else work.shipped.run_id or work.start.run_id

    def _ship_locally(self, work: _Work) -> bool:
        """Open the run in the project's own sqlite file, to be copied to its store later."""
        if not work.shipped.local:
            if work.start.store == self._local:
                raise Unavailable("MLflow", work.shipped.error or "the store does not answer")
            sink = self._sink(self._local)
            # Experiments have other ids there.
            sink.create(replace(work.start, experiment_id=None), self._tags(work, sink))
            work.shipped = work.folder.note(work.shipped, local=True)
        return self._ship(work, self._sink(self._local), local=True)

    # --- what is shipped --------------------------------------------------------------------------------------

    def _ship(self, work: _Work, sink: RunSink, *, local: bool) -> bool:
        if not local and work.shipped.run_id is None:
            self._create(work, sink)
        if not local:
            self._send_environment(work, sink)
        run_id = self._id(work) if local else work.shipped.run_id or ""
        sent = False
        for _ in range(_BATCHES_A_TURN):
            batch = work.follower.batch()
            if not batch and not batch.finished:
                break
            sent = sent or bool(batch)
            self._send(work, sink, run_id, batch)
            # What was in the project's own file first is read once more for the run's own store.
            if batch.points and (local or not work.shipped.local_position):
                self._mirrored(work.start, batch.points)
            if local:
                # The segments stay: they are read once more for the run's own store.
                changes: dict[str, Any] = {"local_position": batch.position}
            else:
                changes = {"position": batch.position}
                # First: a full disk has no room for the note.
                for file in batch.finished:
                    file.unlink(missing_ok=True)
            work.shipped = work.folder.note(work.shipped, last_ms=work.last_ms, **changes)
        if not local:
            self._send_aside(work, sink)
            if not work.shipped.aside:
                work.shipped = work.folder.note(work.shipped, error=None)
        return sent

    def _mirrored(self, start: RunStart, points: Sequence[_Point] | None) -> None:
        """Write points once more where the run asks for it; ``None`` says that no more come.

        What is wrong with the mirror keeps nothing from the store.
        """
        tool = start.tags.get(MIRROR_TAG)
        if tool is None or self._mirror is None:
            return
        run = f"{_UNFIT.sub('_', start.name or 'run').strip('_.')[:_LONGEST_NAME]}-{start.run_id[:8]}"
        try:
            mirror = self._mirror(tool)
            if points is None:
                mirror.end(run)
            else:
                mirror.write(run, points)
        except (MlopsError, OSError) as error:
            self.problems[f"mirror of {start.run_id}"] = error

    def _create(self, work: _Work, sink: RunSink) -> None:
        start = work.start
        run_id = start.known_as
        if run_id is None:
            if work.shipped.creating:
                run_id = sink.find(start)
            else:
                work.shipped = work.folder.note(work.shipped, creating=True)
        if run_id is None:
            run_id = sink.create(start, self._tags(work, sink))
        if start.search_path:
            path = work.folder.files / ENVIRONMENT_ARTIFACT
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._environment(start.search_path), encoding="utf-8")
        work.shipped = work.folder.note(work.shipped, run_id=run_id, link=sink.link(run_id), creating=False, error=None)

    def _send_environment(self, work: _Work, sink: RunSink) -> None:
        """Send what is installed, which waits as a file since the run was created."""
        path = work.folder.files / ENVIRONMENT_ARTIFACT
        if not work.start.search_path or not path.exists() or ENVIRONMENT_ARTIFACT in work.shipped.aside:
            return
        self._offer(work, sink, work.shipped.run_id or "", {"artifact": ENVIRONMENT_ARTIFACT})
        self._settle_environment(work)

    @staticmethod
    def _settle_environment(work: _Work) -> None:
        """Remove the file that says that it has to be sent, unless it waits for another try."""
        if ENVIRONMENT_ARTIFACT not in work.shipped.aside:
            (work.folder.files / ENVIRONMENT_ARTIFACT).unlink(missing_ok=True)

    def _tags(self, work: _Work, sink: RunSink) -> dict[str, str]:
        """Return the run's tags, in the store's own ids."""
        tags = {name: self._translate(name, value) for name, value in work.start.tags.items()}
        if work.start.cell_id is not None and RERUN_TAG not in tags:
            last = sink.last_of_cell(work.start)
            if last is not None:
                tags[RERUN_TAG] = last
        if NOTE_TAG not in tags and (note := self._note(work.start)) is not None:
            tags[NOTE_TAG] = note
        return tags

    def _translate(self, name: str, value: str) -> str:
        if name not in {PARENT_TAG, RERUN_TAG}:
            return value
        return self._folders.of(value).shipped().run_id or value

    def _send(self, work: _Work, sink: RunSink, run_id: str, batch: Batch) -> None:
        if batch.points:
            work.last_ms = max(work.last_ms, batch.points[-1][2])
        tags = {name: self._translate(name, value) for name, value in batch.tags.items()}
        if batch.points or batch.params or tags:
            self._write(work, sink, run_id, batch.points, batch.params, tags)
        for entry in batch.rest:
            self._offer(work, sink, run_id, entry)

    def _offer(self, work: _Work, sink: RunSink, run_id: str, entry: dict[str, Any]) -> None:
        """Send an entry; one that the store does not take is kept aside."""
        try:
            self._send_entry(work, sink, run_id, entry)
        except _NOT_THE_ENTRY:
            raise
        except MlopsError as refused:
            self._refuse(work, entry, refused)

    def _send_entry(self, work: _Work, sink: RunSink, run_id: str, entry: Mapping[str, Any]) -> None:
        if "artifact" in entry:
            self._send_artifact(work, sink, run_id, entry["artifact"])
        elif "inputs" in entry:
            sink.inputs(run_id, entry["inputs"])
        elif "name" in entry:
            sink.rename(run_id, entry["name"])
        elif "end" in entry:
            work.shipped = work.folder.note(work.shipped, status=entry["end"], end_ms=entry["time_ms"], end_told=False)
        elif "garbled" in entry:
            raise MlopsError("the journal is damaged here")

    def _send_artifact(self, work: _Work, sink: RunSink, run_id: str, path: str) -> None:
        """Store an artifact; where artifacts lie may be away while the store of runs answers, which waits for none."""
        file = work.folder.files / path
        if not file.is_file():
            raise MlopsError(f"the file of {path} is gone")
        try:
            sink.artifact(run_id, path, file)
        except (Rejected, NotFound, Conflict):
            raise
        except Exception as error:  # noqa: BLE001 -- each kind of artifact store has errors of its own
            sink.reach(_REACH_S)
            said = error.message if isinstance(error, MlopsError) else f"{type(error).__name__}: {error}"
            work.aside_at = time.monotonic() + _LONGEST_PAUSE_S
            aside = (*_others(work, path), path)
            work.shipped = work.folder.note(work.shipped, aside=aside, error=f"{path} cannot be stored: {said}")
            return
        if path in work.shipped.aside:
            work.shipped = work.folder.note(work.shipped, aside=_others(work, path), error=None)
        if path == NOTEBOOK_ARTIFACT:
            try:
                self._pages.ask(file, lambda page: self._deliver(sink, run_id, page))
            except OSError as error:
                # It has the notebook; the page is a convenience.
                self.problems[f"page of {run_id}"] = error

    def _send_aside(self, work: _Work, sink: RunSink) -> None:
        """Try again what was set aside, when it is time."""
        if work.shipped.aside and time.monotonic() >= work.aside_at:
            for path in work.shipped.aside:
                self._offer(work, sink, self._id(work), {"artifact": path})
                if path == ENVIRONMENT_ARTIFACT:
                    self._settle_environment(work)

    def _deliver(self, sink: RunSink, run_id: str, page: Path) -> None:
        """Give a run its notebook's page; a store that is away by now does without, as it has the notebook."""
        try:
            sink.artifact(run_id, HTML_ARTIFACT, page)
        except Exception as error:  # noqa: BLE001 -- nor may it keep others from the store
            self.problems[f"page of {run_id}"] = error

    def _write(  # noqa: PLR0917 -- what one call to the store takes
        self,
        work: _Work,
        sink: RunSink,
        run_id: str,
        points: Sequence[_Point],
        params: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> None:
        """Write; when the store refuses, find the entries that it does not take, and keep those aside."""
        try:
            sink.write(run_id, points, params, tags)
        except _NOT_THE_ENTRY:
            raise
        except MlopsError as refused:
            if len(points) + len(params) + len(tags) == 1:
                self._refuse(work, {"points": list(points), "params": dict(params), "tags": dict(tags)}, refused)
                return
            for part in _halves(points, params, tags):
                self._write(work, sink, run_id, *part)

    @staticmethod
    def _refuse(work: _Work, what: dict[str, Any], refused: MlopsError) -> None:
        work.folder.refuse(what, refused.message)
        aside = _others(work, what.get("artifact"))
        work.shipped = work.folder.note(work.shipped, refused=work.shipped.refused + 1, aside=aside)

    # --- how a run ends ---------------------------------------------------------------------------------------

    def _reap(self, work: _Work) -> None:
        """Say how a run ended whose process has died without a word."""
        # If nobody watched, the last thing that it did is the best that is known.
        died = time.time_ns() // 1_000_000 if work.seen_alive else work.last_ms or work.start.started_ms
        sink = self._sink(self._place(work))
        sink.write(self._id(work), (), {}, {ERROR_TAG: "the process ended without closing the run"})
        work.shipped = work.folder.note(work.shipped, status="KILLED", end_ms=died)

    def _finish(self, work: _Work) -> bool:
        sink = self._sink(self._place(work))
        if not work.shipped.end_told:
            sink.end(self._id(work), work.shipped.status or "KILLED", work.shipped.end_ms)
            work.shipped = work.folder.note(work.shipped, end_told=True)
            self._mirrored(work.start, None)
        if work.folder.anyone_writes():
            return False
        if work.shipped.local:
            if self._paused(work.start.store) is not None:
                return False
            self._copy_home(work, sink)
            return True
        if work.shipped.aside:
            return False
        work.shipped = work.folder.note(work.shipped, done=True, error=None)
        return self._forget(work)

    def _copy_home(self, work: _Work, local: RunSink) -> None:
        """Bring a run that was opened in the sqlite file to its store, now that it has ended."""
        home = self._sink_of(work.start.store)
        home.reach(_REACH_S)
        if work.shipped.run_id is None:
            self._create(work, home)
        self._send_environment(work, home)
        run_id = work.shipped.run_id or ""
        work.follower.close()
        work.follower = Follower(work.folder.path, work.shipped.position)
        while batch := work.follower.batch():
            self._send(work, home, run_id, batch)
            work.shipped = work.folder.note(work.shipped, position=batch.position)
        home.write(run_id, (), {}, {LOCAL_ID_TAG: work.start.run_id})
        self._tell_relatives(work.start.run_id, run_id, home)
        local.copy_rest(work.start.run_id, home, run_id)
        home.end(run_id, work.shipped.status or "KILLED", work.shipped.end_ms)
        local.write(work.start.run_id, (), {}, {COPIED_TAG: run_id})
        error = work.shipped.error if work.shipped.aside else None
        work.shipped = work.folder.note(
            work.shipped, done=not work.shipped.aside, local=False, end_told=True, error=error
        )

    def _tell_relatives(self, local_id: str, run_id: str, home: RunSink) -> None:
        """Correct the tags of runs that came to the store first and know this one by its first id."""
        for folder in self._folders:
            start, other = folder.start(), folder.shipped().run_id
            if start is None or other is None:
                continue
            tags = {name: run_id for name in (PARENT_TAG, RERUN_TAG) if start.tags.get(name) == local_id}
            if tags:
                home.write(other, (), {}, tags)

    def _forget(self, work: _Work) -> bool:
        """Remove the folder of a run that is in its store, unless code may still know it by its first id."""
        if work.follower.pending():
            # A forked process has written after the end.
            work.shipped = work.folder.note(work.shipped, done=False)
            return True
        if work.folder.anyone_writes() or work.shipped.refused:
            return False
        age = time.time() - work.start.started_ms / 1000
        if work.shipped.run_id not in {work.start.run_id, work.start.known_as} and age < _REMEMBERED_S:
            return False
        work.follower.close()
        del self._work[work.folder.name]
        self._blamed.discard(work.folder.name)
        work.folder.remove()
        return False


def _others(work: _Work, path: str | None) -> tuple[str, ...]:
    """Return what is set aside of a run but for one artifact."""
    return tuple(one for one in work.shipped.aside if one != path)


def _halves(
    points: Sequence[_Point], params: Mapping[str, str], tags: Mapping[str, str]
) -> list[tuple[Sequence[_Point], Mapping[str, str], Mapping[str, str]]]:
    """Divide a refused batch: metrics by two, everything else one by one."""
    if params or tags:
        alone: list[tuple[Sequence[_Point], Mapping[str, str], Mapping[str, str]]] = (
            [(points, {}, {})] if points else []
        )
        alone += [((), {name: value}, {}) for name, value in params.items()]
        return alone + [((), {}, {name: value}) for name, value in tags.items()]
    middle = len(points) // 2
    return [(points[:middle], {}, {}), (points[middle:], {}, {})]


def _clock() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
