"""What logging a metric costs, and what is lost: our journal beside MLflow and other products.

    .venv/bin/python benchmarks/tracking.py [--rounds N] [--points N] [--only PART] [--json FILE] [--check]

Each value is of a process of its own, in a project folder of its own. Peers have environments under build/bench.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from measuring import (
    HERE,
    Failed,
    ask,
    byte_compile,
    first_point,
    killed,
    machine,
    many,
    number,
    options,
    progress,
    ratio,
    ratio_of,
    table,
    write_json,
)
from measuring.peers import installed, python_of
from measuring.projects import Project, Unmeasured, make_template, server
from measuring.ways import WAYS

PARTS = ("calls", "kill", "many", "start")
PEERS = ("mlflow", "wandb", "aim", "tensorboardX")
# Without Aim: its reader finds no points of a run that was killed, so what is lost cannot be counted here.
KILLED = ("ours", "MLflow", "MLflow async", "wandb", "tensorboardX")
# What our shipper brings to the store.
JOURNALED = {"ours", "ours, HTTP", "plugin"}
# A kill, or very many points, takes long and varies little.
FEW = 3
VERY_MANY = 1_000_000


@dataclass
class Bench:
    """Everything that was measured."""

    versions: dict[str, str]
    rounds: int
    points: int
    calls: dict[str, list[dict[str, float]]] = field(default_factory=lambda: {way: [] for way in WAYS})
    kills: list[killed.Case] = field(default_factory=list)
    many: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {how: [] for how in many.LABELS})
    starts: dict[str, list[float]] = field(default_factory=lambda: {how: [] for how in first_point.LABELS})
    failed: dict[str, str] = field(default_factory=dict)

    def has(self, way: str) -> bool:
        return not WAYS[way].peer or bool(self.versions[WAYS[way].peer])

    def us(self, way: str, what: str = "p50_us") -> list[float]:
        return [value[what] for value in self.calls[way]]


@dataclass
class Place:
    """Where projects are made, one for each process."""

    top: Path
    template: Path
    address: str
    made: int = 0

    def project(self, *, over_http: bool = False) -> Project:
        self.made += 1
        return Project.make(self.top / str(self.made), self.template, self.address if over_http else "")


def in_turn(items: list[Any], turn: int) -> Iterator[Any]:
    """Begin each round with another one: none is always the one after the heaviest."""
    at = turn % len(items)
    yield from items[at:] + items[:at]


def attempt(bench: Bench, what: str, project: Project, measure: Callable[[Project], None]) -> None:
    """Measure once; what cannot be measured is said in the report."""
    if what in bench.failed:
        return
    try:
        measure(project)
    except (Unmeasured, OSError) as error:
        bench.failed[what] = str(error)
    finally:
        project.discard()


def measure_calls(bench: Bench, place: Place) -> None:
    ways = [way for way in WAYS if bench.has(way)]
    for turn in range(bench.rounds):
        progress(f"one call: round {turn + 1} of {bench.rounds}")
        for key in in_turn(ways, turn):
            way = WAYS[key]

            def call(project: Project, key: str = key) -> None:
                words = (python_of(WAYS[key].peer), "-P", HERE / "log_points.py", key, "time", WAYS[key].calls)
                said = ask(words, cwd=project.folder, env=project.environment)
                if isinstance(said, Failed):
                    raise Unmeasured(said.why)
                if key in JOURNALED:
                    # Nor does our shipper take anything from whoever is next.
                    project.ship()
                bench.calls[key].append(said)

            attempt(bench, way.label, place.project(over_http=way.over_http), call)


def measure_kills(bench: Bench, place: Place) -> None:
    bench.kills = killed.cases([way for way in KILLED if bench.has(way)])
    for turn in range(min(bench.rounds, FEW)):
        progress(f"kill -9: round {turn + 1} of {min(bench.rounds, FEW)}")
        for case in in_turn(bench.kills, turn):
            attempt(
                bench,
                f"{case.label}, {case.pace}, killed",
                place.project(),
                lambda at, case=case: killed.measure(case, at),
            )


def measure_many(bench: Bench, place: Place) -> None:
    # A round of a million points takes some minutes.
    rounds = min(bench.rounds, FEW) if bench.points < VERY_MANY else 1
    for turn in range(rounds):
        progress(f"{bench.points:,} points: round {turn + 1} of {rounds}")
        for how in in_turn(list(many.LABELS), turn):

            def log(project: Project, how: str = how) -> None:
                bench.many[how].append(many.measure(how, bench.points, project))

            attempt(bench, many.LABELS[how], place.project(), log)


def measure_starts(bench: Bench, place: Place) -> None:
    for turn in range(bench.rounds):
        progress(f"the first point: round {turn + 1} of {bench.rounds}")
        for how in in_turn(list(first_point.LABELS), turn):

            def start(project: Project, how: str = how) -> None:
                bench.starts[how].append(first_point.measure(how, project))

            attempt(bench, first_point.LABELS[how], place.project(), start)


MEASURE = {"calls": measure_calls, "kill": measure_kills, "many": measure_many, "start": measure_starts}


def calls_table(bench: Bench) -> str:
    rows = []
    for key, way in WAYS.items():
        if not bench.calls[key]:
            continue
        ours = "ours, HTTP" if way.over_http else "ours"
        rows.append(
            [
                f"{way.label} ({bench.versions[way.peer]})" if way.peer else way.label,
                *(number(median(bench.us(key, what))) for what in ("p50_us", "p99_us", "cpu_us")),
                ratio(bench.us(key), bench.us("write")),
                ratio(bench.us(key), bench.us(ours)),
            ]
        )
    return table(["one call", "p50 us", "p99 us", "CPU us", "p50 to os.write", "p50 to mlops.log"], rows)


@dataclass(frozen=True)
class Target:
    """What issue and documentation promise, and what was measured; `measured` is ``None`` when it was not."""

    claim: str
    measured: float | None
    limit: float
    unit: str
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        if self.measured is None:
            return None
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    def __str__(self) -> str:
        if self.measured is None:
            return f"target: {self.claim}: not measured"
        return f"target: {self.claim}: {number(self.measured)} {self.unit}, {'met' if self.met else 'MISSED'}"


def targets(bench: Bench, parts: set[str]) -> Iterator[Target]:
    def times(way: str, base: str) -> float | None:
        values, bases = bench.us(way), bench.us(base)
        return ratio_of(values, bases) if values and len(values) == len(bases) else None

    if "calls" in parts:
        yield Target("mlops.log blocks at most 4x os.write of its 32 bytes", times("ours", "write"), 4, "x")
        for way, ours, limit in (
            ("MLflow", "ours", 500),
            ("MLflow, HTTP", "ours, HTTP", 1000),
            ("MLflow async", "ours", 50),
            ("wandb", "ours", 20),
            ("Aim", "ours", 1),
            ("tensorboardX", "ours", 1),
        ):
            claim = f"{WAYS[way].label} blocks over {limit:,}x mlops.log"
            yield Target(claim, times(way, ours), limit, "x", at_least=True)
        claim = "mlflow.log_metric in a tracked body blocks at most 1.3x the same into a null store"
        yield Target(claim, times("plugin", "null"), 1.3, "x")
    if "kill" in parts:
        for case in (case for case in bench.kills if case.way == "ours"):
            lost = float(max(case.lost)) if case.lost else None
            yield Target(f"kill -9 loses nothing ({case.label}, {case.pace})", lost, 0, "points")
    if "many" in parts:
        ours, batches = bench.many["ours"], bench.many["batches"]
        stored = [[value["until_stored_s"] for value in values] for values in (ours, batches)]
        times_longer = ratio_of(*stored) if ours and len(ours) == len(batches) else None
        most = {key: max((value[key] for value in ours), default=None) for key in ("added_mb", "shipper_mb")}
        yield Target(f"{bench.points:,} points are in MLflow within 1.1x log_batch", times_longer, 1.1, "x")
        yield Target("the training process grows by less than 50 MB", most["added_mb"], 50, "MB")
        yield Target("the shipper stays under 250 MB", most["shipper_mb"], 250, "MB")
    if "start" in parts:
        took = first_point.middle(bench.starts["ours"])
        yield Target(
            "process start to first durable point under 0.3 s", None if took is None else took / 1000, 0.3, "s"
        )


def report(bench: Bench, parts: set[str], where: str) -> list[Target]:
    """Print everything; return the targets."""
    print(f"{where}; medians of {bench.rounds} interleaved rounds (kills and many points: at most {FEW})\n")
    if "calls" in parts:
        print("One call, flat out; HTTP rows are compared with mlops.log towards the same server\n")
        print(calls_table(bench), end="\n\n")
    if "kill" in parts:
        print(f"SIGKILL after {killed.POINTS:,} points or {killed.LIMIT_S:g} s: points whose call had returned\n")
        print(killed.report(bench.kills), end="\n\n")
    if "many" in parts:
        print(f"{bench.points:,} points of one metric into sqlite\n")
        print(many.report(bench.many), end="\n\n")
    if "start" in parts:
        print("From the start of a process to its end, right after the call that logs its first point\n")
        print(first_point.report(bench.starts), end="\n\n")
    for what, why in bench.failed.items():
        print(f"not measured, or not always: {what}: {why}")
    found = list(targets(bench, parts))
    print(*found, sep="\n")
    return found


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--points", type=int, default=100_000, help="how many the long run logs [100,000]")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part alone; may be given again")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed or not measured")


def main() -> None:
    told = options("Measure what logging costs and what is lost.", rounds=5, more=arguments)
    where, parts = machine(), set(told.only or PARTS)
    bench = Bench({peer: installed(peer) for peer in PEERS}, told.rounds, told.points)
    byte_compile()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as made:
        top = Path(made)
        template = make_template(top)
        with server(top / "server", template) as address:
            for part in (part for part in PARTS if part in parts):
                MEASURE[part](bench, Place(top / part, template, address))
    found = report(bench, parts, where)
    kills = [vars(case) for case in bench.kills]
    values = {"calls": bench.calls, "kill": kills, "many": bench.many, "start": bench.starts}
    write_json(told.json, {"benchmark": "tracking", "machine": where, "rounds": told.rounds, "values": values})
    if told.check and not all(target.met for target in found):
        sys.exit(1)


if __name__ == "__main__":
    main()
