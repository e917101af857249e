"""The shipper: turn by turn, each run that has a journal comes nearer to its store, and gets its end there."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ...errors import MlopsError, Unauthorized, Unavailable
from ...protocols import MetricMirror, RunSink
from ...records import RunStart
from ..journal import Follower, RunFolder, RunFolders
from ..rendering import Renderings
from ..tracking import ERROR_TAG, LOCAL_ID_TAG, PARENT_TAG, RERUN_TAG
from .sending import ENVIRONMENT_ARTIFACT, Sender
from .stores import LONGEST_PAUSE_S, REACH_S, Place, Stores
from .work import Work

HEARTBEAT_TAG = "mlops.alive"
NOTE_TAG = "mlflow.note.content"
COPIED_TAG = "mlops.copied_to"

_HEARTBEAT_S = 60.0
# A run gives way to the others after so many batches.
_BATCHES_A_TURN = 20
# How long a run that a server has renumbered is remembered: code may still speak of it by its first id.
_REMEMBERED_S = 24 * 3600.0
_SWEEP_S = 600.0


class Shipper:
    """Ships the journals of a project.

    Parameters
    ----------
    folders
        The journals.
    stores
        The stores.
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
        stores: Stores,
        environment: Callable[[Sequence[str]], str],
        note: Callable[[RunStart], str | None],
        pages: Renderings,
        mirror: Callable[[str], MetricMirror] | None = None,
    ) -> None:
        self._folders = folders
        self._stores = stores
        self._environment = environment
        self._note = note
        self._pages = pages
        self._sender = Sender(folders, pages, mirror)
        self._work: dict[str, Work] = {}
        # Runs of whose stores it was said, while they were shipped, that they are away.
        self._blamed: set[str] = set()
        self._sweep_at = 0.0

    @property
    def problems(self) -> dict[str, Exception]:
        """What has gone wrong that no store is to blame for, by what it went wrong with."""
        return self._sender.problems

    @property
    def outdated(self) -> bool:
        """Whether only another process can go on; this one's turns do nothing."""
        return self._stores.outdated

    def turn(self) -> bool:
        """Do some of what there is to do; tell whether there was anything."""
        if self._stores.news():
            self._begin_anew()
        if self.outdated:
            return False
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
            if (work := self._work.get(folder.name)) is not None:
                work.follower.rest()
        self._sweep()
        self._pages.turn()
        self.problems.update({f"page {digest[:12]}": MlopsError(said) for digest, said in self._pages.problems.items()})
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
        self._stores.hurry()
        for work in self._work.values():
            work.blocked_until = work.aside_at = 0.0

    def _begin_anew(self) -> None:
        """Try everything again at once: what was said of stores does not hold any more."""
        self.hurry()
        for work in self._work.values():
            if work.shipped.error is not None and work.folder.path.is_dir():
                work.shipped = work.folder.note(work.shipped, error=None)

    def _turn_of(self, folder: RunFolder) -> bool:
        work = self._work.get(folder.name) or self._take_up(folder)
        now = time.monotonic()
        if work is None or now < work.blocked_until or self._only_waits(work):
            return False
        if work.shipped.done:
            return self._forget(work)
        # Asked before reading: a process that ends says so in the journal first.
        alive = folder.owner_lives()
        work.seen_alive |= alive
        if work.shipped.local or self._is_away(work):
            busy = self._ship_locally(work)
        elif (pause := self._stores.paused(work.home)) is not None:
            if work.shipped.run_id is None or work.shipped.status is not None or work.follower.pending():
                work.shipped = folder.note(work.shipped, error=pause.reason)
            return False
        else:
            busy = self._ship(work, self._stores.sink(work.home), local=False)
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
            self._stores.sink_as_it_is(self._place(work)).write(work.run_id, (), {}, {HEARTBEAT_TAG: _clock()})
        return busy

    def _only_waits(self, work: Work) -> bool:
        """Tell, at little cost, whether a run has ended and waits for a store that is left alone."""
        if not work.quiet_ns or self._stores.paused(work.home) is None:
            return False
        return work.folder.changed_ns() == work.quiet_ns

    def _take_up(self, folder: RunFolder) -> Work | None:
        start = folder.start()
        if start is None:
            return None
        shipped = folder.shipped()
        position = shipped.local_position if shipped.local else shipped.position
        work = Work(folder, start, shipped, Follower(folder.path, position), shipped.last_ms)
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
            self._stores.pause(work.home, error)
            if work.shipped.run_id is not None:
                self._blamed.add(folder.name)
        shipped = work.folder.note(work.folder.shipped(), error=error.message)
        again = self._take_up(folder)
        if again is not None:
            again.shipped, again.seen_alive, again.heartbeat = shipped, work.seen_alive, work.heartbeat
            if not isinstance(error, Unavailable | Unauthorized):
                again.blocked_until = time.monotonic() + LONGEST_PAUSE_S

    # --- where a run goes -------------------------------------------------------------------------------------

    def _is_away(self, work: Work) -> bool:
        """Tell whether the run's store does not answer, before the run exists there."""
        if work.shipped.run_id is not None or work.start.known_as is not None:
            return False
        if (pause := self._stores.away(work.home)) is None:
            return False
        work.shipped = work.folder.note(work.shipped, error=pause.reason)
        return True

    def _place(self, work: Work) -> Place:
        return self._stores.local if work.shipped.local else work.home

    def _ship_locally(self, work: Work) -> bool:
        """Open the run in the project's own sqlite file, to be copied to its store later."""
        if not work.shipped.local:
            if work.home == self._stores.local:
                raise Unavailable("MLflow", work.shipped.error or "the store does not answer")
            sink = self._stores.sink_as_it_is(self._stores.local)
            # Experiments have other ids there.
            sink.create(replace(work.start, experiment_id=None), self._tags(work, sink))
            work.shipped = work.folder.note(work.shipped, local=True)
        return self._ship(work, self._stores.sink_as_it_is(self._stores.local), local=True)

    # --- what is shipped --------------------------------------------------------------------------------------

    def _ship(self, work: Work, sink: RunSink, *, local: bool) -> bool:
        if not local and work.shipped.run_id is None:
            self._create(work, sink)
        if not local:
            self._sender.send_environment(work, sink)
        run_id = work.run_id if local else work.shipped.run_id or ""
        sent = False
        for _ in range(_BATCHES_A_TURN):
            batch = work.follower.batch()
            if not batch and not batch.finished:
                break
            sent = sent or bool(batch)
            self._sender.send(work, sink, run_id, batch)
            # What was in the project's own file first is read once more for the run's own store.
            if batch.points and (local or not work.shipped.local_position):
                self._sender.mirrored(work.start, batch.points)
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
            self._sender.send_aside(work, sink)
            if not work.shipped.aside:
                work.shipped = work.folder.note(work.shipped, error=None)
        return sent

    def _create(self, work: Work, sink: RunSink) -> None:
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

    def _tags(self, work: Work, sink: RunSink) -> dict[str, str]:
        """Return the run's tags, in the store's own ids."""
        tags = {name: self._sender.translate(name, value) for name, value in work.start.tags.items()}
        if work.start.cell_id is not None and RERUN_TAG not in tags:
            last = sink.last_of_cell(work.start)
            if last is not None:
                tags[RERUN_TAG] = last
        if NOTE_TAG not in tags and (note := self._note(work.start)) is not None:
            tags[NOTE_TAG] = note
        return tags

    # --- how a run ends ---------------------------------------------------------------------------------------

    def _reap(self, work: Work) -> None:
        """Say how a run ended whose process has died without a word."""
        # If nobody watched, the last thing that it did is the best that is known.
        died = time.time_ns() // 1_000_000 if work.seen_alive else work.last_ms or work.start.started_ms
        sink = self._stores.sink_as_it_is(self._place(work))
        sink.write(work.run_id, (), {}, {ERROR_TAG: "the process ended without closing the run"})
        work.shipped = work.folder.note(work.shipped, status="KILLED", end_ms=died)

    def _finish(self, work: Work) -> bool:
        sink = self._stores.sink_as_it_is(self._place(work))
        if not work.shipped.end_told:
            sink.end(work.run_id, work.shipped.status or "KILLED", work.shipped.end_ms)
            work.shipped = work.folder.note(work.shipped, end_told=True)
            self._sender.mirrored(work.start, None)
        if work.folder.anyone_writes():
            return False
        if work.shipped.local:
            if self._stores.paused(work.home) is not None:
                work.quiet_ns = work.folder.changed_ns()
                return False
            self._copy_home(work, sink)
            return True
        if work.shipped.aside:
            return False
        work.shipped = work.folder.note(work.shipped, done=True, error=None)
        return self._forget(work)

    def _copy_home(self, work: Work, local: RunSink) -> None:
        """Bring a run that was opened in the sqlite file to its store, now that it has ended."""
        home = self._stores.sink(work.home)
        home.reach(REACH_S)
        if work.shipped.run_id is None:
            self._create(work, home)
        self._sender.send_environment(work, home)
        run_id = work.shipped.run_id or ""
        work.follower.close()
        work.follower = Follower(work.folder.path, work.shipped.position)
        while batch := work.follower.batch():
            self._sender.send(work, home, run_id, batch)
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
        for folder in (*self._folders, *self._folders.arrived()):
            start, other = folder.start(), folder.shipped().run_id
            if start is None or other is None:
                continue
            tags = {name: run_id for name in (PARENT_TAG, RERUN_TAG) if start.tags.get(name) == local_id}
            if tags:
                home.write(other, (), {}, tags)

    def _forget(self, work: Work) -> bool:
        """Let go of a run that is all in its store; what code may still ask about it by its first id is kept."""
        written_to = work.folder.anyone_writes()
        if work.follower.pending():
            # A forked process has written after the end.
            work.shipped = work.folder.note(work.shipped, done=False)
            return True
        if written_to:
            return False
        work.follower.close()
        del self._work[work.folder.name]
        self._blamed.discard(work.folder.name)
        renumbered = work.shipped.run_id not in {work.start.run_id, work.start.known_as}
        if work.shipped.refused or (renumbered and not _is_old(work.start)):
            work.folder.arrive()
        else:
            work.folder.remove()
        return False

    def _sweep(self) -> None:
        """Now and then, remove what is left of runs that nobody will ask about any more."""
        if time.monotonic() < self._sweep_at:
            return
        self._sweep_at = time.monotonic() + _SWEEP_S
        for folder in self._folders.arrived():
            start = folder.start()
            if start is not None and _is_old(start) and not folder.refusals.exists():
                folder.remove()


def _is_old(start: RunStart) -> bool:
    return time.time() - start.started_ms / 1000 >= _REMEMBERED_S


def _clock() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
