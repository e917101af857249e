"""How many points whose call had returned are kept when the process that logs is killed with SIGKILL."""

from __future__ import annotations

import mmap
import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from measuring import HERE, Failed, ask, table
from measuring.peers import python_of
from measuring.projects import Project, Unmeasured
from measuring.ways import WAYS

PACES = {"flat out": 0.0, "every 10 ms": 0.01}
POINTS, LIMIT_S = 20_000, 2.0
_START_S = 60


@dataclass
class Case:
    """A way and a pace; `logged` and `kept` have a number for each kill."""

    way: str
    pace: str
    shipper_too: bool = False
    logged: list[int] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    failed: str = ""

    @property
    def label(self) -> str:
        return WAYS[self.way].label + (", shipper killed too" if self.shipper_too else "")

    @property
    def lost(self) -> list[int]:
        # The call that was under way may have kept its point, too.
        return [max(0, logged - kept) for logged, kept in zip(self.logged, self.kept, strict=True)]


def cases(ways: list[str]) -> list[Case]:
    both = [(way, pace) for way in ways for pace in PACES]
    ours = [Case("ours", pace, shipper_too=True) for pace in PACES]
    return [Case(way, pace) for way, pace in both] + ours


def measure(case: Case, project: Project) -> None:
    """Let one process log, kill it, and count."""
    way, counting = WAYS[case.way], project.folder / "counter"
    counting.write_bytes(bytes(8))
    with counting.open("r+b") as file, mmap.mmap(file.fileno(), 8) as counter:
        words = ("-P", HERE / "log_points.py", case.way, "until-killed", counting, PACES[case.pace])
        process = subprocess.Popen(
            [str(word) for word in (python_of(way.peer), *words)],
            cwd=project.folder,
            env=project.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_and_kill(process, counter, project if case.shipper_too else None)
        finally:
            process.kill()
            process.wait()
        logged = int.from_bytes(counter[:8], "little")
    if not way.peer and case.way != "write":
        project.ship()
    kept = ask((python_of(way.peer), "-c", way.count), cwd=project.folder, env=project.environment)
    if isinstance(kept, Failed):
        raise Unmeasured(kept.why)
    case.logged.append(logged)
    case.kept.append(int(kept))


def _wait_and_kill(process: subprocess.Popen[bytes], counter: mmap.mmap, project: Project | None) -> None:
    began, first = time.monotonic(), 0.0
    while process.poll() is None:
        logged, now = int.from_bytes(counter[:8], "little"), time.monotonic()
        first = first or (now if logged else 0.0)
        if logged >= POINTS or (first and now - first > LIMIT_S):
            process.send_signal(signal.SIGKILL)
            if project is not None and (pid := project.shipper()) is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return
        if now - began > _START_S:
            break
        time.sleep(0.002)
    raise Unmeasured("it did not begin to log")


def report(all_cases: list[Case]) -> str:
    rows = []
    for case in all_cases:
        if not case.logged:
            continue
        share = [lost / logged for lost, logged in zip(case.lost, case.logged, strict=True)]
        numbers = (median(case.logged), median(case.kept), min(case.lost), median(case.lost), max(case.lost))
        rows.append([case.label, case.pace, *(f"{number:,.0f}" for number in numbers), f"{median(share):.1%}"])
    heads = ["what is killed", "pace", "returned", "kept", "lost, least", "median", "most", "lost of returned"]
    return table(heads, rows, words=2)


def folder_of(case: Case, turn: int, top: Path) -> Path:
    return top / f"{turn}-{case.label}-{case.pace}".replace(" ", "-").replace(",", "")
