"""Who may have put something into a place."""

from __future__ import annotations

import grp
import os
import pwd
import struct
from pathlib import Path

import pytest

from mlops_jupyter.capabilities import own_places
from mlops_jupyter.errors import ConfigurationError

ANA, BEN, SHARED = 1000, 1001, 100

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away: run the tests as root")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    made = tmp_path / "churn" / ".mlops"
    made.mkdir(parents=True)
    made.chmod(0o755)
    return made


def refusal(state: Path) -> str | None:
    try:
        own_places.check(state.parent, state, state / "models")
    except ConfigurationError as error:
        return error.message
    return None


def users(monkeypatch: pytest.MonkeyPatch, groups: dict[int, tuple[str, list[str]]], listed: list[int]) -> None:
    """Let the machine's users be ana, with a group of this name, ben and root."""
    every = {
        uid: pwd.struct_passwd((name, "x", uid, gid, "", "/", "/bin/sh"))
        for name, uid, gid in (("root", 0, 0), ("ana", ANA, next(iter(groups))), ("ben", BEN, SHARED))
    }

    names = {one.pw_name: one for one in every.values()}

    def group(gid: int) -> grp.struct_group:
        name, members = groups[gid]
        return grp.struct_group((name, "x", gid, members))

    monkeypatch.setattr(pwd, "getpwuid", every.__getitem__)
    monkeypatch.setattr(pwd, "getpwnam", names.__getitem__)
    monkeypatch.setattr(pwd, "getpwall", lambda: [every[uid] for uid in listed])
    monkeypatch.setattr(grp, "getgrgid", group)
    monkeypatch.setattr(os, "geteuid", lambda: ANA)


@needs_root
@pytest.mark.parametrize(
    ("groups", "listed", "refused"),
    [
        # A group of ana's own, with umask 002; the same where users are kept elsewhere, and not listed.
        ({ANA: ("ana", [])}, [0, ANA, BEN], False),
        ({ANA: ("ana", ["ana"])}, [0, BEN], False),
        ({ANA: ("ana", ["root"])}, [0, ANA, BEN], False),
        # A container has one user, whose group is called users; a volume of Kubernetes is its group's.
        ({200: ("users", [])}, [0, ANA], False),
        ({ANA: ("ana", ["ben"])}, [0, ANA, BEN], True),
        ({SHARED: ("users", [])}, [0, ANA, BEN], True),
        ({SHARED: ("staff", [])}, [0], True),
        ({ANA: ("ana", ["nobody-knows"])}, [0, ANA], True),
    ],
)
def test_a_group_may_write_that_has_nobody_else_in_it(state, monkeypatch, groups, listed, refused):
    os.chown(state, ANA, next(iter(groups)))
    users(monkeypatch, groups, listed)
    said = f"other users can write to {state}"
    state.chmod(0o775)
    assert refusal(state) == (said if refused else None)
    state.chmod(0o757)
    assert refusal(state) == said


@needs_root
def test_root_trusts_its_own_group_and_who_owns_the_project(state):
    state.chmod(0o775)
    assert refusal(state) is None
    for place in (state.parent, state):
        os.chown(place, ANA, ANA)
    state.chmod(0o755)
    assert refusal(state) is None
    os.chown(state, BEN, BEN)
    assert refusal(state) == f"{state} belongs to another user"


@needs_root
def test_a_link_of_another_user_leads_where_he_likes(state):
    (state.parent / "elsewhere").mkdir()
    (state / "models").symlink_to(state.parent / "elsewhere")
    assert refusal(state) is None
    os.lchown(state / "models", BEN, BEN)
    assert refusal(state) == f"{state / 'models'} belongs to another user"


def test_a_list_of_who_else_may_write_counts_as_others(state):
    state.chmod(0o775)
    # Version 2: the owner, the user ben, the group, the mask, all others; each with its rights.
    entries = [(1, 7, -1), (2, 7, BEN), (4, 5, -1), (16, 7, -1), (32, 5, -1)]
    packed = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *one) for one in entries)
    try:
        os.setxattr(state, "system.posix_acl_access", packed)
    except OSError as error:
        pytest.skip(f"this file system keeps no access lists: {error}")
    assert refusal(state) == f"other users can write to {state}"
