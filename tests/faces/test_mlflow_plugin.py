"""Plain MLflow in a notebook says where its runs come from, without any magic of ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.notebooks import write_notebook

PLAIN = "import mlflow\nmlflow.set_experiment('plain')\nwith mlflow.start_run(run_name='plain'):\n    pass\n"


def git(directory: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(directory), *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(project, monkeypatch) -> Path:
    """The project in git, with a notebook and a remote whose address carries a password."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ana")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ana@example.org")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project}/.mlops/mlflow.db")
    git(project, "init", "-q", "-b", "main")
    (project / ".gitignore").write_text(".mlops/\nhome/\n")
    (project / "notebooks").mkdir()
    write_notebook(project / "notebooks" / "train.ipynb", PLAIN)
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "first")
    git(project, "remote", "add", "origin", "https://ana:hunter2@git.corp/churn.git")
    return project


def test_a_plain_run_in_a_notebook(repository, start_kernel, stored_runs, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", str(repository / "notebooks" / "train.ipynb"))
    kernel = start_kernel(repository / "notebooks", load=False)
    assert kernel.run(PLAIN).status == "ok"
    assert kernel.run("import sys\nprint('mlops_jupyter.faces.magic' in sys.modules)").stdout == "False\n"
    (repository / "notebooks" / "train.ipynb").write_text("edited")
    kernel.run(PLAIN)
    # What the user says himself wins.
    kernel.run("with mlflow.start_run(tags={'mlflow.source.name': 'mine'}):\n    pass")

    first, second, third = stored_runs()
    assert first.notebook == "notebooks/train.ipynb"
    assert first.git_commit == git(repository, "rev-parse", "HEAD")
    expected = {
        "mlflow.source.name": "notebooks/train.ipynb",
        "mlflow.source.type": "NOTEBOOK",
        "mlflow.source.git.commit": first.git_commit,
        "mlflow.source.git.branch": "main",
        "mlflow.source.git.dirty": "false",
        "mlflow.source.git.repoURL": "https://git.corp/churn.git",
    }
    assert {name: value for name, value in first.tags.items() if name.startswith("mlflow.source.")} == expected
    assert second.tags["mlflow.source.git.dirty"] == "true"
    assert third.tags["mlflow.source.name"] == "mine"
    assert "hunter2" not in str(first.tags)


def test_a_plain_script_is_no_notebook(repository, stored_runs):
    script = repository / "train.py"
    script.write_text(PLAIN)
    done = subprocess.run([sys.executable, str(script)], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    (run,) = stored_runs()
    assert run.notebook is None
    assert run.tags["mlflow.source.name"] == str(script)
    assert run.tags["mlflow.source.type"] == "LOCAL"
    assert "mlflow.source.git.dirty" not in run.tags


def test_broken_settings_do_not_stop_plain_mlflow(repository, start_kernel, stored_runs, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", str(repository / "notebooks" / "train.ipynb"))
    (repository / "mlops.toml").write_text("experimnet = 'x'\n")
    kernel = start_kernel(load=False)
    reply = kernel.run(PLAIN)
    assert reply.status == "ok"
    assert len(stored_runs()) == 1
