"""Measure what is kept with a run, beside what else would do it, and print the milliseconds as JSON.

    python -P hold.py TURN

Each case is measured once to warm up and once for the value; TURN says with which of them it begins.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable
from importlib.metadata import distributions
from time import perf_counter
from typing import Any

import mlflow.data
import numpy as np
import pandas as pd

from mlops_jupyter.adapters.mlflow_datasets import MlflowDatasets
from mlops_jupyter.capabilities import environment
from mlops_jupyter.capabilities.executed_cells import ExecutedCells

ROWS = 500_000
_mlflow: Any = mlflow.data


def frame() -> pd.DataFrame:
    some = np.random.default_rng(0)
    made = pd.DataFrame(some.random((ROWS, 4)), columns=list("abcd"))
    return made.assign(text=pd.Series(some.integers(0, 1000, ROWS)).astype(str))


def cases() -> dict[str, Callable[[], object]]:
    data = frame()
    cells, source = ExecutedCells(), "x = 1\n" * 20
    listed: list[tuple[str, int, str, bool]] = []

    def describe_afresh() -> object:
        environment._distributions.cache_clear()  # noqa: SLF001 -- a first time each time
        return environment.describe()

    return {
        "digest, pandas": lambda: pd.util.hash_pandas_object(data),
        "digest, ours": lambda: MlflowDatasets().describe("data", data),
        "digest, mlflow": lambda: _mlflow.from_pandas(data).to_dict(),
        "environment, importlib": lambda: {one.name: one.version for one in distributions()},
        "environment, ours": describe_afresh,
        "environment, ours again": environment.describe,
        "cells, a list": lambda: [listed.append(("id", i, source, True)) for i in range(1000)],
        "cells, ours": lambda: [cells.ran("id", i, source, ok=True) for i in range(1000)],
    }


def main() -> None:
    turn = int(sys.argv[1])
    all_of_them = list(cases().items())
    at = turn % len(all_of_them)
    said = {}
    # Collections of garbage that walk over all that was imported fall on any case.
    gc.collect()
    gc.freeze()
    for name, act in all_of_them[at:] + all_of_them[:at]:
        if name != "digest, mlflow":
            act()
        began = perf_counter()
        act()
        said[name] = (perf_counter() - began) * 1000
    print("\n" + json.dumps(said), flush=True)


main()
