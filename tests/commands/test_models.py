"""Models registered, listed and promoted, from real kernels and the terminal, on sqlite and on a server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest

import mlops_jupyter
from mlops_jupyter import grammar, settings
from mlops_jupyter.commands import packages
from mlops_jupyter.errors import CommandError, ConfigurationError, NotFound
from tests.conftest import ship
from tests.fakes.servers import MlflowServer

TRAIN = (
    "import pandas as pd\n"
    "from sklearn.linear_model import LogisticRegression\n"
    "X = pd.DataFrame({'a': [0.0, 1.0, 2.0, 3.0], 'b': [1, 1, 0, 0]})\n"
)
FIT = "clf = LogisticRegression(C={c}).fit(X, [0, 0, 1, 1])\n"


def registered(reply) -> dict:
    assert reply.status == "ok", reply.traceback
    (record,) = reply.records("registeredversion")
    return record


def test_a_live_model_belongs_to_the_run_whose_cell_last_bound_it(kernel, project, stored_runs):
    kernel.run(TRAIN)
    for name, c in (("first", 1), ("second", 2)):
        body = FIT.format(c=c) + f"import mlops_jupyter\nmlops_jupyter.log(accuracy=0.{c})"
        assert kernel.run(f"%%mlops track {name} --no-autolog --data X\n{body}").status == "ok"
    # Also when nothing of the run is left to be shipped.
    assert ship(project) == {}
    kernel.run("kept = clf")
    one = registered(kernel.run("%mlops register $kept --name churn --alias champion"))
    assert (one["model"], one["version"], one["aliases"], one["run"]) == ("churn", "1", ["champion"], "second")
    assert one["metrics"] == {"accuracy": 0.2}
    assert one["notes"][0] == "signature (2 columns) and example (2 rows) inferred from X"
    assert [run.name for run in stored_runs()] == ["first", "second"]

    # Trained in place, in the cell of another run.
    kernel.run("%%mlops track third --no-autolog\nclf.fit(X, [1, 1, 0, 0])")
    assert registered(kernel.run("%mlops register $clf --name churn"))["run"] == "third"
    # What no run has made gets one.
    kernel.run(FIT.format(c=3))
    other = registered(kernel.run("%mlops register $clf --name churn --data $X"))
    assert (other["run"], other["version"]) == ("churn", "3")
    made = stored_runs()[-1]
    assert (made.name, made.status, made.tags["mlops.kind"]) == ("churn", "FINISHED", "model")


def test_track_logs_the_models_that_it_names(kernel, stored_runs):
    kernel.run(TRAIN)
    reply = kernel.run(f"%%mlops track fit --no-autolog --data y,X --model clf,nothing,X\ny = [1]\n{FIT.format(c=1)}")
    assert reply.status == "ok"
    (card,) = reply.records("run")
    (run,) = stored_runs()
    said = [note for note in card["notes"] if "model" in note or "logged as" in note]
    assert said[0].startswith(
        f"clf was logged as runs:/{run.run_id}/clf: signature (2 columns) and example (2 rows) inferred from X; "
    )
    assert said[1:] == [
        "--model nothing: no variable of that name was set",
        "--model X: no MLflow flavour takes a pandas.DataFrame",
    ]
    failed = kernel.run("%%mlops track fit --no-autolog --model clf\nraise ValueError")
    assert not any("clf" in note for note in failed.records("run")[0]["notes"])
    package = packages.resolved(settings.current(), run.run_id)
    assert (package.source, package.trusted) == (f"runs:/{run.run_id}/clf", True)


def test_within_its_cell_a_model_belongs_to_the_open_run(kernel, stored_runs):
    kernel.run(TRAIN)
    body = FIT.format(c=1) + "import mlops_jupyter\nversion = mlops_jupyter.register(clf, name='churn', data=X)"
    assert kernel.run(f"%%mlops track fit --no-autolog\n{body}").status == "ok"
    assert kernel.run("print(version.run, version.run_id)").stdout.split() == ["fit", stored_runs()[0].run_id]
    assert len(stored_runs()) == 1


@pytest.fixture
def churn(project) -> str:
    """Two versions of churn, of which the first is champion; the first's run."""
    import pandas as pd
    from sklearn.linear_model import LogisticRegression

    table = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0]})
    found = [
        mlops_jupyter.register(LogisticRegression(C=c).fit(table, [0, 0, 1, 1]), name="churn", data=table)
        for c in (1, 2)
    ]
    mlops_jupyter.promote("churn/1", to="champion")
    return found[0].run_id or ""


