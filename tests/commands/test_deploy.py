"""Endpoints with real models and real workers, as a user meets them."""

from __future__ import annotations

import html
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import mlflow
import numpy as np
import pandas as pd
import psutil
import pytest
from sklearn.linear_model import LogisticRegression

import mlops_jupyter
from mlops_jupyter import grammar, settings
from mlops_jupyter.capabilities.endpoints.folder import EndpointFolder
from mlops_jupyter.capabilities.endpoints.state import read_state
from mlops_jupyter.capabilities.processes import identify
from mlops_jupyter.commands.overview import overview
from mlops_jupyter.errors import CommandError, ConfigurationError, Conflict, MlopsError, NotFound, Unavailable
from mlops_jupyter.faces import render
from tests.fakes.models import behaving_model, choosy_model, small_model
from tests.fakes.waiting import wait_for

PAGES = ("/openapi.json", "/docs/model.json")
TABLE = pd.DataFrame({"a": [0.0, 3.0], "b": [1.0, 0.0]}, index=["x", "y"])


@pytest.fixture
def model(project: Path) -> Iterator[Path]:
    yield small_model(project / "model")
    for one in mlops_jupyter.deployments().deployments:
        mlops_jupyter.undeploy(one.name, yes=True)


@pytest.fixture
def registered(model: Path) -> mlflow.MlflowClient:
    """Three versions of a registered model churn: the second answers the other way round."""
    root = model.parent
    client = mlflow.MlflowClient(f"sqlite:///{root}/.mlops/mlflow.db")
    small_model(root / "turned", turned=True)
    client.create_registered_model("churn")
    for folder in ("model", "turned", "model"):
        client.create_model_version("churn", (root / folder).as_uri())
    client.set_registered_model_alias("churn", "champion", "1")
    return client


def pids(root: Path) -> list[int]:
    state = read_state(EndpointFolder(root / ".mlops" / "endpoints" / "churn").state_file)
    assert state is not None
    return [state.pid, *(worker.pid for worker in state.workers)]


def ours(root: Path) -> list[int]:
    """Return the processes of endpoints below a project."""
    return [one.pid for one in psutil.process_iter() if f"{root}/.mlops/endpoints" in " ".join(_words(one))]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_names_of_deployments_are_completed(model, project):
    assert grammar.complete(["predict"], "") == []
    mlops_jupyter.deploy("model", name="churn")
    assert grammar.complete(["deploy", "x", "--name"], "ch") == [("churn", "ready")]
    for verb in ("deployments", "predict", "traffic", "rollback", "undeploy", "logs", "monitor", "rows", "feedback"):
        assert grammar.complete([verb], "ch") == [("churn", "ready")], verb
        assert grammar.complete([verb], "x") == []
    good = (project / "mlops.toml").read_text()
    (project / "mlops.toml").write_text("experiment = [")
    assert grammar.complete(["predict"], "ch") == []
    (project / "mlops.toml").write_text(good)


def test_every_kind_of_data_is_answered_in_kind(model, project):
    mlops_jupyter.deploy("model", name="churn")
    frame = mlops_jupyter.predict("churn", TABLE)
    assert frame.result.equals(pd.DataFrame({"prediction": [0, 1]}, index=["x", "y"]))
    assert frame.result.attrs["request_ids"] == list(frame.request_ids)
    assert len(frame.request_ids[0]) > 8
    assert np.array_equal(mlops_jupyter.predict("churn", TABLE.to_numpy()).result, [0, 1])
    assert mlops_jupyter.predict("churn", [[0.0, 1.0], [3.0, 0.0]]).result == [0, 1]
    assert mlops_jupyter.predict("churn", [{"a": 0, "b": 1}, {"a": 3, "b": 0}]).result == [0, 1]
    assert mlops_jupyter.predict("churn", {"a": [0, 3], "b": [1, 0]}).result == {"predictions": [0, 1]}
    assert mlops_jupyter.predict("churn", TABLE.iloc[1]).result.tolist() == [1]
    TABLE.to_csv(project / "data.csv", index=False)
    TABLE.to_parquet(project / "data.parquet", index=False)
    (project / "data.json").write_text(TABLE.to_json(orient="records"))
    texts = ('[{"a": 0, "b": 1}, {"a": 3, "b": 0}]', '{"a": [0, 3], "b": [1, 0]}')
    for file in ("data.csv", "data.parquet", "data.json", *texts):
        assert mlops_jupyter.predict("churn", file).predictions == (0, 1), file
    many = pd.concat([TABLE] * 12_500)
    told = mlops_jupyter.predict("churn", many)
    assert (len(told.request_ids), len(told.predictions), sum(told.predictions)) == (3, 25_000, 12_500)
    with pytest.raises(MlopsError) as caught:
        mlops_jupyter.predict("churn", {"a": 1})
    assert "b" in caught.value.message
    with pytest.raises(CommandError):
        mlops_jupyter.predict("churn", object())
    with pytest.raises(CommandError, match="not of one length"):
        mlops_jupyter.predict("churn", '{"a": [0, 3], "b": [1]}')
    with pytest.raises(NotFound):
        mlops_jupyter.predict("churn", "nowhere.csv")


