"""Setting a project up, and finding out what is wrong with one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import cast

import mlflow
import pytest

import mlops_jupyter
from mlops_jupyter import settings
from mlops_jupyter.capabilities import tracking
from mlops_jupyter.capabilities.journal import folder
from mlops_jupyter.errors import CheckFailed, ConfigurationError
from mlops_jupyter.records import Check, Diagnosis, Setup
from tests.conftest import ship
from tests.fakes.waiting import wait_for


@pytest.fixture
def place(tmp_path, clean_environment, monkeypatch):
    """An empty directory, which is the working directory."""
    place = tmp_path / "churn model"
    place.mkdir()
    monkeypatch.chdir(place)
    settings.forget_root()
    return place


def outcomes(setup: Setup) -> dict[str, str]:
    return {step.path: step.outcome for step in setup.steps}


# --- init --------------------------------------------------------------------------------------------------------


def test_init_makes_a_project(place):
    done = mlops_jupyter.init()
    assert done.root == str(place)
    assert outcomes(done) == {"mlops.toml": "created", ".mlops/": "created", ".gitignore": "created"}
    assert done.notes == ("the project is in no git repository, so git was not set up: git init && mlops init",)
    assert tomllib.loads((place / "mlops.toml").read_text()) == {"experiment": "churn model"}
    assert (place / ".mlops" / ".gitignore").read_text() == "*\n"
    assert (place / ".gitignore").read_text() == ".mlops/\nmlflow.db\nmlruns/\n.ipynb_checkpoints/\n"
    assert settings.current().file == place / "mlops.toml"


def test_init_again_changes_nothing(place):
    mlops_jupyter.init()
    before = {file: file.read_bytes() for file in place.rglob("*") if file.is_file()}
    assert set(outcomes(mlops_jupyter.init()).values()) == {"kept"}
    assert {file: file.read_bytes() for file in place.rglob("*") if file.is_file()} == before


def test_init_keeps_what_the_user_wrote(place):
    (place / "mlops.toml").write_text("# ours\nexperiment = 'old'  # since 2020\n[track]\nautolog = false\n")
    (place / ".gitignore").write_text("mlruns/\n*.csv")
    done = mlops_jupyter.init(experiment="new")
    assert outcomes(done) == {"mlops.toml": "updated", ".mlops/": "created", ".gitignore": "updated"}
    assert done.steps[0].detail == "experiment old → new"
    text = (place / "mlops.toml").read_text()
    assert text.startswith("# ours\n")
    assert "# since 2020" in text
    assert tomllib.loads(text) == {"experiment": "new", "track": {"autolog": False}}
    assert (place / ".gitignore").read_text() == "mlruns/\n*.csv\n.mlops/\nmlflow.db\n.ipynb_checkpoints/\n"


def test_init_keeps_encodings_and_line_ends(place):
    (place / "mlops.toml").write_bytes(b"# ours\r\nexperiment = 'old'\r\n")
    (place / ".gitignore").write_bytes("mlruns/\r\n# données\r\n".encode("latin-1"))
    assert mlops_jupyter.init(experiment="new").steps[2].outcome == "updated"
    assert (place / "mlops.toml").read_bytes().splitlines(keepends=True) == [b"# ours\r\n", b'experiment = "new"\r\n']
    added = b".mlops/\r\nmlflow.db\r\n.ipynb_checkpoints/\r\n"
    assert (place / ".gitignore").read_bytes() == "mlruns/\r\n# données\r\n".encode("latin-1") + added


def test_init_uses_a_pyproject_that_has_our_table(place):
    (place / "pyproject.toml").write_text('[project]\nname = "x"\n\n[tool.mlops-jupyter]\nexperiment = "old"\n')
    assert outcomes(mlops_jupyter.init())["pyproject.toml"] == "kept"
    assert outcomes(mlops_jupyter.init(experiment="new"))["pyproject.toml"] == "updated"
    assert not (place / "mlops.toml").exists()
    assert tomllib.loads((place / "pyproject.toml").read_text()) == {
        "project": {"name": "x"},
        "tool": {"mlops-jupyter": {"experiment": "new"}},
    }


def test_init_of_another_directory(place):
    other = place.parent / "other"
    other.mkdir()
    assert mlops_jupyter.init(other, experiment="x").root == str(other)
    assert list(place.iterdir()) == []


def test_init_of_no_directory(place):
    with pytest.raises(ConfigurationError) as caught:
        mlops_jupyter.init("nowhere")
    assert (caught.value.message, caught.value.hint) == ("nowhere is no directory", "mkdir -p nowhere")
    (place / "file").touch()
    with pytest.raises(ConfigurationError, match="file is no directory"):
        mlops_jupyter.init(Path("file"))


def test_init_does_not_write_over_settings_it_cannot_read(place):
    (place / "mlops.toml").write_text("experiment = ")
    with pytest.raises(ConfigurationError, match="is not valid TOML"):
        mlops_jupyter.init(experiment="new")
    assert (place / "mlops.toml").read_text() == "experiment = "


def test_git_sees_only_what_should_be_committed(place, template_store):
    subprocess.run(["git", "init", "-q"], check=True)
    mlops_jupyter.init()
    shutil.copy(template_store, place / ".mlops" / "mlflow.db")
    with mlops_jupyter.track(autolog=False):
        pass
    said = subprocess.run(["git", "status", "--porcelain", "-uall"], check=True, capture_output=True, text=True).stdout
    assert sorted(line.split()[-1] for line in said.splitlines()) == [".gitattributes", ".gitignore", "mlops.toml"]


def test_init_says_what_it_did(place, terminal):
    done = terminal("init")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[0] == str(place)
    assert [line.split()[:2] for line in done.out.splitlines()[1:-1]] == [
        ["mlops.toml", "created"],
        [".mlops/", "created"],
        [".gitignore", "created"],
    ]
    assert done.out.splitlines()[-1].startswith("note: the project is in no git repository")


# --- doctor ------------------------------------------------------------------------------------------------------


def diagnosis() -> Diagnosis:
    try:
        return mlops_jupyter.doctor()
    except CheckFailed as answer:
        return cast("Diagnosis", answer.record)


def about(name: str) -> list[Check]:
    return [check for check in diagnosis().checks if check.name == name]


def test_a_healthy_project(project):
    subprocess.run(["git", "init", "-q"], check=True)
    found = mlops_jupyter.doctor()
    assert {check.level for check in found.checks} == {"ok"}
    assert found.failed == ()
    checks = {check.name: check.detail for check in found.checks}
    assert checks["settings"] == str(project / "mlops.toml")
    assert checks["store"] == f"sqlite:///{project}/.mlops/mlflow.db answers, it is empty (from default)"
    assert checks["git"].endswith(f"; {project}")
    assert checks["mlflow"] == __import__("mlflow").__version__


def test_a_store_that_has_runs(project):
    with mlops_jupyter.track(autolog=False):
        pass
    assert about("journal")[0].detail in {"1 on the way to the store", "all runs are in the store"}
    ship(project)
    (store,) = about("store")
    assert store.detail.endswith("answers, it holds runs (from default)")
    (journal,) = about("journal")
    assert (journal.level, journal.detail) == ("ok", "all runs are in the store")


def test_runs_that_wait_for_their_server_are_told_with_the_reason_and_the_command(project, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    with mlops_jupyter.track("waiting", autolog=False):
        pass
    reason = "MLflow at http://127.0.0.1:1 did not answer: [Errno 111] Connection refused"
    wait_for(lambda: about("journal")[0].level == "warning")
    (journal,) = about("journal")
    assert journal.detail == f"1 run is not in the store yet: {reason}"
    assert journal.fix == "mlops doctor --ship"

    # All that waits is counted, artifacts too.
    monkeypatch.setattr(folder, "_LOUD_BYTES", 1 << 20)
    with mlops_jupyter.track("more", autolog=False):
        (project / "large.bin").write_bytes(os.urandom(2 << 20))
        tracking.current().journal.log_file("", project / "large.bin")
    (journal,) = about("journal")
    assert re.search(r"; \d MB wait in .*journal for stores that do not take them", journal.detail)
    assert re.search(r"\d MB wait in ", capsys.readouterr().err)


def test_a_run_of_a_deleted_experiment_waits_and_says_why(project):
    client = mlflow.MlflowClient(f"sqlite:///{project}/.mlops/mlflow.db")
    experiment = client.create_experiment("churn")
    client.delete_experiment(experiment)
    with mlops_jupyter.track("orphan", autolog=False) as tracked:
        tracked.log(loss=0.5)
    (reason,) = ship(project).values()
    assert reason == "the experiment churn has been deleted"
    (journal,) = about("journal")
    assert (journal.level, journal.detail) == ("warning", f"1 run is not in the store yet: {reason}")

    client.restore_experiment(experiment)
    assert {check.detail for check in mlops_jupyter.doctor(ship=True).checks if check.name == "journal"} == {
        "all runs are in the store"
    }
    (run,) = client.search_runs([experiment])
    assert (run.info.run_name, run.info.status, run.data.metrics) == ("orphan", "FINISHED", {"loss": 0.5})


def test_a_place_without_a_project(place):
    """Warnings are no failure, and doctor makes nothing that was not there but the state directory."""
    found = mlops_jupyter.doctor()
    assert [(check.name, check.fix) for check in found.checks if check.level == "warning"] == [
        ("settings", "mlops init"),
        ("git", "git init"),
    ]
    (store,) = about("store")
    assert store.detail == f"sqlite:///{place}/.mlops/mlflow.db will be made by the first run"
    assert not (place / ".mlops" / "mlflow.db").exists()


def test_settings_that_cannot_be_read(project):
    (project / "mlops.toml").write_text("experimnet = 'x'\n")
    with pytest.raises(CheckFailed) as caught:
        mlops_jupyter.doctor()
    assert caught.value.message == "not in order: settings, store"
    failed = {check.name: check for check in caught.value.record.failed}
    assert failed["settings"].detail == f"{project / 'mlops.toml'} has a setting nobody reads: experimnet"
    assert failed["settings"].fix == "did you mean experiment?"


def test_a_server_that_is_down(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    (store,) = about("store")
    assert store.level == "failed"
    assert store.detail == "MLflow at http://127.0.0.1:1 did not answer: [Errno 111] Connection refused"
    assert store.fix == "start that server, or name another store in MLFLOW_TRACKING_URI"


def test_no_git(project, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    (git,) = about("git")
    assert (git.level, git.detail) == ("warning", "not installed, so runs cannot name their commit")


def test_a_repository_of_another_user(project, monkeypatch):
    subprocess.run(["git", "init", "-q"], check=True)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    (git,) = about("git")
    assert git.detail.endswith("another user owns the repository")
    assert git.fix is not None
    assert git.fix.startswith("git config --global --add safe.directory ")


def test_runs_of_plain_mlflow_beside(project, template_store):
    shutil.copy(template_store, project / "mlflow.db")
    (beside,) = about("project")
    assert beside.detail == f"{project}/mlflow.db holds runs too, which are not shown"
    assert beside.fix == f"MLFLOW_TRACKING_URI=sqlite:///{project}/mlflow.db mlops runs --all-experiments"
    (project / "mlops.toml").write_text("tracking_uri = 'sqlite:///mlflow.db'\n")
    assert about("project") == []


def test_a_nested_project_is_told(project):
    inner = project / "inner"
    inner.mkdir()
    mlops_jupyter.init(inner, nested=True)
    os.chdir(inner)
    settings.forget_root()
    (nested,) = about("project")
    assert (nested.level, nested.fix) == ("warning", None)
    assert nested.detail == f"this project lies inside the project {project}; the inner one is in force here"


def test_a_failing_doctor_in_a_terminal(project, terminal):
    (project / "mlops.toml").write_text("experimnet = 'x'\n")
    done = terminal("doctor", "--json")
    assert done.code == 1
    assert [check["name"] for check in json.loads(done.out)["failed"]] == ["settings", "store"]
    assert done.err == "CheckFailed: not in order: settings, store\n"
