"""What ``runs`` costs in a store of very many runs, beside ``mlflow.search_runs``, and beside a small store.

    .venv/bin/python benchmarks/runs.py [--rounds N] [--json FILE]

Two sqlite stores are made, of 1,000 and of 100,000 runs, and one more of 100,000 which is left as MLflow makes it. Each
round starts one process a case; in it, the case runs once, which opens the store, and then again, which is the value.
Memory is what the process has gained at its peak over what it had after the imports and a first small search.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from measuring import (
    HERE,
    Failed,
    ask,
    byte_compile,
    environment,
    machine,
    milliseconds,
    number,
    options,
    progress,
    ratio,
    ratio_of,
    table,
    verdict,
    write_json,
)

EXPERIMENT = "churn"
FEW, MANY = 1_000, 100_000
MEMORY_MB, GROWTH = 150, 1.5


@dataclass
class Case:
    """What is measured, in words and as the measured process knows it."""

    label: str
    work: str
    runs: int
    base: str
    ms: list[float] = field(default_factory=list)
    mb: list[float] = field(default_factory=list)
    failed: str = ""


def cases() -> dict[str, Case]:
    found = {}
    for runs in (FEW, MANY):
        plain, sorted_ = f"plain {runs}", f"plain sorted {runs}"
        found |= {
            plain: Case("mlflow.search_runs(max_results=20)", "plain", runs, plain),
            f"ours {runs}": Case("runs(limit=20)", "ours", runs, plain),
            f"html {runs}": Case("the same, drawn with curves", "html", runs, plain),
            f"sorted {runs}": Case('runs(sort="accuracy", limit=20)', "sorted", runs, plain),
            f"filtered {runs}": Case("runs(query, sort, limit=20)", "filtered", runs, plain),
        }
        if runs == FEW:
            found[sorted_] = Case("mlflow.search_runs, sorted by a metric", "plain sorted", runs, plain)
    whole = "plain whole"
    found |= {
        whole: Case("mlflow.search_runs: a DataFrame of all", "plain whole", MANY, whole),
        "whole": Case("every run of runs(limit=1_000_000)", "whole", MANY, whole),
        "pandas": Case("the same .to_pandas()", "pandas", MANY, whole),
        "json": Case("the same as JSON, to nowhere", "json", MANY, whole),
    }
    commands = "command 1000"
    for runs in (FEW, MANY):
        found[f"command {runs}"] = Case("mlops runs -n 20, a process", "command", runs, commands)
    return found


def main() -> None:
    told = options("Measure what reading very many runs costs.", rounds=5)
    where = machine()
    every = cases()
    with tempfile.TemporaryDirectory() as made:
        top = Path(made)
        byte_compile()
        for runs in (FEW, MANY):
            progress(f"making a store of {runs:,} runs")
            store = top / str(runs) / ".mlops" / "mlflow.db"
            store.parent.mkdir(parents=True)
            (top / str(runs) / "mlops.toml").write_text(f'experiment = "{EXPERIMENT}"\n', encoding="utf-8")
            filled = ask(
                (sys.executable, "-P", HERE / "fill_store.py", store, EXPERIMENT, str(runs)),
                cwd=top,
                env=environment(top / "home"),
            )
            if isinstance(filled, Failed):
                print(f"nothing was measured: {filled.why}")
                return
            # As MLflow leaves it: for what is measured of MLflow alone.
            shutil.copytree(top / str(runs), top / f"{runs}-plain")
        for turn in range(told.rounds):
            progress(f"round {turn + 1} of {told.rounds}")
            order = list(every.values())
            at = turn % len(order)
            for case in order[at:] + order[:at]:
                measure(case, top)
    report(every, where, told.rounds)
    samples = {key: {"ms": case.ms, "mb": case.mb} for key, case in every.items()}
    write_json(told.json, {"benchmark": "runs", "machine": where, "rounds": told.rounds, "values": samples})


def measure(case: Case, top: Path) -> None:
    folder = top / f"{case.runs}{'-plain' if case.work.startswith('plain') else ''}"
    uri = f"sqlite:///{folder}/.mlops/mlflow.db"
    env = environment(top / "home", MLFLOW_TRACKING_URI=uri)
    words = (sys.executable, "-P", HERE / "read_runs.py", case.work, EXPERIMENT, str(case.runs))
    said = ask(words, cwd=folder, env=env)
    if isinstance(said, Failed):
        case.failed = case.failed or said.why
        return
    case.ms.append(said["ms"])
    case.mb.append(said["mb"])


def report(every: dict[str, Case], where: str, rounds: int) -> None:
    print(f"{where}; medians of {rounds} rounds\n")
    rows = [
        [
            case.label,
            f"{case.runs:,}",
            milliseconds(case.ms),
            ratio(case.ms, every[case.base].ms),
            milliseconds(case.mb),
        ]
        for case in every.values()
    ]
    heads = ["what", "runs in the store", "ms", "ratio to the first of its kind (quartiles)", "MB gained"]
    print(table(heads, rows), end="\n\n")
    growth = []
    for work in ("ours", "html", "sorted", "filtered", "command"):
        few, many = every[f"{work} {FEW}"], every[f"{work} {MANY}"]
        growth.append([many.label, ratio(many.ms, few.ms)])
    print(table(["what", f"{MANY:,} runs to {FEW:,} (quartiles)"], growth), end="\n\n")
    for key, case in every.items():
        if case.failed:
            print(f"not measured, or not always: {key}: {case.failed}")
    few, many = every[f"command {FEW}"], every[f"command {MANY}"]
    grown = ratio_of(many.ms, few.ms) if many.ms and len(many.ms) == len(few.ms) else None
    print(
        verdict(f"mlops runs -n 20 grows by < {number(GROWTH)} from {FEW:,} to {MANY:,} runs", grown, GROWTH, "times")
    )
    for work in ("ours 100000", "whole", "json"):
        worst = max(every[work].mb, default=None)
        print(verdict(f"{every[work].label} gains < {MEMORY_MB} MB", worst, MEMORY_MB, "MB"))


if __name__ == "__main__":
    main()