def test_more_than_one_request_takes_is_answered_as_one(model, project, terminal):
    mlops_jupyter.deploy("model", name="churn")
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.uniform(0, 3, 120_000), "b": rng.uniform(0, 1, 120_000)})
    right = mlflow.pyfunc.load_model("model").predict(table).tolist()
    table.to_csv("data.csv", index=False)
    done = terminal("predict", "churn", "data.csv", "--output", "out/answers.csv")
    assert (done.code, "written to out/answers.csv" in done.out) == (0, True), done.err
    assert " 75% churn: 90,000 answers" in done.err
    answers = pd.read_csv("out/answers.csv")
    assert answers["prediction"].tolist() == right
    assert list(answers.columns) == ["request_id", "row", "prediction"]
    assert (answers["request_id"].nunique(), answers["row"].max()) == (12, 9_999)

    table.to_parquet("data.parquet")
    told = mlops_jupyter.predict("churn", "data.parquet", output=Path("answers.parquet"))
    assert list(told.predictions) == pd.read_parquet("answers.parquet")["prediction"].tolist() == right
    mlops_jupyter.predict("churn", table[:3].to_dict("list"), output=Path("answers.json"))
    assert [one["prediction"] for one in json.loads(Path("answers.json").read_text())] == right[:3]

    # A row is called by its number among all, and nothing is written of the others.
    table = table.astype(object)
    table.loc[12_345, "a"] = "many"
    table.to_csv("data.csv", index=False)
    for data in (table, "data.csv"):
        with pytest.raises(MlopsError, match="row 12345, column 'a'"):
            mlops_jupyter.predict("churn", data, output=Path("answers.json"))
    assert len(json.loads(Path("answers.json").read_text())) == 3
    assert [one.name for one in project.iterdir() if one.name.startswith(".answers")] == []
    with pytest.raises(CommandError, match=r"answers\.txt is no CSV, Parquet or JSON"):
        mlops_jupyter.predict("churn", table, output=Path("answers.txt"))
    with pytest.raises(ConfigurationError, match=r"cannot write mlops\.toml/answers\.csv"):
        mlops_jupyter.predict("churn", {"a": 0, "b": 1}, output=Path("mlops.toml/answers.csv"))


def test_what_is_wrong_with_a_file_has_one_exit_code(model, project, terminal):
    mlops_jupyter.deploy("model", name="churn")
    TABLE.to_csv(project / "good.csv", index=False)
    for name, content in (("empty.csv", b""), ("empty.parquet", b""), ("damaged.parquet", b"PAR1 no more")):
        (project / name).write_bytes(content)
        asked = [("feedback", "churn", name), ("drift", "good.csv", name)]
        asked += [("predict", "churn", name)]
        for words in asked:
            done = terminal(*words)
            assert done.code == 3, (words, done.err)
            assert f"{name} is empty" in done.err or content
    (project / "damaged.json").write_text("{")
    for words in (("feedback", "churn", "damaged.json"), ("predict", "churn", "damaged.json")):
        done = terminal(*words)
        assert (done.code, "damaged.json is not valid JSON" in done.err) == (3, True), words
    for verb in ("feedback", "predict"):
        assert terminal(verb, "churn", "nowhere.csv").code == 4
        # What was typed is another matter.
        assert terminal(verb, "churn", "[1").code == 2


