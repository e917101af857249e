"""Models of XGBoost and LightGBM answer number for number as MLflow answers for them, alone and in batches."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import lightgbm
import mlflow
import numpy as np
import pandas as pd
import pytest
import xgboost

from mlops_jupyter.capabilities.endpoints import Limits, runners
from mlops_jupyter.errors import ConfigurationError
from mlops_jupyter.serving import probing, scoring
from mlops_jupyter.serving.batching import split
from mlops_jupyter.serving.failures import Failure
from mlops_jupyter.serving.rows import joined
from tests.fakes.models import body, planned
from tests.fakes.servers import answers, free_port, plain_environment, serving
from tests.fakes.workers import plan_of, request

RANDOM = np.random.default_rng(7)
COLUMNS = [f"x{at}" for at in range(6)]
TABLE = pd.DataFrame(RANDOM.standard_normal((300, 6)) * 3, columns=COLUMNS)
HOLES = TABLE.mask(RANDOM.random(TABLE.shape) < 0.2)
TRUTH = (TABLE.sum(axis=1) + RANDOM.standard_normal(300)).to_numpy()
TWO, THREE = (TRUTH > 0).astype(int), np.digitize(TRUTH, [-3, 3])
QUIET = {"verbosity": -1, "num_threads": 1}


def xgb_booster(rows=TABLE, truth=TWO, **params):
    return xgboost.train({"objective": "binary:logistic", **params}, xgboost.DMatrix(rows, truth), 10)


def lgb_booster(rows=TABLE, truth=TWO, **params):
    return lightgbm.train({"objective": "binary", **QUIET, **params}, lightgbm.Dataset(rows, truth), 10)


def stopped_early():
    model = lightgbm.LGBMClassifier(n_estimators=200, learning_rate=0.5, verbosity=-1)
    watched = [(TABLE[200:], TWO[200:])]
    return model.fit(TABLE[:200], TWO[:200], eval_set=watched, callbacks=[lightgbm.early_stopping(2, verbose=False)])


MODELS = {
    "xgboost: classifier": lambda: xgboost.XGBClassifier(n_estimators=10).fit(TABLE, TWO),
    "xgboost: three classes": lambda: xgboost.XGBClassifier(n_estimators=10).fit(TABLE, THREE),
    "xgboost: missing values": lambda: xgboost.XGBRegressor(n_estimators=10).fit(HOLES, TRUTH),
    "xgboost: forest": lambda: xgboost.XGBRFRegressor(n_estimators=10).fit(TABLE, TRUTH),
    "xgboost: booster": xgb_booster,
    "xgboost: booster of an array": lambda: xgb_booster(TABLE.to_numpy()),
    "xgboost: booster, three classes": lambda: xgb_booster(truth=THREE, objective="multi:softprob", num_class=3),
    "lightgbm: classifier": lambda: lightgbm.LGBMClassifier(n_estimators=10, verbosity=-1).fit(TABLE, TWO),
    "lightgbm: names of classes": lambda: lightgbm.LGBMClassifier(n_estimators=10, verbosity=-1).fit(
        TABLE, np.array(["low", "middle", "high"])[THREE]
    ),
    "lightgbm: missing values": lambda: lightgbm.LGBMRegressor(n_estimators=10, verbosity=-1).fit(HOLES, TRUTH),
    "lightgbm: stopped early": stopped_early,
    "lightgbm: booster": lgb_booster,
    "lightgbm: booster of an array": lambda: lgb_booster(TABLE.to_numpy()),
    "lightgbm: booster, three classes": lambda: lgb_booster(truth=THREE, objective="multiclass", num_class=3),
}


def stored(model, folder: Path, rows, answers):
    flavor = mlflow.xgboost if type(model).__module__.startswith("xgboost") else mlflow.lightgbm
    flavor.save_model(
        model,
        folder,
        signature=mlflow.models.infer_signature(rows, answers),
        input_example=rows[:2],
        pip_requirements=["numpy"],
    )
    return planned(folder, trusted=False)


def answers_of(model, rows):
    return model.predict(xgboost.DMatrix(rows)) if isinstance(model, xgboost.Booster) else model.predict(rows)


@pytest.fixture(autouse=True)
def no_autologging() -> None:
    """An endpoint's process has none; here another test may have left methods replaced by it."""
    mlflow.autolog(disable=True)


