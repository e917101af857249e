"""An endpoint under load while its alias moves, its workers are killed and the kernel that deployed it restarts.

.venv/bin/python benchmarks/soak.py [--seconds 300] [--connections 32] [--check]

Each version multiplies by its number, so that every answer tells whether the version that it names has given it. A
request is lost when its connection ends without an answer: only those that a killed worker had in hand may be.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from measuring import environment, machine, number, progress, table, verdict

_MOVE_S, _KILL_S, _LOOK_S = 10.0, 20.0, 2.0
_MODEL = """
import mlops_jupyter as mlops, numpy
from sklearn.linear_model import LinearRegression
for factor in (1, 2):
    made = mlops.register(LinearRegression(fit_intercept=False).fit([[1.0], [2.0]], [1.0 * factor, 2.0 * factor]),
                          name="factor", data=numpy.array([[1.0], [2.0]]), alias="champion" if factor == 1 else None)
    assert made.version == str(factor)
print(mlops.deploy("models:/factor@champion", workers=2).port)
"""

# One process for all moves: to import MLflow on a saturated machine takes longer than the time between two.
_MOVING = """
import sys
import mlops_jupyter as mlops
for line in sys.stdin:
    print(mlops.promote(f"factor/{line.strip()}", to="champion").version, flush=True)
