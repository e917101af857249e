"""Versions of a notebook by the verbs: kept, listed, put side by side, brought back, and nothing is ever lost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import mlflow
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import mlops_jupyter
from mlops_jupyter import settings
from mlops_jupyter.adapters.jupyter_notebook import JupyterNotebook
from mlops_jupyter.capabilities import live_documents
from mlops_jupyter.errors import CommandError, ConfigurationError, Conflict, NotFound, Unavailable
from mlops_jupyter.protocols import Opened
from mlops_jupyter.records import NotebookDiff
from tests.conftest import ship
from tests.fakes.notebooks import write_notebook
from tests.fakes.repositories import git, state, write


def edit(path: Path, source: str, cell: int = 0) -> None:
    notebook = json.loads(path.read_text())
    notebook["cells"][cell]["source"] = source
    notebook["cells"][cell]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": f"{source}!\n"}]
    path.write_text(json.dumps(notebook, indent=1))


def first_source(path: Path) -> str:
    return "".join(json.loads(path.read_text())["cells"][0]["source"])


@pytest.fixture(autouse=True)
def _nobody_tells():
    yield
    live_documents.forget()


@pytest.fixture
def notebook(project) -> Path:
    return write_notebook(project / "train.ipynb", "x = 1", "fit(x)")


@pytest.fixture
def repository(project, notebook) -> Path:
    git(project, "init", "-q", "-b", "main")
    write(project, ".gitignore", ".mlops/\n")
    write(project, "model.py", "one = 1\n")
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "first")
    return project


@pytest.fixture(params=["git", "no git"])
def place(request, project, notebook) -> Path:
    if request.param == "git":
        request.getfixturevalue("repository")
    return project


# --- snapshot and history -----------------------------------------------------------------------------------------


def test_a_snapshot_is_taken_once_and_listed(place, notebook):
    edit(notebook, "x = 2")
    taken = mlops_jupyter.snapshot(notebook, message="before lunch")
    again = mlops_jupyter.snapshot(notebook, message="after lunch")
    assert (taken.new, again.new, again.ref) == (True, False, taken.ref)
    assert (taken.notebooks, taken.origin) == (("train.ipynb",), "disk")
    assert "maybe unsaved" in taken.notes[0]
    assert again.notes[1] == "the message is not kept: this state has a snapshot already, called 'before lunch'"
    listed = [one for one in mlops_jupyter.history(notebook).versions if one.kind == "snapshot"]
    assert [(one.ref, one.title) for one in listed] == [(taken.ref, "before lunch")]
    assert mlops_jupyter.history(notebook).versions[0].kind in {"file", "snapshot"}


def test_a_snapshot_takes_what_the_front_end_has(place, notebook):
    live = json.loads(notebook.read_text())
    live["cells"][0]["source"] = "x = 'not saved'"
    live_documents.tell("train.ipynb", json.dumps(live).encode())
    taken = mlops_jupyter.snapshot(notebook)
    assert (taken.origin, taken.notes) == ("live", ())
    found = mlops_jupyter.restore(taken.ref, notebook)
    assert first_source(place / found.path) == "x = 'not saved'"
    assert mlops_jupyter.history(notebook).versions[0].kind == "live"
    # And so does a diff.
    (change,) = mlops_jupyter.diff(notebook="train.ipynb", a=taken.ref).cells or [None]
    assert change is None or change.kind == "changed"


def test_a_run_of_another_notebook_is_none_of_a_version_s(repository, notebook, monkeypatch, stored_runs):
    """Its snapshot holds this notebook too, in a state that no other has."""
    other = write_notebook(repository / "other.ipynb", "y = 1")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "second")
    edit(notebook, "x = 2")
    monkeypatch.setenv("MLOPS_JUPYTER_NOTEBOOK", str(other))
    with mlops_jupyter.track("one"):
        pass
    (run,) = stored_runs()
    assert run.notebook == "other.ipynb"
    (version,) = (one for one in mlops_jupyter.history(notebook).versions if one.kind in {"run", "snapshot"})
    assert (version.runs, version.honesty) == ((), None)
    (version,) = (one for one in mlops_jupyter.history(other).versions if one.kind in {"run", "snapshot"})
    assert version.runs == (run.run_id,)


def test_history_has_commits_snapshots_and_runs_newest_first(repository, notebook, monkeypatch):
    monkeypatch.setenv("MLOPS_JUPYTER_NOTEBOOK", str(notebook))
    edit(notebook, "x = 2")
    with mlops_jupyter.track("one") as tracked:
        pass
    run_id = tracked.run_id
    assert ship(repository) == {}
    edit(notebook, "x = 3")
    git(repository, "commit", "-q", "-a", "-m", "second")
    found = mlops_jupyter.history(notebook)
    kinds = [one.kind for one in found.versions]
    assert sorted(kinds) == ["commit", "commit", "file", "snapshot"]
    times = [one.time for one in found.versions]
    assert times == sorted(times, reverse=True)
    (snapshot,) = (one for one in found.versions if one.kind == "snapshot")
    assert snapshot.runs == (run_id,)
    assert [one.title for one in found.versions if one.kind == "commit"] == ["second", "first"]
    assert len(mlops_jupyter.history(notebook, limit=2).versions) == 2


def test_history_of_everything(repository, notebook):
    other = write_notebook(repository / "other.ipynb", "y = 1")
    refs = {mlops_jupyter.snapshot(one).ref for one in (notebook, other)}
    found = mlops_jupyter.history()
    assert found.notebook == "(all)"
    assert {one.ref for one in found.versions} == refs


def test_what_was_kept_of_another_notebook_is_no_version_of_this_one(repository, notebook):
    other = write_notebook(repository / "other.ipynb", "y = 1")
    git(repository, "add", "other.ipynb")
    git(repository, "commit", "-q", "-m", "other")
    edit(notebook, "x = 3")
    mlops_jupyter.snapshot(notebook)
    named = mlops_jupyter.snapshot(notebook, message="before the fit")
    assert "snapshot" not in {one.kind for one in mlops_jupyter.history(other).versions}
    assert named.ref in {one.ref for one in mlops_jupyter.history(notebook).versions}


def test_history_has_the_runs_that_alone_keep_a_notebook(project, notebook, monkeypatch):
    monkeypatch.setenv("MLOPS_JUPYTER_NOTEBOOK", str(notebook))
    with mlops_jupyter.track("before git") as first:
        pass
    assert ship(project) == {}
    edit(notebook, "x = 2")
    git(project, "init", "-q", "-b", "main")
    write(project, ".gitignore", ".mlops/\n")
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "first")
    with mlops_jupyter.track("in git") as second:
        pass
    assert ship(project) == {}
    (snapshot,) = (one for one in mlops_jupyter.history(notebook).versions if one.kind == "snapshot")
    assert snapshot.runs == (second.run_id,)
    # As in another clone.
    git(project, "update-ref", "-d", git(project, "for-each-ref", "--format=%(refname)", "refs/mlops"))
    for which in (notebook, None):
        runs = [one for one in mlops_jupyter.history(which).versions if one.kind == "run"]
        assert [(one.title, one.ref) for one in runs] == [("in git", second.run_id), ("before git", first.run_id)]
    assert not [one for one in mlops_jupyter.history(write_notebook(project / "other.ipynb", "y")).versions if one.runs]
    assert changed(mlops_jupyter.diff(first.run_id, second.run_id)) == [("changed", ["x = 2"])]
    assert mlops_jupyter.restore(first.run_id).path.startswith("train.")


def test_history_without_the_store_says_so(repository, notebook, monkeypatch):
    mlops_jupyter.snapshot(notebook)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    found = mlops_jupyter.history(notebook)
    assert "snapshot" in {one.kind for one in found.versions}
    assert "which runs took the snapshots is not known" in found.notes[0]
    with pytest.raises(Unavailable):
        mlops_jupyter.history(notebook, prune=True)


def age(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """Let so many days go by."""

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(days=days)

    monkeypatch.setattr("mlops_jupyter.commands.history.datetime", Later)


def test_pruning_lets_go_of_what_is_old_and_unnamed(place, notebook, monkeypatch):
    monkeypatch.setenv("MLOPS_JUPYTER_NOTEBOOK", str(notebook))
    unnamed = mlops_jupyter.snapshot(notebook)
    edit(notebook, "x = 2")
    with mlops_jupyter.track("one"):
        pass
    named = {one.ref for one in mlops_jupyter.history(notebook).versions if one.kind == "snapshot"} - {unnamed.ref}
    found = mlops_jupyter.history(notebook, prune=True)
    assert unnamed.ref in {one.ref for one in found.versions}
    age(monkeypatch, 91)
    found = mlops_jupyter.history(notebook, prune=True)
    assert {one.ref for one in found.versions if one.kind == "snapshot"} == named
    assert "1 snapshots were let go" in found.notes[0]


def test_pruning_leaves_the_snapshots_of_other_projects_in_the_repository(repository, notebook, monkeypatch):
    other = repository / "fraud"
    other.mkdir()
    (other / "mlops.toml").write_text('experiment = "fraud"\n')
    theirs = write_notebook(other / "score.ipynb", "z = 1")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "fraud")
    own = mlops_jupyter.snapshot(notebook).ref
    monkeypatch.chdir(other)
    settings.forget_root()
    named = mlops_jupyter.snapshot(theirs).ref
    edit(theirs, "z = 2")
    unnamed = mlops_jupyter.snapshot(theirs).ref
    age(monkeypatch, 91)
    found = mlops_jupyter.history(prune=True)
    assert "2 snapshots were let go" in found.notes[0]
    assert [one.ref for one in found.versions] == [own]
    assert own not in {named, unnamed}


def test_pruning_knows_the_runs_from_before_the_project_had_a_server(repository, notebook, monkeypatch, tmp_path):
    monkeypatch.setenv("MLOPS_JUPYTER_NOTEBOOK", str(notebook))
    with mlops_jupyter.track("one"):
        pass
    assert ship(repository) == {}
    (kept,) = {one.ref for one in mlops_jupyter.history(notebook).versions if one.kind == "snapshot"}
    uri = f"sqlite:///{tmp_path}/moved.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    settings.forget_root()
    age(monkeypatch, 91)
    found = mlops_jupyter.history(notebook, prune=True)
    assert kept in {one.ref for one in found.versions}
    assert "0 snapshots were let go" in found.notes[0]
    assert mlflow.get_tracking_uri() == uri


def test_settings_say_how_long_snapshots_stay(place, notebook, monkeypatch):
    (place / "mlops.toml").write_text('experiment = "churn"\n[snapshots]\nkeep_days = 3\n')
    mlops_jupyter.snapshot(notebook)
    age(monkeypatch, 4)
    assert not [one for one in mlops_jupyter.history(notebook, prune=True).versions if one.kind == "snapshot"]


def test_pruning_asks(repository, terminal):
    done = terminal("history", "train.ipynb", "--prune", cwd=repository)
    assert (done.code, done.err.splitlines()[0]) == (
        4,
        "ConfirmationRequired: history --prune destroys what it names, and nobody can be asked here",
    )


# --- diff ---------------------------------------------------------------------------------------------------------


def changed(found: object) -> list[tuple[str, list[str]]]:
    assert isinstance(found, NotebookDiff)
    return [(one.kind, [line.text for line in one.source if line.mark == "+"]) for one in found.cells]


def test_the_hint_of_an_old_format_names_the_file(repository, notebook):
    notebook.write_text('{"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": []}')
    git(repository, "commit", "-q", "-a", "-m", "old")
    with pytest.raises(ConfigurationError, match="is a notebook of format 3") as told:
        mlops_jupyter.diff("HEAD", "HEAD~1", notebook=notebook)
    assert told.value.hint == "jupyter nbconvert --to notebook --inplace train.ipynb"


def test_what_two_versions_can_be(repository, notebook, monkeypatch):
    monkeypatch.setenv("MLOPS_JUPYTER_NOTEBOOK", str(notebook))
    edit(notebook, "x = 2")
    with mlops_jupyter.track("one") as tracked:
        pass
    assert ship(repository) == {}
    snapshot = mlops_jupyter.snapshot(notebook).ref
    edit(notebook, "x = 3")
    git(repository, "commit", "-q", "-a", "-m", "second")
    edit(notebook, "x = 4")
    copy = repository / "copy.ipynb"
    copy.write_text(notebook.read_text())
    three, four = [("changed", ["x = 3"])], [("changed", ["x = 4"])]
    assert changed(mlops_jupyter.diff()) == four
    assert changed(mlops_jupyter.diff("train.ipynb")) == four
    assert changed(mlops_jupyter.diff("HEAD")) == four
    for before in ("HEAD~1", "main~1", "git:HEAD~1", "HEAD~1:train.ipynb", snapshot, tracked.run_id, "one", "run:one"):
        assert changed(mlops_jupyter.diff(before)) == four, before
        assert changed(mlops_jupyter.diff(before, "HEAD")) == three, before
        assert changed(mlops_jupyter.diff(before, "copy.ipynb")) == four, before
    assert changed(mlops_jupyter.diff("train.ipynb", "file:copy.ipynb")) == []


def test_links_are_what_they_lead_to(repository, notebook, tmp_path):
    elsewhere = write_notebook(tmp_path / "elsewhere.ipynb", "y = 1")
    for name, target in (("a", notebook.name), ("out", str(elsewhere)), ("gone", "nowhere.ipynb"), ("me", "me.ipynb")):
        (repository / f"{name}.ipynb").symlink_to(target)
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "links")
    edit(notebook, "x = 2")
    assert changed(mlops_jupyter.diff()) == [("changed", ["x = 2"])]
    assert changed(mlops_jupyter.diff("a.ipynb")) == [("changed", ["x = 2"])]
    found = mlops_jupyter.restore("HEAD", repository / "a.ipynb", replace=True)
    assert (found.path, first_source(notebook)) == ("train.ipynb", "x = 1")
    assert (repository / "a.ipynb").is_symlink()


def test_a_notebook_that_was_deleted_has_its_versions(repository):
    folder = repository / "old"
    folder.mkdir()
    gone = write_notebook(folder / "gone.ipynb", "x = 1")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "first of it")
    edit(gone, "x = 2")
    git(repository, "commit", "-q", "-a", "-m", "second of it")
    git(repository, "rm", "-q", "-r", "old")
    git(repository, "commit", "-q", "-m", "gone")
    assert not folder.exists()
    versions = mlops_jupyter.history(gone).versions
    # git takes the first for a copy of another notebook, and follows that.
    assert [one.title for one in versions][:2] == ["second of it", "first of it"]
    assert changed(mlops_jupyter.diff("HEAD~2", "HEAD~1", notebook=gone)) == [("changed", ["x = 2"])]
    assert mlops_jupyter.restore(versions[0].ref, gone, replace=True).path == "old/gone.ipynb"
    with pytest.raises(NotFound, match=r"there is no notebook .*trian\.ipynb") as told:
        mlops_jupyter.history(repository / "trian.ipynb")
    assert "train.ipynb?" in str(told.value.hint)


def test_a_notebook_can_be_named_or_found(repository, notebook):
    other = write_notebook(repository / "other.ipynb", "y = 1")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "second")
    with pytest.raises(CommandError, match="none here differs from HEAD"):
        mlops_jupyter.diff()
    edit(other, "y = 2")
    assert changed(mlops_jupyter.diff()) == [("changed", ["y = 2"])]
    edit(notebook, "x = 2")
    with pytest.raises(CommandError, match=r"other\.ipynb, train\.ipynb differ from HEAD"):
        mlops_jupyter.diff()
    with pytest.raises(CommandError, match=r"which notebook of .*other\.ipynb, train\.ipynb"):
        mlops_jupyter.diff("HEAD", "HEAD~1")
    assert changed(mlops_jupyter.diff("HEAD", notebook=notebook)) == [("changed", ["x = 2"])]


def test_words_that_mean_nothing_or_too_much(repository, notebook):
    with pytest.raises(NotFound, match="no file, snapshot, commit or run nothing"):
        mlops_jupyter.diff("nothing", notebook=notebook)
    with pytest.raises(NotFound, match="no run one"):
        mlops_jupyter.diff("run:one", notebook=notebook)
    with pytest.raises(NotFound, match=r"no gone\.ipynb in"):
        mlops_jupyter.diff("HEAD:gone.ipynb", notebook=notebook)
    git(repository, "branch", "copy.ipynb")
    write_notebook(repository / "copy.ipynb", "z")
    with pytest.raises(Conflict, match=r"copy\.ipynb is a file and a commit"):
        mlops_jupyter.diff("copy.ipynb", "HEAD", notebook=notebook)
    assert changed(mlops_jupyter.diff("git:copy.ipynb", "HEAD", notebook=notebook)) == []


def test_a_run_that_keeps_no_notebook(repository, notebook):
    with mlops_jupyter.track("one"):
        pass
    assert ship(repository) == {}
    with pytest.raises(NotFound, match="keeps no notebook"):
        mlops_jupyter.diff("run:one", notebook=notebook)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"{", "not valid JSON"), (b"\xff{}", "not UTF-8"), (b"<<<<<<< a\n=======\n>>>>>>> b\n", "conflict markers")],
)
def test_a_version_that_is_no_notebook(repository, notebook, content, said):
    notebook.write_bytes(content)
    with pytest.raises(ConfigurationError, match=said):
        mlops_jupyter.diff("HEAD", notebook=notebook)
    with pytest.raises(ConfigurationError, match=said):
        mlops_jupyter.snapshot(notebook)
    # It is brought back all the same, and what was there is kept.
    found = mlops_jupyter.restore("HEAD", notebook, replace=True)
    assert first_source(notebook) == "x = 1"
    again = mlops_jupyter.restore(str(found.kept), notebook, replace=True)
    assert notebook.read_bytes() == content
    assert said in again.notes[0]


def test_outside_git_files_and_snapshots_can_be_compared(project, notebook):
    before = mlops_jupyter.snapshot(notebook).ref
    edit(notebook, "x = 2")
    assert changed(mlops_jupyter.diff(before, notebook=notebook)) == [("changed", ["x = 2"])]
    with pytest.raises(NotFound, match="in no git repository"):
        mlops_jupyter.diff("train.ipynb")


def test_outputs_are_no_change_of_what_was_kept_without_them(repository, notebook):
    edit(notebook, "x = 2")
    kept = mlops_jupyter.snapshot(notebook).ref
    same = mlops_jupyter.diff(kept, notebook=notebook)
    assert (same.cells, same.equal, same.differs) == ((), 2, False)
    assert same.notes == ("outputs are left out: what is kept of a notebook has none",)
    edit(notebook, "x = 3")
    (cell,) = mlops_jupyter.diff(kept, notebook=notebook).cells
    assert (cell.kind, cell.outputs) == ("changed", ())
    # Where both have outputs they are compared.
    (cell,) = mlops_jupyter.diff("HEAD", notebook=notebook).cells
    assert [one.kind for one in cell.outputs] == ["added"]


def test_the_terminal_tells_it_and_json_holds_it(repository, notebook, terminal):
    edit(notebook, "x = 2")
    done = terminal("diff", "train.ipynb", cwd=repository)
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].startswith("--- commit")
    assert {"- x = 1", "+ x = 2", "  output stdout added"} <= set(lines)
    assert lines[-1] == "cells: 1 changed; 1 equal"
    told = json.loads(terminal("diff", "train.ipynb", "--json", cwd=repository).out)
    assert (told["cells"][0]["kind"], told["equal"], told["differs"]) == ("changed", 1, True)


def test_nbdime_s_own_pages_show_two_versions(repository, notebook):
    import httpx

    edit(notebook, "x = 2")
    page = mlops_jupyter.diff("HEAD", notebook=notebook, web=True)
    try:
        with httpx.Client() as browser:
            assert "nbdime" in browser.get(page.url).text
            asked = {"base": "before.ipynb", "remote": "after.ipynb"}
            token = {"X-XSRFToken": browser.cookies.get("_xsrf") or ""}
            answer = browser.post(f"{page.url.partition('/diff')[0]}/api/diff", json=asked, headers=token)
        assert answer.status_code == 200, answer.text
        assert answer.json()["diff"]
        # Nobody else on this machine can guess where it is.
        port = page.url.split("/")[2]
        assert httpx.get(f"http://{port}/diff").status_code == 404
    finally:
        import psutil

        pid = int(page.detail.split("process ")[1].split(",")[0])
        psutil.Process(pid).kill()


# --- restore ------------------------------------------------------------------------------------------------------


def test_a_version_comes_back_beside_the_notebook(place, notebook):
    before = mlops_jupyter.snapshot(notebook).ref
    edit(notebook, "x = 2")
    content = notebook.read_bytes()
    first, second = (mlops_jupyter.restore(before, notebook) for _ in range(2))
    assert {first.path, second.path} == {f"train.{before}.ipynb", f"train.{before}-2.ipynb"}
    assert first_source(place / first.path) == "x = 1"
    assert (notebook.read_bytes(), first.kept) == (content, None)


def test_a_version_replaces_the_notebook_and_what_was_there_is_kept_with_its_outputs(place, notebook):
    before = mlops_jupyter.snapshot(notebook).ref
    edit(notebook, "x = 2")
    notebook.chmod(0o640)
    content = notebook.read_bytes()
    found = mlops_jupyter.restore(before, notebook, replace=True)
    assert first_source(notebook) == "x = 1"
    assert notebook.stat().st_mode & 0o777 == 0o640
    assert found.kept is not None
    mlops_jupyter.restore(found.kept, notebook, replace=True)
    assert notebook.read_bytes() == content


def test_a_notebook_that_was_deleted_comes_back_to_its_place(repository, notebook):
    notebook.unlink()
    found = mlops_jupyter.restore("HEAD", notebook, replace=True)
    assert (found.path, found.kept, first_source(notebook)) == ("train.ipynb", None, "x = 1")


def test_an_open_notebook_is_not_replaced(repository, notebook, monkeypatch):
    monkeypatch.setenv("MLOPS_JUPYTER_NOTEBOOK", str(notebook))
    edit(notebook, "x = 2")
    with pytest.raises(Conflict, match="is open in Jupyter"):
        mlops_jupyter.restore("HEAD", replace=True)
    assert first_source(notebook) == "x = 2"
    assert mlops_jupyter.restore("HEAD").path.startswith("train.")


def test_a_server_that_does_not_tell_what_is_open_is_named(repository, notebook, monkeypatch):
    silent = Opened(here=False, not_asked=("http://127.0.0.1:8888/",))
    monkeypatch.setattr(JupyterNotebook, "opened", lambda *_: silent)
    (note,) = mlops_jupyter.restore("HEAD", notebook, replace=True).notes
    assert note.startswith("the Jupyter server at http://127.0.0.1:8888/ does not tell what is open in it")


def test_a_run_s_notebook_is_put_beside_its_own_whichever_kernel_asks(repository, notebook, monkeypatch, stored_runs):
    monkeypatch.setenv("MLOPS_JUPYTER_NOTEBOOK", str(notebook))
    with mlops_jupyter.track("fit") as run:
        pass
    other = write_notebook(repository / "other.ipynb", "y = 1")
    monkeypatch.setenv("MLOPS_JUPYTER_NOTEBOOK", str(other))
    assert mlops_jupyter.restore(run.run_id).path.startswith("train.")
    assert mlops_jupyter.restore(run.run_id, other).path.startswith("other."), "named, it is"


@pytest.mark.parametrize("committed", [True, False])
def test_a_notebook_that_was_renamed_keeps_its_versions(repository, notebook, monkeypatch, committed, stored_runs):
    monkeypatch.setenv("MLOPS_JUPYTER_NOTEBOOK", str(notebook))
    kept = mlops_jupyter.snapshot(notebook, message="before").ref
    edit(notebook, "x = 2")
    with mlops_jupyter.track("fit") as run:
        pass
    assert ship(repository) == {}
    renamed = repository / "fit.ipynb"
    if committed:
        git(repository, "mv", notebook.name, renamed.name)
        git(repository, "commit", "-q", "-a", "-m", "renamed")
    else:
        notebook.rename(renamed)
    edit(renamed, "x = 3")
    versions = mlops_jupyter.history(renamed).versions
    assert {"before", "first"} <= {one.title for one in versions}
    assert (run.run_id,) in {one.runs for one in versions}
    assert changed(mlops_jupyter.diff(kept, notebook=renamed))
    found = mlops_jupyter.restore(kept, renamed)
    assert found.path.startswith("fit.")
    assert first_source(repository / found.path) == "x = 1"
    # What another notebook under the old name is, is no version of this one.
    write_notebook(notebook, "y = 'another'")
    other = mlops_jupyter.snapshot(notebook, message="another's").ref
    held = {one.ref: one.notebook for one in mlops_jupyter.history(renamed).versions}
    assert held.get(other) in ({"fit.ipynb"} if committed else {None})


def test_replacing_asks(repository, notebook, terminal):
    edit(notebook, "x = 2")
    done = terminal("restore", "HEAD", "train.ipynb", "--replace", cwd=repository)
    assert done.code == 4
    assert first_source(notebook) == "x = 2"
    assert terminal("restore", "HEAD", "train.ipynb", "--replace", "--yes", cwd=repository).code == 0
    assert first_source(notebook) == "x = 1"


def beside(told: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """Leave a file out of what is told of a repository: its bytes, its time, and its line of git's status."""
    left = {name: {at: what for at, what in told[name].items() if at != str(file)} for name in ("files", "times")}
    lines = {
        name: "\n".join(line for line in what.splitlines() if not line.endswith(file.name))
        for name, what in told.items()
        if isinstance(what, str)
    }
    return {**told, **left, **lines}


