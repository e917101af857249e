"""scikit-learn models answer number for number as MLflow answers for them, alone and in batches."""

from __future__ import annotations

import json
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from mlops_jupyter.capabilities.endpoints import Limits, runners
from mlops_jupyter.errors import ConfigurationError
from mlops_jupyter.serving import probing, scoring
from mlops_jupyter.serving.batching import split
from mlops_jupyter.serving.rows import joined
from tests.fakes.models import body, planned

RANDOM = np.random.default_rng(7)
COLUMNS = [f"x{at}" for at in range(6)]
TABLE = pd.DataFrame(RANDOM.standard_normal((300, 6)) * 3, columns=COLUMNS)
TRUTH = (TABLE.sum(axis=1) + RANDOM.standard_normal(300)).to_numpy()
TRUSTED = [
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.tree._tree.Tree",
]

MODELS = {
    "logistic": (LogisticRegression(), TRUTH > 0, "predict", True),
    "three classes": (LogisticRegression(), np.digitize(TRUTH, [-3, 3]), "predict", True),
    "names of classes": (LogisticRegression(), np.where(TRUTH > 0, "yes", "no"), "predict", True),
    "chances": (LogisticRegression(), TRUTH > 0, "predict_proba", True),
    "line": (LinearRegression(), TRUTH, "predict", True),
    "two lines": (LinearRegression(), np.stack([TRUTH, -TRUTH], axis=1), "predict", True),
    "scaled": (make_pipeline(StandardScaler(), LogisticRegression()), TRUTH > 0, "predict_proba", True),
    "scaled twice": (make_pipeline(MinMaxScaler(), StandardScaler(), LinearRegression()), TRUTH, "predict", True),
    "forest": (RandomForestClassifier(30, random_state=0), TRUTH > 0, "predict", True),
    "forest's chances": (RandomForestClassifier(30, random_state=0), TRUTH > 0, "predict_proba", True),
    "forest of numbers": (RandomForestRegressor(30, random_state=0, n_jobs=1), TRUTH, "predict", True),
    "extra trees": (make_pipeline(StandardScaler(), ExtraTreesRegressor(20, random_state=0)), TRUTH, "predict", True),
    "ridge": (Ridge(), TRUTH, "predict", False),
    "neighbours": (KNeighborsRegressor(), TRUTH, "predict", False),
    "support vectors": (SVC(), TRUTH > 0, "predict", False),
}


def stored(model, truth, method, folder: Path, table=TABLE):
    model.fit(table, truth)
    answer = getattr(model, method)(table)
    mlflow.sklearn.save_model(
        model,
        folder,
        signature=mlflow.models.infer_signature(table, answer),
        input_example=table[:2],
        pyfunc_predict_fn=method,
        skops_trusted_types=TRUSTED,
        pip_requirements=["scikit-learn"],
    )
    return planned(folder)


@pytest.fixture(autouse=True)
def no_autologging() -> None:
    """An endpoint's process has none; here another test may have left scikit-learn's own methods replaced by it."""
    mlflow.sklearn.autolog(disable=True)


@pytest.mark.parametrize("name", MODELS)
def test_answers_are_mlflow_s_to_the_last_digit(name, tmp_path):
    model, truth, method, is_short = MODELS[name]
    version = stored(model, truth, method, tmp_path / "model")
    assert version.runner == runners.SKLEARN
    runner, probe = probing.load(version, Limits())
    assert (runner._short is not None) is is_short
    theirs = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    parts = []
    for count in (1, 1, 2, 40, 1, 300):
        table = TABLE.sample(count, random_state=count) * 1.7
        rows = scoring.decode(body(table).encode(), "application/json", probe.schema, Limits())
        sent = pd.DataFrame(json.loads(body(table))["dataframe_split"]["data"], columns=COLUMNS)
        expected = scoring.encode(theirs.predict(sent))
        assert scoring.encode(runner.predict(rows)) == expected
        parts.append((rows, expected))
    if probe.joins:
        rows = joined([rows for rows, _ in parts])
        cuts = split(runner.predict(rows), [rows.count for rows, _ in parts], rows.count)
        assert [scoring.encode(cut) for cut in cuts] == [expected for _, expected in parts]


def test_rows_that_scikit_learn_refuses_are_refused(tmp_path):
    version = stored(LogisticRegression(), TRUTH > 0, "predict", tmp_path / "model")
    runner, probe = probing.load(version, Limits())
    rows = scoring.decode(body(TABLE[:2]).encode(), "application/json", probe.schema, Limits())
    rows.matrix[1, 1] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        runner.predict(rows)


def test_text_columns_reach_the_model_as_a_table(tmp_path):
    table = pd.DataFrame({"town": ["a", "b", "a", "c"] * 10})
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression())
    version = stored(model, np.array([0, 1, 0, 1] * 10), "predict", tmp_path / "model", table)
    runner, probe = probing.load(version, Limits())
    rows = scoring.decode(body(table[:4]).encode(), "application/json", probe.schema, Limits())
    assert runner.predict(rows).tolist() == [0, 1, 0, 1]
    assert probe.joins


def test_what_runs_code_when_it_is_loaded_needs_trust(tmp_path):
    folder = tmp_path / "model"
    model = LogisticRegression().fit(TABLE, TRUTH > 0)
    signature = mlflow.models.infer_signature(TABLE, model.predict(TABLE))
    mlflow.sklearn.save_model(
        model,
        folder,
        serialization_format="pickle",
        signature=signature,
        pip_requirements=["scikit-learn"],
        input_example=TABLE[:2],
    )
    with pytest.raises(ConfigurationError, match="runs the file's own code") as raised:
        probing.load(planned(folder, trusted=False), Limits())
    assert "--trust" in raised.value.hint
    runner, _ = probing.load(planned(folder), Limits())
    assert runner._short is not None


def test_what_is_stored_by_skops_needs_trust_only_for_what_is_not_known(tmp_path):
    plain = stored(LogisticRegression(), TRUTH > 0, "predict", tmp_path / "plain")
    probing.load(planned(Path(plain.path), trusted=False), Limits())
    forest = stored(RandomForestClassifier(3), TRUTH > 0, "predict", tmp_path / "forest")
    with pytest.raises(ConfigurationError, match=r"sklearn\.tree\._tree\.Tree"):
        probing.load(planned(Path(forest.path), trusted=False), Limits())
