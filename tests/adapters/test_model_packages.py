"""Models fetched from a real MLflow store on sqlite."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path

import mlflow
import pytest
import yaml
from sklearn.linear_model import LogisticRegression

from mlops_jupyter.adapters.mlflow.packages import MlflowPackages
from mlops_jupyter.capabilities.models import folders, trust
from mlops_jupyter.errors import CommandError, ConfigurationError, Conflict, NotFound

COLUMNS = ["a", "b"]


@pytest.fixture
def uri(project: Path) -> str:
    return f"sqlite:///{project}/.mlops/mlflow.db"


@pytest.fixture
def store(project: Path) -> Path:
    return project / ".mlops" / "models"


@pytest.fixture
def packages(uri: str) -> MlflowPackages:
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment(experiment_id=experiment(uri))
    return MlflowPackages(uri)


def experiment(uri: str) -> str:
    artifacts = Path(uri.removeprefix("sqlite:///")).parent / "artifacts"
    return mlflow.MlflowClient(uri).create_experiment("models", artifact_location=artifacts.as_uri())


def saved(path: Path, **options: object) -> Path:
    """Save a model as a folder; nothing is inferred, which takes seconds."""
    import pandas as pd

    table = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 1.0, 0.0, 0.0]})
    model = LogisticRegression().fit(table, [0, 0, 1, 1])
    signature = mlflow.models.infer_signature(table, model.predict(table))
    options = {"pip_requirements": ["scikit-learn==1.0.2", "not-there==3", "numpy"], **options}
    mlflow.sklearn.save_model(model, str(path), signature=signature, input_example=table.head(2), **options)
    return path


def logged(path: Path, *names: str) -> tuple[str, list[str]]:
    """Log a folder as the models of one run; return the run's id and the models' addresses."""
    client = mlflow.MlflowClient()
    with mlflow.start_run() as run:
        found = []
        for name in names:
            model = client.create_logged_model(run.info.experiment_id, name, source_run_id=run.info.run_id)
            client.log_model_artifacts(model.model_id, str(path))
            client.finalize_logged_model(model.model_id, "READY")
            client.log_outputs(run.info.run_id, [mlflow.entities.LoggedModelOutput(model.model_id, 0)])
            found.append(f"models:/{model.model_id}")
    return run.info.run_id, found


@pytest.fixture
def registered(packages: MlflowPackages, tmp_path: Path) -> str:
    """A run whose model is version 1 of churn, with the alias champion."""
    run_id, (address,) = logged(saved(tmp_path / "saved"), "model")
    client = mlflow.MlflowClient()
    client.create_registered_model("churn")
    client.create_model_version("churn", address, run_id)
    client.set_registered_model_alias("churn", "champion", "1")
    return run_id


def test_every_form_means_the_same_folder(packages, registered, store):
    forms = ["models:/churn/1", "models:/churn@champion", "models:/churn/latest", f"runs:/{registered}/model"]
    found = [packages.resolve(form, store) for form in [*forms, f"runs:/{registered}"]]
    assert {one.path for one in found} == {str(store / found[0].digest)}
    assert {one.run_id for one in found} == {registered}
    first = found[1]
    assert (first.source, first.model, first.version, first.alias) == ("models:/churn/1", "churn", "1", "champion")
    assert first.flavors == ("python_function", "sklearn")
    assert json.loads(first.example or "")["dataframe_split"]["columns"] == COLUMNS
    assert [column["name"] for column in json.loads((first.signature or {})["inputs"])] == COLUMNS
    assert (first.executes, first.trusted) == (None, True)
    assert [path.name for path in store.glob(".new-*")] == []


def test_other_packages_than_here_are_noted(packages, tmp_path, store):
    (note,) = packages.resolve(str(saved(tmp_path / "saved")), store).notes
    assert note.startswith("it was made with other packages than are here: scikit-learn==1.0.2 (here ")
    assert note.endswith("not-there==3 (not installed here)")


def test_what_was_fetched_is_not_fetched_again(packages, registered, store, monkeypatch):
    first = packages.resolve("models:/churn@champion", store)
    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", None)
    assert packages.resolve("models:/churn/1", store).path == first.path


def test_a_folder_that_was_written_to_is_fetched_again(packages, registered, store):
    first = packages.resolve("models:/churn/1", store)
    (Path(first.path) / "model.skops").write_bytes(b"other")
    again = packages.resolve("models:/churn/1", store)
    assert again == first
    assert folders.digest(Path(again.path)) == first.digest


@pytest.mark.parametrize(
    ("reference", "message", "hint"),
    [
        ("models:/chrun/1", "there is no model chrun", "did you mean churn?"),
        ("models:/churn/7", "the model churn has no such version or alias", "models:/churn@champion, models:/churn/1"),
        (
            "models:/churn@chamion",
            "the model churn has no such version or alias",
            "models:/churn@champion, models:/churn/1",
        ),
        ("runs:/RUN/modle", "the run RUN8 NAME has no model modle", "did you mean runs:/RUN/model?"),
        ("nowhere", "there is no model nowhere", "mlops models; mlops runs"),
    ],
)
def test_no_such_model(packages, registered, *, store, reference, message, hint):
    name = mlflow.MlflowClient().get_run(registered).info.run_name

    def said(text: str) -> str:
        return text.replace("RUN8", registered[:8]).replace("RUN", registered).replace("NAME", name)

    with pytest.raises(NotFound) as caught:
        packages.resolve(said(reference), store)
    assert (caught.value.message, caught.value.hint, caught.value.exit_code) == (said(message), said(hint), 4)


def test_no_version(packages, store):
    with pytest.raises(CommandError, match="models:/churn names no version of a model"):
        packages.resolve("models:/churn", store)


def test_a_run_with_two_models_asks_which(packages, tmp_path, store):
    run_id, _ = logged(saved(tmp_path / "saved"), "first", "second")
    with pytest.raises(Conflict) as caught:
        packages.resolve(f"runs:/{run_id}", store)
    assert "has 2 models: first, second" in caught.value.message
    assert caught.value.hint == f"runs:/{run_id}/second"
    assert packages.resolve(f"runs:/{run_id}/first", store).run_id == run_id


@pytest.mark.parametrize("harm", ["no MLmodel", "half an MLmodel", "no data", "link"])
def test_a_damaged_model(packages, tmp_path, store, harm):
    folder = saved(tmp_path / "saved")
    expected = "is damaged"
    if harm == "no MLmodel":
        (folder / "MLmodel").unlink()
        expected = "it has no file MLmodel"
    elif harm == "half an MLmodel":
        (folder / "MLmodel").write_text("flavors: [")
    elif harm == "no data":
        (folder / "model.skops").unlink()
        expected = "model.skops is missing"
    else:
        (folder / "more").symlink_to("/etc")
        expected = "is no plain file"
    with pytest.raises(ConfigurationError, match=expected):
        packages.resolve(str(folder), store)
    assert not [one for one in store.iterdir() if one.is_dir()]


def test_a_folder_that_is_no_model_is_not_copied_into_itself(packages, store):
    with pytest.raises(ConfigurationError, match="it has no file MLmodel"):
        packages.resolve(str(store.parent), store)
    assert not list(store.glob("**/model"))


def pickled(path: Path) -> Path:
    return saved(path, serialization_format="cloudpickle")


def with_code(path: Path) -> Path:
    code = path.parent / "code_of_mine"
    code.mkdir()
    (code / "own.py").write_text("")
    return saved(path, code_paths=[str(code)])


def with_types(path: Path) -> Path:
    return saved(path, skops_trusted_types=["os.system"])


def with_pickle_beside(path: Path) -> Path:
    (saved(path) / "more.pkl").write_bytes(pickle.dumps(1))
    return path


def with_other_reader(path: Path) -> Path:
    file = saved(path) / "MLmodel"
    told = yaml.safe_load(file.read_text())
    told["flavors"]["python_function"]["loader_module"] = "antigravity"
    file.write_text(yaml.safe_dump(told))
    return path


def with_hidden_types(path: Path) -> Path:
    """A file that holds more than its own list says."""
    import skops.io
    from sklearn.preprocessing import FunctionTransformer

    skops.io.dump(FunctionTransformer(shutil.which), saved(path) / "model.skops")
    return path


def with_no_skops(path: Path) -> Path:
    (saved(path) / "model.skops").write_bytes(b"other")
    return path


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (pickled, "model.pkl is a pickle"),
        (with_code, "it brings Python code of its own (code)"),
        (with_types, "it wants types loaded that skops does not know: os.system"),
        (with_hidden_types, "it wants types loaded that skops does not know: shutil.which"),
        (with_no_skops, "model.skops cannot be looked into (BadZipFile)"),
        (with_pickle_beside, "more.pkl is a pickle"),
        (with_other_reader, "antigravity loads it"),
    ],
)
def test_what_runs_code_is_not_trusted_unless_this_project_logged_it(packages, tmp_path, store, make, said):
    folder = make(tmp_path / "saved")
    found = packages.resolve(str(folder), store)
    assert (found.executes, found.trusted) == (said, False)
    trust.record(store, found.digest, found.source)
    assert packages.resolve(str(folder), store).trusted
    with (folder / "MLmodel").open("a") as file:
        file.write("\n")
    assert not packages.resolve(str(folder), store).trusted


def test_a_list_that_others_can_write_is_not_relied_on(packages, tmp_path, store):
    found = packages.resolve(str(pickled(tmp_path / "saved")), store)
    trust.record(store, found.digest, found.source)
    assert (store / "trusted.json").stat().st_mode & 0o777 == 0o600
    (store / "trusted.json").chmod(0o602)
    with pytest.raises(ConfigurationError, match=r"other users can write to .*/trusted\.json"):
        packages.resolve(str(tmp_path / "saved"), store)
    (store / "trusted.json").chmod(0o600)
    (store / "trusted.json").write_text("{")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        packages.resolve(str(tmp_path / "saved"), store)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away: run the tests as root")
@pytest.mark.parametrize("name", ["trusted.json", "."])
def test_a_list_of_another_user_is_not_relied_on(packages, tmp_path, store, name):
    found = packages.resolve(str(pickled(tmp_path / "saved")), store)
    trust.record(store, found.digest, found.source)
    os.chown(store / name, 65534, 65534)
    with pytest.raises(ConfigurationError, match="belongs to another user"):
        packages.resolve(str(tmp_path / "saved"), store)


def test_what_python_compiles_of_a_models_code_changes_nothing(packages, tmp_path, store):
    found = packages.resolve(str(with_code(tmp_path / "saved")), store)
    compiled = Path(found.path) / "code" / "code_of_mine" / "__pycache__"
    compiled.mkdir()
    (compiled / "own.cpython-311.pyc").write_bytes(b"anything")
    assert packages.resolve(str(tmp_path / "saved"), store).path == found.path
    assert folders.unchanged(Path(found.path), found.digest)
    # Nobody has looked at it, and Python would run it.
    assert not compiled.exists()


def test_a_folder_is_copied(packages, tmp_path, store):
    found = packages.resolve(str(saved(tmp_path / "saved")), store)
    shutil.rmtree(tmp_path / "saved")
    assert (Path(found.path) / "MLmodel").is_file()
