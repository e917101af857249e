"""Which states of a notebook its snapshots hold."""

from __future__ import annotations

import pytest

from mlops_jupyter.capabilities.notebooks import reading
from mlops_jupyter.capabilities.sources import checksum_of_cells
from mlops_jupyter.commands import kept
from mlops_jupyter.commands.kept import kept_sources
from mlops_jupyter.records import KeptSources
from tests.fakes.notebooks import write_notebook
from tests.fakes.repositories import git


def now(notebook):
    return checksum_of_cells(reading.read(notebook.read_bytes(), notebook.name))


@pytest.fixture(params=["git", "folder"])
def notebook(request, project):
    if request.param == "git":
        git(project, "init", "-q", "-b", "main")
    (project / "größe 50% #1").mkdir()
    return write_notebook(project / "größe 50% #1" / "train.ipynb", "x = 1")


def test_each_state_that_was_kept_is_known(notebook, terminal):
    assert kept_sources(notebook) == KeptSources()
    states = []
    for source in ("x = 1", "x = 2"):
        write_notebook(notebook, source)
        assert terminal("snapshot", notebook.name, cwd=notebook.parent).code == 0
        states.append(now(notebook))
    found = kept_sources(notebook)
    assert set(found.checksums) == set(states)
    assert found.ref is not None
    assert found.taken is not None
    write_notebook(notebook, "x = 3")
    assert now(notebook) not in kept_sources(notebook).checksums
    # Renamed, it has no snapshots of its own.
    assert kept_sources(notebook.rename(notebook.with_name("other.ipynb"))) == KeptSources()


def test_what_is_known_is_not_read_again(notebook, terminal, monkeypatch):
    assert terminal("snapshot", notebook.name, cwd=notebook.parent).code == 0
    found = kept_sources(notebook)
    monkeypatch.delattr(kept.reading, "read")
    assert kept_sources(notebook) == found


def test_a_folder_that_is_gone(project):
    assert kept_sources(project / "gone" / "train.ipynb") == KeptSources()