@pytest.mark.parametrize("name", MODELS)
def test_answers_are_mlflow_s_to_the_last_digit(name, tmp_path):
    model = MODELS[name]()
    table = HOLES if "missing" in name else TABLE
    version = stored(model, tmp_path / "model", table, answers_of(model, table))
    assert version.runner == (runners.XGBOOST if name.startswith("xgboost") else runners.LIGHTGBM)
    runner, probe = probing.load(version, Limits())
    assert runner.is_short
    theirs = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    parts = []
    for count in (1, 1, 2, 40, 1, 300):
        chosen = table.sample(count, random_state=count) * 1.7
        rows = scoring.decode(body(chosen).encode(), "application/json", probe.schema, Limits())
        sent = pd.DataFrame(json.loads(body(chosen))["dataframe_split"]["data"], columns=COLUMNS, dtype=float)
        expected = scoring.encode(theirs.predict(sent))
        assert scoring.encode(runner.predict(rows)) == expected
        parts.append((rows, expected))
    assert probe.joins
    rows = joined([rows for rows, _ in parts])
    cuts = split(runner.predict(rows), [rows.count for rows, _ in parts], rows.count)
    assert [scoring.encode(cut) for cut in cuts] == [expected for _, expected in parts]


@pytest.mark.parametrize("name", ["xgboost: missing values", "lightgbm: names of classes"])
def test_an_endpoint_answers_as_mlflow_models_serve_does(name, start, tmp_path):
    model, table = MODELS[name](), HOLES if "missing" in name else TABLE
    folder = tmp_path / "model"
    endpoint = start(plan_of(stored(model, folder, table, answers_of(model, table)))).ready().client()
    address = f"http://127.0.0.1:{(port := free_port())}"
    words = ["mlflow", "models", "serve", "-m", str(folder), "--env-manager", "local", "-p", str(port)]
    trusting = plain_environment(MLFLOW_ALLOW_PICKLE_DESERIALIZATION="true")
    log = tmp_path / "mlflow.log"
    with serving(words, tmp_path, lambda: answers(f"{address}/ping"), log=log, environment=trusting):
        for count in (1, 40, 300):
            content = body(table.sample(count, random_state=count) * 1.7).encode()
            theirs = httpx.post(
                f"{address}/invocations", content=content, headers={"content-type": "application/json"}, timeout=60
            )
            ours = endpoint.ask(request(content))
            assert (ours.status, theirs.status_code) == (200, 200), (ours.body, theirs.text)
            assert ours.json() == theirs.json()


@pytest.mark.parametrize("make", [xgb_booster, lgb_booster])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_arrays_and_whole_numbers(make, dtype, tmp_path):
    matrix = (TABLE * 1e8).to_numpy().astype(dtype)
    model = make(matrix)
    version = stored(model, tmp_path / "array", matrix, answers_of(model, matrix))
    frame = pd.DataFrame(matrix, columns=COLUMNS)
    named = stored(model, tmp_path / "table", frame, answers_of(model, matrix))
    for one, sent, said in ((version, matrix, {"inputs": matrix[:50].tolist()}), (named, frame, None)):
        runner, probe = probing.load(one, Limits())
        content = body(sent[:50]).encode() if said is None else json.dumps(said).encode()
        rows = scoring.decode(content, "application/json", probe.schema, Limits())
        theirs = mlflow.pyfunc.load_model(one.path).predict(sent[:50])
        assert scoring.encode(runner.predict(rows)) == scoring.encode(theirs)


