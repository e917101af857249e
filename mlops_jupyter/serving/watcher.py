"""The watcher of an endpoint: ``python -m mlops_jupyter.serving.watcher STATE PID``, one process beside the supervisor.

Workers send it what they have answered. It sketches that in windows and compares them with the baseline, keeps rows and
answers as files, and writes the endpoint's own history once a second. What it finds is in the folder ``watch``, and the
supervisor is told, for `/metrics`. Requests never wait for it: while it is away, workers drop rows and count them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from ..capabilities.endpoints import EndpointPlan, windows
from ..capabilities.endpoints.folder import EndpointFolder
from ..capabilities.endpoints.reports import write_drift
from ..capabilities.endpoints.series import SeriesFile
from ..capabilities.endpoints.state import read_state
from ..capabilities.forking.linux import die_with
from ..capabilities.quality.keeping import QualityKeeper
from ..errors import ConfigurationError, MlopsError
from . import parts
from .asking import asked
from .frames import LENGTHS, Frame, lengths
from .listening import listen_unix
from .parts import Parts
from .sampling import Sampling
from .watched import Watched

_LOG = logging.getLogger(__name__)
# Requests want the processor more than this process does.
_NICE = 5
_TICK_S = 1.0
# Seldomer than that no report is made, and not oftener than each second.
_REPORT_S = 10.0
_TIDY_S = 60.0
_ASK_S = 5.0
_DRAIN_S = 0.5
_DAY_S = 86_400.0
_READ = 4 * 1024 * 1024
_MB = 1_000_000


class Watcher:
    """The process.

    Parameters
    ----------
    folder
        The endpoint's folder.
    plan
        What is in it.
    """

    def __init__(self, folder: EndpointFolder, plan: EndpointPlan) -> None:
        self._folder, self._plan = folder, plan
        self._watch = folder.watch
        self._watch.mkdir(mode=0o700, exist_ok=True)
        self._plan_seen = _changed(folder.plan_file)
        self._stopping = asyncio.Event()
        self._versions: dict[str, Watched] = {}
        self._series = SeriesFile(self._watch / "series.db")
        self._recorded = False
        self._answers = Parts(self._watch / "answers")
        self._payloads = Parts(self._watch / "payloads")
        self._sampling = Sampling()
        self._quality = QualityKeeper(self._watch)
        self._told: dict[str, str] = {}
        self._readers: set[asyncio.Task[None]] = set()
        self._follow_plan(plan)

    async def run(self) -> int:
        """Watch until told to stop; then take what is still to be read, and write it down."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        listening = listen_unix(self._folder.rows_socket)
        server = await asyncio.start_unix_server(self._hear, sock=listening, limit=_READ)
        works = (
            (lambda: _TICK_S, self._second),
            (self._report_s, self._compare),
            (self._report_s, self._assess),
            (lambda: _TIDY_S, self._tidy),
        )
        ticking = [asyncio.create_task(self._each(interval, work)) for interval, work in works]
        stopping = asyncio.create_task(self._stopping.wait())
        # One that fails ends this process, and the supervisor starts it again.
        done, _ = await asyncio.wait([stopping, *ticking], return_when=asyncio.FIRST_COMPLETED)
        server.close()
        for task in ticking:
            task.cancel()
        await asyncio.gather(*ticking, return_exceptions=True)
        if self._readers:
            # Workers that end close their connections: what they had sent is read to its end.
            await asyncio.wait(self._readers, timeout=_DRAIN_S)
        self._finish()
        self._folder.rows_socket.unlink(missing_ok=True)
        for ended in done:
            ended.result()
        return 0

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take what a worker says until it is gone."""
        task = asyncio.current_task()
        if task is not None:
            self._readers.add(task)
            task.add_done_callback(self._readers.discard)
        try:
            while True:
                head, body = lengths(await reader.readexactly(LENGTHS.size))
                self._take(Frame.from_bytes(await reader.readexactly(head), await reader.readexactly(body)))
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        except ValueError as error:
            _LOG.warning("a worker cannot be understood: %s", error)
        finally:
            writer.close()

    def _take(self, frame: Frame) -> None:
        version = self._versions.get(frame.version)
        if version is None:
            # Its last answers, after a change of the plan.
            return
        # Whatever is in the rows of one message does not end the watching of others.
        with self._said("rows", f"rows of version {frame.version} cannot be looked at", Exception):
            version.take(frame)
            self._answers.add(parts.answers(frame))
            if len(chosen := self._sampling.choose(frame.rows)):
                self._payloads.add(parts.payload(frame, chosen))

    def _report_s(self) -> float:
        return min(max(self._plan.monitoring.base_window_s, _TICK_S), _REPORT_S)

    async def _each(self, interval: Callable[[], float], work: Callable[[], Awaitable[None]]) -> None:
        while True:
            interval_s = interval()
            # At whole multiples of the interval: windows of two endpoints, and of two lives of one, end together.
            await asyncio.sleep(interval_s - time.time() % interval_s)
            await work()

    async def _second(self) -> None:
        """Keep what workers have counted, and write down what is due."""
        self._reload()
        now_ms = time.time_ns() // 1_000_000
        for version in self._versions.values():
            with self._said("windows", "windows cannot be written, and are lost when this process ends", OSError):
                version.turn(now_ms)
        self._answers.tick()
        self._payloads.tick()
        # A supervisor that has no time just now is asked again in a second.
        with contextlib.suppress(OSError, ValueError):
            told = await asked(self._folder.control, {"do": "snapshot"}, _ASK_S)
            with self._said("series", "the history cannot be written", OSError):
                self._record(time.time(), told["snapshot"])

    def _record(self, now_s: float, snapshot: dict[str, Any]) -> None:
        """Keep what was counted; before the first of it, that it was nothing when the endpoint started."""
        if not self._recorded and (state := read_state(self._folder.state_file)) is not None:
            self._series.begin(state.started_at, now_s)
        self._series.append(now_s, snapshot)
        self._recorded = True

    async def _compare(self) -> None:
        """Compare what has come with the baselines, and tell it."""
        now_ms = time.time_ns() // 1_000_000
        levels: dict[str, list[list[Any]]] = {name: [] for name in Watched.LEVELS}
        for version in self._versions.values():
            # Whatever a model's columns hold, the others go on.
            with self._said("drift", f"the drift of version {version.planned.version} cannot be told", Exception):
                report = version.report(now_ms)
                for name, series in version.levels(report).items():
                    levels[name] += series
                write_drift(self._watch, report)
        await self._tell(levels)

    async def _assess(self) -> None:
        """See how right the answers are for which labels have come, in a thread: rows go on being taken."""
        models = {version: watched.planned.model or "" for version, watched in self._versions.items()}
        with self._said("quality", "how right the answers are cannot be told", Exception):
            levels = await asyncio.to_thread(self._quality.turn, models)
            if levels:
                await self._tell(levels)

    async def _tell(self, levels: dict[str, list[list[Any]]]) -> None:
        with contextlib.suppress(OSError, ValueError):
            answer = await asked(self._folder.control, {"do": "levels", "levels": levels}, _ASK_S)
            if "error" in answer:
                _LOG.error("the supervisor does not take what was found: %s", answer["error"])

    async def _tidy(self) -> None:
        now_ms, keep_ms = time.time_ns() // 1_000_000, int(self._plan.monitoring.window_s * 1_000)
        with self._said("tidy", "old windows cannot be removed", OSError):
            for folder in windows.folders(self._watch):
                windows.tidy(folder, now_ms, keep_ms)

    def _reload(self) -> None:
        """Take up the plan, if it has changed."""
        seen = _changed(self._folder.plan_file)
        if seen == self._plan_seen:
            return
        self._plan_seen = seen
        with self._said("plan", "the plan cannot be read", MlopsError):
            plan = self._folder.plan()
            if plan is not None:
                self._follow_plan(plan)

    def _follow_plan(self, plan: EndpointPlan) -> None:
        now_ms, before = time.time_ns() // 1_000_000, self._versions
        same = plan.monitoring == self._plan.monitoring
        self._plan, self._versions = plan, {}
        for planned in plan.versions:
            if planned.shadow:
                # Nobody sees its answers; they are compared with those that were sent.
                continue
            old = before.pop(planned.version, None)
            if (
                old is not None
                and same
                and (old.planned.model, old.planned.baseline) == (planned.model, planned.baseline)
            ):
                old.planned = planned
                self._versions[planned.version] = old
                continue
            if old is not None:
                self._close(old)
            self._versions[planned.version] = Watched(plan.name, self._watch, planned, plan.monitoring, now_ms)
        for old in before.values():
            self._close(old)
        monitoring = plan.monitoring
        keep_s = monitoring.keep_days * _DAY_S
        self._answers.bound(monitoring.answers_mb * _MB, keep_s)
        self._payloads.bound(monitoring.payload_mb * _MB, keep_s)
        self._sampling.told(monitoring.sample, monitoring.sample_rows_per_s)

    def _close(self, version: Watched) -> None:
        with self._said("windows", "windows cannot be written, and are lost when this process ends", OSError):
            version.turn(time.time_ns() // 1_000_000, now=True)

    def _finish(self) -> None:
        for version in self._versions.values():
            self._close(version)
        self._answers.tick(now=True)
        self._payloads.tick(now=True)
        self._series.close()

    @contextlib.contextmanager
    def _said(self, what: str, words: str, *kinds: type[Exception]) -> Iterator[None]:
        """Say what goes wrong, once until it goes well again, and go on."""
        try:
            yield
        except kinds as error:
            said = f"{words}: {type(error).__name__}: {error}"
            if self._told.get(what) != said:
                _LOG.warning("%s", said, exc_info=not isinstance(error, OSError | MlopsError))
            self._told[what] = said
        else:
            self._told.pop(what, None)


def _changed(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_ino


def main(folder: EndpointFolder, supervisor: int) -> int:
    """Watch until the supervisor, the process of that number, is gone."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    die_with(supervisor)
    os.nice(_NICE)
    # What is written is for the endpoint's owner.
    os.umask(0o077)
    plan = folder.plan()
    if plan is None:
        raise ConfigurationError(f"there is no plan in {folder.path}", "mlops deploy")

    async def watch() -> int:
        return await Watcher(folder, plan).run()

    return asyncio.run(watch())


if __name__ == "__main__":
    sys.exit(main(EndpointFolder(Path(sys.argv[1])), int(sys.argv[2])))
