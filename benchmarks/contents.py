"""What it costs to keep what a run holds: printed output, data, environment, executed cells.

    .venv/bin/python benchmarks/contents.py [--rounds N] [--json FILE]

What a cell prints is measured in a real kernel, one a round; all else in a process of its own, one a round.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from jupyter_client.manager import start_new_kernel
from measuring import (
    HERE,
    Failed,
    ask,
    byte_compile,
    environment,
    machine,
    milliseconds,
    options,
    progress,
    ratio,
    table,
    write_json,
)

PRINTING = """
import sys, time
from mlops_jupyter.faces.captured import CapturedOutput
def lines():
    for i in range(5000): print("epoch", i, "loss", 0.1)
def bar():
    for i in range(20000): sys.stderr.write("\\r 45%|####      | 450/1000 [00:10<00:12, 45.1it/s]")
def measured(act, capture):
    captured = CapturedOutput()
    if capture: captured.start()
    began = time.perf_counter()
    act()
    took = time.perf_counter() - began
    if capture: captured.stop()
    return took * 1000
said = {}
for name, act in (("print", lines), ("bar", bar)):
    measured(act, False), measured(act, True)
    for capture in (TURN, not TURN, TURN, not TURN):
        key = f"{name}, {'kept' if capture else 'shown only'}"
        said[key] = min(said.get(key, 1e9), measured(act, capture))
"""
ROWS = [
    ("5,000 calls of print in a kernel", "print, shown only", "print, shown only"),
    ("the same, kept too", "print, kept", "print, shown only"),
    ("20,000 updates of a progress bar in a kernel", "bar, shown only", "bar, shown only"),
    ("the same, kept too", "bar, kept", "bar, shown only"),
    ("pandas.util.hash_pandas_object, 500,000 rows, 5 columns", "digest, pandas", "digest, pandas"),
    ("our digest, schema and source of that frame", "digest, ours", "digest, pandas"),
    ("mlflow.data.from_pandas(…).to_dict() of it", "digest, mlflow", "digest, pandas"),
    ("names and versions through importlib.metadata", "environment, importlib", "environment, importlib"),
    ("our description of the environment, first time", "environment, ours", "environment, importlib"),
    ("the same again", "environment, ours again", "environment, importlib"),
    ("1,000 cells appended to a list", "cells, a list", "cells, a list"),
    ("1,000 cells noted", "cells, ours", "cells, a list"),
]


def in_a_kernel(turn: int, folder: Path) -> dict[str, float] | Failed:
    manager, client = start_new_kernel(
        kernel_name="python3", cwd=str(folder), env=environment(folder), stderr=subprocess.DEVNULL
    )
    try:
        code = PRINTING.replace("TURN", str(bool(turn % 2)))
        reply = client.execute_interactive(
            code, user_expressions={"said": "__import__('json').dumps(said)"}, output_hook=lambda _: None, timeout=120
        )
        answer: dict[str, Any] = reply["content"]["user_expressions"]["said"]
        # The text is Python's way to write a string.
        return json.loads(answer["data"]["text/plain"][1:-1]) if answer["status"] == "ok" else Failed(str(answer))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def main() -> None:
    told = options("Measure what it costs to keep what a run holds.", rounds=7)
    where = machine()
    values: dict[str, list[float]] = {}
    byte_compile()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for turn in range(told.rounds):
            progress(f"round {turn + 1} of {told.rounds}")
            command = [sys.executable, "-P", HERE / "hold.py", str(turn)]
            for said in (in_a_kernel(turn, folder), ask(command, cwd=folder, env=environment(folder))):
                if isinstance(said, Failed):
                    print(f"not measured: {said.why}")
                    continue
                for key, took in said.items():
                    values.setdefault(key, []).append(took)
    print(f"{where}; medians of {told.rounds} interleaved rounds\n")
    lines = [
        [label, milliseconds(values.get(key, [])), ratio(values.get(key, []), values.get(base, []))]
        for label, key, base in ROWS
    ]
    print(table(["what", "ms", "ratio (quartiles)"], lines))
    write_json(told.json, {"benchmark": "contents", "machine": where, "rounds": told.rounds, "values": values})


if __name__ == "__main__":
    main()