@pytest.mark.parametrize("params", [{"booster": "gblinear"}, {"booster": "dart", "rate_drop": 0.2}])
def test_what_an_array_is_answered_otherwise_is_not_given_one(params, tmp_path):
    model = xgb_booster(**params)
    version = stored(model, tmp_path / "model", TABLE, answers_of(model, TABLE))
    runner, probe = probing.load(version, Limits())
    assert not runner.is_short
    rows = scoring.decode(body(TABLE[:20]).encode(), "application/json", probe.schema, Limits())
    expected = mlflow.pyfunc.load_model(version.path).predict(TABLE[:20])
    assert scoring.encode(runner.predict(rows)) == scoring.encode(expected)


def test_a_model_without_an_example_is_tried_all_the_same(tmp_path):
    model = lgb_booster()
    version = stored(model, tmp_path / "model", TABLE, answers_of(model, TABLE))
    runner, probe = probing.load(planned(Path(version.path), example=None), Limits())
    assert runner.is_short
    assert probe.joins


@pytest.mark.parametrize("kind", ["text", "numbers"])
@pytest.mark.parametrize("library", ["xgboost", "lightgbm", "lightgbm booster"])
def test_categories_come_as_what_they_stand_for(library, kind, tmp_path):
    values = np.array(["Bonn", "Kiel", "Ulm", "Aue"] if kind == "text" else [30, 10, 40, 20])
    plain = pd.DataFrame({"age": RANDOM.standard_normal(400), "town": values[RANDOM.integers(0, 4, 400)]})
    trained = plain.astype({"town": "category"})
    truth = plain["town"].map(dict(zip(values.tolist(), (5.0, -3.0, 1.0, 9.0), strict=True))) + plain["age"]
    if library == "xgboost":
        model = xgboost.XGBRegressor(n_estimators=20, enable_categorical=True).fit(trained, truth)
    elif library == "lightgbm":
        model = lightgbm.LGBMRegressor(n_estimators=20, verbosity=-1).fit(trained, truth)
    else:
        model = lightgbm.train({"verbosity": -1}, lightgbm.Dataset(trained, truth), 20)
    version = stored(model, tmp_path / "model", plain, model.predict(trained))
    runner, probe = probing.load(version, Limits())
    # A request need not have all categories, nor the first of them.
    for chosen in (plain[:1], plain[plain["town"] == values[1]][:5], plain[:100]):
        rows = scoring.decode(body(chosen).encode(), "application/json", probe.schema, Limits())
        expected = model.predict(trained.loc[chosen.index])
        assert scoring.encode(runner.predict(rows)) == scoring.encode(expected)
    # A value that it was not trained with is refused by the one, and missing to the other.
    strange = plain[:1].assign(town="Rom" if kind == "text" else 77)
    rows = scoring.decode(body(strange).encode(), "application/json", probe.schema, Limits())
    if library == "xgboost":
        with pytest.raises(Failure, match="row 0, column 'town': the model was not trained with this value") as raised:
            runner.predict(rows)
        assert str(strange["town"].iloc[0]) not in raised.value.message
    else:
        missing = trained[:1].assign(town=pd.Categorical([None], trained["town"].cat.categories))
        assert runner.predict(rows).tolist() == model.predict(missing).tolist()


def test_an_estimator_in_a_pickle_needs_trust(tmp_path):
    model = lightgbm.LGBMRegressor(n_estimators=3, verbosity=-1).fit(TABLE, TRUTH)
    folder = tmp_path / "model"
    mlflow.lightgbm.save_model(
        model,
        folder,
        serialization_format="cloudpickle",
        signature=mlflow.models.infer_signature(TABLE, TRUTH),
        input_example=TABLE[:2],
        pip_requirements=["lightgbm"],
    )
    with pytest.raises(ConfigurationError, match="runs the file's own code") as raised:
        probing.load(planned(folder, trusted=False), Limits())
    assert "--trust" in raised.value.hint
    assert probing.load(planned(folder), Limits())[0].is_short
