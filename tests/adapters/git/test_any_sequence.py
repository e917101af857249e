"""Whatever the user does between snapshots, none of his work is touched, and what was kept can be read back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)

from mlops_jupyter import registry
from tests.fakes.repositories import NOTEBOOK, SITUATIONS, git, state, write

STARTS = ("clean", "dirty_index", "no_commit_yet", "detached", "in_a_merge", "in_a_rebase", "linked_worktree", "sparse")
NOTEBOOKS = ("train.ipynb", "new folder/ünï.ipynb")
# What a user types between two snapshots; git may refuse it where it does not fit.
COMMANDS = (
    ("add", "-A"),
    ("add", "model.py"),
    ("add", "-N", "."),
    ("commit", "-q", "-m", "staged"),
    ("commit", "-q", "-a", "-m", "all"),
    ("checkout", "-q", "-b", "other"),
    ("checkout", "-q", "main"),
    ("stash", "-q", "-u"),
    ("stash", "pop", "-q"),
    ("merge", "-q", "other"),
    ("merge", "--abort"),
    ("rebase", "--abort"),
    ("reset", "-q", "--hard"),
    ("gc", "-q", "--prune=now"),
)


class Sequence(RuleBasedStateMachine):
    new_folder: Callable[[str], Path]
    kept = Bundle("kept")

    def __init__(self) -> None:
        super().__init__()
        self.place = self.new_folder("any")
        self.snapshots = registry.load("snapshots", "git")()
        self.publishing = registry.load("publishing", "git")()
        self.known: dict[str, dict[str, bytes]] = {}
        self.exports = 0

    @initialize(start=st.sampled_from(STARTS))
    def begin(self, start: str) -> None:
        self.root = SITUATIONS[start](self.place)

    @contextmanager
    def untouched(self) -> Iterator[None]:
        before = state(self.root)
        yield
        assert state(self.root) == before

    @rule(name=st.sampled_from(["model.py", "data/rows.csv", *NOTEBOOKS]), size=st.integers(0, 3))
    def edit(self, name: str, size: int) -> None:
        write(self.root, name, f"{name} {size}\n")

    @rule(name=st.sampled_from(["model.py", "data/rows.csv", "train.ipynb"]))
    def delete(self, name: str) -> None:
        (self.root / name).unlink(missing_ok=True)

    @rule(command=st.sampled_from(COMMANDS))
    def type_a_command(self, command: tuple[str, ...]) -> None:
        git(self.root, *command, check=False)

    @rule(target=kept, name=st.sampled_from(NOTEBOOKS), size=st.integers(0, 2))
    def take(self, name: str, size: int) -> object:
        live = (NOTEBOOK + " " * size).encode()
        with self.untouched():
            one, new = self.snapshots.take(self.root, {self.root / name: live}, "now")
            assert self.snapshots.take(self.root, {self.root / name: live}, "again") == (one, False)
        assert new is (one.commit not in self.known)
        self.known[one.commit] = {**_tracked(self.root), name: live}
        return one if new else multiple()

    @rule(one=kept)
    def look(self, one) -> None:
        with self.untouched():
            assert {found.commit for found in self.snapshots.taken(self.root)} == {*self.known}
            assert self.snapshots.resolve(self.root, one.commit[:20]) == one
            for name, content in self.known[one.commit].items():
                assert self.snapshots.read(self.root, one.commit, name) == content

    @rule(one=kept)
    def export(self, one) -> None:
        target = self.place / f"export{self.exports}"
        self.exports += 1
        target.mkdir()
        with self.untouched():
            self.snapshots.export(self.root, one.commit, target)
        for name, content in self.known[one.commit].items():
            assert (target / name).read_bytes() == content

    @rule(one=consumes(kept))
    def forget(self, one) -> None:
        with self.untouched():
            self.snapshots.forget(self.root, [one])
        del self.known[one.commit]

    @rule(name=st.sampled_from(NOTEBOOKS))
    def commit_for_others(self, name: str) -> None:
        with self.untouched():
            commit, _ = self.publishing.commit(self.root, None, {self.root / name: b"{}"}, "to review")
        assert git(self.root, "show", f"{commit}:{name}") == "{}"


def test_any_sequence_leaves_the_user_s_work_alone(clean_environment, tmp_path_factory):
    class Here(Sequence):
        new_folder = staticmethod(tmp_path_factory.mktemp)

    # Each of its rules asserts, most of them that the state of the repository is what it was.
    run_state_machine_as_test(Here, settings=settings(max_examples=15, stateful_step_count=8, deadline=None))


def _tracked(root: Path) -> dict[str, bytes]:
    there = (name for name in git(root, "ls-files", "-z").split("\0") if name and (root / name).exists())
    return {name: (root / name).read_bytes() for name in there}
