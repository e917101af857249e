"""Sending: what a batch of a journal holds goes to a store; what the store does not take is kept aside."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import Conflict, MlopsError, NotFound, Rejected, Unauthorized, Unavailable
from ...protocols import MetricMirror, RunSink
from ...records import Point, RunStart
from ..journal import Batch, RunFolders
from ..rendering import HTML_ARTIFACT, Renderings
from ..run_snapshot import NOTEBOOK_ARTIFACT
from ..tracking import PARENT_TAG, RERUN_TAG
from .stores import LONGEST_PAUSE_S, REACH_S
from .work import Work

# On a run whose metrics are written a second time; it says for which tool.
MIRROR_TAG = "mlops.mirrored"
ENVIRONMENT_ARTIFACT = "mlops/environment.json"

_UNFIT, _LONGEST_NAME = re.compile(r"[^\w.=+-]+"), 100
# What is the matter with the store or with the whole run, and so no reason to set an entry aside.
_NOT_THE_ENTRY = (Unavailable, Unauthorized, NotFound, Conflict)


class Sender:
    """Sends what journals hold to stores.

    Parameters
    ----------
    folders
        The journals, for the ids that stores have given to the runs that tags name.
    pages
        Makes the pages of runs' notebooks.
    mirror
        Gives what writes metrics a second time, by the tool that they are for; ``None`` where nothing does.
    """

    def __init__(
        self, folders: RunFolders, pages: Renderings, mirror: Callable[[str], MetricMirror] | None = None
    ) -> None:
        self._folders = folders
        self._pages = pages
        self._mirror = mirror
        self.problems: dict[str, Exception] = {}

    def send(self, work: Work, sink: RunSink, run_id: str, batch: Batch) -> None:
        """Send what fits into one call of the store's, and the entries that have calls of their own."""
        if batch.points:
            work.last_ms = max(work.last_ms, batch.points[-1][2])
        tags = {name: self.translate(name, value) for name, value in batch.tags.items()}
        if batch.points or batch.params or tags:
            self._write(work, sink, run_id, batch.points, batch.params, tags)
        for entry in batch.rest:
            self._offer(work, sink, run_id, entry)

    def translate(self, name: str, value: str) -> str:
        """Return a tag's value in the store's own ids, where it names a run."""
        if name not in {PARENT_TAG, RERUN_TAG}:
            return value
        return self._folders.of(value).shipped().run_id or value

    def mirrored(self, start: RunStart, points: Sequence[Point] | None) -> None:
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

    def send_environment(self, work: Work, sink: RunSink) -> None:
        """Send what is installed, which waits as a file since the run was created."""
        path = work.folder.files / ENVIRONMENT_ARTIFACT
        if not work.start.search_path or not path.exists() or ENVIRONMENT_ARTIFACT in work.shipped.aside:
            return
        self._offer(work, sink, work.shipped.run_id or "", {"artifact": ENVIRONMENT_ARTIFACT})
        self._settle_environment(work)

    def send_aside(self, work: Work, sink: RunSink) -> None:
        """Try again what was set aside, when it is time."""
        if work.shipped.aside and time.monotonic() >= work.aside_at:
            for path in work.shipped.aside:
                self._offer(work, sink, work.run_id, {"artifact": path})
                if path == ENVIRONMENT_ARTIFACT:
                    self._settle_environment(work)

    @staticmethod
    def _settle_environment(work: Work) -> None:
        """Remove the file that says that it has to be sent, unless it waits for another try."""
        if ENVIRONMENT_ARTIFACT not in work.shipped.aside:
            (work.folder.files / ENVIRONMENT_ARTIFACT).unlink(missing_ok=True)

    def _offer(self, work: Work, sink: RunSink, run_id: str, entry: dict[str, Any]) -> None:
        """Send an entry; one that the store does not take is kept aside."""
        try:
            self._send_entry(work, sink, run_id, entry)
        except _NOT_THE_ENTRY:
            raise
        except MlopsError as refused:
            self._refuse(work, entry, refused)

    def _send_entry(self, work: Work, sink: RunSink, run_id: str, entry: Mapping[str, Any]) -> None:
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

    def _send_artifact(self, work: Work, sink: RunSink, run_id: str, path: str) -> None:
        """Store an artifact; where artifacts lie may be away while the store of runs answers, which waits for none."""
        file = work.folder.files / path
        if not file.is_file():
            raise MlopsError(f"the file of {path} is gone")
        try:
            sink.artifact(run_id, path, file)
        except (Rejected, NotFound, Conflict):
            raise
        except Exception as error:  # noqa: BLE001 -- each kind of artifact store has errors of its own
            sink.reach(REACH_S)
            said = error.message if isinstance(error, MlopsError) else f"{type(error).__name__}: {error}"
            work.aside_at = time.monotonic() + LONGEST_PAUSE_S
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

    def _deliver(self, sink: RunSink, run_id: str, page: Path) -> None:
        """Give a run its notebook's page; a store that is away by now does without, as it has the notebook."""
        try:
            sink.artifact(run_id, HTML_ARTIFACT, page)
        except Exception as error:  # noqa: BLE001 -- nor may it keep others from the store
            self.problems[f"page of {run_id}"] = error

    def _write(  # noqa: PLR0917 -- what one call to the store takes
        self,
        work: Work,
        sink: RunSink,
        run_id: str,
        points: Sequence[Point],
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
    def _refuse(work: Work, what: dict[str, Any], refused: MlopsError) -> None:
        work.folder.refuse(what, refused.message)
        aside = _others(work, what.get("artifact"))
        work.shipped = work.folder.note(work.shipped, refused=work.shipped.refused + 1, aside=aside)


def _others(work: Work, path: str | None) -> tuple[str, ...]:
    """Return what is set aside of a run but for one artifact."""
    return tuple(one for one in work.shipped.aside if one != path)


def _halves(
    points: Sequence[Point], params: Mapping[str, str], tags: Mapping[str, str]
) -> list[tuple[Sequence[Point], Mapping[str, str], Mapping[str, str]]]:
    """Divide a refused batch: metrics by two, everything else one by one."""
    if params or tags:
        alone: list[tuple[Sequence[Point], Mapping[str, str], Mapping[str, str]]] = [(points, {}, {})] if points else []
        alone += [((), {name: value}, {}) for name, value in params.items()]
        return alone + [((), {}, {name: value}) for name, value in tags.items()]
    middle = len(points) // 2
    return [(points[:middle], {}, {}), (points[middle:], {}, {})]
