"""`init` in every kind of repository: what is set up works in real git, and what was there stays."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mlops_jupyter
from mlops_jupyter import settings
from mlops_jupyter.commands import notebooks_in_git
from mlops_jupyter.errors import CheckFailed
from tests.fakes.git import git, new_repository

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is missing: apt-get install git")

ALL = "*.ipynb diff=jupyternotebook merge=jupyternotebook filter=mlops-notebook\n"
DRIVERS = "*.ipynb diff=jupyternotebook merge=jupyternotebook\n"


def notebook(*sources: str) -> str:
    cells = [
        {
            "cell_type": "code",
            "id": f"c{place}",
            "metadata": {},
            "source": [source],
            "outputs": [{"output_type": "stream", "name": "stdout", "text": ["printed\n"]}],
            "execution_count": 4,
        }
        for place, source in enumerate(sources)
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})


@pytest.fixture
def root(tmp_path, clean_environment, monkeypatch) -> Path:
    """An empty repository, which is the working directory."""
    root = new_repository(tmp_path / "churn model")
    monkeypatch.chdir(root)
    settings.forget_root()
    return root


def told(setup) -> list[tuple[str, str, str]]:
    """What init says of git: path, outcome and the detail's first word."""
    return [(step.path, step.outcome, step.detail.split(" ")[0]) for step in setup.steps[3:]]


def added(root: Path, name: str = "train.ipynb") -> dict:
    """Add a notebook, and return what git keeps of it."""
    (root / name).write_text(notebook("x = 1"))
    git(root, "add", name)
    return json.loads(git(root, "show", f":./{name}").stdout)


def checks() -> dict[str, tuple[str, str, str | None]]:
    try:
        diagnosis = mlops_jupyter.doctor()
    except CheckFailed as answer:
        diagnosis = answer.record
    return {
        check.name: (check.level, check.detail, check.fix)
        for check in diagnosis.checks
        if check.name in {"git diff", "git merge", "git filter"}
    }


def test_outputs_stay_out_of_commits_and_a_conflict_leaves_a_notebook(root):
    done = mlops_jupyter.init(strip_outputs=True)
    assert told(done) == [
        (".gitattributes", "created", "added"),
        (".git/config", "created", "diff:"),
        (".git/config", "created", "merge:"),
        (".git/config", "created", "filter:"),
    ]
    assert "outputs reach no commit any more" in done.steps[-1].detail
    assert "git add --renormalize ." in done.steps[-1].detail
    assert (root / ".gitattributes").read_text() == ALL
    assert added(root)["cells"][0]["outputs"] == []
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "base")
    git(root, "switch", "-q", "-c", "theirs")
    (root / "train.ipynb").write_text(notebook("x = 2"))
    git(root, "commit", "-qam", "theirs")
    git(root, "switch", "-q", "main")
    (root / "train.ipynb").write_text(notebook("x = 3"))
    git(root, "commit", "-qam", "ours")
    assert git(root, "merge", "theirs", check=False).returncode == 1
    assert "<<<<<<< local\n" in json.loads((root / "train.ipynb").read_text())["cells"][0]["source"]


def test_notebooks_committed_before_are_stripped_as_the_step_says(root):
    assert added(root)["cells"][0]["outputs"] != []
    git(root, "commit", "-q", "-m", "with outputs")
    mlops_jupyter.init(strip_outputs=True)
    git(root, "add", "--renormalize", ".")
    assert json.loads(git(root, "show", ":train.ipynb").stdout)["cells"][0]["outputs"] == []
    assert "printed" in (root / "train.ipynb").read_text()


def test_again_changes_nothing(root):
    mlops_jupyter.init(strip_outputs=True)
    before = {file: file.read_bytes() for file in root.rglob("*") if file.is_file()}
    for again in (mlops_jupyter.init(strip_outputs=True), mlops_jupyter.init()):
        assert {step.outcome for step in again.steps} == {"kept"}
        assert [detail for _, _, detail in told(again)] == ["diff:", "merge:", "filter:"]
    assert {file: file.read_bytes() for file in root.rglob("*") if file.is_file()} == before


def test_outputs_are_committed_unless_asked(root):
    done = mlops_jupyter.init()
    assert [detail for _, _, detail in told(done)] == ["added", "diff:", "merge:"]
    assert (root / ".gitattributes").read_text() == DRIVERS
    assert added(root)["cells"][0]["outputs"] != []
    done = mlops_jupyter.init(strip_outputs=True)
    assert (root / ".gitattributes").read_text() == DRIVERS + "*.ipynb filter=mlops-notebook\n"
    assert told(done)[0] == (".gitattributes", "updated", "added")


def test_a_line_without_an_end_is_not_run_into(root):
    (root / ".gitattributes").write_bytes(b"*.csv text")
    mlops_jupyter.init()
    assert (root / ".gitattributes").read_text() == "*.csv text\n" + DRIVERS


