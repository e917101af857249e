"""Real merges and diffs of git through the drivers: whatever the two sides did, a notebook is left."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat.validator
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_jupyter.faces import git_drivers
from tests.fakes.git import git, new_repository

DRIVERS = f'"{sys.executable}" -P -m mlops_jupyter.faces.git_drivers'


def code(source, ident, output=None, count=1):
    outputs = [] if output is None else [{"output_type": "stream", "name": "stdout", "text": [output]}]
    return {
        "cell_type": "code",
        "id": ident,
        "metadata": {},
        "source": [source],
        "outputs": outputs,
        "execution_count": count,
    }


def notebook(*cells, minor=5, **metadata) -> str:
    return json.dumps({"nbformat": 4, "nbformat_minor": minor, "metadata": metadata, "cells": list(cells)}, indent=1)


@pytest.fixture
def repository(tmp_path, clean_environment) -> Path:
    root = new_repository(tmp_path / "my project")
    git(root, "config", "merge.jupyternotebook.driver", f"{DRIVERS} merge %O %A %B %L %P")
    git(root, "config", "diff.jupyternotebook.command", f"{DRIVERS} diff")
    (root / ".gitattributes").write_text("*.ipynb merge=jupyternotebook diff=jupyternotebook\n")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "attributes")
    return root


def merged(root: Path, base: str | None, ours: str, theirs: str):
    """Merge two branches that changed one notebook; return how git ended and the file's text."""
    file = root / "sub dir" / "train.ipynb"
    file.parent.mkdir()
    if base is not None:
        file.write_text(base)
        git(root, "add", ".")
        git(root, "commit", "-q", "-m", "base")
    git(root, "switch", "-q", "-c", "theirs")
    file.write_text(theirs)
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "theirs")
    git(root, "switch", "-q", "main")
    file.parent.mkdir(exist_ok=True)
    file.write_text(ours)
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "ours")
    return git(root, "merge", "-q", "--no-edit", "theirs", check=False), file.read_text()


def valid(text: str):
    told = nbformat.reader.reads(text)
    assert nbformat.validator.isvalid(told)
    idents = [cell.id for cell in told.cells]
    assert len(set(idents)) == len(idents)
    return told


BASE = notebook(code("x = 1", "a", "1\n"), code("y = 2", "b", "2\n"))


def test_changes_of_different_cells_need_nobody(repository):
    ours = notebook(code("x = 10", "a", "1\n"), code("y = 2", "b", "2\n"))
    theirs = notebook(code("x = 1", "a", "1\n"), code("y = 20", "b", "20\n"))
    done, text = merged(repository, BASE, ours, theirs)
    assert done.returncode == 0
    assert [cell.source for cell in valid(text).cells] == ["x = 10", "y = 20"]
    assert git(repository, "status", "--porcelain").stdout == ""


def test_a_conflict_is_marked_inside_the_cell(repository):
    ours = notebook(code("x = 10", "a", "10\n"), code("y = 2", "b", "2\n"))
    theirs = notebook(code("x = 20", "a", "20\n"), code("y = 2", "b", "2\n"))
    done, text = merged(repository, BASE, ours, theirs)
    assert done.returncode == 1
    told = valid(text)
    assert told.cells[0].source.splitlines() == [
        "<<<<<<< local",
        "x = 10",
        "=======",
        "x = 20",
        ">>>>>>> remote",
    ]
    assert told.cells[1].source == "y = 2"
    assert "train.ipynb has conflicts" in done.stderr
    assert git(repository, "status", "--porcelain").stdout == 'UU "sub dir/train.ipynb"\n'


def test_both_sides_ran_it_again(repository):
    ours = notebook(code("x = 1", "a", "1 ours\n", 5), code("y = 2", "b", "2\n", 6))
    theirs = notebook(code("x = 1", "a", "1 theirs\n", 8), code("y = 2", "b", "2\n", 9))
    _, text = merged(repository, BASE, ours, theirs)
    told = valid(text)
    assert [cell.source for cell in told.cells] == ["x = 1", "y = 2"]
    assert "1 ours" in text
    assert "1 theirs" in text


def test_both_sides_added_cells(repository):
    first = [code("x = 1", "a", "1\n"), code("y = 2", "b", "2\n")]
    done, text = merged(
        repository,
        BASE,
        notebook(*first, code("z = 3", "c", "3\n")),
        notebook(*first, code("w = 4", "d", "4\n"), code("import os\nos.getcwd()", "e")),
    )
    assert done.returncode == 1
    told = valid(text)
    assert "z = 3" in text
    assert "w = 4" in text
    assert [line for line in done.stderr.splitlines() if "train.ipynb" not in line] == []
    assert any("os.getcwd()" in cell.source for cell in told.cells)


def test_both_sides_added_the_notebook(repository):
    done, text = merged(repository, None, notebook(code("x = 1", "a")), notebook(code("y = 1", "b")))
    assert done.returncode == 1
    valid(text)
    assert "x = 1" in text
    assert "y = 1" in text


