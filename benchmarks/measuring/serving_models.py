"""Train the two models that the benchmark of serving serves, and print where the payloads and answers lie.

It is run in our environment: ``serving_models.py FOLDER``.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import joblib
import mlflow
import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from mlops_jupyter.capabilities.drift import Baseline, Profile

FEATURES = 20
MODELS = {"linear": LogisticRegression(), "forest": RandomForestClassifier(100, random_state=0)}


def main(folder: Path) -> None:
    random = np.random.default_rng(0)
    names = [f"f{at}" for at in range(FEATURES)]
    table = pd.DataFrame(random.standard_normal((2_000, FEATURES)), columns=names)
    truth = (table.sum(axis=1) + random.standard_normal(len(table)) > 0).astype(int)
    asked = table[:100].round(6)
    for name, model in MODELS.items():
        model.fit(table, truth)
        place = folder / name
        shutil.rmtree(place, ignore_errors=True)
        mlflow.sklearn.save_model(
            model,
            place / "model",
            signature=mlflow.models.infer_signature(table, model.predict(table)),
            input_example=table[:3],
            skops_trusted_types=["sklearn.tree._tree.Tree"],
            pip_requirements=["scikit-learn", "skops"],
        )
        joblib.dump(model, place / "model.joblib")
        told = mlflow.models.Model.load(str(place / "model"))
        answers = {
            rows: mlflow.pyfunc.load_model(str(place / "model")).predict(asked[:rows]).tolist() for rows in (1, 100)
        }
        about = {
            "signature": told.to_dict()["signature"],
            "columns": names,
            "rows": asked.to_numpy().tolist(),
            "answers": answers,
        }
        features, predictions = Profile(), Profile()
        features.update_matrix(names, table.to_numpy())
        predictions.update({"prediction": model.predict(table)}, len(table))
        baseline = Baseline(features, predictions, "a benchmark")
        (place / "baseline.json").write_text(baseline.to_json(), encoding="utf-8")
        (place / "about.json").write_text(json.dumps(about), encoding="utf-8")
    print(json.dumps(str(folder)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
