"""Real git repositories in every state that one can be in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from tests.fakes.git import git as run_git

NOTEBOOK = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}\n'


def git(directory: Path, *words: str, check: bool = True, **environment: str) -> str:
    """Run git as the user does, and return what it said."""
    # Nobody sits before an editor.
    return run_git(directory, *words, check=check, GIT_EDITOR="true", **environment).stdout.strip()


def new(root: Path) -> Path:
    """Make a repository with a notebook, a script and one commit on main."""
    root.mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    # As a user's configuration may be: none of it is for snapshots.
    git(root, "config", "core.logAllRefUpdates", "always")
    write(root, "train.ipynb", NOTEBOOK)
    write(root, "model.py", "one = 1\n")
    write(root, "data/rows.csv", "a,b\n1,2\n")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "first")
    return root


def write(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def state(root: Path) -> dict[str, object]:
    """Describe all that is the user's: what git says, and every byte of his files and of git's own about him."""
    top = Path(git(root, "rev-parse", "--show-toplevel"))
    folder = Path(git(root, "rev-parse", "--absolute-git-dir"))
    common = (folder / git(root, "rev-parse", "--git-common-dir")).resolve()
    kept = [one for one in folder.rglob("*") if one.is_file() and "objects" not in one.parts]
    kept += [one for one in common.rglob("*") if one.is_file() and "objects" not in one.parts]
    files = [
        one for one in top.rglob("*") if one.is_file() and not {".git", ".mlops"} & set(one.relative_to(top).parts)
    ]
    told = {
        str(one): _digest(one)
        for one in {*kept, *files}
        if "mlops" not in str(one.relative_to(one.anchor)).split("refs")[-1]
    }
    times = {str(one): one.stat().st_mtime_ns for one in files}
    # Asked for last: git itself may write the index when it looks.
    return {"files": told, "times": times} | {
        " ".join(words): git(root, "--no-optional-locks", "-c", "core.fsmonitor=false", *words, check=False)
        for words in (
            ("status", "--porcelain=v2", "--branch", "--untracked-files=all"),
            ("rev-parse", "HEAD"),
            ("symbolic-ref", "-q", "HEAD"),
            ("stash", "list"),
            ("for-each-ref", "refs/heads", "refs/tags", "refs/remotes", "refs/stash"),
            ("diff", "--cached", "--raw"),
        )
    }


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def receiving(place: Path, *, answers: str = "") -> Path:
    """Make a bare repository that takes push options and keeps them in ``options``; ``answers`` is what it says."""
    bare = place / "origin.git"
    git(place, "init", "-q", "--bare", "-b", "main", str(bare))
    git(bare, "config", "receive.advertisePushOptions", "true")
    hook = bare / "hooks" / "pre-receive"
    hook.write_text(
        "#!/bin/sh\n"
        'i=0; while [ $i -lt "${GIT_PUSH_OPTION_COUNT:-0}" ]; do\n'
        '  eval "echo \\"\\$GIT_PUSH_OPTION_$i\\"" >> options; i=$((i+1)); done\n'
        "if [ -f refuse ]; then cat refuse; exit 1; fi\n"
        f"cat <<'end'\n{answers}\nend\n"
    )
    hook.chmod(0o755)
    return bare


# --- situations: each gets a folder to work in and returns the working tree that the user stands in ---------------

Situation = Callable[[Path], Path]
SITUATIONS: dict[str, Situation] = {}


def situation(make: Situation) -> Situation:
    SITUATIONS[make.__name__] = make
    return make


@situation
def clean(place: Path) -> Path:
    return new(place / "clean")


@situation
def edited(place: Path) -> Path:
    root = new(place / "edited")
    write(root, "model.py", "one = 2\n")
    (root / "data/rows.csv").unlink()
    write(root, "untracked.txt", "mine\n")
    return root


@situation
def dirty_index(place: Path) -> Path:
    root = new(place / "dirty")
    write(root, "model.py", "one = 2\n")
    write(root, "staged.py", "new = 1\n")
    git(root, "add", ".")
    write(root, "model.py", "one = 3\n")
    write(root, "meant.py", "")
    git(root, "add", "-N", "meant.py")
    git(root, "rm", "-q", "--cached", "data/rows.csv")
    return root


@situation
def no_commit_yet(place: Path) -> Path:
    root = place / "unborn"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    write(root, "train.ipynb", NOTEBOOK)
    return root


@situation
def staged_but_no_commit(place: Path) -> Path:
    root = no_commit_yet(place)
    write(root, "model.py", "one = 1\n")
    git(root, "add", "model.py")
    return root


@situation
def detached(place: Path) -> Path:
    root = new(place / "detached")
    git(root, "checkout", "-q", "--detach")
    return root


def _two_sides(root: Path) -> None:
    write(root, "model.py", "one = 'ours'\n")
    write(root, "train.ipynb", NOTEBOOK.replace("[]", "[ ]"))
    git(root, "commit", "-q", "-a", "-m", "ours")
    git(root, "checkout", "-q", "-b", "side", "HEAD~1")
    write(root, "model.py", "one = 'theirs'\n")
    write(root, "train.ipynb", NOTEBOOK.replace("[]", "[  ]"))
    git(root, "commit", "-q", "-a", "-m", "theirs")


@situation
def in_a_merge(place: Path) -> Path:
    root = new(place / "merge")
    _two_sides(root)
    git(root, "merge", "main", check=False)
    assert (root / ".git" / "MERGE_HEAD").exists()
    return root


@situation
def in_a_rebase(place: Path) -> Path:
    root = new(place / "rebase")
    _two_sides(root)
    git(root, "rebase", "main", check=False)
    assert (root / ".git" / "rebase-merge").exists()
    return root


@situation
def in_a_cherry_pick(place: Path) -> Path:
    root = new(place / "pick")
    _two_sides(root)
    git(root, "cherry-pick", "main", check=False)
    assert (root / ".git" / "CHERRY_PICK_HEAD").exists()
    return root


@situation
def with_a_stash(place: Path) -> Path:
    root = edited(place)
    git(root, "stash", "-u")
    write(root, "model.py", "one = 4\n")
    return root


@situation
def linked_worktree(place: Path) -> Path:
    root = new(place / "main-tree")
    git(root, "worktree", "add", "-q", str(place / "linked"), "-b", "linked")
    write(place / "linked", "model.py", "one = 5\n")
    return place / "linked"


@situation
def submodule(place: Path) -> Path:
    inner, outer = new(place / "inner"), new(place / "outer")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "part")
    git(outer, "commit", "-q", "-m", "part")
    write(outer / "part", "model.py", "one = 6\n")
    return outer / "part"


@situation
def with_a_submodule(place: Path) -> Path:
    return submodule(place).parent


@situation
def shallow(place: Path) -> Path:
    root = new(place / "deep")
    write(root, "model.py", "one = 7\n")
    git(root, "commit", "-q", "-a", "-m", "second")
    git(place, "clone", "-q", "--depth=1", f"file://{root}", "shallow")
    return place / "shallow"


@situation
def sparse(place: Path) -> Path:
    root = new(place / "sparse")
    git(root, "sparse-checkout", "set", "--no-cone", "/train.ipynb", "/model.py")
    assert not (root / "data").exists()
    return root


@situation
def split_index(place: Path) -> Path:
    root = new(place / "split")
    git(root, "update-index", "--split-index")
    write(root, "model.py", "one = 8\n")
    git(root, "add", "model.py")
    return root


@situation
def with_hooks(place: Path) -> Path:
    root = new(place / "hooks")
    for name in ("pre-commit", "post-commit", "post-index-change", "reference-transaction", "pre-auto-gc"):
        _hook(root, name)
    return root


def _hook(root: Path, name: str) -> Path:
    hook = root / ".git" / "hooks" / name
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch '{root}/hook-{name}-ran'\nexit 1\n")
    hook.chmod(0o755)
    return hook


@situation
def with_a_file_system_monitor(place: Path) -> Path:
    root = new(place / "monitored")
    write(root, "model.py", "one = 10\n")
    git(root, "config", "core.fsmonitor", str(_hook(root, "fsmonitor-watchman")))
    return root


@situation
def sparse_index(place: Path) -> Path:
    root = new(place / "cone")
    write(root, "deep/down/here.py", "here = 1\n")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "deep")
    git(root, "sparse-checkout", "set", "--cone", "--sparse-index", "data")
    assert not (root / "deep").exists()
    write(root, "model.py", "one = 12\n")
    return root


@situation
def partial_clone(place: Path) -> Path:
    root = new(place / "whole")
    git(root, "config", "uploadpack.allowFilter", "true")
    git(place, "clone", "-q", "--filter=blob:none", f"file://{root}", "partial")
    write(place / "partial", "model.py", "one = 13\n")
    return place / "partial"


@situation
def sparse_but_there(place: Path) -> Path:
    """A folder is left out of the working tree, and the user has made a file of it himself all the same."""
    root = sparse(place)
    write(root, "data/rows.csv", "mine\n")
    return root


@situation
def with_a_filter(place: Path) -> Path:
    """As git-lfs does: a required filter that puts a pointer in the place of a file."""
    root = new(place / "filtered")
    git(root, "config", "filter.upper.clean", "tr a-z A-Z")
    git(root, "config", "filter.upper.smudge", "tr A-Z a-z")
    git(root, "config", "filter.upper.required", "true")
    write(root, ".gitattributes", "*.csv filter=upper\n")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "filtered")
    write(root, "data/rows.csv", "c,d\n3,4\n")
    return root


@situation
def with_lfs(place: Path) -> Path:
    root = new(place / "lfs")
    git(root, "lfs", "install", "--local")
    git(root, "lfs", "track", "*.csv")
    git(root, "add", "--renormalize", ".")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "lfs")
    assert git(root, "show", "HEAD:data/rows.csv").startswith("version https://git-lfs")
    write(root, "data/rows.csv", "e,f\n5,6\n")
    return root


@situation
def odd_configuration(place: Path) -> Path:
    root = new(place / "configured")
    for key, value in (
        ("log.showSignature", "true"), ("log.showRoot", "false"), ("diff.renames", "false"), ("color.ui", "always"),
        ("i18n.commitEncoding", "ISO-8859-1"), ("core.quotePath", "true"), ("index.version", "4"),
        ("core.untrackedCache", "true"), ("feature.manyFiles", "true"), ("core.pager", "false"),
    ):  # fmt: skip
        git(root, "config", key, value)
    write(root, "model.py", "one = 11\n")
    return root


@situation
def signing_and_line_ends(place: Path) -> Path:
    root = new(place / "signing")
    git(root, "config", "commit.gpgSign", "true")
    git(root, "config", "gpg.program", "false")
    git(root, "config", "core.autocrlf", "true")
    git(root, "config", "core.safecrlf", "true")
    write(root, "model.py", "one = 9\n")
    return root


@situation
def odd_names(place: Path) -> Path:
    root = new(place / "odd ü names")
    write(root, "a b/ünï\tcode\nline.py", "x\n")
    write(root, ":(top)magic.py", "y\n")
    git(root, "--literal-pathspecs", "add", ".")
    git(root, "commit", "-q", "-m", "odd")
    write(root, "a b/ünï\tcode\nline.py", "xx\n")
    return root
