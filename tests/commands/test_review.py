"""A branch reaches the remote with the merge request's options, and nothing of the user's has moved."""

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

import mlops_jupyter
from mlops_jupyter.errors import CommandError, Conflict, NotFound, Rejected
from mlops_jupyter.records import Run
from tests.fakes.forges import Forge, serving
from tests.fakes.notebooks import write_notebook
from tests.fakes.repositories import git, receiving, state, write

# The function of that name hides it.
reviewing = import_module("mlops_jupyter.commands.review")


@pytest.fixture
def origin(tmp_path) -> Path:
    """A bare repository that takes push options and keeps what it was told."""
    page = "https://gitlab.example.org/ml/churn/-/merge_requests/7"
    return receiving(tmp_path, answers=f"View merge request for review:\n  {page}")


@pytest.fixture
def repository(project, origin, monkeypatch) -> Path:
    """The project as a repository whose main is on the remote, with a notebook that was edited since."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ana")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ana@example.org")
    git(project, "init", "-q", "-b", "main")
    write(project, ".gitignore", ".mlops/\n")
    write_notebook(project / "train.ipynb", "x = 1", "fit(x)")
    write(project, "model.py", "one = 1\n")
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "first")
    git(project, "remote", "add", "origin", str(origin))
    git(project, "push", "-q", "origin", "main")
    notebook = json.loads((project / "train.ipynb").read_text())
    notebook["cells"][0]["source"] = "x = 2"
    (project / "train.ipynb").write_text(json.dumps(notebook))
    write(project, "model.py", "one = 2\n")
    return project


def told(origin: Path) -> list[str]:
    return (origin / "options").read_text().splitlines()


def test_gitlab_opens_the_merge_request_at_the_push(repository, origin):
    before = state(repository)
    found = mlops_jupyter.review(Path("train.ipynb"), forge="gitlab", title="A better model")
    assert told(origin) == [
        "merge_request.create", "merge_request.target=main", "merge_request.title=A better model",
    ]  # fmt: skip
    assert (found.branch, found.target, found.opened) == ("review/ana-train", "main", True)
    assert found.link == "https://gitlab.example.org/ml/churn/-/merge_requests/7"
    assert found.notebooks == ("train.ipynb",)
    assert "x = 2" in git(origin, "show", f"{found.branch}:train.ipynb")
    assert git(origin, "show", f"{found.branch}:model.py") == "one = 1"
    after = state(repository)
    assert {name: after[name] for name in ("times", "rev-parse HEAD", "diff --cached --raw", "stash list")} == {
        name: before[name] for name in ("times", "rev-parse HEAD", "diff --cached --raw", "stash list")
    }


def test_without_names_all_tracked_files_go(repository, origin):
    found = mlops_jupyter.review(forge="gitlab", draft=True)
    assert git(origin, "show", f"{found.branch}:model.py") == "one = 2"
    assert told(origin)[-1] == "merge_request.draft"
    # The same branch again, after another edit.
    write(repository, "model.py", "one = 3\n")
    again = mlops_jupyter.review(forge="gitlab")
    assert again.branch == found.branch
    assert git(origin, "show", f"{found.branch}:model.py") == "one = 3"


def test_a_branch_of_one_s_own_that_is_committed_is_pushed_as_it_is(repository, origin):
    git(repository, "checkout", "-q", "-b", "better")
    git(repository, "commit", "-q", "-a", "-m", "better")
    found = mlops_jupyter.review(forge="gitlab")
    assert (found.branch, found.commit) == ("better", git(repository, "rev-parse", "HEAD"))


def test_with_a_token_reviewers_read_the_diff_and_the_runs(repository, origin, monkeypatch):
    with mlops_jupyter.track("one"):
        mlops_jupyter.log(accuracy=0.8)
    with mlops_jupyter.track("two"):
        mlops_jupyter.log(accuracy=0.9)
    monkeypatch.setenv("GITLAB_TOKEN", "a-token")
    with serving(Forge()) as forge:
        # git pushes to the bare repository; the project's pages are the forge's.
        git(repository, "remote", "set-url", "--push", "origin", str(origin))
        git(repository, "config", "remote.origin.url", f"{forge.url}/ml/churn.git")
        found = mlops_jupyter.review(Path("train.ipynb"), forge="gitlab", target="main", runs="one,two")
        ((_, said),) = forge.said
    assert (found.link, found.opened, found.notes) == (f"{forge.url}/ml/churn/1", True, ())
    assert "-x = 1\n+x = 2" in said["description"].replace("- ", "-").replace("+ ", "+")
    assert "| accuracy | 0.8 | **0.9** |" in said["description"]
    assert "a-token" not in str(found)


def test_a_forge_s_api_that_fails_leaves_the_branch(repository, origin, monkeypatch):
    monkeypatch.setenv("GITLAB_TOKEN", "a-wrong-token")
    with serving(Forge()) as forge:
        git(repository, "remote", "set-url", "--push", "origin", str(origin))
        git(repository, "config", "remote.origin.url", f"{forge.url}/ml/churn.git")
        found = mlops_jupyter.review(Path("train.ipynb"), forge="gitlab", target="main")
    assert "does not let this token in" in found.notes[0]
    assert git(origin, "rev-parse", "--verify", found.branch) == found.commit
    # The push itself has asked for the merge request.
    assert found.opened


def test_a_forge_that_is_not_known_gets_the_push_alone(repository, origin, terminal):
    done = terminal("review", "train.ipynb", cwd=repository)
    assert done.code == 0
    assert "the remote is on no forge that is known" in done.out
    assert "--forge github or --forge gitlab" in done.out
    assert not (origin / "options").exists()
    assert git(origin, "rev-parse", "--verify", "review/ana-train")


def test_what_cannot_be_reviewed(repository, origin, tmp_path, monkeypatch):
    with pytest.raises(CommandError, match="no forge is called sourcehut"):
        mlops_jupyter.review(forge="sourcehut")
    with pytest.raises(NotFound, match="no git remote elsewhere"):
        mlops_jupyter.review(remote="elsewhere")
    with pytest.raises(NotFound, match="there is no notebook gone"):
        mlops_jupyter.review(Path("gone.ipynb"))
    git(repository, "checkout", "-q", ".")
    with pytest.raises(Conflict, match="nothing differs from origin/main"):
        mlops_jupyter.review()
    write(repository, "model.py", "one = 4\n")
    (origin / "refuse").write_text("closed for today\n")
    with pytest.raises(Rejected, match="closed for today"):
        mlops_jupyter.review()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFound, match="in no git repository"):
        mlops_jupyter.review()


def test_a_notebook_with_a_token_in_an_output_is_not_pushed(repository, origin):
    notebook = json.loads((repository / "train.ipynb").read_text())
    token = "ghp_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"[:36]
    notebook["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": f"token {token}\n"}]
    (repository / "train.ipynb").write_text(json.dumps(notebook))
    with pytest.raises(Conflict) as refused:
        mlops_jupyter.review(Path("train.ipynb"))
    assert token not in str(refused.value)
    assert "cell 0 output" in refused.value.message
    assert git(origin, "for-each-ref", "refs/heads/review") == ""


def test_a_token_in_another_text_is_not_pushed(repository, origin):
    token = "ghp_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"[:36]
    write(repository, "model.py", f"one = 2\ntoken = '{token}'\n")
    with pytest.raises(Conflict) as refused:
        mlops_jupyter.review()
    assert token not in str(refused.value)
    assert refused.value.message.startswith("model.py holds what looks like a secret: line 2, ")
    # Nor does it go along with a notebook alone, being in a commit below.
    git(repository, "commit", "-q", "-m", "with it", "model.py")
    write(repository, "model.py", "one = 2\n")
    git(repository, "commit", "-q", "-m", "without it", "model.py")
    with pytest.raises(Conflict, match=r"model\.py, as an earlier commit has it, holds"):
        mlops_jupyter.review(Path("train.ipynb"))
    assert git(origin, "for-each-ref", "refs/heads/review") == ""


def test_what_is_no_text_or_large_is_pushed_and_the_large_named(repository, monkeypatch):
    monkeypatch.setattr(reviewing, "_LARGEST_SCANNED", 100_000)
    token = "ghp_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"[:36]
    (repository / "model.bin").write_bytes(b"\0" + token.encode())
    write(repository, "rows.csv", "1,2\n" * 50_000)
    git(repository, "add", ".")
    assert mlops_jupyter.review().notes[0] == "too large to be looked through for secrets: rows.csv"


def test_a_remote_without_a_page_is_told_so(repository, origin):
    git(origin, "config", "receive.advertisePushOptions", "false")
    found = mlops_jupyter.review(Path("train.ipynb"), forge="gitlab")
    assert (found.link, found.opened) == (None, False)
    assert found.notes == ("the branch is pushed; the remote's address names no page to open the merge request on",)


def test_runs_are_named_with_their_pages():
    run = Run("1" * 32, "one", "churn", "FINISHED")
    assert reviewing._run(run) == "one `11111111`"
    assert reviewing._run(replace(run, link="https://ml/#/runs/1")) == "one [`11111111`](https://ml/#/runs/1)"


def with_output(path: Path, text: str) -> None:
    notebook = json.loads(path.read_text())
    notebook["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": text}]
    path.write_text(json.dumps(notebook))


@pytest.mark.parametrize("broken", [False, True])
def test_a_token_in_a_commit_that_is_pushed_along_is_not_pushed(repository, origin, broken):
    token = "ghp_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"[:36]
    with_output(repository / "train.ipynb", f"token {token}\n")
    if broken:
        (repository / "train.ipynb").write_text("<<<<<<< HEAD\n" + (repository / "train.ipynb").read_text())
    git(repository, "commit", "-q", "-a", "-m", "with a token")
    git(repository, "checkout", "-q", "HEAD~1", "train.ipynb")
    with_output(repository / "train.ipynb", "no token\n")
    git(repository, "commit", "-q", "-a", "-m", "without")
    with pytest.raises(Conflict, match=r"train\.ipynb, as an earlier commit has it, holds") as refused:
        mlops_jupyter.review()
    assert token not in str(refused.value)
    assert refused.value.hint.startswith("git reset --soft origin/main")
    assert git(origin, "for-each-ref", "refs/heads/review") == ""
    # As it says.
    git(repository, "reset", "-q", "--soft", "origin/main")
    git(repository, "commit", "-q", "-m", "in one")
    assert mlops_jupyter.review().branch == "review/ana-main"


def test_somebody_elses_branch_of_the_same_name_stays(repository, origin, tmp_path):
    found = mlops_jupyter.review(Path("train.ipynb"))
    # Again, and after it has been merged and removed.
    edited = json.loads((repository / "train.ipynb").read_text())
    edited["cells"][0]["source"] = "x = 3"
    (repository / "train.ipynb").write_text(json.dumps(edited))
    assert mlops_jupyter.review(Path("train.ipynb")).commit == git(origin, "rev-parse", found.branch)
    git(origin, "update-ref", "-d", f"refs/heads/{found.branch}")
    assert mlops_jupyter.review(Path("train.ipynb")).branch == found.branch
    # A colleague of the same name.
    theirs = git(origin, "rev-parse", "main")
    git(origin, "update-ref", f"refs/heads/{found.branch}", theirs)
    with pytest.raises(Conflict, match=f"the branch {found.branch} of origin holds what was not pushed from here"):
        mlops_jupyter.review(Path("train.ipynb"))
    git(repository, "fetch", "-q", "origin")
    with pytest.raises(Conflict) as refused:
        mlops_jupyter.review(Path("train.ipynb"))
    assert refused.value.hint == "mlops review --branch NAME"
    assert git(origin, "rev-parse", found.branch) == theirs
    assert mlops_jupyter.review(Path("train.ipynb"), branch="review/mine").branch == "review/mine"


def test_notebooks_of_one_name_have_branches_of_their_own(repository, origin):
    (repository / "fraud").mkdir()
    other = write_notebook(repository / "fraud" / "train.ipynb", "y = 1")
    assert mlops_jupyter.review(other).branch == "review/ana-fraud-train"
    assert mlops_jupyter.review(Path("train.ipynb")).branch == "review/ana-train"


def test_what_it_is_to_be_merged_into_is_not_pushed_to(repository, origin):
    before = git(origin, "rev-parse", "main")
    with pytest.raises(CommandError, match="main is what it is to be merged into"):
        mlops_jupyter.review(Path("train.ipynb"), branch="main")
    with pytest.raises(NotFound, match="there is no branch nope of origin here") as refused:
        mlops_jupyter.review(Path("train.ipynb"), target="nope")
    assert refused.value.hint == "git fetch origin; git branch --remotes"
    assert git(origin, "rev-parse", "main") == before
    assert git(origin, "for-each-ref", "refs/heads/review") == ""
