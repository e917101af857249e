"""Every CI system's file: whole, in parts, with every notebook in it, whatever the notebook is called."""

from __future__ import annotations

import re
import subprocess

import pytest

from mlops_jupyter import registry
from mlops_jupyter.capabilities.pipelines import marking
from mlops_jupyter.capabilities.pipelines.steps import notebook_jobs
from mlops_jupyter.protocols import DeployJob, PipelinePlan

ODD = ('it\'s "odd" $HOME \\n.ipynb', "a/train.ipynb", "b/train.ipynb", "Übung 1.ipynb", "lint.ipynb", "'''.ipynb")


def plan(*notebooks: str, gates: tuple[str, ...] = ("accuracy >= 0.9",), root: str = ".") -> PipelinePlan:
    return PipelinePlan(
        jobs=notebook_jobs(notebooks),
        gates=gates,
        python="3.11",
        install=("python -m pip install -e .",),
        install_apart=("python -m pip install .",),
        ruff=None,
        locks=("pyproject.toml",),
        root=root,
        embedded=True,
    )


@pytest.fixture(params=["github", "gitlab", "jenkins"])
def pipelines(request):
    return registry.load("pipelines", request.param)()


def test_the_registry_knows_them():
    assert registry.names("pipelines") == ("github", "gitlab", "jenkins")


def test_parts_are_whole_and_have_names_of_their_own(pipelines):
    parts = pipelines.parts(plan(*ODD))
    names = [part.name for part in parts]
    assert len(set(names)) == len(names)
    assert not [name for name in names if re.search(r"\s", name)]
    assert all(part.text.endswith("\n") for part in parts)
    found = marking.pieces(marking.whole(parts, pipelines.comment))
    assert [(one.name, one.text, one.edited) for one in found if one.name] == [
        (part.name, part.text, False) for part in parts
    ]


def test_jobs_have_names_of_their_own(pipelines):
    jobs = pipelines.jobs(plan(*ODD))
    assert len(set(jobs)) == len(jobs) >= len(ODD) + 1


def test_one_notebook_more_is_one_part_more(pipelines):
    less, more = pipelines.parts(plan("a.ipynb")), pipelines.parts(plan("a.ipynb", "b.ipynb"))
    assert [part.name for part in more if part not in less and part.name not in {"lint", "review"}] == ["run/b"]


@pytest.mark.parametrize(("trust", "option"), [(False, ""), (True, " --trust")])
def test_a_model_is_deployed_by_one_job_more(pipelines, trust, option):
    """It is a part of its own, the command is whole, and the next call knows it."""
    import yaml

    without = plan("a.ipynb")
    deploying = without._replace(deploy=DeployJob("models:/churn@champion", "churn", trust))
    parts = {part.name: part.text for part in pipelines.parts(deploying)}
    assert parts.keys() - {part.name for part in pipelines.parts(without)} - {"stages"} == {"deploy"}
    assert f"mlops deploy models:/churn@champion --name churn{option}\n" in parts["deploy"]
    assert pipelines.jobs(deploying)[-1].removeprefix("notebooks:") == "deploy"
    text = "".join(parts.values())
    if pipelines.comment == "#":
        yaml.safe_load(text)
    else:
        assert text.count("{") == text.count("}")
    about = marking.about(marking.Recorded(deploying, "mlops ci", tuple(parts)), pipelines.comment, ["mlops ci x"])
    known = marking.recorded(marking.pieces(marking.whole((about,), pipelines.comment)))
    assert known is not None
    assert known.plan == deploying


def test_a_pipeline_without_deployment_is_as_ever(pipelines):
    about = marking.about(marking.Recorded(plan("a.ipynb"), "mlops ci", ()), pipelines.comment, [])
    assert "deploy" not in about.text + "".join(part.text for part in pipelines.parts(plan("a.ipynb")))


def test_the_same_plan_gives_the_same_text(pipelines):
    assert pipelines.parts(plan(*ODD)) == pipelines.parts(plan(*ODD))


def test_no_token_is_written_and_the_project_s_place_is(pipelines):
    text = "".join(part.text for part in pipelines.parts(plan("a.ipynb", root="models/churn")))
    assert "MLFLOW_TRACKING_URI" in text
    assert re.search(r"MLOPS_JUPYTER_ROOT\W+models/churn", text)
    assert "models/churn/.mlops/" in text


def test_the_state_of_a_notebook_that_failed_is_neither_kept_nor_published(pipelines):
    """It is a pickle of whatever the notebook's variables hold."""
    text = "".join(part.text for part in pipelines.parts(plan("a.ipynb", root="models/churn")))
    assert "--no-keep-state" in text
    told = {
        "GitLab CI/CD": "    exclude:\n      - 'models/churn/.mlops/resume/**/*'\n"
        "      - 'models/churn/.mlops/journal/**/*'\n",
        "GitHub Actions": "            !models/churn/.mlops/resume/**\n            !models/churn/.mlops/journal/**\n",
        "Jenkins": "excludes: 'models/churn/.mlops/resume/**,models/churn/.mlops/journal/**'",
    }
    assert told[pipelines.title] in text
    elsewhere = plan("a.ipynb")._replace(embedded=False)
    assert ".mlops/resume" not in "".join(part.text for part in pipelines.parts(elsewhere))


def test_without_a_gate_there_is_an_example(pipelines):
    text = "".join(part.text for part in pipelines.parts(plan("a.ipynb", gates=())))
    lines = [line for line in text.splitlines() if "accuracy >= 0.9" in line]
    assert lines
    assert all(line.strip().startswith(pipelines.comment) for line in lines)


def test_names_of_jobs():
    assert [job.name for job in notebook_jobs(ODD)] == [
        "it-s-odd-HOME-n", "a-train", "b-train", "Übung-1", "lint-2", "notebook",
    ]  # fmt: skip


def test_odd_names_reach_the_command_whole():
    """What stands in GitLab's script is what a shell hands on; the other two are held by their own tests."""
    import yaml

    pipelines = registry.load("pipelines", "gitlab")()
    parts = {part.name: part.text for part in pipelines.parts(plan(*ODD, gates=("m['a b'] > 0.5 # \"x\"",)))}
    for job in notebook_jobs(ODD):
        (told,) = yaml.safe_load(parts[f"run/{job.name}"]).values()
        script = 'mkdir() { :; }; mlops() { printf "%s\\0" "$@"; }\n' + told["script"][0]
        done = subprocess.run(["sh", "-e", "-c", script], capture_output=True, text=True, check=True)
        words = done.stdout.split("\0")
        assert words[:4] == ["run", job.notebook, "--require", "m['a b'] > 0.5 # \"x\""]
