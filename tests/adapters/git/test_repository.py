"""What git says of the place a run comes from, in every state that a repository can be in."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mlops_jupyter.adapters.git import repository as git_repository
from mlops_jupyter.adapters.git.repository import GitRepository
from mlops_jupyter.records import Checkout

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is missing: apt-get install git")


def git(directory: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(directory), *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def someone(clean_environment, monkeypatch):
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ana")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ana@example.org")


@pytest.fixture
def repository(tmp_path) -> Path:
    """A repository with one commit on main, clean."""
    root = tmp_path / "my repository"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    (root / "a.py").write_text("1\n")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "first")
    return root


def look(directory: Path, file: Path | None = None) -> Checkout | None:
    return GitRepository().checkout(directory, file)


def test_a_clean_checkout(repository):
    expected = Checkout(str(repository), git(repository, "rev-parse", "HEAD"), "main", dirty=False, remote=None)
    assert look(repository) == expected
    deep = repository / "notebooks" / "größe"
    deep.mkdir(parents=True)
    assert look(deep) == expected


def test_outside_of_a_repository(tmp_path):
    assert look(tmp_path) is None


def test_a_repository_made_later_is_seen(tmp_path):
    assert look(tmp_path) is None
    git(tmp_path, "init", "-q", "-b", "main")
    found = look(tmp_path)
    assert found is not None
    assert found.root == str(tmp_path)


def test_a_directory_that_is_gone(tmp_path):
    assert look(tmp_path / "gone") is None


def test_without_git(repository, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert look(repository) is None


def test_before_the_first_commit(tmp_path):
    git(tmp_path, "init", "-q", "-b", "main")
    assert look(tmp_path) == Checkout(str(tmp_path), None, "main", dirty=False, remote=None)


def test_a_detached_head(repository):
    commit = git(repository, "rev-parse", "HEAD")
    git(repository, "checkout", "-q", "--detach")
    assert look(repository) == Checkout(str(repository), commit, None, dirty=False, remote=None)


def test_a_changed_a_staged_and_a_removed_file_are_dirty(repository):
    (repository / "a.py").write_text("2\n")
    assert look(repository).dirty
    git(repository, "add", ".")
    assert look(repository).dirty
    git(repository, "commit", "-q", "-m", "second")
    assert not look(repository).dirty
    (repository / "a.py").unlink()
    assert look(repository).dirty


def test_only_the_notebook_counts_among_the_files_git_does_not_know(repository):
    notebook = repository / "new notebook.ipynb"
    notebook.touch()
    assert not look(repository).dirty
    assert look(repository, notebook).dirty
    assert not look(repository, repository / "a.py").dirty
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "second")
    assert not look(repository, notebook).dirty


def test_a_branch_with_a_slash_and_a_commit_made_in_between(repository):
    git(repository, "checkout", "-q", "-b", "feature/größe")
    before = look(repository)
    git(repository, "commit", "-q", "--allow-empty", "-m", "next")
    after = look(repository)
    assert before.branch == after.branch == "feature/größe"
    assert before.commit != after.commit == git(repository, "rev-parse", "HEAD")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ana:hunter2@git.corp/team/churn.git", "https://git.corp/team/churn.git"),
        ("https://hunter2@git.corp/team/churn.git", "https://git.corp/team/churn.git"),
        ("https://oauth2:hunter2@git.corp:8443/churn.git?private_token=hunter2", "https://git.corp:8443/churn.git"),
        ("git@git.corp:team/churn.git", "git@git.corp:team/churn.git"),
        ("ssh://git@git.corp:2222/churn.git", "ssh://git.corp:2222/churn.git"),
        ("/srv/git/churn.git", "/srv/git/churn.git"),
        ("file:///srv/git/churn.git", "file:///srv/git/churn.git"),
    ],
)
def test_the_remote_carries_no_credentials(url, shown, repository):
    git(repository, "remote", "add", "origin", url)
    assert look(repository).remote == shown


def test_the_branch_s_own_remote_wins_and_a_change_is_seen(repository):
    assert look(repository).remote is None
    git(repository, "remote", "add", "origin", "https://h/origin.git")
    assert look(repository).remote == "https://h/origin.git"
    git(repository, "remote", "add", "fork", "https://h/fork.git")
    git(repository, "config", "branch.main.remote", "fork")
    assert look(repository).remote == "https://h/fork.git"
    git(repository, "remote", "set-url", "fork", "https://h/moved.git")
    assert look(repository).remote == "https://h/moved.git"


def test_a_worktree(repository, tmp_path):
    git(repository, "remote", "add", "origin", "https://h/g.git")
    tree = tmp_path / "tree"
    git(repository, "worktree", "add", "-q", "-b", "side", str(tree))
    commit = git(repository, "rev-parse", "HEAD")
    assert look(tree) == Checkout(str(tree), commit, "side", dirty=False, remote="https://h/g.git")
    (tree / "a.py").write_text("2\n")
    assert look(tree).dirty
    assert not look(repository).dirty


def test_a_submodule(repository, tmp_path):
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q", "-b", "trunk")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repository), "inner")
    git(outer, "commit", "-q", "-m", "with a submodule")
    inner = look(outer / "inner")
    assert inner is not None
    assert (inner.root, inner.commit, inner.branch) == (
        str(outer / "inner"),
        git(repository, "rev-parse", "HEAD"),
        "main",
    )
    assert inner.remote == str(repository)
    assert look(outer).root == str(outer)


def test_a_bare_repository(repository, tmp_path):
    git(tmp_path, "clone", "-q", "--bare", str(repository), "bare.git")
    assert look(tmp_path / "bare.git") is None


def test_somebody_else_s_repository_is_left_alone(repository, monkeypatch):
    """Git refuses to read it: its settings could start programs."""
    if os.geteuid() == 0:
        for path in (repository, repository / ".git"):
            os.chown(path, 65534, 65534)
    else:
        monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert look(repository) is None


def test_a_repository_that_takes_too_long(repository, monkeypatch, tmp_path):
    """A network drive that sleeps must not hold a run up."""
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(git_repository, "_TIMEOUT_S", 0.2)
    assert look(repository) is None


def test_looking_changes_nothing(repository):
    (repository / "a.py").touch()  # git would like to refresh its index
    before = (repository / ".git" / "index").read_bytes()
    look(repository)
    assert (repository / ".git" / "index").read_bytes() == before


def test_a_repository_that_is_being_merged(repository):
    git(repository, "checkout", "-q", "-b", "side")
    (repository / "a.py").write_text("side\n")
    git(repository, "commit", "-q", "-am", "side")
    git(repository, "checkout", "-q", "main")
    (repository / "a.py").write_text("main\n")
    git(repository, "commit", "-q", "-am", "main")
    subprocess.run(["git", "-C", str(repository), "merge", "side"], check=False, capture_output=True)
    found = look(repository)
    assert (found.branch, found.dirty) == ("main", True)
