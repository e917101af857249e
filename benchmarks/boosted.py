"""What a boosted model costs an endpoint a call: our runner beside MLflow's pyfunc, for the same rows in one process.

.venv/bin/python benchmarks/boosted.py [--rounds N]

Models of 100 trees on 20 columns. A round asks each runner in turn, as often as fills a tenth of a second.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import lightgbm
import mlflow
import numpy as np
import pandas as pd
import xgboost
from measuring import machine, milliseconds, options, progress, ratio, table, write_json

from mlops_jupyter.capabilities.endpoints import Limits, PlannedVersion, runners
from mlops_jupyter.serving import probing
from mlops_jupyter.serving.rows import Rows

_NAMES = [f"x{at}" for at in range(20)]
_SECONDS = 0.1


def models() -> dict[str, Any]:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.standard_normal((5_000, len(_NAMES))), columns=_NAMES)
    truth = (frame.sum(axis=1) > 0).astype(int)
    return {
        "XGBClassifier": xgboost.XGBClassifier(n_estimators=100).fit(frame, truth),
        "xgboost.Booster": xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(frame, truth), 100),
        "LGBMClassifier": lightgbm.LGBMClassifier(n_estimators=100, verbosity=-1).fit(frame, truth),
        "lightgbm.Booster": lightgbm.train(
            {"objective": "binary", "verbosity": -1}, lightgbm.Dataset(frame, truth), 100
        ),
    }


def loaded(model: Any, folder: Path) -> dict[str, Any]:
    """Return both runners of a model."""
    frame = pd.DataFrame(np.zeros((2, len(_NAMES))), columns=_NAMES)
    library = "xgboost" if type(model).__module__.startswith("xgboost") else "lightgbm"
    given = xgboost.DMatrix(frame) if isinstance(model, xgboost.Booster) else frame
    signature = mlflow.models.infer_signature(frame, model.predict(given))
    saving = getattr(mlflow, library)
    saving.save_model(model, folder, signature=signature, input_example=frame, pip_requirements=["numpy"])
    told = mlflow.models.Model.load(str(folder))
    said = {name: text for name, text in told.signature.to_dict().items() if text}
    ours = runners.choose(told.flavors, folder, said)
    ways = {"pyfunc": runners.PYFUNC, "ours": ours}
    return {
        way: probing.load(PlannedVersion("1", "", str(folder), one, trusted=True, signature=said), Limits())[0]
        for way, one in ways.items()
    }


def call_ms(runner: Any, rows: Rows) -> float:
    """Return how long a call takes."""
    runner.predict(rows)
    calls, start = 0, perf_counter()
    while (taken := perf_counter() - start) < _SECONDS:
        runner.predict(rows)
        calls += 1
    return taken / calls * 1_000


def main() -> None:
    told = options("Measure what a call of a boosted model costs.", rounds=15)
    where = machine()
    values: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as base:
        both = {name: loaded(model, Path(base) / name) for name, model in models().items()}
        random = np.random.default_rng(1)
        for at in range(told.rounds):
            progress(f"round {at + 1} of {told.rounds}")
            for name, found in both.items():
                for count in (1, 100):
                    rows = Rows(count, tuple(_NAMES), random.standard_normal((count, len(_NAMES))))
                    for way, runner in found.items():
                        values.setdefault(f"{name}, {count}, {way}", []).append(call_ms(runner, rows))
    shown = []
    for name in both:
        for count in (1, 100):
            ours, theirs = values[f"{name}, {count}, ours"], values[f"{name}, {count}, pyfunc"]
            shown.append([name, str(count), milliseconds(theirs), milliseconds(ours), ratio(theirs, ours)])
    print(where)
    print(table(["model", "rows", "pyfunc, ms", "ours, ms", "pyfunc to ours"], shown))
    write_json(told.json, values)


if __name__ == "__main__":
    main()
