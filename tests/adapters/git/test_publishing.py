"""What others are to look at reaches the remote, by a commit that the user's own work knows nothing of."""

from __future__ import annotations

import os
import shutil
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from mlops_jupyter import registry
from mlops_jupyter.errors import ConfigurationError, NotFound, Rejected, Unauthorized, Unavailable
from tests.fakes.repositories import (
    NOTEBOOK,
    SITUATIONS,
    clean,
    edited,
    git,
    no_commit_yet,
    receiving,
    state,
    with_a_filter,
    write,
)  # fmt: skip

CHANGED = NOTEBOOK.replace("[]", "[ ]")
OPTIONS = ("merge_request.create", "merge_request.title=A better model")


@pytest.fixture
def publishing(clean_environment):
    return registry.load("publishing", "git")()


@pytest.fixture
def origin(tmp_path) -> Path:
    """A bare repository that takes push options and keeps what it was told."""
    return receiving(tmp_path)


@pytest.fixture
def root(tmp_path, origin, clean_environment) -> Path:
    made = edited(tmp_path)
    git(made, "remote", "add", "origin", str(origin))
    git(made, "push", "-q", "origin", "main")
    write(made, "train.ipynb", CHANGED)
    return made


def options_of(origin: Path) -> list[str]:
    kept = origin / "options"
    return kept.read_text().splitlines() if kept.exists() else []


def test_a_push_with_options_reaches_the_remote(publishing, root, origin):
    before = state(root)
    commit, differs = publishing.commit(root, [root / "train.ipynb"], {}, "to review")
    pushed = publishing.push(root, "origin", commit, "review/train", OPTIONS, replace=False)
    after = state(root)
    assert (differs, pushed.options_taken) == (True, True)
    assert options_of(origin) == list(OPTIONS)
    assert git(origin, "show", "review/train:train.ipynb") + "\n" == CHANGED
    # git itself notes what the remote has.
    refs = "for-each-ref refs/heads refs/tags refs/remotes refs/stash"
    assert str(after[refs]).replace(f"{commit} commit\trefs/remotes/origin/review/train", "").strip() == before[refs]
    for name in ("rev-parse HEAD", "stash list", "diff --cached --raw", "times"):
        assert after[name] == before[name]


def test_only_the_files_named_are_in_it(publishing, root):
    commit, _ = publishing.commit(root, [root / "train.ipynb"], {}, "to review")
    assert publishing.changed(root, "origin/main", commit) == ("train.ipynb",)
    assert git(root, "show", f"{commit}:model.py") == "one = 1"


def test_all_tracked_files_are_in_it_when_none_is_named(publishing, root):
    commit, _ = publishing.commit(root, None, {root / "new.ipynb": b"{}"}, "to review")
    assert set(publishing.changed(root, "origin/main", commit)) == {
        "train.ipynb", "model.py", "data/rows.csv", "new.ipynb",
    }  # fmt: skip


def test_nothing_to_commit_is_head_itself(publishing, tmp_path):
    root = clean(tmp_path)
    assert publishing.commit(root, None, {}, "to review") == (git(root, "rev-parse", "HEAD"), False)
    assert publishing.commit(root, [root / "train.ipynb"], {}, "to review")[1] is False


def test_a_first_commit_is_one_too(publishing, tmp_path, origin):
    root = no_commit_yet(tmp_path)
    git(root, "remote", "add", "origin", str(origin))
    commit, differs = publishing.commit(root, [root / "train.ipynb"], {}, "to review")
    assert differs
    assert publishing.changed(root, "origin/main", commit) == ("train.ipynb",)
    publishing.push(root, "origin", commit, "review/train", (), replace=False)
    assert git(origin, "log", "--format=%s", "review/train") == "to review"


def test_a_remote_that_takes_no_options_gets_the_push_all_the_same(publishing, root, origin):
    git(origin, "config", "receive.advertisePushOptions", "false")
    commit, _ = publishing.commit(root, None, {}, "to review")
    pushed = publishing.push(root, "origin", commit, "review/train", OPTIONS, replace=False)
    assert pushed.options_taken is False
    assert git(origin, "rev-parse", "review/train") == commit


def test_a_remote_that_rejects_says_why(publishing, root, origin):
    (origin / "refuse").write_text("Notebooks need two approvals.\n")
    commit, _ = publishing.commit(root, None, {}, "to review")
    with pytest.raises(Rejected, match="Notebooks need two approvals"):
        publishing.push(root, "origin", commit, "review/train", OPTIONS, replace=False)


def test_a_rejection_is_one_whatever_its_words(publishing, root, origin):
    (origin / "refuse").write_text("Permission denied: error 403, see https://ana:a-password@example.org/why\n")
    commit, _ = publishing.commit(root, None, {}, "to review")
    with pytest.raises(Rejected, match=r"Permission denied: error 403, see https://example\.org/why") as told:
        publishing.push(root, "origin", commit, "review/train", (), replace=False)
    assert told.value.exit_code == 5
    assert "a-password" not in str(told.value)


