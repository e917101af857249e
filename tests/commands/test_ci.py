"""The pipeline's file is written once, renewed without losing edits, and never written over what is not ours."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
import yaml

import mlops_jupyter
from mlops_jupyter import settings
from mlops_jupyter.commands import planned_pipeline
from mlops_jupyter.errors import CommandError, ConfigurationError, Conflict, NotFound
from tests.fakes.notebooks import write_notebook
from tests.fakes.pipelines import GOOD, repository

FILES = {"gitlab": ".gitlab-ci.yml", "github": ".github/workflows/mlops.yml", "jenkins": "Jenkinsfile"}
TRAIN = "notebooks/train.ipynb"


@pytest.fixture
def root(project) -> Path:
    return repository(project, train=GOOD, other=GOOD)


def edit(file: Path, old: str, new: str) -> str:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    return file.read_text()


@pytest.mark.parametrize("system", FILES)
def test_a_second_call_writes_nothing(root, system):
    file = root / FILES[system]
    first = mlops_jupyter.ci(system, TRAIN, require=["accuracy >= 0.9"])
    assert (first.path, first.outcome) == (FILES[system], "created")
    written = file.stat()
    second = mlops_jupyter.ci(system, TRAIN, require=["accuracy >= 0.9"])
    third = mlops_jupyter.ci(system)
    assert (second.outcome, third.outcome) == ("kept", "kept")
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == (written.st_mtime_ns, written.st_ino)
    assert "'accuracy >= 0.9'" in file.read_text()


@pytest.mark.parametrize(
    ("system", "old", "new"),
    [
        ("gitlab", "timeout: 1 hour", "timeout: 3 hours\n  tags: [gpu]"),
        ("github", "timeout-minutes: 60", "timeout-minutes: 240"),
        ("jenkins", "agent any", "agent { label 'gpu' }"),
    ],
)
def test_an_edit_stays_and_the_rest_is_renewed(root, system, old, new):
    file = root / FILES[system]
    mlops_jupyter.ci(system, TRAIN)
    edited = edit(file, old, new)
    told = mlops_jupyter.ci(system, TRAIN, "notebooks/other.ipynb", require=["accuracy >= 0.9"])
    assert told.outcome == "updated"
    text = file.read_text()
    assert new in text
    assert text.count("notebooks/other.ipynb") > 1
    assert "'accuracy >= 0.9'" in text
    assert mlops_jupyter.ci(system).outcome == "kept"
    # And back again: nothing of the second notebook is left, the edit still is.
    mlops_jupyter.ci(system, TRAIN)
    assert file.read_text() == edited


def test_both_sides_may_change_one_part(root):
    file = root / ".gitlab-ci.yml"
    mlops_jupyter.ci("gitlab", TRAIN)
    edit(file, "    expire_in: 30 days\n", "    expire_in: 1 year\n")
    told = mlops_jupyter.ci("gitlab", TRAIN, require=["accuracy >= 0.9"])
    assert (told.outcome, told.edited) == ("updated", ("run/train",))
    job = yaml.safe_load(file.read_text())["notebooks:train"]
    assert job["artifacts"]["expire_in"] == "1 year"
    assert "--require 'accuracy >= 0.9'" in job["script"][0]


def test_what_stands_between_the_parts_is_the_user_s(root):
    file = root / ".gitlab-ci.yml"
    mlops_jupyter.ci("gitlab", TRAIN)
    own = "\n# Ours.\ndeploy:\n  script: [./deploy.sh]\n"
    edit(file, "# <<< mlops: run/train\n", "# <<< mlops: run/train\n" + own)
    mlops_jupyter.ci("gitlab", TRAIN, "notebooks/other.ipynb")
    assert own in file.read_text()
    assert list(yaml.safe_load(file.read_text()))[:4] == [
        ".mlops",
        "notebooks:lint",
        "notebooks:train",
        "notebooks:other",
    ]


def test_a_part_that_the_user_deleted_stays_deleted(root):
    file = root / ".gitlab-ci.yml"
    mlops_jupyter.ci("gitlab", TRAIN)
    text = file.read_text()
    file.write_text(re.sub(r"# >>> mlops: review.*# <<< mlops: review\n", "", text, flags=re.DOTALL))
    told = mlops_jupyter.ci("gitlab", TRAIN, "notebooks/other.ipynb")
    assert "you have deleted review, and so it stays" in told.notes
    assert "notebooks:review" not in yaml.safe_load(file.read_text())


def test_an_edited_job_of_a_notebook_that_is_left_out_stays_as_the_user_s(root):
    file = root / ".gitlab-ci.yml"
    mlops_jupyter.ci("gitlab", TRAIN, "notebooks/other.ipynb")
    text = file.read_text()
    head, tail = text.split("# >>> mlops: run/other")
    file.write_text(head + "# >>> mlops: run/other" + tail.replace("30 days", "1 year", 1))
    told = mlops_jupyter.ci("gitlab", TRAIN)
    assert "the part run/other is not generated any more; you had edited it, so it stays" in told.notes
    assert yaml.safe_load(file.read_text())["notebooks:other"]["artifacts"]["expire_in"] == "1 year"
    assert "mlops: run/other" not in file.read_text()


def test_a_contradiction_is_refused_and_loses_nothing(root):
    file = root / ".gitlab-ci.yml"
    mlops_jupyter.ci("gitlab", TRAIN, require=["accuracy >= 0.9"])
    edited = edit(file, "        --require 'accuracy >= 0.9' \\\n", "        --require 'accuracy >= 0.8' \\\n")
    number = next(place for place, line in enumerate(edited.splitlines(), 1) if line.endswith(">= 0.8' \\"))
    with pytest.raises(Conflict) as caught:
        mlops_jupyter.ci("gitlab", TRAIN, require=["accuracy >= 0.95"])
    assert caught.value.message == (
        f".gitlab-ci.yml was left as it is: line {number} of it holds edits of yours, and what is generated there has "
        "changed too"
    )
    assert caught.value.hint.startswith(".gitlab-ci.yml.new beside it has the new text: ")
    assert caught.value.exit_code == 4
    assert file.read_text() == edited
    new = root / ".gitlab-ci.yml.new"
    assert "--require 'accuracy >= 0.95'" in new.read_text()
    # The way out that the hint tells.
    new.replace(file)
    edit(file, "        --require 'accuracy >= 0.95' \\\n", "        --require 'accuracy >= 0.8' \\\n")
    told = mlops_jupyter.ci("gitlab", TRAIN, require=["accuracy >= 0.95"])
    assert (told.outcome, told.edited) == ("kept", ("run/train",))


def test_the_new_file_beside_is_gone_once_the_file_can_be_renewed(root):
    file = root / ".gitlab-ci.yml"
    mlops_jupyter.ci("gitlab", TRAIN, require=["a > 1"])
    before = file.read_text()
    edit(file, "--require 'a > 1'", "--require 'a > 2'")
    with pytest.raises(Conflict):
        mlops_jupyter.ci("gitlab", TRAIN, require=["a > 3"])
    file.write_text(before)
    mlops_jupyter.ci("gitlab", TRAIN, require=["a > 3"])
    assert not (root / ".gitlab-ci.yml.new").exists()


def test_what_another_version_generated_is_merged_by_the_copy_kept_here(root, monkeypatch):
    file = root / ".gitlab-ci.yml"
    mlops_jupyter.ci("gitlab", TRAIN)
    edit(file, "    expire_in: 30 days\n", "    expire_in: 1 year\n")
    adapter = "mlops_jupyter.adapters.gitlab_pipelines._JOB"
    from mlops_jupyter.adapters import gitlab_pipelines

    newer = gitlab_pipelines._JOB.replace("  extends: .mlops\n", "  extends: .mlops\n  retry: 1\n")
    monkeypatch.setattr(adapter, newer)
    mlops_jupyter.ci("gitlab", TRAIN)
    job = yaml.safe_load(file.read_text())["notebooks:train"]
    assert (job["retry"], job["artifacts"]["expire_in"]) == (1, "1 year")


def test_without_any_copy_of_what_was_generated_the_whole_part_is_refused(root, monkeypatch):
    file = root / ".gitlab-ci.yml"
    mlops_jupyter.ci("gitlab", TRAIN)
    edited = edit(file, "    expire_in: 30 days\n", "    expire_in: 1 year\n")
    for copy in (root / ".mlops" / "pipelines").iterdir():
        copy.unlink()
    from mlops_jupyter.adapters import gitlab_pipelines

    newer = gitlab_pipelines._JOB.replace("  extends: .mlops\n", "  extends: .mlops\n  retry: 1\n")
    monkeypatch.setattr(gitlab_pipelines, "_JOB", newer)
    with pytest.raises(Conflict, match=r"lines \d+–\d+ of it hold edits of yours"):
        mlops_jupyter.ci("gitlab", TRAIN)
    assert file.read_text() == edited


def test_line_ends_and_rights_stay_as_they_are(root):
    file = root / ".gitlab-ci.yml"
    mlops_jupyter.ci("gitlab", TRAIN)
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    file.chmod(0o640)
    assert mlops_jupyter.ci("gitlab", TRAIN).outcome == "kept"
    mlops_jupyter.ci("gitlab", TRAIN, "notebooks/other.ipynb")
    content = file.read_bytes()
    assert content.count(b"\r\n") == content.count(b"\n")
    assert file.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("system", "hint"),
    [
        (
            "gitlab",
            (
                "mlops ci gitlab … --output .gitlab/notebooks.yml, "
                "and write into .gitlab-ci.yml: include: [{local: .gitlab/notebooks.yml}]"
            ),
        ),
        ("github", "mlops ci github … --output .github/workflows/notebooks.yml, which GitHub reads as well"),
        ("jenkins", "mlops ci jenkins … --output notebooks.Jenkinsfile, and set the job's script path to it"),
    ],
)
def test_a_file_of_the_user_s_own_is_never_overwritten(root, system, hint):
    file = root / FILES[system]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("# mine\n")
    with pytest.raises(Conflict) as caught:
        mlops_jupyter.ci(system, TRAIN)
    assert caught.value.message == f"{FILES[system]} was not written by mlops ci, so it stays as it is"
    assert caught.value.hint == hint
    assert file.read_text() == "# mine\n"
    other = hint.split("--output ")[1].split(",")[0]
    told = mlops_jupyter.ci(system, TRAIN, output=other)
    assert (told.path, told.outcome) == (other, "created")
    assert f"--output {other}" in (root / other).read_text()
    assert mlops_jupyter.ci(system, output=other).outcome == "kept"


def test_a_mark_that_is_missing_is_told(root):
    file = root / ".gitlab-ci.yml"
    mlops_jupyter.ci("gitlab", TRAIN)
    edited = edit(file, "# <<< mlops: lint\n", "")
    with pytest.raises(Conflict, match=r"the part lint at line \d+ has no end") as caught:
        mlops_jupyter.ci("gitlab", TRAIN)
    assert caught.value.hint == "put its line back, # <<< mlops: lint, or delete both"
    assert file.read_text() == edited


def test_bad_input(root, tmp_path):
    with pytest.raises(CommandError, match="which notebooks shall the pipeline run"):
        mlops_jupyter.ci("gitlab")
    with pytest.raises(NotFound, match=r"there is no notebook notebooks/trian\.ipynb"):
        mlops_jupyter.ci("gitlab", "notebooks/trian.ipynb")
    outside = write_notebook(tmp_path / "outside.ipynb", "x = 1")
    with pytest.raises(CommandError, match=f"{outside} lies outside {root}"):
        mlops_jupyter.ci("gitlab", outside)
    with pytest.raises(CommandError, match="goes on where it should end, at rm"):
        mlops_jupyter.ci("gitlab", TRAIN, require=["a > 1\nrm -rf ."])
    with pytest.raises(CommandError, match="has its end where a number or a metric is expected"):
        mlops_jupyter.ci("gitlab", TRAIN, require=["accuracy >="])
    with pytest.raises(CommandError, match="cannot be written into a pipeline"):
        mlops_jupyter.ci("gitlab", TRAIN, require=["a >\n1"])
    (root / ".gitlab-ci.yml").mkdir()
    with pytest.raises(ConfigurationError, match=r"cannot read \.gitlab-ci\.yml"):
        mlops_jupyter.ci("gitlab", TRAIN)


def test_a_secret_variable_of_this_machine_is_not_written(root, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://ana:s3cret@mlflow.example.org")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "s3cret")
    for system, file in FILES.items():
        mlops_jupyter.ci(system, TRAIN)
        assert "s3cret" not in (root / file).read_text()
        assert "example.org" not in (root / file).read_text()


# --- how the project is installed -----------------------------------------------------------------------------------


def installed(root: Path) -> str:
    """The lines that install, in GitLab's file."""
    told = yaml.safe_load((root / ".gitlab-ci.yml").read_text())[".mlops"]
    return str(told["before_script"][0])


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ({"requirements.txt": "pandas==3.1\n"}, "python -m pip install -r requirements.txt mlops-jupyter==0.1.0"),
        (
            {"requirements.txt": "mlops_jupyter>=0.1  # ours\n", "constraints.txt": ""},
            "python -m pip install -c constraints.txt -r requirements.txt\n",
        ),
        (
            {"pyproject.toml": '[project]\nname = "churn"\ndependencies = ["mlops-jupyter>=0.1"]\n'},
            "python -m pip install -e .\n",
        ),
        (
            {"pyproject.toml": '[project]\nname = "churn"\n[project.optional-dependencies]\nlab = ["mlops-jupyter"]\n'},
            "python -m pip install -e '.[lab]'\n",
        ),
        ({"pyproject.toml": '[project]\nname = "churn"\n'}, "python -m pip install -e . mlops-jupyter==0.1.0\n"),
        (
            {"pyproject.toml": '[project]\nname = "mlops_jupyter"\n', "constraints.txt": ""},
            "python -m pip install -c constraints.txt -e .\n",
        ),
        (
            {"pyproject.toml": '[project]\nname = "churn"\n', "uv.lock": ""},
            "uv sync --frozen --inexact --active\n  uv pip install mlops-jupyter==0.1.0\n",
        ),
        (
            {
                "pyproject.toml": '[project]\nname = "churn"\noptional-dependencies.lab = ["mlops-jupyter"]\n',
                "uv.lock": "",
            },
            "uv sync --frozen --inexact --active --extra lab\n",
        ),
    ],
)
def test_the_project_is_installed_in_its_own_way(root, files, line):
    for name, text in files.items():
        (root / name).write_text(text)
    settings.forget_root()
    mlops_jupyter.ci("gitlab", TRAIN)
    assert line in installed(root)