def test_the_snippets_of_the_card_work_as_they_are(model, project):
    found = mlops_jupyter.deploy("model", name="churn")
    done = subprocess.run(["bash", "-c", found.curl], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"predictions": [0, 0]}
    *lines, last = found.python.splitlines()
    code = "\n".join([*lines, f"print({last})"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[0, 0]\n"


def test_a_request_that_is_too_long_to_paste_lies_in_a_file(project, model):
    wide = pd.DataFrame({f"feature_{at:02}": [0.0, 1.0] for at in range(40)})
    signature = mlflow.models.infer_signature(wide, np.array([0, 1]))
    mlflow.sklearn.save_model(
        LogisticRegression().fit(wide, [0, 1]), "wide", signature=signature, input_example=wide,
        pip_requirements=["scikit-learn"],
    )  # fmt: skip
    found = mlops_jupyter.deploy("wide", name="churn")
    request = project / ".mlops" / "endpoints" / "churn" / "request.json"
    assert f"-d @{request}" in found.curl
    assert request.stat().st_mode & 0o777 == 0o600
    done = subprocess.run(["bash", "-c", found.curl], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"predictions": [0, 1]}
    *lines, last = found.python.splitlines()
    code = "\n".join([*lines, f"print({last})"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[0, 1]\n"
    # One that can be pasted needs no file.
    assert "@" not in mlops_jupyter.deploy("model", name="churn").curl
    assert not request.exists()


def test_redacted_values_of_the_example_are_nowhere(project, model, terminal):
    with (project / "mlops.toml").open("a") as file:
        file.write('\n[monitoring]\nredact = ["email"]\n')
    # A model that answers no other texts than those it was trained with.
    choosy_model(project / "choosy")
    found = mlops_jupyter.deploy("choosy", name="churn")
    assert '"a"' in found.curl
    assert "text" in found.curl
    shown = terminal("deployments", "churn")
    assert "email" in shown.out
    token = Path(found.token_file).read_text().strip()
    pages = [httpx.get(f"{found.url}{path}", headers={"Authorization": f"Bearer {token}"}).text for path in PAGES]
    assert "/invocations" in pages[0]
    files = [one.read_text(errors="replace") for one in (project / ".mlops/endpoints").rglob("*") if one.is_file()]
    told = [repr(found), found.curl, found.python, shown.out, *pages, *files]
    assert [one for one in told if "@example.org" in one] == []
    table = pd.DataFrame({"a": [3.0], "email": ["eve@example.org"]})
    assert mlops_jupyter.predict("churn", table).predictions == (1,)


def test_a_live_model_is_registered_and_served(model, kernel, project):
    reply = kernel.run(
        "import pandas as pd\nfrom sklearn.linear_model import LogisticRegression\n"
        "X = pd.DataFrame({'a': [0.0, 1.0, 2.0, 3.0], 'b': [1.0, 1.0, 0.0, 0.0]})\n"
        "model = LogisticRegression().fit(X, [0, 0, 1, 1])\n"
        "%mlops deploy $model --name churn --data $X",
        timeout=180,
    )
    assert reply.status == "ok", reply.traceback
    (shown,) = reply.records("deployment")
    assert [(one["model"], one["version"]) for one in shown["versions"]] == [("churn", "1")]
    assert shown["notes"][0] == "the model is version 1 of churn"
    answer = kernel.run("answer = %mlops predict churn $X\nanswer.result['prediction'].tolist()")
    assert answer.displayed[-1]["text/plain"] == "[0, 0, 1, 1]"


def test_a_model_that_is_trained_again_is_not_the_run_s_any_more(model, kernel, project):
    made = kernel.run(
        "%%mlops track shallow --no-autolog\nimport pandas as pd\nfrom sklearn.tree import DecisionTreeClassifier\n"
        "X = pd.DataFrame({'a': [0.0, 1.0, 2.0, 3.0], 'b': [1.0, 1.0, 0.0, 0.0]})\n"
        "model = DecisionTreeClassifier(max_depth=1).fit(X, [0, 0, 1, 1])"
    )
    (run,) = made.records("run")
    register = "%mlops register $model --name churn --data $X"
    (first,) = kernel.run(register, timeout=180).records("registeredversion")
    assert first["run_id"] == run["run_id"]
    assert kernel.run("model.set_params(max_depth=2).fit(X, [1, 1, 0, 0])").status == "ok"
    (second,) = kernel.run(register, timeout=180).records("registeredversion")
    assert second["run_id"] != run["run_id"]
    # What is looked at alone stays the run's.
    again = "model = DecisionTreeClassifier().fit(X, [0, 0, 1, 1])"
    (run,) = kernel.run(f"%%mlops track deep --no-autolog\n{again}").records("run")
    assert kernel.run("model.predict(X)").status == "ok"
    (third,) = kernel.run(register, timeout=180).records("registeredversion")
    assert third["run_id"] == run["run_id"]


def test_an_endpoint_outlives_its_kernel(model, kernel, start_kernel, project):
    reply = kernel.run("%mlops deploy model --name churn")
    assert reply.status == "ok", reply.traceback
    (shown,) = reply.records("deployment")
    assert "churn" in reply.displayed[-1]["text/html"]
    # As VS Code does: it ends whatever descends from a kernel, and begins with that.
    for one in psutil.Process(kernel.manager.provisioner.process.pid).children(recursive=True):
        one.kill()
    kernel.manager.restart_kernel(now=True)
    kernel.client.wait_for_ready(60)
    assert kernel.run("%load_ext mlops_jupyter").status == "ok"
    answer = kernel.run("row = {'a': 3, 'b': 0}\n%mlops predict churn $row").records("prediction")
    assert answer[0]["predictions"] == [1]
    (listed,) = kernel.run("%mlops deployments").records("deployments")[0]["deployments"]
    assert (listed["pid"], listed["status"], listed["restarts"]) == (shown["pid"], "ready", 0)
    assert start_kernel().run("%mlops undeploy churn --yes").status == "ok"
    assert ours(project) == []


def test_undeploy_leaves_nothing(model, project):
    settings.current().prepare_state()
    before = {one for one in (project / ".mlops").rglob("*") if "journal" not in one.parts}
    mlops_jupyter.deploy("model", name="churn", workers=2, socket=project / "churn.sock")
    running = pids(project)
    assert mlops_jupyter.predict("churn", TABLE).predictions == (0, 1)
    mlops_jupyter.undeploy("churn", yes=True)
    assert not any(map(identify, running))
    assert ours(project) == []
    assert not (project / "churn.sock").exists()
    left = {one for one in (project / ".mlops").rglob("*") if "journal" not in one.parts} - before
    assert {one.relative_to(project / ".mlops").parts[0] for one in left} <= {"endpoints", "models", "scrape"}
    assert [one for one in left if one.is_file()] == []


def copies(root: Path) -> list[str]:
    """Return the names of what is kept of models on this machine, but for what is trusted."""
    models = root / ".mlops" / "models"
    return sorted(one.name for one in models.rglob("*") if one.parent in {models, models / "sources"}
                  and not one.name.startswith("trusted.json") and one.name != "sources")  # fmt: skip


def test_a_model_that_nothing_serves_leaves_no_copy(model, project):
    behaving_model(project / "own", "pass")
    with pytest.raises(ConfigurationError, match="may run code"):
        mlops_jupyter.deploy("own", name="churn")
    assert copies(project) == []
    mlops_jupyter.register("model", name="churn")
    assert copies(project) == []


def test_who_deploys_what_is_served_already_is_told(registered, project):
    said = "churn served this already"
    assert said not in mlops_jupyter.deploy("models:/churn/1", name="churn").notes
    assert said in mlops_jupyter.deploy("models:/churn/1", name="churn").notes
    assert said not in mlops_jupyter.deploy("models:/churn/1", name="churn", workers=2).notes
    assert said not in mlops_jupyter.deploy("models:/churn/2", name="churn").notes
    # What changed nothing is nothing to go back to.
    mlops_jupyter.deploy("models:/churn/2", name="churn")
    mlops_jupyter.traffic("churn", "2=100")
    assert [one.version for one in mlops_jupyter.rollback("churn").versions] == ["1"]
    with pytest.raises(NotFound):
        mlops_jupyter.rollback("churn")


def test_versions_of_two_models_with_one_number_are_not_mixed(registered, project):
    registered.create_registered_model("other")
    registered.create_model_version("other", (project / "turned").as_uri())
    mlops_jupyter.deploy("models:/churn/1", name="churn")
    for beside in ({"canary": 10}, {"shadow": True}):
        with pytest.raises(Conflict, match="version 1 of churn is served, and version 1 of other cannot") as refused:
            mlops_jupyter.deploy("models:/other/1", name="churn", **beside)
        assert refused.value.hint == "mlops deploy models:/other/1 --name OTHER"
    instead = mlops_jupyter.deploy("models:/other/1", name="churn")
    assert any("version 1 of another model was served before" in note for note in instead.notes)
    assert mlops_jupyter.predict("churn", TABLE).predictions == (1, 0)


def test_a_canary_traffic_and_back(registered, project):
    mlops_jupyter.deploy("models:/churn/1", name="churn")
    found = mlops_jupyter.deploy("models:/churn/2", name="churn", canary=40)
    assert [(one.version, one.percent) for one in found.versions] == [("1", 60.0), ("2", 40.0)]
    for shares in (("1=50", "2=60"), ("1=x",)):
        with pytest.raises(CommandError) as wrong:
            mlops_jupyter.traffic("churn", *shares)
        assert wrong.value.hint == "mlops traffic churn 1=90 2=10"
    told = [mlops_jupyter.predict("churn", TABLE) for _ in range(40)]
    assert {(one.versions, one.predictions) for one in told} == {(("1",), (0, 1)), (("2",), (1, 0))}
    assert [one.version for one in mlops_jupyter.traffic("churn", "2=100").versions] == ["2"]
    assert mlops_jupyter.predict("churn", TABLE).predictions == (1, 0)
    with pytest.raises(NotFound) as caught:
        mlops_jupyter.traffic("churn", "1=50", "2=50")
    assert caught.value.message == "churn does not serve version 1; it serves 2"
    back = mlops_jupyter.rollback("churn")
    assert [(one.version, one.percent) for one in back.versions] == [("1", 60.0), ("2", 40.0)]
    whole = mlops_jupyter.deploy("models:/churn/1", name="churn")
    said = "this ends the rollout of 2 40%; mlops rollback churn brings back what was served"
    assert said in whole.notes
    back = mlops_jupyter.rollback("churn")
    assert [(one.version, one.percent) for one in back.versions] == [("1", 60.0), ("2", 40.0)]
    assert [one.version for one in mlops_jupyter.rollback("churn").versions] == ["1"]
    with pytest.raises(NotFound) as caught:
        mlops_jupyter.rollback("churn")
    log = [line.partition("who answers: ")[2] for line in mlops_jupyter.logs("churn", lines=200).lines]
    assert [line for line in log if line][:2] == [
        "version 1 60%, version 2 40% as a canary (before: version 1 100%)",
        "version 2 100% (before: version 1 60%, version 2 40% as a canary)",
    ]
    assert caught.value.message == "churn has served nothing before"
    assert caught.value.hint == "mlops models; mlops deploy MODEL --name churn"
    history = (project / ".mlops" / "endpoints" / "churn" / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["why"].split()[0] for line in history] == [
        "deploy",
        "deploy",
        "traffic",
        "rollback:",
        "deploy",
        "rollback:",
        "rollback:",
    ]


def test_what_a_user_means_is_named(registered, project, terminal):
    for name in ("churn", "models:/churn"):
        with pytest.raises(CommandError) as caught:
            mlops_jupyter.deploy(name)
        assert caught.value.hint == "mlops deploy models:/churn/3"
    with pytest.raises(NotFound) as missing:
        mlops_jupyter.deploy("churn", name="other")
    assert "models:/churn/3" in missing.value.hint
    mlops_jupyter.deploy("models:/churn/1", trust=True)
    with pytest.raises(Conflict) as twice:
        mlops_jupyter.deploy("models:/churn/1", canary=10, trust=True)
    assert twice.value.hint == "mlops traffic churn 1=10"
    done = terminal("undeploy", "nothere", "-y")
    assert done.code != 0
    assert "answers what is open" not in done.err + done.out


def test_a_shadow_sees_and_is_not_seen(registered):
    mlops_jupyter.deploy("models:/churn/1", name="churn")
    found = mlops_jupyter.deploy("models:/churn/2", name="churn", shadow=True)
    assert [(one.version, one.percent, one.shadow) for one in found.versions] == [("1", 100.0, False), ("2", 0.0, True)]
    assert "the shadow 2 has seen no rows since the endpoint started" in found.notes
    assert {mlops_jupyter.predict("churn", TABLE).predictions for _ in range(10)} == {(0, 1)}
    # It answers the other way round.
    said = "the shadow 2 answered 0 of 20 rows alike"
    wait_for(lambda: said in mlops_jupyter.deployments("churn").notes)


def test_no_request_is_lost_while_versions_change(registered, project):
    found = mlops_jupyter.deploy("models:/churn/1", name="churn")
    token = Path(found.token_file).read_text().strip()
    body = {"dataframe_split": {"columns": ["a", "b"], "data": [[0.0, 1.0], [3.0, 0.0]]}}
    wanted = {"1": [0, 1], "2": [1, 0], "3": [0, 1]}
    wrong, count, stop = [], [0], threading.Event()

    def ask() -> None:
        with httpx.Client(headers={"Authorization": f"Bearer {token}"}, trust_env=False) as client:
            while not stop.is_set():
                answer = client.post(f"{found.url}/invocations", json=body)
                told = answer.headers.get("x-mlops-version")
                if answer.status_code != 200 or answer.json()["predictions"] != wanted[told]:
                    wrong.append((answer.status_code, told, answer.text))
                count[0] += 1

    asking = [threading.Thread(target=ask) for _ in range(4)]
    for one in asking:
        one.start()
    for version in ("2", "3", "1", "2"):
        mlops_jupyter.deploy(f"models:/churn/{version}", name="churn")
    stop.set()
    for one in asking:
        one.join()
    assert wrong == []
    assert count[0] > 50


@pytest.mark.usefixtures("model")
def test_answers_of_columns_and_one_answer_for_many_rows(project):
    behaving_model(project / "columns", "return {'p': model_input['a'].to_numpy() / 10, 'q': list(model_input['b'])}")
    mlops_jupyter.deploy("columns", name="churn", trust=True)
    found = mlops_jupyter.predict("churn", TABLE)
    assert found.predictions == ({"p": 0.0, "q": 1.0}, {"p": 0.3, "q": 0.0})
    assert found.rows == (2,)
    assert found.result.equals(pd.DataFrame({"p": [0.0, 0.3], "q": [1.0, 0.0]}, index=["x", "y"]))
    behaving_model(project / "one", "return [float(model_input['a'].sum())]")
    mlops_jupyter.deploy("one", name="churn", trust=True)
    found = mlops_jupyter.predict("churn", TABLE)
    assert found.result.equals(pd.DataFrame({"prediction": [3.0]}))


def test_an_alias_is_followed(registered, project):
    found = mlops_jupyter.deploy("models:/churn@champion", name="churn")
    assert (found.follows, found.versions[0].version) == ("models:/churn@champion", "1")
    wait_for(lambda: "follows models:/churn@champion" in "".join(mlops_jupyter.logs("churn").lines))
    # It moves while somebody else changes the deployment.
    with EndpointFolder(project / ".mlops" / "endpoints" / "churn").changing():
        registered.set_registered_model_alias("churn", "champion", "2")
        wait_for(lambda: "churn is being changed by" in "".join(mlops_jupyter.logs("churn").lines), 60)
    wait_for(lambda: mlops_jupyter.predict("churn", TABLE).versions == ("2",), 60)
    now = mlops_jupyter.deployments("churn")
    assert (now.pid, now.restarts, now.follows) == (found.pid, 0, "models:/churn@champion")
    # Its history, written a moment after the new version answers, knows that nobody has done it by hand.
    history = project / ".mlops" / "endpoints" / "churn" / "history.jsonl"
    wait_for(lambda: len(history.read_text().splitlines()) == 2)
    last = json.loads(history.read_text().splitlines()[-1])
    assert (last["who"], last["why"]) == ("alias", "models:/churn@champion points to version 2 now")
    # What is not served in the end leaves no copy.
    there = copies(project)
    behaving_model(project / "own", "pass")
    registered.create_model_version("churn", (project / "own").as_uri())
    registered.set_registered_model_alias("churn", "champion", "4")
    wait_for(lambda: "models:/churn/4 may run code" in "".join(mlops_jupyter.logs("churn").lines), 60)
    assert copies(project) == there
    back = mlops_jupyter.rollback("churn")
    assert (back.versions[0].version, back.follows) == ("1", None)
    mlops_jupyter.undeploy("churn", yes=True)
    assert copies(project) == []
    wait_for(lambda: ours(project) == [], 20)


def test_what_an_alias_points_to_and_is_not_served_is_told(registered, project, terminal):
    behaving_model(project / "code", "pass")
    registered.create_model_version("churn", (project / "code").as_uri())
    mlops_jupyter.deploy("models:/churn@champion", name="churn")
    wait_for(lambda: "follows models:/churn@champion" in "".join(mlops_jupyter.logs("churn").lines))
    assert mlops_jupyter.deployments("churn").not_followed is None

    registered.set_registered_model_alias("churn", "champion", "4")
    wait_for(lambda: mlops_jupyter.deployments("churn").not_followed is not None, 60)
    found = mlops_jupyter.deployments("churn")
    assert (found.status, found.versions[0].version) == ("ready", "1")
    assert found.not_followed.startswith("models:/churn@champion is version 4, 1 is served: models:/churn")
    assert "→ mlops deploy models:/churn@champion --name churn --trust" in found.not_followed
    assert found.notes == (found.not_followed,)
    assert found.not_followed in terminal("deployments").out
    assert found.not_followed in html.unescape(render.mime_bundle(found)["text/html"])
    (told,) = overview(project).endpoints
    assert told.error == found.not_followed

    registered.set_registered_model_alias("churn", "champion", "2")
    wait_for(lambda: mlops_jupyter.deployments("churn").versions[0].version == "2", 60)
    assert mlops_jupyter.deployments("churn").not_followed is None

    # Who vouches for a version is told that those to come are not meant.
    registered.set_registered_model_alias("churn", "champion", "4")
    wait_for(lambda: mlops_jupyter.deployments("churn").not_followed is not None, 60)
    now = mlops_jupyter.deploy("models:/churn@champion", name="churn", trust=True)
    assert (now.versions[0].version, now.not_followed) == ("4", None)
    (note,) = [one for one in now.notes if "--trust" in one]
    assert note.startswith("--trust is said of version 4 alone; when models:/churn@champion moves")
    wait_for(lambda: not (project / ".mlops" / "endpoints" / "churn" / "following.json").exists(), 20)


def test_a_start_that_fails_shows_the_servers_own_error(model, project, terminal):
    (project / "model" / "model.skops").write_bytes(b"damaged")
    # Nobody can tell whether it is data alone.
    done = terminal("deploy", "model", "--name", "churn")
    assert done.code == 3
    assert "model.skops cannot be looked into (BadZipFile)" in done.err
    done = terminal("deploy", "model", "--name", "churn", "--trust")
    assert done.code == 5
    assert "churn did not become ready: " in done.err
    assert "mlops logs churn" in done.err
    assert mlops_jupyter.deployments("churn").status == "failed"
    assert ours(project) == []


def test_a_worker_that_starts_again_loads_what_was_deployed(model, project):
    found = mlops_jupyter.deploy("model", name="churn")
    file = Path(found.versions[0].path) / "model.skops"
    was = file.read_bytes()
    file.write_bytes(b"exchanged")
    os.kill(pids(project)[1], signal.SIGKILL)
    said = f"the files of version {found.versions[0].version} in {file.parent} are not those that were deployed"
    wait_for(lambda: said in (mlops_jupyter.deployments("churn").error or ""))
    file.write_bytes(was)
    wait_for(lambda: mlops_jupyter.deployments("churn").status == "ready")
    assert mlops_jupyter.predict("churn", TABLE).predictions == (0, 1)


def test_how_long_an_answer_may_take_is_set(model, project):
    # Never so quick that it is called without a thread: then nobody can give a call up.
    behaving_model(project / "slow", "time.sleep(2.0 if model_input['a'].iloc[0] == 9 else 0.02)")
    (project / "mlops.toml").write_text("[serving]\ntimeout_s = 1\n")
    assert mlops_jupyter.deploy("slow", name="churn", trust=True).limits.timeout_s == 1
    asked = pd.DataFrame({"a": [9.0], "b": [1.0]})
    with pytest.raises(Unavailable, match="the model has not answered within 1 seconds"):
        mlops_jupyter.predict("churn", asked)
    (project / "mlops.toml").write_text("[serving]\ntimeout_s = 300\n")
    assert mlops_jupyter.deploy("slow", name="churn", trust=True).limits.timeout_s == 300
    assert mlops_jupyter.predict("churn", asked).predictions == ({"a": 1},)


def test_a_followed_log_goes_where_results_go(model, project, terminal):
    mlops_jupyter.deploy("model", name="churn")
    mlops = str(Path(sys.executable).parent / "mlops")
    following = subprocess.Popen(
        [mlops, "logs", "-f", "churn"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert following.stdout is not None
    assert "supervisor of churn listens" in following.stdout.readline()
    assert terminal("undeploy", "churn", "--yes").code == 0
    out, err = following.communicate(timeout=30)
    assert "the endpoint has stopped" in out
    assert (following.returncode, err) == (0, "")


def test_two_terminals_deploy_one_name(model, project):
    mlops = [str(Path(sys.executable).parent / "mlops"), "deploy", "model", "--name", "churn"]
    both = [subprocess.Popen(mlops, stderr=subprocess.PIPE, text=True, stdout=subprocess.DEVNULL) for _ in range(2)]
    said = [one.communicate(timeout=120)[1] for one in both]
    codes = sorted(one.returncode for one in both)
    assert codes in ([0, 0], [0, 4])
    if codes == [0, 4]:
        assert any("Conflict: churn is being changed by process" in one for one in said)
    assert mlops_jupyter.deployments("churn").status == "ready"
    assert mlops_jupyter.predict("churn", TABLE).predictions == (0, 1)


def test_files_of_the_project_take_no_installed_modules_place(model, project):
    for name in ("queue", "mlflow", "yaml"):
        (project / f"{name}.py").write_text("raise ImportError('a file of the project')\n")
    (project / "features.py").write_text("")
    behaving_model(project / "own", "import features")
    mlops_jupyter.deploy("own", name="churn", trust=True)
    assert mlops_jupyter.predict("churn", TABLE).predictions == ({"a": 0}, {"a": 1})


def test_an_interrupted_deploy_leaves_nothing(model, project):
    mlops = str(Path(sys.executable).parent / "mlops")
    process = subprocess.Popen([mlops, "deploy", "model", "--name", "churn"], stderr=subprocess.DEVNULL)
    wait_for(lambda: ours(project))
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert ours(project) == []
    assert not (project / ".mlops" / "endpoints" / "churn").exists()


def test_words_that_cannot_be(model, project):
    mlops_jupyter.deploy("model", name="churn")
    for timeout in (0, -1, float("inf"), float("nan")):
        with pytest.raises(CommandError, match="--timeout takes seconds above 0"):
            mlops_jupyter.predict("churn", TABLE, timeout=timeout)
    with pytest.raises(CommandError, match="--lines must be at least 1, not 0"):
        mlops_jupyter.logs("churn", lines=0)


def test_options_that_cannot_be(model):
    for options, said in (
        ({"workers": 0}, "--workers takes 1 to 256, not 0"),
        ({"port": 70_000}, "--port takes 1 to 65535, not 70000"),
        ({"canary": 10.0, "shadow": True}, "a version is a canary or a shadow, not both"),
        ({"config": {"a": "b"}}, "the target local takes no --config"),
    ):
        with pytest.raises(CommandError) as caught:
            mlops_jupyter.deploy("model", name="churn", **options)
        assert caught.value.message == said
    with pytest.raises(CommandError):
        mlops_jupyter.deploy("model", name="../up")
    with pytest.raises(Conflict):
        mlops_jupyter.deploy("model", name="churn", canary=10)
    with pytest.raises(CommandError):
        mlops_jupyter.deploy("model")
    assert mlops_jupyter.deployments().deployments == ()


def test_what_is_no_model_is_told_before_anything_is_fetched(project):
    (project / "train.csv").write_text("a,b\n1,2\n")
    with pytest.raises(CommandError, match=r"train\.csv is a file, and no model"):
        mlops_jupyter.deploy("train.csv")
    with pytest.raises(CommandError, match="needs the name") as told:
        mlops_jupyter.deploy("forest")
    assert told.value.hint == "mlops deploy forest --name NAME"
    with pytest.raises(CommandError, match="--canary takes a share above 0 and below 100, not 150"):
        mlops_jupyter.deploy("models:/churn/1", canary=150)
    with pytest.raises(NotFound, match=r"there is no file nosuch\.csv"):
        mlops_jupyter.drift("nosuch.csv", "train.csv")


def test_mlflows_own_command_deploys(model, project, clean_environment):
    def run(*words: str, target: str = "mlops:/local") -> str:
        command = [str(Path(sys.executable).parent / "mlflow"), "deployments", *words, "-t", target]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "deployment churn is created" in run("create", "--name", "churn", "-m", "model")
    assert "'churn'" in run("list", target="mlops")
    (project / "data.json").write_text(TABLE.to_json())
    assert json.loads(run("predict", "--name", "churn", "-I", "data.json"))["predictions"] == [0, 1]
    run("update", "--name", "churn", "-C", "workers=2")
    assert mlops_jupyter.deployments("churn").workers == 2
    run("delete", "--name", "churn")
    assert ours(project) == []
    # Whoever is not sure does it once more.
    run("delete", "--name", "churn")


def test_clocks_that_jump_change_nothing(model, project):
    found = mlops_jupyter.deploy("model", name="churn")
    file = project / ".mlops" / "endpoints" / "churn" / "state.json"
    told = json.loads(file.read_text())
    # As if it had been started tomorrow.
    file.write_text(json.dumps({**told, "started_at": time.time() + 86_400}))
    assert mlops_jupyter.deployments("churn").status == "ready"
    assert mlops_jupyter.predict("churn", TABLE).predictions == (0, 1)
    os.kill(pids(project)[1], signal.SIGKILL)
    wait_for(lambda: mlops_jupyter.deployments("churn").restarts == 1)
    wait_for(lambda: mlops_jupyter.deployments("churn").status == "ready")
    assert mlops_jupyter.deployments("churn").pid == found.pid