STEPS = st.lists(st.sampled_from(["snapshot", "edit", "commit", "stage", "copy", "replace"]), min_size=3, max_size=8)


@given(STEPS)
@hypothesis_settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_is_ever_lost(tmp_path_factory, clean_environment, monkeypatch, steps):
    root = tmp_path_factory.mktemp("any") / "churn"
    root.mkdir()
    (root / "mlops.toml").write_text('experiment = "churn"\n')
    notebook = write_notebook(root / "train.ipynb", "x = 1", "fit(x)")
    git(root, "init", "-q", "-b", "main")
    write(root, ".gitignore", ".mlops/\n")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "first")
    with monkeypatch.context() as patch:
        patch.chdir(root)
        settings.forget_root()
        refs, lost = [], {}
        for number, step in enumerate(steps):
            before = state(root)
            if step == "snapshot":
                refs.append((mlops_jupyter.snapshot(notebook).ref, first_source(notebook)))
                assert state(root) == before
            elif step == "edit":
                edit(notebook, f"x = {number + 2}")
            elif step in {"commit", "stage"}:
                git(root, "add", "-A")
                if step == "commit":
                    git(root, "commit", "-q", "--allow-empty", "-m", str(number))
            elif refs and step == "copy":
                found = mlops_jupyter.restore(refs[-1][0], notebook)
                after = state(root)
                assert first_source(root / found.path) == refs[-1][1]
                (root / found.path).unlink()
                assert beside(after, root / found.path) == before
            elif refs:
                content = notebook.read_bytes()
                found = mlops_jupyter.restore(refs[0][0], notebook, replace=True)
                lost[str(found.kept)] = content
                assert first_source(notebook) == refs[0][1]
                assert beside(state(root), notebook) == beside(before, notebook)
        for kept, content in lost.items():
            mlops_jupyter.restore(kept, notebook, replace=True)
            assert notebook.read_bytes() == content
    settings.forget_root()