def test_without_a_list_what_the_notebooks_import_is_pinned(root):
    write_notebook(root / TRAIN, "import os, numpy as np\n%matplotlib inline\nfrom sklearn.svm import SVC", "x = 1")
    told = mlops_jupyter.ci("gitlab", TRAIN)
    line = installed(root)
    assert re.search(r"pip install mlops-jupyter==0\.1\.0 numpy==[\d.]+ scikit-learn==[\d.]+\n", line)
    assert any("no requirements.txt" in note for note in told.notes)


def test_another_project_of_the_repository_keeps_its_pipeline(root, monkeypatch):
    mlops_jupyter.ci("gitlab", TRAIN)
    written = (root / ".gitlab-ci.yml").read_text()
    other = root / "fraud"
    other.mkdir()
    (other / "mlops.toml").write_text('experiment = "fraud"\n')
    write_notebook(other / "score.ipynb", "x = 1")
    monkeypatch.chdir(other)
    settings.forget_root()
    with pytest.raises(Conflict, match=r"runs the notebooks of another project \(the top\)") as refused:
        mlops_jupyter.ci("gitlab", Path("score.ipynb"))
    assert refused.value.hint.startswith("mlops ci gitlab score.ipynb --output ../.gitlab/notebooks.yml, and write")
    assert (root / ".gitlab-ci.yml").read_text() == written
    mlops_jupyter.ci("gitlab", Path("score.ipynb"), output=Path("../.gitlab/notebooks.yml"))
    assert "MLOPS_JUPYTER_ROOT: fraud" in (root / ".gitlab" / "notebooks.yml").read_text()


