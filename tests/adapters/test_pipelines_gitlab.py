"""GitLab's pipeline passes GitLab's schema, and gitlab-ci-local executes it to the end."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

import mlops_jupyter
from mlops_jupyter.errors import CommandError
from tests.fakes import node_tools
from tests.fakes.models import small_forest
from tests.fakes.pipelines import GOOD, Notes, commit, deployed, gitlab, registered, repository

pytestmark = pytest.mark.xdist_group("node")


def execute(root: Path, *jobs: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the pipeline, or of it these jobs; the machine has everything installed."""
    told = {"MLOPS_INSTALL": "false"} | variables
    words = [word for name, value in told.items() for word in ("--variable", f"{name}={value}")]
    local = ["gitlab-ci-local", "--force-shell-executor", "--shell-isolation", "--no-color"]
    return node_tools.run([*local, *words, *jobs], root, timeout=600)


def test_it_passes_gitlab_s_schema(project):
    root = repository(project, train=GOOD, other=GOOD)
    mlops_jupyter.ci("gitlab", "notebooks/train.ipynb", "notebooks/other.ipynb", require=["accuracy >= 0.9"])
    checked = subprocess.run(
        ["check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci", ".gitlab-ci.yml"],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
    told = yaml.safe_load((root / ".gitlab-ci.yml").read_text())
    assert list(told) == [
        ".mlops", "notebooks:lint", "notebooks:train", "notebooks:other", "notebooks:review",
    ]  # fmt: skip
    assert told["notebooks:train"]["artifacts"]["reports"] == {"junit": "mlops-results/train.xml"}
    assert "--require 'accuracy >= 0.9'" in told["notebooks:train"]["script"][0]


def test_with_a_deployment_it_passes_too(project):
    root = repository(project)
    mlops_jupyter.ci("gitlab", "notebooks/train.ipynb", deploy="models:/churn@champion")
    checked = subprocess.run(
        ["check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci", ".gitlab-ci.yml"],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
    job = yaml.safe_load((root / ".gitlab-ci.yml").read_text())["notebooks:deploy"]
    assert job["rules"] == [{"if": "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH", "when": "manual", "allow_failure": True}]
    assert job["needs"] == ["notebooks:train"]
    # Called again it stays, until it is taken out.
    again = mlops_jupyter.ci("gitlab")
    assert (again.outcome, again.jobs[-1]) == ("kept", "notebooks:deploy")
    assert "notebooks:deploy" not in mlops_jupyter.ci("gitlab", deploy="").jobs
    assert "notebooks:deploy" not in (root / ".gitlab-ci.yml").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"deploy": "./folder"},
            "./folder is no version of a registered model, which is all that a pipeline can reach",
        ),
        ({"deploy": "models:/churn"}, "models:/churn is no version of a registered model"),
        ({"deploy": "churn@champion", "name": "a b"}, "'a b' cannot be a deployment's name in a pipeline"),
        ({"name": "churn"}, "--name is the deployment's, and nothing is deployed"),
        ({"trust": True}, "--trust is the deployment's, and nothing is deployed"),
    ],
)
def test_what_cannot_be_deployed(project, options, said):
    repository(project)
    with pytest.raises(CommandError, match=re.escape(said)):
        mlops_jupyter.ci("gitlab", "notebooks/train.ipynb", **options)


@node_tools.needs("npm", "rsync")
def test_it_runs_to_the_end(project, stored_runs):
    root = repository(project, train=GOOD, other=GOOD)
    told = mlops_jupyter.ci("gitlab", "notebooks/train.ipynb", "notebooks/other.ipynb", require=["accuracy >= 0.9"])
    commit(root)
    done = execute(root, MLFLOW_TRACKING_URI=f"sqlite:///{root}/.mlops/mlflow.db")
    assert done.returncode == 0, done.stdout + done.stderr
    assert told.jobs == ("notebooks:lint", "notebooks:train", "notebooks:other", "notebooks:review")
    # Artifacts come back to where the pipeline was started; what else the jobs wrote stays with them.
    kept = root / "mlops-results"
    assert {file.name for file in kept.iterdir()} == {
        f"{name}.{end}" for name in ("train", "other") for end in ("ipynb", "html", "xml", "md")
    }
    for name in ("train", "other"):
        report = (kept / f"{name}.xml").read_text()
        assert "<testcase" in report
        assert "<failure" not in report
    notebooks = [run for run in stored_runs() if run.parent is None]
    assert {(run.name, run.status) for run in notebooks} == {("train", "FINISHED"), ("other", "FINISHED")}