def test_a_project_below_the_top_sets_up_its_own_notebooks(root):
    project = root / "models" / "churn"
    project.mkdir(parents=True)
    done = mlops_jupyter.init(project, strip_outputs=True)
    assert told(done)[1] == (".git/config", "created", "diff:")
    assert (project / ".gitattributes").read_text() == ALL
    assert not (root / ".gitattributes").exists()
    assert added(project)["cells"][0]["outputs"] == []
    assert added(root)["cells"][0]["outputs"] != []


def test_a_linked_working_tree_shares_the_settings_and_says_so(root):
    (root / "a").touch()
    git(root, "add", "a")
    git(root, "commit", "-q", "-m", "first")
    git(root, "worktree", "add", "-q", "../other")
    other = root.parent / "other"
    done = mlops_jupyter.init(other, strip_outputs=True)
    assert done.notes == (f"{root}/.git/config is shared by all 2 working trees of the repository",)
    assert told(done)[1] == (f"{root}/.git/config", "created", "diff:")
    assert added(other)["cells"][0]["outputs"] == []
    assert mlops_jupyter.init(other).notes == ()


def test_a_submodule_has_its_own(root):
    inner = new_repository(root.parent / "inner")
    (inner / "a").touch()
    git(inner, "add", "a")
    git(inner, "commit", "-q", "-m", "first")
    git(root, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "inner")
    mlops_jupyter.init(root / "inner", strip_outputs=True)
    assert added(root / "inner")["cells"][0]["outputs"] == []
    assert "mlops" not in (root / ".git" / "config").read_text()


def test_a_hook_of_another_repository_is_not_mistaken_for_this_one(root, monkeypatch):
    other = new_repository(root.parent / "other")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    mlops_jupyter.init(strip_outputs=True)
    assert "mlops" in (root / ".git" / "config").read_text()
    assert "mlops" not in (other / ".git" / "config").read_text()


# --- what is there stays ---------------------------------------------------------------------------------------


def test_nbstripout_stays(root):
    subprocess.run([sys.executable, "-m", "nbstripout", "--install"], check=True)
    before = (root / ".git" / "config").read_text()
    done = mlops_jupyter.init(strip_outputs=True)
    assert "filter=mlops-notebook" not in (root / ".gitattributes").read_text()
    kept = [step.detail for step in done.steps if step.outcome == "kept"]
    assert any("filter=nbstripout is set for notebooks, which is " in detail for detail in kept)
    assert any("-m nbstripout in .git/config" in detail for detail in kept)
    # Its diff, which is text without outputs, stays too.
    assert any("diff=ipynb is set for notebooks" in detail for detail in kept)
    assert (root / ".git" / "config").read_text().startswith(before)
    assert added(root)["cells"][0]["outputs"] == []
    assert {name: level for name, (level, _, _) in checks().items()} == {
        "git diff": "ok",
        "git merge": "ok",
        "git filter": "ok",
    }


@pytest.mark.parametrize("scope", ["--local", "--global"])
def test_nbdimes_own_drivers_stay(root, scope):
    git(root, "config", scope, "diff.jupyternotebook.command", "git-nbdiffdriver diff")
    git(root, "config", scope, "merge.jupyternotebook.driver", "git-nbmergedriver merge %O %A %B %L %P")
    done = mlops_jupyter.init()
    assert (root / ".gitattributes").read_text() == DRIVERS
    assert [outcome for _, outcome, _ in told(done)] == ["created", "kept", "kept"]
    origin = ".git/config" if scope == "--local" else str(root.parent / "home" / ".gitconfig")
    assert done.steps[4].detail == f"diff: diff.jupyternotebook.command is git-nbdiffdriver diff in {origin}"


def test_git_lfs_and_a_users_own_attributes_stay(root):
    (root / ".gitattributes").write_text("*.ipynb filter=lfs diff=lfs -merge\n")
    git(root, "config", "filter.lfs.process", "git-lfs filter-process")
    done = mlops_jupyter.init(strip_outputs=True)
    assert (root / ".gitattributes").read_text() == "*.ipynb filter=lfs diff=lfs -merge\n"
    assert [step.detail for step in done.steps[3:]] == [
        "diff=lfs is set for notebooks",
        "merge=unset is set for notebooks",
        "filter=lfs is set for notebooks, which is git-lfs filter-process in .git/config",
    ]
    assert {outcome for _, outcome, _ in told(done)} == {"kept"}


def test_a_setting_of_the_users_beside_ours_stays(root):
    mlops_jupyter.init(strip_outputs=True)
    git(root, "config", "filter.mlops-notebook.required", "true")
    assert told(mlops_jupyter.init(strip_outputs=True))[-1] == (".git/config", "kept", "filter:")
    assert git(root, "config", "filter.mlops-notebook.required").stdout == "true\n"