def test_a_build_of_one_s_own_is_pinned_by_its_release(root, monkeypatch):
    write_notebook(root / TRAIN, "import numpy")
    monkeypatch.setattr(planned_pipeline, "version", lambda _distribution: "2.3.0+cu121")
    told = mlops_jupyter.ci("gitlab", TRAIN)
    assert "numpy==2.3.0\n" in installed(root)
    assert any("of numpy 2.3.0 the build is another here" in note for note in told.notes)


@pytest.mark.parametrize(
    ("files", "apart"),
    [
        ({"pyproject.toml": '[project]\nname = "churn"\n'}, "pip install . mlops-jupyter==0.1.0\n"),
        (
            {"pyproject.toml": '[project]\nname = "churn"\n', "uv.lock": ""},
            "uv sync --frozen --inexact --active --no-editable\n",
        ),
    ],
)
def test_what_is_deployed_needs_nothing_of_the_checkout(root, files, apart):
    for name, text in files.items():
        (root / name).write_text(text)
    settings.forget_root()
    mlops_jupyter.ci("gitlab", TRAIN, deploy="models:/churn@champion")
    (script,) = yaml.safe_load((root / ".gitlab-ci.yml").read_text())["notebooks:deploy"]["script"]
    assert apart in script
    assert " -e " not in script


