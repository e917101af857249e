"""What an endpoint answers under load, beside the servers that a user would pick instead.

.venv/bin/python benchmarks/serving.py [--rounds N] [--only linear] [--peer NAME] [--rows 1] [--seconds S] [--check]

One worker each, the same model and the same rows, by wrk with one thread over loopback, in turn within each round.
Ours is the whole endpoint: it checks the token and the rows against the signature, counts, compares with the baseline
and keeps answers. Ray Serve is measured when it is named.
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from measuring import (
    CACHE,
    HERE,
    Failed,
    ask,
    byte_compile,
    environment,
    machine,
    number,
    options,
    progress,
    ratio,
    ratio_of,
    table,
    verdict,
    write_json,
)
from measuring.serving_load import load, plain, require
from measuring.serving_servers import SERVERS, Running, body, install, running

CONNECTIONS = (1, 16, 64)
_ALWAYS = ("ours", "ours, no model", "mlflow models serve")
_PEERS = [name for name in SERVERS if name not in _ALWAYS]
# At least so many times the requests a second: against MLflow's server, and against the best peer.
_LEAST = {
    "linear": {"mlflow": (7, 9, 25), "best": (1.5, 2.5, 4)},
    "forest": {"best": (1.0, 1.0, 2.5)},
}
Values = dict[str, dict[str, list[dict[str, float]]]]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--only", action="append", choices=_LEAST, help="this model alone; may be given again")
    parser.add_argument("--rows", action="append", type=int, choices=(1, 100), help="rows of a request [both]")
    parser.add_argument("--peer", action="append", choices=_PEERS, help="this peer alone; may be given again")
    parser.add_argument("--seconds", type=int, default=3, help="of each load [3]")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")


def main() -> None:
    told = options("Measure what an endpoint answers under load.", rounds=3, more=arguments)
    require()
    where = machine()
    byte_compile()
    peers = [name for name in told.peer or _PEERS[:-1] if install(name)]
    print(f"{where}; medians of {told.rounds} interleaved rounds of {told.seconds} s")
    values: dict[str, Any] = {}
    found: list[str] = []
    for model in told.only or _LEAST:
        place, about = _trained(model)
        with ExitStack() as stack:
            started = {name: stack.enter_context(running(name, place, about)) for name in (*_ALWAYS, *peers)}
            servers = {name: one for name, one in started.items() if one is not None}
            for rows in told.rows or (1, 100):
                measured = _measure(f"{model}, {rows} rows", servers, about, rows, told)
                values[f"{model}, {rows}"] = measured
                print(f"\n{model}, {rows} row{'s' * (rows > 1)} a request\n\n{report(measured)}")
                if rows == 1:
                    found += targets(model, measured)
            values[f"{model}, processes"] = {
                name: {"pss_mb": one.pss_mb(), "start_s": one.start_s} for name, one in servers.items()
            }
            print(f"\n{processes(values[f'{model}, processes'])}")
        found += process_targets(model, values[f"{model}, processes"])
    print("", *found, sep="\n")
    write_json(told.json, {"benchmark": "serving", "machine": where, "rounds": told.rounds, "values": values})
    if told.check and any("MISSED" in line for line in found):
        sys.exit(1)


def _trained(model: str) -> tuple[Path, dict[str, Any]]:
    folder = CACHE / "serving-models"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / model / "baseline.json").exists():
        progress("training the models (once)")
        done = ask((sys.executable, HERE / "serving_models.py", folder), cwd=folder, env=environment(CACHE))
        if isinstance(done, Failed):
            sys.exit(f"the models could not be trained: {done.why}")
    return folder / model, json.loads((folder / model / "about.json").read_text(encoding="utf-8"))


def _measure(
    what: str, servers: dict[str, Running], about: dict[str, Any], rows: int, told: argparse.Namespace
) -> Values:
    found: Values = {name: {str(connections): [] for connections in CONNECTIONS} for name in servers}
    for turn in range(told.rounds):
        names = list(servers)
        at = turn % len(names)
        for name in [*names[at:], *names[:at]]:
            progress(f"{what}: round {turn + 1} of {told.rounds}: {name}")
            one = servers[name]
            asked = body(about, rows, is_v2=one.server.is_v2)
            # Once without counting: what a server does for the first time is not what is measured.
            load(one.url, asked, CONNECTIONS[0], 1, CACHE)
            for connections in CONNECTIONS:
                found[name][str(connections)].append(plain(load(one.url, asked, connections, told.seconds, CACHE)))
    return found


def _each(values: Values, name: str, connections: int, key: str = "rate") -> list[float]:
    return [one[key] for one in values[name][str(connections)]]


def report(values: Values) -> str:
    """Return the table: rates and latencies, and how many times a peer's rate ours is."""
    heads = ["server"]
    for connections in CONNECTIONS:
        heads += [f"c{connections} req/s", "p50 ms", "p99 ms", "ours is x"]
    rows = []
    for name in values:
        row = [name]
        for connections in CONNECTIONS:
            rates = _each(values, name, connections)
            row += [
                number(median(rates)),
                number(median(_each(values, name, connections, "p50_ms"))),
                number(median(_each(values, name, connections, "p99_ms"))),
                ratio(_each(values, "ours", connections), rates),
            ]
        errors = sum(sum(_each(values, name, connections, "errors")) for connections in CONNECTIONS)
        row.append(number(errors))
        rows.append(row)
    return table([*heads, "errors"], rows)