# --- where it cannot be set up ---------------------------------------------------------------------------------


def test_outside_git_a_note_says_so(tmp_path, clean_environment):
    done = mlops_jupyter.init(tmp_path, strip_outputs=True)
    assert done.notes == ("the project is in no git repository, so git was not set up: git init && mlops init",)
    assert len(done.steps) == 3


def test_a_bare_repository_has_no_notebooks(root):
    git(root, "init", "-q", "--bare", "bare.git")
    assert "is in no git repository" in mlops_jupyter.init(root / "bare.git").notes[0]


def test_without_git_a_note_says_so(root, monkeypatch):
    monkeypatch.setenv("PATH", str(root))
    assert mlops_jupyter.init().notes == ("git was not set up: git is not installed: install git",)


def test_a_repository_of_another_user_is_left_alone(root, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    (note,) = mlops_jupyter.init(strip_outputs=True).notes
    assert note.startswith(f"git was not set up: git refuses in {root}: detected dubious ownership")
    assert "git config --global --add safe.directory" in note


def test_settings_that_cannot_be_written_are_told(root):
    (root / ".git" / "config.lock").touch()
    (note,) = mlops_jupyter.init(strip_outputs=True).notes
    assert "could not lock config file .git/config" in note
    assert not (root / ".gitattributes").exists()


# --- doctor ----------------------------------------------------------------------------------------------------


def test_a_python_that_has_moved_is_found_and_mended(root, monkeypatch):
    mlops_jupyter.init(strip_outputs=True)
    assert {level for level, _, _ in checks().values()} == {"ok"}
    for name in ("filter.mlops-notebook.process", "filter.mlops-notebook.clean", "diff.jupyternotebook.command"):
        value = git(root, "config", name).stdout.strip()
        git(root, "config", name, value.replace(sys.executable, "/old/env/bin/python"))
    found = checks()
    assert found["git filter"] == (
        "failed",
        "filter.mlops-notebook.process in .git/config: /old/env/bin/python is not there",
        "mlops init --strip-outputs",
    )
    assert found["git diff"][0::2] == ("failed", "mlops init")
    assert found["git merge"][0] == "ok"
    done = mlops_jupyter.init(strip_outputs=True)
    assert told(done) == [
        (".git/config", "updated", "diff:"),
        (".git/config", "kept", "merge:"),
        (".git/config", "updated", "filter:"),
    ]
    assert {level for level, _, _ in checks().values()} == {"ok"}
    assert added(root)["cells"][0]["outputs"] == []


def test_a_python_that_lost_the_package_is_found(root):
    mlops_jupyter.init(strip_outputs=True)
    bare = Path(sys.base_prefix) / "bin" / "python3"
    git(root, "config", "filter.mlops-notebook.process", f"{bare} -I -m mlops_jupyter.faces.git_filter")
    level, detail, _ = checks()["git filter"]
    assert level == "failed"
    assert "does not start it" in detail
    assert "No module named" in detail


def test_a_fresh_clone_is_told_what_its_attributes_name(root, monkeypatch):
    mlops_jupyter.init(strip_outputs=True)
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "set up")
    clone = root.parent / "clone"
    git(root.parent, "clone", "-q", str(root), str(clone))
    monkeypatch.chdir(clone)
    settings.forget_root()
    assert checks()["git filter"] == (
        "warning",
        "attributes name mlops-notebook for notebooks, but this clone has no such filter",
        "mlops init --strip-outputs",
    )
    # The choice stands in the repository: nobody has to ask for it again.
    assert told(mlops_jupyter.init())[-1] == (".git/config", "created", "filter:")
    assert added(clone)["cells"][0]["outputs"] == []


def test_a_python_with_an_odd_path_is_quoted(root, monkeypatch):
    odd = root.parent / "my 'env' 100%O" / "python"
    odd.parent.mkdir()
    odd.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    odd.chmod(0o755)
    monkeypatch.setattr(notebooks_in_git.sys, "executable", str(odd))
    mlops_jupyter.init(strip_outputs=True)
    assert {level for level, _, _ in checks().values()} == {"ok"}
    kept = added(root)
    assert kept["cells"][0]["outputs"] == []
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "base")
    git(root, "switch", "-q", "-c", "theirs")
    (root / "train.ipynb").write_text(notebook("x = 2"))
    git(root, "commit", "-qam", "theirs")
    git(root, "switch", "-q", "main")
    (root / "train.ipynb").write_text(notebook("x = 1", "y"))
    git(root, "commit", "-qam", "ours")
    git(root, "merge", "-q", "--no-edit", "theirs")
    assert [cell["source"] for cell in json.loads((root / "train.ipynb").read_text())["cells"]] == [["x = 2"], ["y"]]
