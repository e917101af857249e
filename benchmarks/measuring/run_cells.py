"""Run cells in an IPython shell in which MLflow is imported, and print what each took as JSON.

    python -P run_cells.py SCENE.json

The scene names modules to import, the first cells, each run once, and groups of cells. The cells of a group run in
turn, each turn beginning with another; a group's first turn is not measured.
"""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


def leave_out_of_collections() -> None:
    """Keep the collector from all there is: a walk over it takes longer than a cell, and may fall on any of them."""
    gc.collect()
    gc.freeze()


def main() -> None:
    scene: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    # IPython's thread that writes the history to disk would hold up a cell that has nothing to do with it: the one
    # after a long one.
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    # Every form of a card is made, as for a notebook, and kept.
    shell.display_pub = CapturingDisplayPublisher()

    def run(code: str, cell_id: str) -> float:
        began = perf_counter()
        result = shell.run_cell(code, store_history=True, cell_id=cell_id)
        took = perf_counter() - began
        result.raise_error()
        return took * 1000

    for module in ("mlflow", *scene["imports"]):
        run(f"import {module}", "imports")
    run("%load_ext mlops_jupyter", "load")
    leave_out_of_collections()
    firsts = [run(code, f"first-{place}") for place, code in enumerate(scene["firsts"])]
    leave_out_of_collections()
    measured: dict[str, list[float]] = {}
    for group in scene["groups"]:
        cells = group["cells"]
        for turn in range(group["turns"] + 1):
            at = turn % len(cells)
            for cell in cells[at:] + cells[:at]:
                took = run(cell["code"], f"{cell['key']}-{turn}" if cell["new"] else cell["key"])
                if turn:
                    measured.setdefault(cell["key"], []).append(took)
    cards = sum("text/html" in output["data"] for output in shell.display_pub.outputs)
    print("\n" + json.dumps({"firsts": firsts, "cells": measured, "cards": cards}), flush=True)


main()