@pytest.mark.parametrize("code", [401, 403])
def test_a_remote_that_wants_a_login(publishing, root, code):
    class Refuses(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(code)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *words):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refuses) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        git(root, "remote", "add", "closed", f"http://ana:a-password@127.0.0.1:{server.server_port}/churn.git")
        with pytest.raises(Unauthorized, match="does not let git in") as told:
            publishing.push(root, "closed", git(root, "rev-parse", "HEAD"), "review/train", (), replace=False)
        with pytest.raises(Unauthorized):
            publishing.default_branch(root, "closed")
        server.shutdown()
    assert "a-password" not in str(told.value)


def test_what_the_remote_says_is_told_without_credentials(publishing, root, origin):
    hook = origin / "hooks" / "post-receive"
    hook.write_text("#!/bin/sh\necho To create a merge request: https://ana:a-password@example.org/new\n")
    hook.chmod(0o755)
    commit, _ = publishing.commit(root, None, {}, "to review")
    said = publishing.push(root, "origin", commit, "review/train", (), replace=False).said
    assert "To create a merge request: https://example.org/new" in said
    assert "a-password" not in said


def test_given_contents_go_through_the_filters_of_their_paths(publishing, tmp_path):
    root = with_a_filter(tmp_path)
    before = state(root)
    commit, _ = publishing.commit(root, [], {root / "data/rows.csv": b"x,y\n"}, "to review")
    assert git(root, "show", f"{commit}:data/rows.csv") == "X,Y"
    assert state(root) == before


def test_tags_stay_at_home(publishing, root, origin):
    git(root, "tag", "-a", "-m", "mine", "mine")
    git(root, "config", "push.followTags", "true")
    commit, _ = publishing.commit(root, None, {}, "to review")
    publishing.push(root, "origin", commit, "review/train", (), replace=False)
    assert git(origin, "tag") == ""


def test_a_file_that_is_not_there_is_told(publishing, root):
    with pytest.raises(ConfigurationError, match=r"gone\.ipynb"):
        publishing.commit(root, [root / "gone.ipynb"], {}, "to review")


@pytest.mark.parametrize("name", list(SITUATIONS))
def test_a_commit_touches_nothing(publishing, tmp_path, name):
    if name == "with_lfs" and shutil.which("git-lfs") is None:
        pytest.skip("apt-get install git-lfs")
    root = SITUATIONS[name](tmp_path)
    before = state(root)
    head = git(root, "rev-parse", "-q", "--verify", "HEAD", check=False)
    for files in (None, [root / "train.ipynb"]):
        commit, _ = publishing.commit(root, files, {root / "live.ipynb": CHANGED.encode()}, "to review")
        assert git(root, "show", f"{commit}:live.ipynb") + "\n" == CHANGED
        assert git(root, "rev-list", "--parents", "-1", commit).split()[1:] == ([head] if head else [])
    assert state(root) == before


def test_a_branch_that_has_gone_on_is_replaced_only_when_told(publishing, root, origin):
    commit, _ = publishing.commit(root, None, {}, "to review")
    publishing.push(root, "origin", commit, "review/train", (), replace=False)
    write(root, "train.ipynb", CHANGED + "\n")
    other, _ = publishing.commit(root, None, {}, "once more")
    with pytest.raises(Rejected, match="rejected"):
        publishing.push(root, "origin", other, "review/train", (), replace=False)
    publishing.push(root, "origin", other, "review/train", (), replace=True)
    assert git(origin, "rev-parse", "review/train") == other


def test_the_user_s_own_check_of_pushes_runs(publishing, root):
    hook = root / ".git" / "hooks" / "pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'not on a Friday' >&2\nexit 1\n")
    hook.chmod(0o755)
    commit, _ = publishing.commit(root, None, {}, "to review")
    with pytest.raises(Rejected):
        publishing.push(root, "origin", commit, "review/train", (), replace=False)


def test_remotes_that_are_not_there(publishing, root, tmp_path):
    with pytest.raises(NotFound, match="no git remote elsewhere"):
        publishing.remote_url(root, "elsewhere")
    git(root, "remote", "add", "gone", str(tmp_path / "gone.git"))
    git(root, "remote", "add", "away", "http://ana:a-password@127.0.0.1:9/ml/churn.git")
    for remote in ("gone", "away"):
        with pytest.raises(Unavailable, match="does not answer") as told:
            publishing.push(root, remote, git(root, "rev-parse", "HEAD"), "review/train", (), replace=False)
        assert "a-password" not in str(told.value)
        with pytest.raises(Unavailable):
            publishing.default_branch(root, remote)


def test_where_the_remote_and_the_user_stand(publishing, root, origin, tmp_path):
    assert publishing.default_branch(root, "origin") == "main"
    assert publishing.branch(root) == "main"
    git(tmp_path, "clone", "-q", str(origin), "cloned")
    git(tmp_path / "cloned", "checkout", "-q", "--detach")
    assert publishing.default_branch(tmp_path / "cloned", "origin") == "main"
    assert publishing.branch(tmp_path / "cloned") is None
    assert publishing.remote_url(root, "origin") == str(origin)
    git(tmp_path, "init", "-q", "--bare", "empty.git")
    git(root, "remote", "add", "empty", os.fspath(tmp_path / "empty.git"))
    with pytest.raises(NotFound, match="no default branch"):
        publishing.default_branch(root, "empty")
