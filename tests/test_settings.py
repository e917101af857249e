"""Where a project is and which store its runs go to, from whatever directory and process one looks."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mlops_jupyter
from mlops_jupyter import settings
from mlops_jupyter.errors import ConfigurationError, Conflict
from mlops_jupyter.settings import Settings
from tests.fakes.notebooks import write_notebook


def directory(base: Path, *parts: str) -> Path:
    made = base.joinpath(*parts)
    made.mkdir(parents=True, exist_ok=True)
    return made


def setting(root: Path, text: str, **environment: str) -> Settings:
    (root / "mlops.toml").write_text(text, encoding="utf-8")
    return settings.load(root, environment)


@pytest.fixture
def place(tmp_path, clean_environment, monkeypatch):
    """An empty directory with nothing of ours around it, which is the working directory."""
    place = directory(tmp_path, "place")
    monkeypatch.chdir(place)
    settings.forget_root()
    return place


# --- the root ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", ["mlops.toml", "pyproject.toml", ".mlops/", ".git/", ".git"])
def test_the_root_is_found_from_below(mark, place):
    deep = directory(place, "a", "b")
    if mark.endswith("/"):
        directory(place, mark)
    else:
        (place / mark).write_text("[tool.mlops-jupyter]\n" if mark == "pyproject.toml" else "")
    assert settings.find_root(deep, {}) == place


def test_without_any_mark_it_is_where_one_stands(place):
    assert settings.find_root(directory(place, "a"), {}) == place / "a"


def test_a_pyproject_without_our_table_is_no_mark(place):
    (place / "pyproject.toml").write_text('[project]\ndependencies = ["mlops-jupyter"]\n')
    assert settings.find_root(directory(place, "a"), {}) == place / "a"


def test_settings_win_over_a_nearer_state_directory_and_that_over_a_nearer_repository(place):
    (place / "mlops.toml").touch()
    directory(place, "a", ".mlops")
    directory(place, "a", "b", ".git")
    deep = directory(place, "a", "b", "c")
    assert settings.find_root(deep, {}) == place
    (place / "mlops.toml").unlink()
    assert settings.find_root(deep, {}) == place / "a"


def test_the_nearest_of_two_projects_wins(place):
    (place / "mlops.toml").touch()
    inner = directory(place, "inner")
    (inner / "pyproject.toml").write_text("[tool.mlops-jupyter]\n")
    assert settings.find_root(directory(inner, "x"), {}) == inner


def test_a_variable_names_the_root(place):
    (place / "mlops.toml").touch()
    other = directory(place.parent, "other")
    assert settings.find_root(place, {"MLOPS_JUPYTER_ROOT": str(other)}) == other
    assert settings.find_root(place, {"MLOPS_JUPYTER_ROOT": ""}) == place
    with pytest.raises(ConfigurationError) as caught:
        settings.find_root(place, {"MLOPS_JUPYTER_ROOT": "/nowhere"})
    assert caught.value.message == "MLOPS_JUPYTER_ROOT is /nowhere, which is no directory"
    assert (caught.value.hint, caught.value.exit_code) == ("unset MLOPS_JUPYTER_ROOT", 3)


@pytest.mark.parametrize("mark", [".mlops", ".git"])
def test_the_home_directory_does_not_swallow_what_lies_in_it(mark, clean_environment):
    home = Path(os.environ["HOME"])
    directory(home, mark)
    assert settings.find_root(directory(home, "work"), {}) == home / "work"


def test_a_link_to_a_project_is_the_project(place):
    (place / "mlops.toml").touch()
    link = place.parent / "link"
    link.symlink_to(place)
    assert settings.find_root(link, {}) == place


# --- files -------------------------------------------------------------------------------------------------------


def test_what_nobody_set(place):
    found = settings.load(place, {})
    assert found.file is None
    assert (found.tracking_uri, found.tracking_uri_from) == (f"sqlite:///{place}/.mlops/mlflow.db", "default")
    assert (found.experiment, found.experiment_id, found.registry_uri) == ("place", None, None)
    assert (found.autolog, found.log_models, found.timeout_s) == (True, False, None)
    assert found.output == place / ".mlops" / "executed"
    assert found.embedded


EVERYTHING = """
experiment = "churn"
tracking_uri = "http://mlflow:5000"
registry_uri = "http://registry:5000"
[track]
autolog = false
log_models = true
[run]
output = "out"
timeout_s = 60
"""


def test_everything_can_be_set(place):
    found = setting(place, EVERYTHING)
    assert found.file == place / "mlops.toml"
    assert (found.tracking_uri, found.tracking_uri_from) == ("http://mlflow:5000", str(place / "mlops.toml"))
    assert (found.experiment, found.registry_uri) == ("churn", "http://registry:5000")
    assert (found.autolog, found.log_models, found.timeout_s) == (False, True, 60)
    assert found.output == place / "out"
    assert not found.embedded


def test_pyproject_says_the_same(place):
    own = setting(place, EVERYTHING)
    text = (place / "mlops.toml").read_text()
    (place / "mlops.toml").unlink()
    table = text.replace("[", "[tool.mlops-jupyter.")
    (place / "pyproject.toml").write_text(f"[tool.mlops-jupyter]\n{table}")
    shared = settings.load(place, {})
    assert shared.file == place / "pyproject.toml"
    assert {**vars(shared), "file": None, "tracking_uri_from": None} == {
        **vars(own), "file": None, "tracking_uri_from": None
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("experimnet = 'x'", "{file} has a setting nobody reads: experimnet", "did you mean experiment?"),
        ("[track]\nautlog = true", "{file} has a setting nobody reads: track.autlog", "did you mean track.autolog?"),
        ("zzz = 1", "{file} has a setting nobody reads: zzz",
         ("known here: experiment, tracking_uri, registry_uri, track, secrets, snapshots, run, warm, rollout, "
          "serving, prometheus, alertmanager, pushgateway, monitoring")),
        ("experiment = 3", "experiment in {file} must be str, not 3", "mend {file}"),
        ("[track]\nautolog = 'yes'", "track.autolog in {file} must be bool, not 'yes'", "mend {file}"),
        ("[run]\ntimeout_s = true", "run.timeout_s in {file} must be int, not True", "mend {file}"),
        ("[run]\ntimeout_s = '9'", "run.timeout_s in {file} must be int, not '9'", "mend {file}"),
        ("[secrets]\nallow = 'x'", "secrets.allow in {file} must be list, not 'x'", "mend {file}"),
        ("[secrets]\nallow = [1]", "secrets.allow in {file} must be a list of texts", "mend {file}"),
        ("track = true", "track in {file} must be a table", "write [track]"),
        ("[serving]\ntimeout = 9", "{file} has a setting nobody reads: serving.timeout",
         "did you mean serving.timeout_s?"),
        ("[serving]\nqueue = 1.5", "serving.queue in {file} must be int, not 1.5", "mend {file}"),
        ("[serving]\ntimeout_s = 0.5", "serving.timeout_s in {file} is 0.5, and must be from 1 to 3600", "mend {file}"),
        ("[serving]\nbody_mb = nan", "serving.body_mb in {file} is nan, and must be from 0.001 to 4000", "mend {file}"),
        ("[monitoring]\nsample = 3", "monitoring.sample in {file} is 3, and must be from 0 to 1", "mend {file}"),
        ("[monitoring]\nwindow_s = nan", "monitoring.window_s in {file} is nan, and must be from 1 to 2592000",
         "mend {file}"),
        ("[monitoring]\nwindow_s = 5\nbase_window_s = 10",
         "monitoring.base_window_s in {file} is longer than monitoring.window_s", "mend {file}"),
        ("[monitoring]\nredact = ['a', 1]", "monitoring.redact in {file} must be a list of texts", "mend {file}"),
        ("experiment = ", "{file} is not valid TOML: Invalid value (at end of document)", "mend {file}"),
    ],
)  # fmt: skip
def test_bad_settings_are_said(text, message, hint, place):
    with pytest.raises(ConfigurationError) as caught:
        setting(place, text)
    file = place / "mlops.toml"
    assert caught.value.message == message.format(file=file)
    assert caught.value.hint == hint.format(file=file)
    assert caught.value.exit_code == 3


def test_settings_that_are_no_text(place):
    (place / "mlops.toml").write_bytes(b"experiment = '\xff'")
    with pytest.raises(ConfigurationError, match=re.escape(f"cannot read {place / 'mlops.toml'}: ")):
        settings.load(place, {})


def test_a_broken_pyproject_that_names_us_is_said(place):
    (place / "pyproject.toml").write_text("[tool.mlops-jupyter\n")
    with pytest.raises(ConfigurationError, match=r"pyproject\.toml is not valid TOML: "):
        settings.load(place, {})


def test_two_files_are_one_too_many(place, terminal):
    (place / "pyproject.toml").write_text("[tool.mlops-jupyter]\n")
    (place / "mlops.toml").touch()
    done = terminal("status")
    assert (done.code, done.out) == (3, "")
    assert done.err == (
        f"ConfigurationError: {place} is set up twice: mlops.toml and [tool.mlops-jupyter] in pyproject.toml\n"
        "  → keep one of the two\n"
    )


# --- the environment ---------------------------------------------------------------------------------------------


def test_mlflow_s_variables_win(place):
    found = setting(
        place,
        EVERYTHING,
        MLFLOW_TRACKING_URI="http://elsewhere",
        MLFLOW_EXPERIMENT_NAME="mine",
        MLFLOW_EXPERIMENT_ID="7",
        MLFLOW_REGISTRY_URI="http://models",
    )
    assert (found.tracking_uri, found.tracking_uri_from) == ("http://elsewhere", "MLFLOW_TRACKING_URI")
    assert (found.experiment, found.experiment_id, found.registry_uri) == ("mine", "7", "http://models")


def test_secrets_that_are_none_are_listed(place):
    assert setting(place, "[secrets]\nallow = ['0123456789abcdef']").allowed_secrets == {"0123456789abcdef"}
    assert setting(place, "").allowed_secrets == frozenset()


def test_the_project_is_called_the_same_whatever_a_variable_says(place):
    assert setting(place, "experiment = 'churn'", MLFLOW_EXPERIMENT_NAME="nightly").project_name == "churn"
    assert setting(place, "").project_name == "place"


def test_an_empty_variable_is_none(place):
    found = setting(place, EVERYTHING, MLFLOW_TRACKING_URI="", MLFLOW_EXPERIMENT_NAME="", MLFLOW_EXPERIMENT_ID="")
    assert found == setting(place, EVERYTHING)


@pytest.mark.parametrize(
    ("given", "absolute"),
    [
        ("sqlite:///runs.db", "sqlite:///{here}/runs.db"),
        ("sqlite:///../runs.db", "sqlite:///{above}/runs.db"),
        ("sqlite:////abs/runs.db", "sqlite:////abs/runs.db"),
        ("mlruns", "file://{here}/mlruns"),
        ("./mlruns", "file://{here}/mlruns"),
        ("/abs/mlruns", "file:///abs/mlruns"),
        ("file:mlruns", "file://{here}/mlruns"),
        ("file:./mlruns", "file://{here}/mlruns"),
        ("file:///abs/mlruns", "file:///abs/mlruns"),
        ("http://h:1/p", "http://h:1/p"),
        ("https://u:p@h", "https://u:p@h"),
        ("postgresql://u:p@h/db", "postgresql://u:p@h/db"),
        ("databricks", "databricks"),
        ("databricks-uc", "databricks-uc"),
        ("databricks://profile", "databricks://profile"),
        ("sqlite://", "sqlite://"),
        ("sqlite:///", "sqlite:///"),
    ],
)
def test_addresses_are_absolute(given, absolute, place, monkeypatch):
    elsewhere = directory(place.parent, "elsewhere")
    from_variable = setting(place, "", MLFLOW_TRACKING_URI=given).tracking_uri
    assert from_variable == absolute.format(here=place, above=place.parent)
    monkeypatch.chdir(elsewhere)
    # What a file says is relative to the file, whatever directory one stands in.
    assert setting(place, f"tracking_uri = '{given}'").tracking_uri == from_variable


@pytest.mark.parametrize("verb", ["status", "runs"])
def test_a_relative_address_means_one_file_to_every_verb(verb, place, terminal, template_store):
    shutil.copy(template_store, place / "runs.db")
    done = terminal(verb, "--json", MLFLOW_TRACKING_URI="sqlite:///runs.db")
    assert json.loads(done.out)["tracking_uri"] == f"sqlite:///{place}/runs.db"


def test_announcing_never_overrides_the_user(place, monkeypatch):
    settings.announce("MLFLOW_EXPERIMENT_NAME", "ours")
    assert os.environ["MLFLOW_EXPERIMENT_NAME"] == "ours"
    settings.announce("MLFLOW_EXPERIMENT_NAME", "ours anew")
    assert os.environ["MLFLOW_EXPERIMENT_NAME"] == "ours anew"
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    settings.announce("MLFLOW_EXPERIMENT_NAME", "ours again")
    assert os.environ["MLFLOW_EXPERIMENT_NAME"] == "mine"
    assert settings.current().experiment == "mine"


def test_announcing_spells_the_user_s_relative_address_out(place, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///runs.db")
    settings.announce("MLFLOW_TRACKING_URI", settings.current().tracking_uri)
    assert os.environ["MLFLOW_TRACKING_URI"] == f"sqlite:///{place}/runs.db"
    assert settings.current().tracking_uri_from == "MLFLOW_TRACKING_URI"


def test_what_was_announced_is_no_choice_of_the_user_s(place):
    settings.announce("MLFLOW_TRACKING_URI", settings.current().tracking_uri)
    settings.announce("MLFLOW_EXPERIMENT_NAME", settings.current().experiment)
    assert settings.current().tracking_uri_from == "default"
    (place / "mlops.toml").write_text('experiment = "edited"\ntracking_uri = "sqlite:///other.db"\n')
    assert settings.current().experiment == "edited"
    assert settings.current().tracking_uri == f"sqlite:///{place}/other.db"


def test_an_edited_file_is_in_force_at_the_next_cell(kernel, project, template_store):
    shutil.copy(template_store, project / "other.db")
    kernel.run("%%mlops track before --no-autolog\n1")
    (project / "mlops.toml").write_text('experiment = "edited"\ntracking_uri = "sqlite:///other.db"\n')
    (card,) = kernel.run("%%mlops track after --no-autolog\n1").records("run")
    assert (card["experiment"], card["tracking_uri"]) == ("edited", f"sqlite:///{project}/other.db")
    assert kernel.run("import mlflow; print(mlflow.get_tracking_uri())").stdout == f"sqlite:///{project}/other.db\n"
    assert [run.name for run in mlops_jupyter.runs()] == ["after"]


def test_a_choice_made_in_the_notebook_wins_over_the_file(kernel, project, template_store):
    shutil.copy(template_store, project / "mine.db")
    kernel.run("%%mlops track before --no-autolog\n1")
    kernel.run(f"import mlflow\nmlflow.set_tracking_uri('sqlite:///{project}/mine.db')\nmlflow.set_experiment('mine')")
    (card,) = kernel.run("%%mlops track after --no-autolog\n1").records("run")
    assert (card["experiment"], card["tracking_uri"]) == ("mine", f"sqlite:///{project}/mine.db")


def test_the_root_is_found_once(kernel, project):
    """A notebook that changes its directory stays in its project."""
    directory(project.parent, "other")
    reply = kernel.run("%mlops status\nimport os\nos.chdir('../other')")
    assert reply.status == "ok"
    (status,) = kernel.run("%mlops status").records("status")
    assert status["root"] == str(project)


def test_the_same_runs_from_any_directory(start_kernel, project, terminal):
    kernel = start_kernel(directory(project, "notebooks", "deep"))
    (card,) = kernel.run("%%mlops track --no-autolog\n1").records("run")
    found = json.loads(terminal("runs", "--json", cwd=directory(project, "elsewhere")).out)
    assert [run["run_id"] for run in found["runs"]] == [card["run_id"]]
    assert found["tracking_uri"] == card["tracking_uri"] == f"sqlite:///{project}/.mlops/mlflow.db"
    assert not (project / "notebooks" / "deep" / "mlflow.db").exists()


# --- two projects, one in the other ------------------------------------------------------------------------------


def test_nested_projects(place, terminal):
    inner = directory(place, "inner")
    assert terminal("init").code == 0
    refused = terminal("init", "inner")
    assert (refused.code, refused.out) == (4, "")
    assert refused.err == (
        f"Conflict: {inner} lies inside the project {place}, which already holds its runs\n"
        f"  → mlops init {place}, or add --nested to make a project of its own\n"
    )
    assert list(inner.iterdir()) == []
    assert terminal("init", "inner", "--nested").code == 0

    status = json.loads(terminal("status", "--json", cwd=inner).out)
    assert status["root"] == str(inner)
    assert status["tracking_uri"] == f"sqlite:///{inner}/.mlops/mlflow.db"
    assert status["notes"] == [f"this project lies inside the project {place}; the inner one is in force here"]
    assert json.loads(terminal("status", "--json").out)["notes"] == []
    # Once it is one of its own, nothing is nested any more.
    assert terminal("init", cwd=inner).code == 0


def test_nested_projects_in_python(place):
    mlops_jupyter.init()
    with pytest.raises(Conflict, match="lies inside the project"):
        mlops_jupyter.init(directory(place, "inner"))


# --- MLflow's old file store -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def old_store(tmp_path_factory):
    """A project of an MLflow before 3, with one run in its ``mlruns``."""
    root = tmp_path_factory.mktemp("old projects") / "my churn"
    root.mkdir()
    code = (
        "import mlflow\nmlflow.set_tracking_uri('file:./mlruns')\nmlflow.set_experiment('ancient')\n"
        "with mlflow.start_run(run_name='grandpa'):\n    mlflow.log_metric('acc', 0.5)\n"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env=clean | {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"},
        check=True,
        capture_output=True,
        timeout=120,
    )
    return root


@pytest.fixture
def old_project(old_store, tmp_path, clean_environment, monkeypatch):
    """A copy of it, as the working directory; MLflow keeps absolute paths, which nothing here reads."""
    root = tmp_path / "my churn"
    subprocess.run(["cp", "-r", str(old_store), str(root)], check=True)
    monkeypatch.chdir(root)
    settings.forget_root()
    return root


def command_of(note: str) -> str:
    said, _, command = note.partition("; bring them in with: ")
    assert said.endswith("/mlruns holds runs in MLflow's old file format, which are not shown")
    return command


def run_as_said(command: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(  # noqa: S602 -- a user pastes it into his shell
        command, shell=True, check=False, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr
    return done


def test_old_runs_are_recognised_and_brought_in(old_project, terminal):
    before = mlops_jupyter.runs(all_experiments=True)
    assert len(before) == 0
    (note,) = before.notes
    command = command_of(note)
    assert command == (
        f"mkdir '{old_project}/.mlops'"
        f" && mlflow migrate-filestore --source '{old_project}' --target 'sqlite:///{old_project}/.mlops/mlflow.db'"
        f" && touch '{old_project}/mlruns/.brought-in'"
    )
    # Whoever only looks does not spoil it.
    checks = mlops_jupyter.doctor().checks
    assert [check.fix for check in checks if "old file format" in check.detail] == [command]
    assert command_of(mlops_jupyter.status().notes[0]) == command

    run_as_said(command)
    done = terminal("runs", "--all-experiments", "--json")
    assert done.code == 0, done.err
    after = json.loads(done.out)
    assert [(run["name"], run["experiment"], run["metrics"]) for run in after["runs"]] == [
        ("grandpa", "ancient", {"acc": 0.5})
    ]
    assert after["notes"] == []


def test_old_runs_beside_new_ones(old_project, template_store):
    """MLflow would write over the database that holds the new runs."""
    shutil.copy(template_store, directory(old_project, ".mlops") / "mlflow.db")
    with mlops_jupyter.track("new", autolog=False):
        pass
    (note,) = mlops_jupyter.runs().notes
    done = run_as_said(command_of(note))
    assert "grandpa" in done.stdout
    assert f"sqlite:///{old_project}/.mlops/mlruns.db" in done.stdout
    after = mlops_jupyter.runs(all_experiments=True)
    assert [run.name for run in after] == ["new"]
    assert after.notes == ()
    # Later, doctor knows where they are.
    (fix,) = [check.fix for check in mlops_jupyter.doctor().checks if "holds runs too" in check.detail]
    assert command_of(note).endswith(f" && {fix}")


def test_before_anything_is_there_the_command_makes_the_place(old_project):
    (note,) = mlops_jupyter.status().notes
    assert command_of(note).startswith(f"mkdir '{old_project}/.mlops' && mlflow migrate-filestore ")
    assert not (old_project / ".mlops").exists()


def test_init_explains_old_runs_too(old_project):
    (note,) = (one for one in mlops_jupyter.init().notes if "old file format" in one)
    assert command_of(note).startswith("mlflow migrate-filestore ")


def test_a_folder_of_artifacts_is_no_old_store(place):
    directory(place, "mlruns", "1", "abc", "artifacts")
    assert settings.old_file_store(place) is None


@pytest.mark.parametrize("uri", ["mlruns", "file:./mlruns", "file://{root}/mlruns"])
def test_a_store_of_files_is_refused_and_explained(uri, place, monkeypatch):
    directory(place, "mlruns")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri.format(root=place))
    with pytest.raises(ConfigurationError) as caught:
        mlops_jupyter.runs()
    assert caught.value.message == f"{place}/mlruns is MLflow's old file store, which MLflow no longer opens"
    assert caught.value.hint.startswith(f"mlflow migrate-filestore --source {place}/mlruns --target sqlite:///{place}/")
    assert caught.value.exit_code == 3


# --- a project that cannot be written ----------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("run", "train.ipynb"), ("doctor",)])
def test_a_read_only_project(words, place, as_unprivileged):
    write_notebook(place / "train.ipynb", "1")
    place.chmod(0o555)
    done = as_unprivileged([str(Path(sys.executable).parent / "mlops"), *words], place)
    said = f"cannot write to {place}/.mlops: Permission denied, so runs have nowhere to go"
    mend = f"make {place} writable, or name a store elsewhere in MLFLOW_TRACKING_URI"
    if words[0] == "run":
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr == f"ConfigurationError: {said}\n  → {mend}\n"
    else:
        assert done.returncode == 1
        assert f"✗ {'store':<22} {said}\n  → {mend}\n" in done.stdout


def test_a_read_only_state_directory(place, as_unprivileged):
    directory(place, ".mlops").joinpath(".gitignore").touch()
    (place / ".mlops").chmod(0o555)
    done = as_unprivileged([str(Path(sys.executable).parent / "mlops"), "runs"], place)
    assert done.returncode == 3
    assert done.stderr.splitlines()[0] == (f"ConfigurationError: cannot write to {place}/.mlops, which holds the runs")


def test_a_read_only_project_with_its_store_elsewhere(place, as_unprivileged, template_store, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{template_store}")
    place.chmod(0o555)
    done = as_unprivileged([str(Path(sys.executable).parent / "mlops"), "runs"], place)
    assert (done.returncode, done.stderr) == (0, "")


def test_init_in_a_read_only_directory(place, as_unprivileged):
    place.chmod(0o555)
    done = as_unprivileged([str(Path(sys.executable).parent / "mlops"), "init"], place)
    assert (done.returncode, done.stdout) == (3, "")
    first, second = done.stderr.splitlines()
    assert first.startswith(
        f"ConfigurationError: cannot write to {place}: PermissionError: [Errno 13] Permission denied"
    )
    assert second == f"  → make {place} writable"
