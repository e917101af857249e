"""What ``%%mlops track`` costs around a cell, beside the same cell without it and a bare ``mlflow.start_run``.

    .venv/bin/python benchmarks/track.py [--rounds N] [--json FILE]

Each round starts one process a scene: a project folder with a sqlite store that has its tables and some runs, and
an IPython shell in it that has imported MLflow. In a process the cells take turns.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from measuring import (
    HERE,
    Failed,
    added,
    ask,
    byte_compile,
    environment,
    machine,
    milliseconds,
    options,
    progress,
    ratio,
    table,
    verdict,
    write_json,
)

EXPERIMENT = "churn"
LIMIT_MS = 50
TURNS, TURNS_WITH_BODY = 8, 4
BODIES = (10, 1_000, 10_000)
STORES = (10, 1_000)


@dataclass(frozen=True)
class Cell:
    """A cell to run; `new` gives it another id each time, as if it were another cell of the notebook."""

    key: str
    label: str
    code: str
    new: bool = False


PLAIN = Cell("plain", "plain cell", "pass")
BARE = Cell("bare", "with mlflow.start_run(): pass", "with mlflow.start_run():\n    pass")
AUTOLOG = Cell("autolog", "mlflow.autolog(); the same", f"mlflow.autolog(silent=True, log_models=False)\n{BARE.code}")
OFF = Cell("off", "%%mlops track, autolog off", "%%mlops track --no-autolog\npass")
ON = Cell("on", "%%mlops track, autolog on", "%%mlops track --autolog\npass")
NEW = Cell("new", "the same, a cell new to the kernel", ON.code, new=True)
EVERY = (PLAIN, BARE, OFF, ON, NEW)


def body(lines: int, *, tracked: bool) -> Cell:
    text = "value = 0\n" * lines
    return Cell(f"{lines} {tracked}", "", f"%%mlops track --autolog\n{text}" if tracked else text)


@dataclass
class Scene:
    """One kind of process, and what its processes have measured."""

    label: str
    first: Sequence[Cell] = (ON,)
    cells: Sequence[Cell] = ()
    with_bodies: bool = False
    known: bool = False
    imports: tuple[str, ...] = ()
    runs: int = STORES[0]
    firsts: list[list[float]] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=dict)
    failed: str = ""

    def groups(self) -> list[tuple[int, list[Cell]]]:
        bodies = [body(lines, tracked=tracked) for lines in BODIES for tracked in (False, True)]
        both = [(TURNS, list(self.cells)), (TURNS_WITH_BODY, bodies if self.with_bodies else [])]
        return [(turns, cells) for turns, cells in both if cells]

    def ms(self, key: str) -> list[float]:
        return self.values.get(key, [])


FOLDER = "folder without git"
KNOWN = "git repository, notebook known"
SKLEARN = "the same, scikit-learn imported"
PLACES = ("folder", "known", "sklearn")


def scenes() -> dict[str, Scene]:
    libraries = ("sklearn.linear_model", "sklearn.ensemble")
    return {
        "folder": Scene(FOLDER, cells=EVERY, with_bodies=True),
        "folder, bare": Scene(FOLDER, first=(BARE, ON)),
        "full store": Scene(FOLDER, cells=EVERY, runs=STORES[1]),
        "known": Scene(KNOWN, cells=EVERY, known=True),
        "known, bare": Scene(KNOWN, first=(BARE, ON), known=True),
        "sklearn": Scene(SKLEARN, cells=EVERY, known=True, imports=libraries),
        "sklearn, bare": Scene(SKLEARN, first=(AUTOLOG, ON), known=True, imports=libraries),
    }


def measure(scene: Scene, folder: Path, stores: Path) -> None:
    """Run one process of a scene and keep what it measured."""
    store = folder / ".mlops" / "mlflow.db"
    store.parent.mkdir(parents=True)
    shutil.copy(stores / f"{scene.runs}.db", store)
    (folder / "mlops.toml").write_text(f'experiment = "{EXPERIMENT}"\n', encoding="utf-8")
    # Bare start_run shall log to the same store.
    more = {"MLFLOW_TRACKING_URI": f"sqlite:///{store}", "MLFLOW_EXPERIMENT_NAME": EXPERIMENT}
    if scene.known:
        more["MLOPS_JUPYTER_NOTEBOOK"] = str(make_repository(folder))
    groups = [{"turns": turns, "cells": [vars(cell) for cell in cells]} for turns, cells in scene.groups()]
    task = folder.with_suffix(".json")
    task.write_text(
        json.dumps({"imports": scene.imports, "firsts": [cell.code for cell in scene.first], "groups": groups})
    )
    env = environment(folder.with_suffix(".home"), **more)
    said = ask((sys.executable, "-P", HERE / "run_cells.py", task), cwd=folder, env=env)
    wrong = said.why if isinstance(said, Failed) else disproof(scene, said, store)
    if wrong:
        scene.failed = scene.failed or wrong
        return
    scene.firsts.append(said["firsts"])
    for key, values in said["cells"].items():
        scene.values.setdefault(key, []).extend(values)


def make_repository(folder: Path) -> Path:
    notebook = folder / "train.ipynb"
    notebook.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}\n', encoding="utf-8")
    (folder / ".mlops" / ".gitignore").write_text("*\n", encoding="utf-8")
    author = ("-c", "user.name=bench", "-c", "user.email=bench@example.com")
    for words in (
        ("init", "--quiet", "--initial-branch=main"),
        ("remote", "add", "origin", "https://example.com/churn.git"),
        ("add", "--all"),
        (*author, "commit", "--quiet", "--message", "Begin"),
    ):
        subprocess.run(["git", *words], cwd=folder, env=environment(folder), check=True, capture_output=True)
    return notebook


def disproof(scene: Scene, said: dict[str, Any], store: Path) -> str:
    """Say what shows that the cells did not do what is measured; empty when they did."""
    ran = list(scene.first) + [cell for turns, cells in scene.groups() for cell in cells for _ in range(turns + 1)]
    tracked = sum(cell.code.startswith("%%mlops") for cell in ran)
    with closing(sqlite3.connect(store)) as database:
        (found,) = database.execute("SELECT count(*) FROM runs WHERE status = 'FINISHED'").fetchone()
    wanted = scene.runs + tracked + sum("start_run" in cell.code for cell in ran)
    if (found, said["cards"]) != (wanted, tracked):
        return f"{found} finished runs and {said['cards']} cards, not {wanted} and {tracked}"
    return ""


def cells_table(all_scenes: dict[str, Scene]) -> str:
    rows = []
    for key in PLACES:
        scene = all_scenes[key]
        plain, bare = scene.ms(PLAIN.key), scene.ms(BARE.key)
        for cell in EVERY:
            values = scene.ms(cell.key)
            more = "" if cell is PLAIN else milliseconds(added(values, plain))
            where = scene.label if cell is PLAIN else ""
            rows.append([where, cell.label, milliseconds(values), more, ratio(values, bare)])
    return table(["where", "cell", "ms", "adds ms", "ratio to bare start_run (quartiles)"], rows, words=2)


def firsts_table(all_scenes: dict[str, Scene]) -> str:
    rows = []
    for key in PLACES:
        scene, beside = all_scenes[key], all_scenes[f"{key}, bare"]
        if not scene.firsts or len(scene.firsts) != len(beside.firsts):
            continue
        tracked = [first for (first,) in scene.firsts]
        bare, after = (list(column) for column in zip(*beside.firsts, strict=True))
        rows.append([scene.label, beside.first[0].label, milliseconds(bare), "1"])
        rows.append(["", f"{ON.label}, instead of it", milliseconds(tracked), ratio(tracked, bare)])
        rows.append(["", f"{ON.label}, after it", milliseconds(after), ratio(after, bare)])
    return table(["where", "first run of the process", "ms", "ratio to the bare one (quartiles)"], rows, words=2)


def bodies_table(scene: Scene) -> str:
    rows = []
    for lines in BODIES:
        plain, tracked = scene.ms(f"{lines} False"), scene.ms(f"{lines} True")
        more = milliseconds(added(tracked, plain))
        rows.append([f"{lines:,}", milliseconds(plain), milliseconds(tracked), more, ratio(tracked, plain)])
    return table(["lines in the cell", "plain ms", "tracked ms", "adds ms", "ratio (quartiles)"], rows)


def stores_table(all_scenes: dict[str, Scene]) -> str:
    few, many = all_scenes["folder"], all_scenes["full store"]
    rows = []
    for cell in (BARE, ON, NEW):
        row = [cell.label]
        for scene in (few, many):
            row += [milliseconds(scene.ms(cell.key)), ratio(scene.ms(cell.key), scene.ms(BARE.key))]
        rows.append(row)
    small, large = (f"{size:,} runs" for size in STORES)
    return table(["cell", f"ms, {small}", f"ratio to bare, {small}", f"ms, {large}", f"ratio to bare, {large}"], rows)


def main() -> None:
    told = options("Measure what tracking a cell costs.", rounds=5)
    where = machine()
    all_scenes = scenes()
    with tempfile.TemporaryDirectory() as made:
        top = Path(made)
        progress("making the stores")
        byte_compile()
        making = (sys.executable, "-P", HERE / "make_store.py", top, EXPERIMENT)
        stored = ask(making, cwd=top, env=environment(top / "home"))
        if isinstance(stored, Failed):
            print(f"nothing was measured: {stored.why}")
            return
        for turn in range(told.rounds):
            progress(f"round {turn + 1} of {told.rounds}")
            byte_compile()
            order = list(all_scenes)
            at = turn % len(order)
            for key in order[at:] + order[:at]:
                # No dot in the folder's name: what else belongs to the process lies beside it, with a suffix.
                folder = top / f"{turn}-{key.replace(', ', '-').replace(' ', '-')}"
                try:
                    measure(all_scenes[key], folder, top)
                except (OSError, subprocess.CalledProcessError) as error:
                    all_scenes[key].failed = str(error)
    report(all_scenes, where, told.rounds)
    samples = {key: {"firsts": scene.firsts, "cells": scene.values} for key, scene in all_scenes.items()}
    values = {"benchmark": "track", "machine": where, "rounds": told.rounds, "turns": TURNS, "values": samples}
    write_json(told.json, values)


def report(all_scenes: dict[str, Scene], where: str, rounds: int) -> None:
    print(f"{where}; medians of {rounds} rounds with {TURNS} turns each ({TURNS_WITH_BODY} with bodies)\n")
    print("A cell that does nothing, run again and again; adds: over the plain cell of the same turn\n")
    print(cells_table(all_scenes), end="\n\n")
    print("The first run of a process, which also opens the store; MLflow is imported\n")
    print(firsts_table(all_scenes), end="\n\n")
    print(f"The size of the cell ({FOLDER}, autolog on)\n")
    print(bodies_table(all_scenes["folder"]), end="\n\n")
    print(f"The runs already in the store ({FOLDER})\n")
    print(stores_table(all_scenes), end="\n\n")
    for key, scene in all_scenes.items():
        if scene.failed:
            print(f"not measured, or not always: {key}: {scene.failed}")
    for key in PLACES:
        for cell in (OFF, ON):
            scene = all_scenes[key]
            more = added(scene.ms(cell.key), scene.ms(PLAIN.key))
            claim = f"track adds < {LIMIT_MS} ms ({scene.label}; {cell.label.partition(', ')[2]})"
            print(verdict(claim, median(more) if more else None, LIMIT_MS, "ms"))
    for key in PLACES:
        scene = all_scenes[f"{key}, bare"]
        claim = f"the first tracked cell, in a process that has had a bare run, < {LIMIT_MS} ms ({scene.label})"
        first = [after for _, after in scene.firsts]
        print(verdict(claim, median(first) if first else None, LIMIT_MS, "ms"))


if __name__ == "__main__":
    main()
