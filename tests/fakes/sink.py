"""A store of runs in memory, which can be away, refuse what a test names, and end the process at any call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_jupyter.errors import NotFound, Rejected, Unavailable
from mlops_jupyter.protocols import RunSink
from mlops_jupyter.records import RunStart

_LOCAL_ID = "mlops.local_id"


class Crash(BaseException):
    """The shipper's process is gone."""


@dataclass
class StoredRun:
    """What a store has of one run; a point that comes twice is one point."""

    name: str
    experiment: str
    experiment_id: str | None
    points: set[tuple[str, str, int, int]] = field(default_factory=set)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    inputs: set[str] = field(default_factory=set)
    artifacts: dict[str, str] = field(default_factory=dict)
    status: str = "RUNNING"
    end_ms: int = 0

    def steps(self, name: str) -> list[int]:
        return sorted(step for metric, _, _, step in self.points if metric == name)


class FakeSink:
    """One store.

    Parameters
    ----------
    renumbers
        Whether it gives runs ids of its own, as a server does.
    """

    def __init__(self, *, renumbers: bool = False) -> None:
        self.renumbers = renumbers
        self.runs: dict[str, StoredRun] = {}
        self.calls: list[str] = []
        # Of each `write`: how many points, params and tags.
        self.written: list[tuple[int, int, int]] = []
        self.away: Exception | None = None
        self.refuses: Callable[[str, str], bool] = lambda _kind, _name: False
        # What goes wrong with one thing while the store answers.
        self.fails: Callable[[str, str], Exception | None] = lambda _kind, _name: None
        # The call at which the process ends, and whether the store has done its work by then.
        self.crash_at = -1
        self.crash_late = True
        self.before: Callable[[str], None] = lambda _call: None

    def is_away(self, *, away: bool) -> None:
        self.away = Unavailable("MLflow", "nobody answers") if away else None

    def reach(self, timeout_s: float) -> None:
        self._call("reach")

    def create(self, start: RunStart, tags: Mapping[str, str]) -> str:
        run_id = f"home{len(self.runs)}" if self.renumbers else start.run_id

        def make() -> None:
            if run_id in self.runs:
                return
            made = StoredRun(start.name, start.experiment, start.experiment_id, tags=dict(tags))
            if self.renumbers:
                made.tags[_LOCAL_ID] = start.run_id
            self.runs[run_id] = made

        self._call("create", make)
        return run_id

    def find(self, start: RunStart) -> str | None:
        self._call("find")
        found = (one for one, run in self.runs.items() if start.run_id in {one, run.tags.get(_LOCAL_ID)})
        return next(found, None)

    def link(self, run_id: str) -> str | None:
        self._call("link")
        return f"http://there/{run_id}" if self.renumbers else None

    def last_of_cell(self, start: RunStart) -> str | None:
        self._call("last_of_cell")
        return None

    def write(
        self,
        run_id: str,
        points: Sequence[tuple[str, float, int, int]],
        params: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> None:
        def do() -> None:
            self.written.append((len(points), len(params), len(tags)))
            run = self._run(run_id)
            for kind, names in (("point", [point[0] for point in points]), ("param", params), ("tag", tags)):
                for name in names:
                    self._refuse(kind, name)
            run.points |= {(name, repr(value), time_ms, step) for name, value, time_ms, step in points}
            run.params |= params
            run.tags |= tags

        self._call("write", do)

    def inputs(self, run_id: str, datasets: Sequence[Mapping[str, Any]]) -> None:
        def do() -> None:
            self._refuse("inputs", str(datasets[0]["name"]))
            self._run(run_id).inputs |= {repr(dict(one)) for one in datasets}

        self._call("inputs", do)

    def artifact(self, run_id: str, path: str, file: Path) -> None:
        def do() -> None:
            self._refuse("artifact", path)
            self._run(run_id).artifacts[path] = file.read_text(encoding="utf-8")

        self._call("artifact", do)

    def rename(self, run_id: str, name: str) -> None:
        def do() -> None:
            self._run(run_id).name = name

        self._call("rename", do)

    def end(self, run_id: str, status: str, time_ms: int) -> None:
        def do() -> None:
            run = self._run(run_id)
            run.status, run.end_ms = status, time_ms

        self._call("end", do)

    def copy_rest(self, run_id: str, target: RunSink, target_id: str) -> None:
        self._call("copy_rest", lambda: target.rename(target_id, self._run(run_id).name))

    def _run(self, run_id: str) -> StoredRun:
        if run_id not in self.runs:
            raise NotFound(f"no run {run_id}")
        return self.runs[run_id]

    def _refuse(self, kind: str, name: str) -> None:
        if (error := self.fails(kind, name)) is not None:
            raise error
        if self.refuses(kind, name):
            raise Rejected("MLflow", f"no {kind} like this")

    def _call(self, name: str, do: Callable[[], None] = lambda: None) -> None:
        self.before(name)
        if self.away is not None:
            raise self.away
        number = len(self.calls)
        self.calls.append(name)
        if number != self.crash_at or self.crash_late:
            do()
        if number == self.crash_at:
            raise Crash