"""


@dataclass
class Seen:
    """What the clients have seen."""

    answers: Counter[str] = field(default_factory=Counter)
    wrong: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    lost: int = 0
    delays_s: list[float] = field(default_factory=list)


async def client(port: int, token: str, until: float, seen: Seen) -> None:
    """Ask one thing after the other over one connection, and connect anew where it ends."""
    while time.monotonic() < until:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        try:
            while time.monotonic() < until:
                await _ask(reader, writer, token, seen)
        except (asyncio.IncompleteReadError, OSError):
            seen.lost += 1
        finally:
            writer.close()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str, seen: Seen) -> None:
    value = random.randrange(1000)  # noqa: S311 -- what it is does not matter
    body = json.dumps({"inputs": [[float(value)]]}).encode()
    head = (
        f"POST /invocations HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n"
    )
    began = time.monotonic()
    writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines if line)
    answer = json.loads(await reader.readexactly(int(headers["content-length"])))
    seen.delays_s.append(time.monotonic() - began)
    code = int(status.split()[1])
    if code != 200:  # noqa: PLR2004
        seen.refused[code] += 1
        return
    version = headers["x-mlops-version"]
    seen.answers[version] += 1
    seen.wrong += abs(answer["predictions"][0] - value * int(version)) > 1e-6  # noqa: PLR2004 -- a rounding


class Disturbance:
    """Moves the alias, kills workers, and restarts the kernel once; and looks at the memory."""

    def __init__(self, root: Path, env: dict[str, str], kernel: Any, seconds: float) -> None:
        self._root, self._env, self._kernel, self._seconds = root, env, kernel, seconds
        self.moved = self.killed = 0
        self.memory_mb: list[float] = []

    async def work(self) -> None:
        """Disturb for so long."""
        mover = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _MOVING, cwd=self._root, env=self._env, stdin=-1, stdout=-1, stderr=-3
        )
        assert mover.stdin is not None and mover.stdout is not None  # noqa: PT018 -- both or none
        moving = asyncio.create_task(self._count(mover.stdout))
        try:
            await self._disturb(mover.stdin)
        finally:
            mover.stdin.close()
            await mover.wait()
            await moving

    async def _count(self, done: asyncio.StreamReader) -> None:
        while await done.readline():
            self.moved += 1

    async def _disturb(self, mover: asyncio.StreamWriter) -> None:
        began = time.monotonic()
        moves, kills, restarted, version = _MOVE_S, _KILL_S, False, 1
        while (passed := time.monotonic() - began) < self._seconds - _MOVE_S:
            if passed >= moves:
                moves += _MOVE_S
                version = 3 - version
                mover.write(f"{version}\n".encode())
            if passed >= kills:
                kills += _KILL_S
                self._kill()
            if passed >= self._seconds / 2 and not restarted:
                restarted = True
                progress(f"soak: the kernel restarts, {passed:.0f} s of {self._seconds:.0f}")
                await asyncio.to_thread(self._kernel.restart_kernel, now=True)
            self._look()
            await asyncio.sleep(_LOOK_S)

    def _workers(self) -> list[dict[str, Any]]:
        state = json.loads((self._root / ".mlops/endpoints/factor/state.json").read_text(encoding="utf-8"))
        return [one for one in state["workers"] if one["status"] == "ready"]

    def _kill(self) -> None:
        workers = self._workers()
        if len(workers) > 1:
            self.killed += 1
            psutil.Process(workers[self.killed % len(workers)]["pid"]).send_signal(signal.SIGKILL)

    def _look(self) -> None:
        """Note the memory of a worker; one that has just been started has less."""
        sizes = []
        for one in self._workers():
            try:
                sizes.append(psutil.Process(one["pid"]).memory_info().rss / 1e6)
            except psutil.NoSuchProcess:
                continue
        if sizes:
            self.memory_mb.append(max(sizes))


def main() -> None:
    parser = argparse.ArgumentParser(description="Keep an endpoint under load while everything around it changes.")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument(
        "--check", action="store_true", help="exit with 1 when an answer is wrong or lost for no reason"
    )
    told = parser.parse_args()
    print(machine())
    with TemporaryDirectory() as folder:
        root, home = Path(folder, "project"), Path(folder, "home")
        root.mkdir()
        home.mkdir()
        (root / "mlops.toml").write_text("", encoding="utf-8")
        env = environment(home, PYTHONWARNINGS="ignore")
        _soak(root, env, told)


def _soak(root: Path, env: dict[str, str], told: argparse.Namespace) -> None:
    from jupyter_client.manager import start_new_kernel

    manager, kernel = start_new_kernel(cwd=str(root), env=env)
    printed: list[str] = []
    try:
        progress("soak: two versions are registered, and the first is deployed")
        reply = kernel.execute_interactive(
            _MODEL, timeout=600, output_hook=lambda said: printed.append(said["content"].get("text", ""))
        )
        assert reply["content"]["status"] == "ok", reply["content"]
        kernel.stop_channels()
        port = int("".join(printed).split()[-1])
        token = (root / ".mlops/endpoints/factor/token").read_text(encoding="utf-8").strip()
        seen, disturbance = Seen(), Disturbance(root, env, manager, told.seconds)
        asyncio.run(_all(port, token, seen, disturbance, told))
        _report(seen, disturbance, told)
    finally:
        manager.shutdown_kernel(now=True)
        words = [sys.executable, "-m", "mlops_jupyter", "undeploy", "factor", "--yes"]
        psutil.Popen(words, cwd=root, env=env, stdout=-3, stderr=-3).wait()


async def _all(port: int, token: str, seen: Seen, disturbance: Disturbance, told: argparse.Namespace) -> None:
    until = time.monotonic() + told.seconds
    clients = [client(port, token, until, seen) for _ in range(told.connections)]
    await asyncio.gather(disturbance.work(), *clients)


def _report(seen: Seen, disturbance: Disturbance, told: argparse.Namespace) -> None:
    total = sum(seen.answers.values())
    delays = sorted(seen.delays_s)
    third = max(1, len(disturbance.memory_mb) // 3)
    first, last = median(disturbance.memory_mb[:third]), median(disturbance.memory_mb[-third:])
    rows = [
        ("answers", number(total)),
        ("by version", ", ".join(f"{name}: {count:,}" for name, count in sorted(seen.answers.items()))),
        ("wrong", str(seen.wrong)),
        ("refused", str(dict(seen.refused))),
        ("lost with a killed worker", f"{seen.lost} in {disturbance.killed} kills"),
        ("alias moved", str(disturbance.moved)),
        (
            "median, 99th percentile, longest (ms)",
            ", ".join(f"{delays[int(at)] * 1e3:.1f}" for at in _ranks(len(delays))),
        ),
        ("memory of the largest worker, first and last third (MB)", f"{first:.0f}, {last:.0f}"),
    ]
    print(
        f"\n{told.seconds:.0f} s, {told.connections} connections, 2 workers\n\n{table(('what', 'seen'), rows, words=2)}"
    )
    verdicts = [
        verdict("wrong answers", seen.wrong, 0, ""),
        verdict("lost requests", seen.lost, disturbance.killed * told.connections, ""),
        verdict("memory of the last third", last / first, 1.1, "x of the first"),
    ]
    print("\n" + "\n".join(verdicts))
    if told.check and any("MISSED" in one for one in verdicts):
        sys.exit(1)


def _ranks(count: int) -> tuple[float, float, float]:
    return count * 0.5, count * 0.99, count - 1


if __name__ == "__main__":
    main()