def test_ruff_looks_at_the_notebooks_where_the_project_has_settings_for_it(root):
    mlops_jupyter.ci("gitlab", TRAIN)
    assert "ruff" not in (root / ".gitlab-ci.yml").read_text().replace('"ruff":null', "")
    (root / "ruff.toml").write_text("line-length = 100\n")
    mlops_jupyter.ci("gitlab", TRAIN)
    assert f"ruff check --force-exclude {TRAIN}" in (root / ".gitlab-ci.yml").read_text()


def test_a_project_below_the_repository_s_top(root):
    below = root / "models" / "churn"
    below.mkdir(parents=True)
    (below / "mlops.toml").write_text('experiment = "below"\n')
    (below / "requirements.txt").write_text("mlops-jupyter\n")
    write_notebook(below / "train.ipynb", "x = 1")
    os.chdir(below)
    settings.forget_root()
    told = mlops_jupyter.ci("gitlab", "train.ipynb")
    assert told.path == ".gitlab-ci.yml"
    text = (root / ".gitlab-ci.yml").read_text()
    assert "mlops run models/churn/train.ipynb" in text
    assert "pip install -r models/churn/requirements.txt\n" in text
    job = yaml.safe_load(text)
    assert job[".mlops"]["variables"]["MLOPS_JUPYTER_ROOT"] == "models/churn"
    assert "models/churn/.mlops/" in job["notebooks:train"]["artifacts"]["paths"]