def processes(values: dict[str, dict[str, float]]) -> str:
    """Return the table of memory and start."""
    rows = [(name, number(one["pss_mb"]), number(one["start_s"])) for name, one in values.items()]
    return table(("server", "memory, MB", "start to first answer, s"), rows)


def targets(model: str, values: Values) -> list[str]:
    """Return the issue's targets beside what was measured; a rate is told as its share of ours, at most so much."""
    lines = []
    peers = [name for name in values if name not in _ALWAYS[:2]]
    for against, least in _LEAST[model].items():
        for connections, times in zip(CONNECTIONS, least, strict=True):
            ours = _each(values, "ours", connections)
            names = ["mlflow models serve"] if against == "mlflow" else peers
            shares = [ratio_of(_each(values, name, connections), ours) for name in names if name in values]
            what = "MLflow's" if against == "mlflow" else "the best peer's"
            claim = f"{model}, {connections} connections: {what} rate at most 1/{times:g} of ours"
            lines.append(verdict(claim, max(shares, default=None), 1 / times, "x ours"))
    if model == "linear" and "ours, no model" in values:
        ours, nothing = _each(values, "ours", 64), _each(values, "ours, no model", 64)
        claim = "linear, 64 connections: the rate without a model at most 1/0.6 of ours"
        lines.append(verdict(claim, ratio_of(nothing, ours), 1 / 0.6, "x ours"))
    ours = _each(values, "ours", 64, "p99_ms")
    if "mlflow models serve" in values:
        slow = _each(values, "mlflow models serve", 64, "p99_ms")
        lines.append(verdict(f"{model}, 64 connections: p99", ratio_of(ours, slow), 0.25, "x MLflow's"))
    best = [ratio_of(ours, _each(values, name, 64, "p99_ms")) for name in peers]
    lines.append(verdict(f"{model}, 64 connections: p99", max(best, default=None), 1.0, "x the best peer's"))
    return lines


def process_targets(model: str, values: dict[str, dict[str, float]]) -> list[str]:
    """Return the targets of memory and start."""
    if "mlflow models serve" not in values or "ours" not in values:
        return []
    ours, theirs = values["ours"], values["mlflow models serve"]
    return [
        verdict(f"{model}: memory", ours["pss_mb"] / theirs["pss_mb"], 1.0, "x MLflow's"),
        verdict(f"{model}: start to ready", ours["start_s"] / theirs["start_s"], 0.7, "x MLflow's"),
    ]


if __name__ == "__main__":
    main()
