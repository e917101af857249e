"""A snapshot holds what is there, and whatever the user is in the middle of stays as it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_jupyter import registry
from mlops_jupyter.errors import ConfigurationError, Conflict, NotFound
from tests.fakes.repositories import NOTEBOOK, SITUATIONS, clean, git, new, state, write

LIVE = NOTEBOOK.replace('"metadata": {}', '"metadata": {"live": true}').encode()
REFS = "refs/mlops/snapshots"


@pytest.fixture
def snapshots(clean_environment):
    return registry.load("snapshots", "git")()


@pytest.fixture(params=list(SITUATIONS))
def root(request, tmp_path, clean_environment) -> Path:
    if request.param == "with_lfs" and shutil.which("git-lfs") is None:
        pytest.skip("apt-get install git-lfs")
    return SITUATIONS[request.param](tmp_path)


def test_nothing_of_the_user_s_is_touched(snapshots, root):
    before = state(root)
    taken, new_one = snapshots.take(root, {root / "train.ipynb": LIVE}, "now")
    again, new_again = snapshots.take(root, {root / "train.ipynb": LIVE}, "again")
    assert state(root) == before
    assert (new_one, new_again, again) == (True, False, taken)
    assert taken.title == "now"
    assert [one for one in root.rglob("*") if "logs" in one.parts and "mlops" in one.parts] == []


def test_it_holds_the_notebook_and_the_tracked_files_as_they_are(snapshots, root, tmp_path):
    taken, _ = snapshots.take(root, {root / "train.ipynb": LIVE}, "now")
    # As a checkout writes it: with the line ends that the user's configuration asks for.
    assert snapshots.read(root, taken.commit, "train.ipynb").replace(b"\r\n", b"\n") == LIVE
    (tmp_path / "out").mkdir()
    snapshots.export(root, taken.commit, tmp_path / "out")
    tracked = git(root, "ls-files", "-z").split("\0")[:-1] if git(root, "ls-files") else []
    skipped = {line[2:] for line in git(root, "ls-files", "-t").splitlines() if line.startswith("S ")}
    for name in {*tracked} - {"train.ipynb", "part"} - skipped:
        there, now = tmp_path / "out" / name, root / name
        assert there.exists() == now.exists(), name
        assert not now.exists() or there.read_text() == now.read_text(), name
    assert not (tmp_path / "out" / "untracked.txt").exists()
    assert (tmp_path / "out" / "train.ipynb").read_bytes().replace(b"\r\n", b"\n") == LIVE


def test_its_parent_is_where_the_user_stands(snapshots, root):
    head = git(root, "rev-parse", "-q", "--verify", "HEAD", check=False)
    taken, _ = snapshots.take(root, {root / "train.ipynb": LIVE}, "now")
    assert git(root, "rev-list", "--parents", "-1", taken.commit).split()[1:] == ([head] if head else [])


def test_a_notebook_that_git_does_not_know_or_ignores_is_in_it(snapshots, tmp_path):
    root = clean(tmp_path)
    write(root, ".gitignore", "scratch/\n")
    for name in ("new.ipynb", "scratch/ignored.ipynb", "not/on/disk.ipynb"):
        taken, _ = snapshots.take(root, {root / name: LIVE}, name)
        assert snapshots.read(root, taken.commit, name) == LIVE
    assert snapshots.notebooks(root, taken.commit) == ("not/on/disk.ipynb", "train.ipynb")


def test_a_file_edited_within_the_index_s_own_tick_is_seen(snapshots, tmp_path):
    # Same size, same time: git tells only because the index is not newer than the file.
    root = clean(tmp_path)
    for number in range(5):
        write(root, "model.py", f"one = {number}\n")
        git(root, "add", "model.py")
        stamp = (root / "model.py").stat().st_mtime_ns
        write(root, "model.py", f"two = {number}\n")
        os.utime(root / "model.py", ns=(stamp, stamp))
        os.utime(root / ".git" / "index", ns=(stamp, stamp))
        taken, _ = snapshots.take(root, {root / "train.ipynb": LIVE}, "now")
        assert snapshots.read(root, taken.commit, "model.py") == f"two = {number}\n".encode()


@pytest.mark.parametrize("said", ["GIT_INDEX_FILE", "GIT_DIR", "GIT_WORK_TREE", "GIT_LITERAL_PATHSPECS"])
def test_one_taken_from_a_hook_is_of_the_directory_s_repository(snapshots, tmp_path, monkeypatch, said):
    root = SITUATIONS["edited"](tmp_path)
    elsewhere = new(tmp_path / "elsewhere")
    before, before_elsewhere = state(root), state(elsewhere)
    told = {"GIT_INDEX_FILE": elsewhere / ".git/index", "GIT_DIR": elsewhere / ".git", "GIT_WORK_TREE": elsewhere}
    monkeypatch.setenv(said, str(told.get(said, "1")))
    taken, _ = snapshots.take(root / "data", {root / "train.ipynb": LIVE}, "now")
    assert snapshots.read(root, taken.commit, "model.py") == b"one = 2\n"
    monkeypatch.delenv(said)
    assert (state(root), state(elsewhere)) == (before, before_elsewhere)


def test_a_file_that_the_user_made_in_a_left_out_folder_is_in_it(snapshots, tmp_path):
    root = SITUATIONS["sparse_but_there"](tmp_path)
    taken, _ = snapshots.take(root, {root / "train.ipynb": LIVE}, "now")
    assert snapshots.read(root, taken.commit, "data/rows.csv") == b"mine\n"


def test_an_export_has_what_a_sparse_checkout_leaves_out(snapshots, tmp_path):
    root = SITUATIONS["sparse"](tmp_path)
    taken, _ = snapshots.take(root, {root / "train.ipynb": LIVE}, "now")
    (tmp_path / "out").mkdir()
    snapshots.export(root, taken.commit, tmp_path / "out")
    assert (tmp_path / "out/data/rows.csv").read_text() == "a,b\n1,2\n"


def test_an_export_follows_the_attributes_of_its_own_commit(snapshots, tmp_path, monkeypatch):
    root = SITUATIONS["with_a_filter"](tmp_path)
    taken, _ = snapshots.take(root, {root / "train.ipynb": LIVE}, "now")
    (root / ".gitattributes").unlink()
    before = state(root)
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path)
    snapshots.export(root, taken.commit, Path("out"))
    assert (tmp_path / "out/data/rows.csv").read_text() == "c,d\n3,4\n"
    assert state(root) == before


def test_what_git_lfs_holds_is_a_pointer_in_it_and_the_file_in_an_export(snapshots, tmp_path):
    if shutil.which("git-lfs") is None:
        pytest.skip("apt-get install git-lfs")
    root = SITUATIONS["with_lfs"](tmp_path)
    taken, _ = snapshots.take(root, {root / "train.ipynb": LIVE}, "now")
    assert git(root, "show", f"{taken.commit}:data/rows.csv").startswith("version https://git-lfs")
    assert snapshots.read(root, taken.commit, "data/rows.csv") == b"e,f\n5,6\n"
    (tmp_path / "out").mkdir()
    snapshots.export(root, taken.commit, tmp_path / "out")
    assert (tmp_path / "out/data/rows.csv").read_text() == "e,f\n5,6\n"


def test_a_file_whose_filter_fails_is_not_called_missing(snapshots, tmp_path):
    root = SITUATIONS["with_a_filter"](tmp_path)
    taken, _ = snapshots.take(root, {root / "train.ipynb": LIVE}, "now")
    git(root, "config", "filter.upper.smudge", "false")
    (tmp_path / "out").mkdir()
    with pytest.raises(ConfigurationError, match="smudge"):
        snapshots.read(root, taken.commit, "data/rows.csv")
    with pytest.raises(ConfigurationError, match="cannot write"):
        snapshots.export(root, taken.commit, tmp_path / "out")


def test_notebooks_that_are_not_the_repository_s(snapshots, tmp_path):
    part = SITUATIONS["submodule"](tmp_path)
    outer = part.parent
    before = state(outer)
    with pytest.raises(NotFound, match="belongs to the git repository"):
        snapshots.take(outer, {outer / "train.ipynb": LIVE, part / "train.ipynb": LIVE}, "now")
    with pytest.raises(NotFound, match="lies outside"):
        snapshots.take(outer, {tmp_path / "inner/train.ipynb": LIVE}, "now")
    assert snapshots.taken(outer) == ()
    assert state(outer) == before


def test_a_notebook_that_is_a_link_and_a_directory_reached_by_one(snapshots, tmp_path):
    root = clean(tmp_path)
    (root / "linked.ipynb").symlink_to("train.ipynb")
    git(root, "add", "linked.ipynb")
    (tmp_path / "way").symlink_to(root)
    taken, _ = snapshots.take(tmp_path / "way", {tmp_path / "way/linked.ipynb": LIVE}, "now")
    assert snapshots.read(root, taken.commit, "linked.ipynb") == LIVE
    assert git(root, "ls-tree", taken.commit, "linked.ipynb").startswith("100644 blob")


@given(title=st.text(max_size=60))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_title_can_be_told_again(snapshots, tmp_path_factory, title):
    root = clean(tmp_path_factory.mktemp("titles"))
    git(root, "config", "i18n.commitEncoding", "ISO-8859-1")
    taken, _ = snapshots.take(root, {root / "train.ipynb": LIVE}, title)
    assert snapshots.taken(root) == (taken,)
    if title.isalnum():
        assert taken.title == title
    found = snapshots.resolve(root, f"{taken.ref}~0")
    assert (found.commit, found.title) == (taken.commit, taken.title)


def test_the_same_notebook_at_another_commit_is_another_snapshot(snapshots, tmp_path):
    root = clean(tmp_path)
    first, _ = snapshots.take(root, {root / "train.ipynb": LIVE}, "now")
    git(root, "commit", "-q", "--allow-empty", "-m", "second")
    second, is_new = snapshots.take(root, {root / "train.ipynb": LIVE}, "now")
    assert is_new
    assert {one.commit for one in snapshots.taken(root)} == {first.commit, second.commit}


def test_two_at_the_same_time(snapshots, tmp_path):
    root = clean(tmp_path)
    before = state(root)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda number: snapshots.take(root, {root / "train.ipynb": LIVE}, "now"), range(8)))
    assert len({one.commit for one, _ in taken}) == 1
    assert sum(is_new for _, is_new in taken) == 1
    assert state(root) == before


def test_two_processes_at_the_same_time(snapshots, tmp_path):
    root = SITUATIONS["edited"](tmp_path)
    before = state(root)
    taking = (
        "import sys, pathlib; from mlops_jupyter import registry; root = pathlib.Path(sys.argv[1]);"
        "keeper = registry.load('snapshots', 'git')(); print(flush=True); sys.stdin.readline();"
        "print(*keeper.take(root, {root / 'train.ipynb': b'{}'}, 'now')[0][:1])"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", taking, str(root)], stdin=-1, stdout=-1, text=True) for _ in range(2)
    ]
    for process in started:
        process.stdout.readline()
    for process in started:
        process.stdin.write("\n")
        process.stdin.flush()
    said = {process.communicate(timeout=60)[0].strip() for process in started}
    assert said == {one.commit for one in snapshots.taken(root)}
    assert len(said) == 1
    assert state(root) == before


def test_who_is_nobody_to_git_can_take_one(snapshots, tmp_path, monkeypatch):
    root = clean(tmp_path)
    git(root, "config", "user.useConfigOnly", "true")
    taken, _ = snapshots.take(root, {root / "train.ipynb": LIVE}, "now")
    assert taken.author == "mlops-jupyter"


def test_snapshots_survive_git_s_housekeeping(snapshots, tmp_path):
    root = clean(tmp_path)
    taken, _ = snapshots.take(root, {root / "train.ipynb": LIVE}, "now")
    git(root, "gc", "-q", "--prune=now")
    assert snapshots.read(root, taken.commit, "train.ipynb") == LIVE
    assert snapshots.taken(root) == (taken,)


def test_a_name_means_a_snapshot_first_and_then_what_git_knows(snapshots, tmp_path):
    root = clean(tmp_path)
    head = git(root, "rev-parse", "HEAD")
    taken, _ = snapshots.take(root, {root / "train.ipynb": LIVE}, "now")
    assert snapshots.resolve(root, taken.commit[:8]) == taken
    for name in (taken.ref, taken.ref.removeprefix("refs/mlops/snapshots/"), taken.commit.upper()):
        assert snapshots.resolve(root, name) == taken
    for name in ("HEAD", "main", head[:10], f"{taken.commit[:12]}^"):
        found = snapshots.resolve(root, name)
        assert found is not None
        assert (found.commit, found.title, found.author) == (head, "first", "Ana")
    for name in ("no-such-branch", "", "-x", "--all", "HEAD~7", "a" * 40, "\n", "^HEAD", "HEAD~1..HEAD", "a\0b"):
        assert snapshots.resolve(root, name) is None, name


def test_an_abbreviation_of_several_is_a_conflict(snapshots, tmp_path):
    root, found = clean(tmp_path), {}
    for number in range(2000):
        commit = git(root, "commit-tree", "HEAD^{tree}", "-m", str(number))
        if commit[:4] in found:
            break
        found[commit[:4]] = commit
    git(root, "update-ref", f"{REFS}/one", commit)
    git(root, "update-ref", f"{REFS}/two", found[commit[:4]])
    with pytest.raises(Conflict, match="may be any of") as told:
        snapshots.resolve(root, commit[:4])
    assert commit[:12] in told.value.message


def test_the_history_of_a_notebook_follows_its_renames(snapshots, tmp_path):
    root = clean(tmp_path)
    git(root, "mv", "train.ipynb", "ünï code.ipynb")
    git(root, "commit", "-q", "-m", "renamed")
    write(root, "model.py", "two = 2\n")
    git(root, "commit", "-q", "-a", "-m", "not the notebook")
    found = snapshots.commits_of(root, root / "ünï code.ipynb", 10)
    assert [(one.title, one.path) for one in found] == [("renamed", "ünï code.ipynb"), ("first", "train.ipynb")]
    assert [one.title for one in snapshots.commits_of(root, root / "ünï code.ipynb", 1)] == ["renamed"]


def test_a_rename_that_is_not_committed_is_followed_too(snapshots, tmp_path):
    root = clean(tmp_path)
    (root / "deep").mkdir()
    git(root, "mv", "train.ipynb", "ünï code.ipynb")
    git(root, "commit", "-q", "-m", "renamed")
    (root / "ünï code.ipynb").rename(root / "deep" / "-x.ipynb")
    before = git(root, "status", "--porcelain")
    moved = root / "deep" / "-x.ipynb"
    assert [one.path for one in snapshots.commits_of(root, moved)] == ["ünï code.ipynb", "train.ipynb"]
    assert [one.path for one in snapshots.commits_of(root, moved, 1)] == ["ünï code.ipynb"]
    assert git(root, "status", "--porcelain") == before
    git(root, "add", "--all")
    assert [one.path for one in snapshots.commits_of(root, moved)] == ["ünï code.ipynb", "train.ipynb"], "staged"
    # What is unlike all that is gone is a new notebook.
    write(root, "new.ipynb", "".join(f"{number} of another\n" for number in range(99)))
    assert snapshots.commits_of(root, root / "new.ipynb") == ()
    assert snapshots.commits_of(root, root / "none.ipynb") == ()


def test_the_history_is_the_same_whatever_the_user_s_configuration(snapshots, tmp_path):
    root = SITUATIONS["odd_configuration"](tmp_path)
    gpg = write(
        tmp_path,
        "gpg",
        "#!/bin/sh\ncat >/dev/null\necho signed by Ana\necho >&2\necho '[GNUPG:] SIG_CREATED D 1 8 00 1 1' >&2\n",
    )
    gpg.chmod(0o755)
    git(root, "config", "gpg.program", str(gpg))
    write(root, "train.ipynb", NOTEBOOK + "\n")
    git(root, "commit", "-q", "-a", "-S", "-m", "signed")
    found = snapshots.commits_of(root, root / "train.ipynb", 10)
    assert [(one.title, one.path) for one in found] == [("signed", "train.ipynb"), ("first", "train.ipynb")]
    assert snapshots.resolve(root, "HEAD") == found[0]._replace(path="")


def test_snapshots_of_one_notebook(snapshots, tmp_path):
    root = clean(tmp_path)
    both, _ = snapshots.take(root, {root / "train.ipynb": LIVE, root / "other.ipynb": LIVE}, "both")
    one, _ = snapshots.take(root, {root / "train.ipynb": LIVE}, "one")
    assert {found.commit for found in snapshots.taken(root, root / "train.ipynb")} == {both.commit, one.commit}
    assert [(found.commit, found.path) for found in snapshots.taken(root, root / "other.ipynb")] == [
        (both.commit, "other.ipynb")
    ]


def test_whether_a_notebook_has_changed_in_a_snapshot_of_another(snapshots, tmp_path):
    root = clean(tmp_path)
    write(root, "other.ipynb", NOTEBOOK)
    git(root, "add", "other.ipynb")
    git(root, "commit", "-q", "-m", "other")
    unchanged, _ = snapshots.take(root, {root / "train.ipynb": LIVE}, "train")
    own, _ = snapshots.take(root, {root / "other.ipynb": LIVE}, "other")
    changed = {one.commit: one.changed for one in snapshots.taken(root, root / "other.ipynb")}
    assert changed == {unchanged.commit: False, own.commit: True}


def test_odd_names_in_histories_and_snapshots(snapshots, tmp_path):
    root = SITUATIONS["odd_names"](tmp_path)
    for name in ("two\nlines.ipynb", ":(top)magic.ipynb", "a b/*.ipynb", "-x.ipynb", "tab\tünï.ipynb"):
        before, _ = snapshots.take(root, {root / "train.ipynb": LIVE + name.encode()}, "without it")
        # Unlike any other: git takes what is alike for a renamed file.
        write(root, name, "".join(f"{name}: {number}\n" for number in range(99)))
        git(root, "--literal-pathspecs", "add", "--", name)
        git(root, "commit", "-q", "-m", "\x01odd")
        taken, _ = snapshots.take(root, {root / name: LIVE}, name)
        assert snapshots.read(root, taken.commit, name) == LIVE
        held = {one.commit: one.path for one in snapshots.taken(root, root / name)}
        assert held[taken.commit] == name
        assert before.commit not in held
        assert [(one.title, one.path) for one in snapshots.commits_of(root, root / name, 5)] == [("\x01odd", name)]


def test_what_is_forgotten_is_gone_and_the_rest_stays(snapshots, tmp_path):
    root = clean(tmp_path)
    before = state(root)
    first, _ = snapshots.take(root, {root / "train.ipynb": LIVE}, "first")
    second, _ = snapshots.take(root, {root / "train.ipynb": LIVE + b"\n"}, "second")
    snapshots.forget(root, [first])
    assert snapshots.taken(root) == (second,)
    # Another process may have been first; a commit of the user's is none of these.
    snapshots.forget(root, [first, snapshots.resolve(root, "HEAD")])
    snapshots.forget(root, [])
    assert state(root) == before


def test_an_export_tells_of_submodules(snapshots, tmp_path):
    root = SITUATIONS["with_a_submodule"](tmp_path)
    (tmp_path / "out").mkdir()
    taken, _ = snapshots.take(root, {root / "train.ipynb": LIVE}, "now")
    assert snapshots.export(root, taken.commit, tmp_path / "out") == ("the submodule part is not in it",)


def test_what_is_not_there_is_told(snapshots, tmp_path):
    root = clean(tmp_path)
    taken, _ = snapshots.take(root, {root / "train.ipynb": LIVE}, "now")
    with pytest.raises(NotFound, match=r"no gone\.ipynb"):
        snapshots.read(root, taken.commit, "gone.ipynb")
    for act in (snapshots.notebooks, lambda where, commit: snapshots.export(where, commit, tmp_path)):
        with pytest.raises(NotFound):
            act(root, "a" * 40)
    assert snapshots.commits_of(root, root / "gone.ipynb", 10) == ()


def test_outside_a_working_tree(snapshots, tmp_path):
    root = clean(tmp_path)
    git(tmp_path, "clone", "-q", "--bare", str(root), "bare.git")
    assert snapshots.top(tmp_path) is None
    assert snapshots.top(tmp_path / "bare.git") is None
    assert snapshots.top(root / ".git") is None
    assert snapshots.top(root / "data") == root
    with pytest.raises(NotFound, match="in no git repository"):
        snapshots.take(tmp_path, {tmp_path / "train.ipynb": LIVE}, "now")


def test_a_repository_of_another_user(snapshots, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to another user")
    root = clean(tmp_path)
    for one in (root, root / ".git"):
        os.chown(one, 12345, 12345)
    for directory in (root, root / "data"):
        with pytest.raises(ConfigurationError, match="another user owns") as told:
            snapshots.top(directory)
        assert f"safe.directory {root}," in (told.value.hint or "")
        assert told.value.exit_code == 3


def test_a_repository_that_is_damaged_is_not_taken_for_none(snapshots, tmp_path):
    root = SITUATIONS["linked_worktree"](tmp_path)
    (root / ".git").write_text("gitdir: /gone\n")
    with pytest.raises(ConfigurationError, match="not a git repository: /gone"):
        snapshots.top(root)
    (tmp_path / "main-tree/.git/config").write_text("[core\n")
    with pytest.raises(ConfigurationError, match="bad config"):
        snapshots.top(tmp_path / "main-tree")


def test_without_git(snapshots, tmp_path, monkeypatch):
    root = clean(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="git is not installed") as told:
        snapshots.top(root)
    assert "install git" in (told.value.hint or "")


def test_a_filter_that_fails_is_told_and_nothing_is_taken(snapshots, tmp_path):
    root = SITUATIONS["with_a_filter"](tmp_path)
    git(root, "config", "filter.upper.clean", "false")
    before = state(root)
    with pytest.raises(ConfigurationError, match="cannot take the files"):
        snapshots.take(root, {root / "train.ipynb": LIVE}, "now")
    assert state(root) == before
    assert snapshots.taken(root) == ()


def test_one_killed_in_the_middle_leaves_nothing_locked(snapshots, tmp_path):
    root = clean(tmp_path)
    for number in range(40):
        write(root, f"many/{number}.py", "x" * 100_000)
    git(root, "add", ".")
    for number in range(40):
        write(root, f"many/{number}.py", "y" * 100_000)
    before = state(root)
    taking = (
        "import sys, pathlib; from mlops_jupyter import registry; root = pathlib.Path(sys.argv[1]); "
        "print(1, flush=True); "
        "registry.load('snapshots', 'git')().take(root, {root / 'train.ipynb': b'{}'}, 'now')"
    )
    with subprocess.Popen([sys.executable, "-c", taking, str(root)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
    assert state(root) == before
    assert snapshots.take(root, {root / "train.ipynb": LIVE}, "now")[1]