def test_a_project_whose_runs_are_on_a_server_keeps_no_store(root):
    (root / "mlops.toml").write_text('experiment = "churn"\ntracking_uri = "https://mlflow.example.org"\n')
    told = mlops_jupyter.ci("gitlab", TRAIN)
    assert yaml.safe_load((root / ".gitlab-ci.yml").read_text())["notebooks:train"]["artifacts"]["paths"] == [
        "mlops-results/"
    ]
    assert not any("MLFLOW_TRACKING_URI" in note for note in told.notes)


def test_a_deployment_is_trusted_until_it_is_said_anew(root):
    def line() -> str:
        text = (root / ".gitlab-ci.yml").read_text()
        return next(row.strip() for row in text.splitlines() if row.strip().startswith("mlops deploy"))

    mlops_jupyter.ci("gitlab", "notebooks/train.ipynb", deploy="churn@champion")
    mlops_jupyter.ci("gitlab", trust=True)
    assert line() == "mlops deploy models:/churn@champion --name churn --trust"
    assert "--deploy models:/churn@champion --name churn --trust" in (root / ".gitlab-ci.yml").read_text()
    mlops_jupyter.ci("gitlab", name="risk")
    assert line() == "mlops deploy models:/churn@champion --name risk --trust"
    mlops_jupyter.ci("gitlab", deploy="churn@champion")
    assert line() == "mlops deploy models:/churn@champion --name churn"


def test_at_the_terminal(root, terminal):
    done = terminal("ci", "jenkins", TRAIN, "--require", "accuracy >= 0.9", "--require", "loss < 1", cwd=root)
    assert done.code == 0, done.err
    assert done.out.splitlines()[0] == "Jenkinsfile created, for Jenkins"
    assert "--require 'loss < 1'" in (root / "Jenkinsfile").read_text()
    told = json.loads(terminal("ci", "jenkins", "--json", cwd=root).out)
    assert (told["outcome"], told["jobs"]) == ("kept", ["install", "lint", "train"])
    wrong = terminal("ci", "travis", TRAIN, cwd=root)
    assert wrong.code == 2
    assert "gitlab" in wrong.err
