"""Jenkins' pipeline passes npm-groovy-lint, and its steps are executed by the Groovy that Jenkins itself uses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import mlops_jupyter
from mlops_jupyter.adapters.jenkins_pipelines import JenkinsPipelines
from mlops_jupyter.capabilities.pipelines.steps import notebook_jobs
from mlops_jupyter.protocols import PipelinePlan
from tests.conftest import REPOSITORY
from tests.fakes import node_tools
from tests.fakes.forges import Forge, serving
from tests.fakes.pipelines import GOOD, deployed, registered, repository

INTERPRETER = REPOSITORY / "tests" / "fakes" / "jenkins.groovy"
PLAN = PipelinePlan(
    jobs=notebook_jobs(["train.ipynb"]), gates=(), python="3.11", install=(), install_apart=(), ruff=None, locks=(),
    root=".", embedded=True,
)  # fmt: skip


def execute(root: Path, result: Path, **variables: str) -> dict[str, Any]:
    """Run the pipeline; the machine has everything installed."""
    java = Path(str(shutil.which("java"))).resolve().parents[1]
    done = subprocess.run(
        ["groovy", str(INTERPRETER), str(root / "Jenkinsfile"), str(root), str(result)],
        cwd=root, env={**os.environ, "JAVA_HOME": str(java), "MLOPS_INSTALL": "false", **variables},
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert result.exists(), done.stdout + done.stderr
    told: dict[str, Any] = json.loads(result.read_text())
    assert done.returncode == (1 if told["failed"] else 0)
    return told | {"said": done.stdout + done.stderr}


@node_tools.needs("npm", "java")
@pytest.mark.xdist_group("node")
def test_it_passes_npm_groovy_lint(project):
    root = repository(project, train=GOOD, other=GOOD)
    mlops_jupyter.ci(
        "jenkins",
        "notebooks/train.ipynb",
        "notebooks/other.ipynb",
        require=["accuracy >= 0.9"],
        deploy="models:/churn@champion",
    )
    # What passes would not if something were wrong: a second file, as a run takes its time.
    wrong = root / "wrong"
    wrong.mkdir()
    (wrong / "Jenkinsfile").write_text((root / "Jenkinsfile").read_text().replace("agent any", "agent any {"))
    words = ["--noserver", "--failon", "none", "--output", "json", "--path", ".", "--files", "**/Jenkinsfile"]
    done = node_tools.run(["npm-groovy-lint", *words], root, timeout=600)
    files = json.loads(done.stdout[done.stdout.index("{") :])["files"]
    found = {
        str(Path(file).relative_to(root)): [one["rule"] for one in told["errors"] if one["severity"] == "error"]
        for file, told in files.items()
    }
    assert found["Jenkinsfile"] == []
    assert found["wrong/Jenkinsfile"] != []


@node_tools.needs("groovy", "java")
def test_its_steps_run_the_notebooks(project, tmp_path):
    root = repository(project, train=GOOD, other=GOOD)
    mlops_jupyter.ci("jenkins", "notebooks/train.ipynb", "notebooks/other.ipynb", require=["accuracy >= 0.9"])
    # The workspace has what the last build left.
    (root / "mlops-results").mkdir()
    (root / "mlops-results" / "gone.md").write_text("of a notebook that is gone")
    told = execute(root, tmp_path / "result.json", CHANGE_ID="12")
    assert told["stages"] == dict.fromkeys(("install", "lint", "notebooks", "train", "other"), "passed"), told["said"]
    assert "excludes: '.mlops/resume/**,.mlops/journal/**'" in (root / "Jenkinsfile").read_text()
    assert (told["junit"], told["archived"]) == (["mlops-results/*.xml"], ["mlops-results/**,.mlops/**"])
    left = {file.name for file in (root / "mlops-results").iterdir()}
    assert left == {f"{name}.{end}" for name in ("train", "other") for end in ("ipynb", "html", "xml", "md")} | {
        "review.txt"
    }


@node_tools.needs("groovy", "java")
def test_a_gate_that_is_not_met_fails_the_build_and_what_is_left_is_published(project, tmp_path):
    root = repository(project, train=GOOD, other='import mlflow\nmlflow.log_metric("accuracy", 0.5)')
    mlops_jupyter.ci("jenkins", "notebooks/other.ipynb", "notebooks/train.ipynb", require=["accuracy >= 0.9"])
    told = execute(root, tmp_path / "result.json")
    assert told["failed"]
    assert (told["stages"]["other"], told["stages"]["train"]) == ("failed", "passed"), told["said"]
    assert "exit code 1" in told["said"]
    assert told["junit"] == ["mlops-results/*.xml"]
    assert (root / "mlops-results" / "other.xml").is_file()


@node_tools.needs("groovy", "java")
def test_its_deployment_answers_when_the_build_is_over(project, tmp_path):
    root = repository(project)
    mlops_jupyter.ci("jenkins", "notebooks/train.ipynb", deploy="models:/churn@champion")
    store, place = registered(tmp_path), tmp_path / "serving"
    variables = {"MLFLOW_TRACKING_URI": store, "MLOPS_DEPLOYMENTS": str(place)}
    told = execute(root, tmp_path / "skipped.json", **variables, PARAM_DEPLOY="true", BRANCH_NAME="feature")
    assert told["stages"]["deploy"] == "skipped", told["said"]
    assert not place.exists()
    told = execute(root, tmp_path / "result.json", **variables, PARAM_DEPLOY="true", BRANCH_NAME="main")
    assert told["stages"]["deploy"] == "passed", told["said"]
    with deployed(place, store) as mlops:
        answer = json.loads(mlops("predict", "churn", '[{"a": 0, "b": 1}, {"a": 3, "b": 0}]', "--json"))
        assert answer["predictions"] == [0, 1]


@pytest.mark.parametrize(
    ("page", "variable", "place"),
    [
        ("ml/a/churn/-/merge_requests/12", "GITLAB_TOKEN", "/api/v4/projects/ml/a/churn/merge_requests/12/notes"),
        ("ml/churn/pull/12", "GITHUB_TOKEN", "/api/v3/repos/ml/churn/issues/12/comments"),
    ],
)  # fmt: skip
def test_the_merge_request_is_told(tmp_path, page, variable, place):
    (plan,) = [part for part in JenkinsPipelines().parts(PLAN) if part.name == "review"]
    script = plan.text.partition("sh '''")[2].partition("'''")[0]
    (tmp_path / "mlops-results").mkdir()
    summary = tmp_path / "mlops-results" / "train.md"

    def build(**variables: str) -> str:
        environment = {"PATH": os.environ["PATH"], "CHANGE_ID": "12", "CHANGE_URL": f"{forge.url}/{page}", **variables}
        words = ["sh", "-xe", "-c", script]
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        assert forge.token not in done.stdout + done.stderr
        assert done.stderr == "+ set +x\n" or variables.get(variable) != forge.token
        return done.stdout

    with serving(Forge()) as forge:
        forge.noted("<!-- mlops -->\nsomebody else's", stranger=True)
        summary.write_text("✓ train `passed`\n")
        assert "There is no token" in build()
        build(**{variable: forge.token})
        summary.write_text("✗ train 'failed'\n")
        build(**{variable: forge.token})
        assert [one["body"] for one in forge.notes] == [
            "<!-- mlops -->\nsomebody else's", "<!-- mlops -->\n✗ train 'failed'\n"
        ]  # fmt: skip
        assert forge.said[0][0] == place
        assert "No note was written on the merge request." in build(**{variable: "another"})
