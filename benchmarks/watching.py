"""What it costs an endpoint's requests to be watched: the same endpoint with monitoring and without.

.venv/bin/python benchmarks/watching.py [--rounds N] [--seconds S] [--connections C] [--rows R] [--check]

First the observer alone, in one process: what it adds to the time of a request that is answered alone, or with others.
Then a linear model of 20 columns behind a supervisor and one worker, with a baseline; wrk asks both in turn. The
processor's time of the worker and of the watcher for each request is steadier than rates are.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import psutil
from measuring import CACHE, HERE, Failed, ask, machine, number, options, progress, ratio_of, table, verdict, write_json
from measuring.serving_load import load, require
from measuring.serving_ours import plan, written
from measuring.serving_servers import body
from serving import _trained

from mlops_jupyter.adapters.local_deployments import starting
from mlops_jupyter.capabilities import processes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_jupyter.capabilities.endpoints.folder import EndpointFolder

_WATCHED, _PLAIN = "watched", "not watched"
_MOST_US, _MOST_LOST = 10.0, 0.10
_BATCHES = (1, 4, 16)
# Of the 20 columns so many are texts, the others numbers.
_TEXTS = (0, 5)


class Endpoint:
    """One of the two, at work."""

    def __init__(self, folder: EndpointFolder, port: int, supervisor: int) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}/invocations"
        children = psutil.Process(supervisor).children()
        self.worker = next(one for one in children if "mlops_jupyter.serving.worker" in one.cmdline())
        self.supervisor = psutil.Process(supervisor)

    def cpu_s(self) -> dict[str, float]:
        """Return the processor's time that each process has taken until now."""
        found = {"worker": _cpu_s(self.worker), "supervisor": _cpu_s(self.supervisor)}
        for one in self.supervisor.children():
            if "mlops_jupyter.serving.watcher" in one.cmdline():
                found["watcher"] = _cpu_s(one)
        return found


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=int, default=5, help="of each load [5]")
    parser.add_argument("--connections", type=int, default=16, help="of wrk [16]")
    parser.add_argument("--rows", type=int, default=1, choices=(1, 100), help="of a request [1]")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")


def main() -> None:
    told = options("Measure what being watched costs requests.", rounds=5, more=arguments)
    require()
    where = machine()
    place, about = _trained("linear")
    values: dict[str, list[dict[str, float]]] = {_WATCHED: [], _PLAIN: []}
    with tempfile.TemporaryDirectory(prefix="bench-") as base, ExitStack() as stack:
        started = {
            name: stack.enter_context(running(Path(base) / name, place, watched=name == _WATCHED)) for name in values
        }
        asked = body(about, told.rows, is_v2=False)
        for one in started.values():
            load(one.url, asked, told.connections, 2, CACHE)
        for turn in range(told.rounds):
            names = list(values) if turn % 2 else list(values)[::-1]
            for name in names:
                progress(f"round {turn + 1} of {told.rounds}: {name}")
                values[name].append(_measured(started[name], asked, told))
    print(f"{where}; medians of {told.rounds} interleaved rounds of {told.seconds} s, {told.connections} connections")
    print(report(values))
    path = {(texts, batch): _path(batch, texts) for texts in _TEXTS for batch in _BATCHES}
    rows = [
        [str(texts), str(batch), *map(number, one.values()), number(_added(one))]
        for (texts, batch), one in path.items()
    ]
    print(f"\n{table(['texts of 20 columns', 'requests a batch', 'µs', 'watched µs', 'added µs'], rows)}")
    found = [
        verdict(
            f"added to a request of 20 columns, {texts} of texts, that is alone", _added(path[texts, 1]), _MOST_US, "µs"
        )
        for texts in _TEXTS
    ]
    found += targets(values, told.rows)
    print("", *found, sep="\n")
    paths = {f"{texts} texts, {batch} a batch": one for (texts, batch), one in path.items()}
    write_json(
        told.json, {"benchmark": "watching", "machine": where, "rounds": told.rounds, "path": paths, "values": values}
    )
    if told.check and any("MISSED" in line for line in found):
        sys.exit(1)


def _path(batch: int, texts: int) -> dict[str, float]:
    progress(f"the observer alone, {batch} a batch, {texts} of 20 columns texts")
    done = ask((sys.executable, HERE / "watching_path.py", str(batch), str(texts)), cwd=CACHE, env=dict(os.environ))
    if isinstance(done, Failed):
        sys.exit(f"the observer could not be measured: {done.why}")
    return dict(done)


def _added(path: dict[str, float]) -> float:
    return path["watched_us"] - path["plain_us"]


def _measured(one: Endpoint, asked: bytes, told: argparse.Namespace) -> dict[str, float]:
    before = one.cpu_s()
    found = load(one.url, asked, told.connections, told.seconds, CACHE)
    requests = found.rate * told.seconds
    after = one.cpu_s()
    us = {f"{name}_us": (after[name] - before.get(name, 0.0)) / requests * 1e6 for name in after}
    return {"rate": found.rate, "p50_ms": found.p50_ms, "p99_ms": found.p99_ms, "errors": found.errors, **us}


def report(values: dict[str, list[dict[str, float]]]) -> str:
    heads = ["", "requests/s", "p50 ms", "p99 ms", "worker µs", "supervisor µs", "watcher µs"]
    keys = ("rate", "p50_ms", "p99_ms", "worker_us", "supervisor_us", "watcher_us")
    rows = [
        [name, *(number(median(each[key] for each in found)) if key in found[0] else "-" for key in keys)]
        for name, found in values.items()
    ]
    return table(heads, rows)


def targets(values: dict[str, list[dict[str, float]]], rows: int) -> list[str]:
    watched, plain = ([one["worker_us"] for one in values[name]] for name in (_WATCHED, _PLAIN))
    added = (median(watched) - median(plain)) / rows
    lost = 1 - 1 / ratio_of([one["rate"] for one in values[_PLAIN]], [one["rate"] for one in values[_WATCHED]])
    return [
        verdict("added to the worker's time for each row", added, _MOST_US, "µs"),
        verdict("of the requests a second lost", 100 * lost, 100 * _MOST_LOST, "%"),
    ]


@contextmanager
def running(base: Path, place: Path, *, watched: bool) -> Iterator[Endpoint]:
    """Start an endpoint, and end it."""
    folder = written(base, plan(place / "model", watched=watched))
    state = starting.start(folder, lambda *_: None)
    try:
        yield Endpoint(folder, state.port, state.pid)
    finally:
        processes.end(state.supervisor, 30)


if __name__ == "__main__":
    main()