def completed(line: str) -> list[str]:
    *words, begun = line.split(" ")
    return [word for word, _ in grammar.complete(words, begun)]


def test_names_that_verbs_have_met_are_completed(churn, project):
    assert completed("promote ch") == ["churn@champion", "churn/2", "churn/1"]
    assert completed("deploy models:/ch") == ["models:/churn@champion", "models:/churn/2", "models:/churn/1"]
    assert completed("deploy ") == ["churn@champion", "churn/2", "churn/1"]
    assert completed("register models:/churn@") == ["models:/churn@champion"]
    assert completed("promote churn/2 --to ") == ["champion"]
    for line in ("register x --name ", "deploy x --name c", "models c"):
        assert completed(line) == ["churn"], line
    assert completed("deploy other") == []
    mlops_jupyter.promote("churn/2", to="shadow")
    assert completed("promote churn/2 --to ") == ["champion", "shadow"]


def test_completion_asks_nobody_and_needs_no_mlflow(churn, project):
    code = (
        "import sys\nfrom mlops_jupyter import grammar\n"
        "print([word for word, _ in grammar.complete(['deploy'], 'models:/ch')], 'mlflow' in sys.modules)"
    )
    (project / ".mlops" / "mlflow.db").rename(project / ".mlops" / "away.db")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=project)
    assert done.stdout == "['models:/churn@champion', 'models:/churn/2', 'models:/churn/1'] False\n"


def test_what_is_listed_takes_the_place_of_what_was_known(churn, project, monkeypatch):
    client = mlflow.MlflowClient(settings.current().tracking_uri)
    client.rename_registered_model("churn", "retention")
    assert completed("models ") == ["churn"]
    with pytest.raises(NotFound):
        mlops_jupyter.models("churn")
    assert completed("models ") == []
    mlops_jupyter.models()
    assert completed("models ") == ["retention"]
    assert completed("promote ret") == ["retention@champion", "retention/2", "retention/1"]
    # Of another registry they say nothing, and a file that is damaged says nothing at all.
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", f"sqlite:///{project}/other.db")
    assert completed("models ") == []
    monkeypatch.delenv("MLFLOW_REGISTRY_URI")
    assert completed("models ") == ["retention"]
    (project / ".mlops" / "known_models.json").write_text('{"registry": ')
    assert completed("models ") == []


def test_promote_says_what_was_before(churn):
    first = mlops_jupyter.promote("churn/2", to="champion")
    assert (first.version, first.before, first.changed, first.notes) == ("2", "1", True, ())
    again = mlops_jupyter.promote("models:/churn@champion", to="champion")
    assert (again.before, again.changed, again.notes) == ("2", False, ("it pointed there already",))
    assert mlops_jupyter.promote("churn@champion", to="production").before is None
    newest = mlops_jupyter.promote("churn/latest", to="production")
    assert (newest.version, newest.notes) == ("2", ("2 is the latest version", "it pointed there already"))
    table = mlops_jupyter.models()
    assert [(one.version, one.aliases) for one in table.versions] == [("2", ("champion", "production"))]
    assert [one.version for one in mlops_jupyter.models("churn").versions] == ["2", "1"]


def test_promote_what_cannot_be(churn):
    for word, alias, kind, said in (
        ("churn", "champion", CommandError, "churn names no version of a model"),
        ("churn/9", "champion", NotFound, "there is no model churn with the version 9"),
        ("chrun/1", "champion", NotFound, "there is no model chrun with the version 1"),
        ("chrun/latest", "champion", NotFound, "there is no model chrun"),
        ("churn@nobody", "champion", NotFound, "there is no model churn with the alias nobody"),
        ("churn/1", "v1", CommandError, "v1 cannot be an alias"),
        ("churn/1", "latest", CommandError, "latest cannot be an alias"),
    ):
        with pytest.raises(kind, match=said):
            mlops_jupyter.promote(word, to=alias)