def test_cells_without_ids_are_merged_and_get_none_at_random(repository):
    def bare(*sources):
        cells = [{key: value for key, value in code(source, "").items() if key != "id"} for source in sources]
        return notebook(*cells, minor=4)

    done, text = merged(repository, bare("a = 1", "b = 1"), bare("a = 2", "b = 1"), bare("a = 1", "b = 2"))
    assert done.returncode == 0
    assert [cell["source"] for cell in json.loads(text)["cells"]] == [["a = 2"], ["b = 2"]]
    assert "id" not in json.loads(text)["cells"][0]


def test_metadata_that_both_changed(repository):
    done, text = merged(
        repository,
        notebook(code("x", "a"), kernelspec={"name": "python3", "display_name": "3"}),
        notebook(code("x", "a"), kernelspec={"name": "python3", "display_name": "3.11"}),
        notebook(code("x", "a"), kernelspec={"name": "python3", "display_name": "3.12"}),
    )
    assert done.returncode == 1
    valid(text)


def test_what_is_no_notebook_is_merged_as_text(repository):
    done, text = merged(repository, "1\n2\n3\n", "1a\n2\n3\n", "1\n2\n3b\n")
    assert done.returncode == 0
    assert text == "1a\n2\n3b\n"
    assert "merged as text" in done.stderr


def test_text_in_conflict_is_marked_as_text(repository):
    done, text = merged(repository, "{\n", "{ours\n", "{theirs\n")
    assert done.returncode == 1
    assert text.splitlines() == ["<<<<<<< ours", "{ours", "=======", "{theirs", ">>>>>>> theirs"]


@st.composite
def three_ways(draw):
    """A notebook, and two that may each have changed, moved, lost and gained cells, and been run again."""

    def cell(ident):
        source = draw(st.sampled_from(["x = 1", "x = 2", "print(x)", "", "a\nb\nc", "plot()", "é"]))
        return code(source, ident, draw(st.none() | st.sampled_from(["1\n", "2\n"])), draw(st.integers(1, 9)))

    def side(name, cells):
        kept = [one if draw(st.booleans()) else cell(one["id"]) for one in cells if draw(st.integers(0, 4))]
        added = [cell(f"{name}{number}") for number in range(draw(st.integers(0, 3)))]
        at = draw(st.integers(0, len(kept)))
        return [*kept[:at], *added, *kept[at:]]

    base = [cell(f"base{number}") for number in range(draw(st.integers(0, 4)))]
    return base, side("ours", base), side("theirs", base)


@given(three_ways())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_both_sides_did_a_notebook_is_left(ways):
    with tempfile.TemporaryDirectory() as directory:
        files = [Path(directory) / name for name in ("base", "ours", "theirs")]
        for file, cells in zip(files, ways, strict=True):
            file.write_text(notebook(*cells))
        ended = git_drivers.merge(*files, "7", "train.ipynb")
        told = valid(files[1].read_text())
        assert ended in {0, 1}
        if ways[0] == ways[2]:
            assert [cell.source for cell in told.cells] == ["".join(cell["source"]) for cell in ways[1]]


def test_whatever_nbdime_stumbles_over_your_side_stays(repository, tmp_path, monkeypatch, capsys):
    def stumbles(*_):
        raise AssertionError("no such patch\nmore")

    monkeypatch.setattr(git_drivers, "merge_notebooks", stumbles)
    files = []
    for name, text in (("base", BASE), ("ours", notebook(code("x = 5", "a"))), ("theirs", BASE)):
        files.append(tmp_path / name)
        files[-1].write_text(text)
    assert git_drivers.merge(*files, "7", "train.ipynb") == 1
    assert files[1].read_text() == notebook(code("x = 5", "a"))
    told = capsys.readouterr().err
    assert "nbdime cannot merge train.ipynb (no such patch), so it holds your side alone" in told
    assert "git checkout --theirs -- train.ipynb" in told


def test_diff_shows_cells_and_goes_on_after_what_is_no_notebook(repository):
    for name in ("a.ipynb", "b.ipynb", "c.ipynb", "gone.ipynb"):
        (repository / name).write_text(BASE)
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "base")
    (repository / "a.ipynb").write_text(notebook(code("x = 7", "a", "1\n"), code("y = 2", "b", "2\n")))
    (repository / "b.ipynb").write_text("{ broken")
    (repository / "c.ipynb").write_text(notebook(code("x = 8", "a", "1\n"), code("y = 2", "b", "2\n")))
    (repository / "gone.ipynb").unlink()
    done = git(repository, "diff")
    assert "+  x = 7" in done.stdout
    assert "+{ broken" in done.stdout
    assert "+  x = 8" in done.stdout
    assert "\x1b" not in done.stdout
    assert "b.ipynb is not valid JSON" in done.stderr


def test_diff_in_the_middle_of_a_merge(repository):
    merged(repository, "{\n", "{ours\n", "{theirs\n")
    done = git(repository, "diff", "HEAD")
    assert "{theirs" in done.stdout
    assert "Unmerged path" in git(repository, "diff", "--cached").stdout


def test_the_drivers_do_without_the_slow_import():
    code_ = "import sys, mlops_jupyter.faces.git_drivers; print('lark' in sys.modules)"
    assert subprocess.run([sys.executable, "-P", "-c", code_], capture_output=True, check=True).stdout == b"False\n"