@node_tools.needs("npm", "rsync", "curl")
def test_a_gate_that_is_not_met_fails_it_and_the_merge_request_is_told(project, stored_runs):
    root = repository(project)
    mlops_jupyter.ci("gitlab", "notebooks/train.ipynb", require=["accuracy >= 0.99"])
    commit(root)
    stranger = {"author": {"id": 3}, "body": "<!-- mlops --> not ours"}
    with gitlab(Notes(notes={1: stranger})) as host:
        merge_request = {
            "CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_IID": "12", "CI_PROJECT_ID": "5",
            "CI_API_V4_URL": host.url,
        }  # fmt: skip
        done = execute(root, GITLAB_TOKEN=host.token, **merge_request)
        assert done.returncode == 1, done.stdout + done.stderr
        assert set(host.notes) == {1, 2}
        assert host.notes[1] == stranger
        assert "accuracy >= 0.99" in str(host.notes[2]["body"])
        assert "<failure" in (root / "mlops-results" / "train.xml").read_text()
        # A checkout has no store: the job made one, and its runs came back as an artifact.
        runs = stored_runs()
        assert [one.name for one in runs if one.parent is None] == ["train"]
        assert {"accuracy": 0.95} in [one.metrics for one in runs]

        host.notes[2]["body"] = "<!-- mlops -->\nof an earlier push"
        again = node_tools.run(
            ["gitlab-ci-local", "--force-shell-executor", "--shell-isolation", "notebooks:review"]
            + [word for name, value in merge_request.items() for word in ("--variable", f"{name}={value}")]
            + ["--variable", f"GITLAB_TOKEN={host.token}"],
            root,
        )
        assert again.returncode == 0, again.stdout + again.stderr
        assert set(host.notes) == {1, 2}
        assert "earlier push" not in str(host.notes[2]["body"])


@node_tools.needs("npm", "rsync")
def test_its_deployment_answers_when_the_job_and_its_checkout_are_gone(project, tmp_path):
    """Of a model of trees, too, which nobody but its maker's project loads without a word."""
    root = repository(project)
    mlops_jupyter.ci("gitlab", "notebooks/train.ipynb", deploy="models:/churn@champion", trust=True)
    commit(root)
    store, place = registered(tmp_path, small_forest), tmp_path / "serving"
    done = execute(root, "notebooks:deploy", MLFLOW_TRACKING_URI=store, MLOPS_DEPLOYMENTS=str(place))
    assert done.returncode == 0, done.stdout + done.stderr
    with deployed(place, store) as mlops:
        assert "http://127.0.0.1:" in done.stdout
        shutil.rmtree(root / ".gitlab-ci-local")
        assert not (root / ".mlops" / "endpoints").exists()
        told = json.loads(mlops("predict", "churn", '[{"a": 0, "b": 1}, {"a": 3, "b": 0}]', "--json"))
        assert told["predictions"] == [0, 1]
        shown = json.loads(mlops("deployments", "churn", "--json"))
        assert (shown["status"], shown["follows"]) == ("ready", "models:/churn@champion")
        # A worker needs nothing of the job's either to be started again.
        os.killpg(os.getpgid(shown["pid"]), signal.SIGKILL)
        mlops("deploy", "models:/churn@champion", "--name", "churn", "--trust")
        assert json.loads(mlops("predict", "churn", '[{"a": 3, "b": 0}]', "--json"))["predictions"] == [1]


@node_tools.needs("npm", "rsync")
def test_a_notebook_with_a_secret_stops_at_the_lint_job(project):
    token = "glpat-" + "x7Kq2mZ9bT4wLs8vRj3N"
    root = repository(project, train=f'token = "{token}"')
    mlops_jupyter.ci("gitlab", "notebooks/train.ipynb")
    commit(root)
    done = execute(root)
    assert done.returncode == 1
    assert "looks like" in done.stdout + done.stderr
    assert token not in done.stdout + done.stderr
    assert not (root / "mlops-results").exists()