def test_register_what_is_in_the_store(churn, terminal):
    def register(*words: str) -> dict:
        done = terminal("register", *words, "--json")
        assert done.code == 0, done.err
        return json.loads(done.out)

    assert register("models:/churn@champion", "--name", "shop")["version"] == "1"
    again = register("churn/1", "--name", "shop", "--description", "as of May")
    assert (again["version"], again["description"]) == ("1", "as of May")
    assert again["notes"] == ["this model is version 1 already, so none was made"]
    assert register(churn[:8], "--name", "shop")["version"] == "1"
    assert register(f"runs:/{churn}/model", "--name", "other")["run_id"] == churn


def test_register_a_folder(churn, project):
    package = packages.resolved(settings.current(), "churn@champion")
    one = mlops_jupyter.register(Path(package.path), name="copied")
    assert one.run_id not in {None, churn}
    assert packages.resolved(settings.current(), "copied/1").signature == package.signature


def test_register_what_cannot_be(churn):
    for model, options, kind, said in (
        ("nobody", {}, NotFound, "there is no model, run or directory nobody"),
        ("churn/1", {"name": "a/b"}, CommandError, "a/b cannot be a model's name"),
        ("churn/1", {"data": "X"}, CommandError, "--data is for a live model"),
        ("churn@champoin", {}, NotFound, "the model churn has no such version or alias"),
        (3, {}, CommandError, r"no MLflow flavour takes a builtins\.int"),
    ):
        with pytest.raises(kind, match=said):
            mlops_jupyter.register(model, **{"name": "shop", **options})


def test_a_dollar_that_was_left_out_is_hinted_at(project):
    with pytest.raises(NotFound) as caught:
        mlops_jupyter.register("model", name="churn")
    assert caught.value.hint == "mlops models; mlops runs; in a cell $model is the object"


def test_no_models_yet(project, terminal):
    done = terminal("models")
    assert (done.code, done.out.splitlines()[0]) == (
        0,
        "no registered models yet: mlops register MODEL --name NAME",
    )
    done = terminal("models", "churn")
    assert (done.code, done.err) == (4, "NotFound: there is no model churn\n  → mlops models\n")


def test_a_pickle_from_elsewhere_needs_a_word(project, tmp_path):
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    mlflow.sklearn.save_model(model, str(tmp_path / "m"), serialization_format="cloudpickle", pip_requirements=[])
    package = packages.resolved(settings.current(), str(tmp_path / "m"))
    with pytest.raises(ConfigurationError) as caught:
        packages.loadable(package, trust=False)
    assert caught.value.message == (
        f"{tmp_path / 'm'} may run code when it is loaded, and this project has not logged it: model.pkl is a pickle"
    )
    assert (caught.value.hint, caught.value.exit_code) == ("add --trust if you know who made it", 3)
    assert packages.loadable(package, trust=True).trusted
    # To register it makes it no more trusted.
    mlops_jupyter.register(tmp_path / "m", name="found")
    assert not packages.resolved(settings.current(), "found/1").trusted


def test_on_a_server(project, tmp_path, start_kernel, monkeypatch):
    folder = tmp_path / "server"
    folder.mkdir()
    with MlflowServer(folder, f"sqlite:///{folder}/mlflow.db", str(folder / "artifacts")) as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address)
        kernel = start_kernel()
        kernel.run(TRAIN)
        assert kernel.run(f"%%mlops track fit --no-autolog --data X\n{FIT.format(c=1)}").status == "ok"
        assert ship(project) == {}
        one = registered(kernel.run("%mlops register $clf --name churn --alias champion"))
        assert (one["run"], one["aliases"]) == ("fit", ["champion"])
        package = packages.resolved(settings.current(), "churn@champion")
        assert (package.run_id, package.version) == (one["run_id"], "1")
        assert (Path(package.path) / "model.skops").is_file()
        assert packages.resolved(settings.current(), "fit").digest == package.digest
