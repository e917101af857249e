"""A copy of a project: what is missing is brought in, and the project stays as it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlops_jupyter.capabilities.working_copy import fill


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    for path, text in {
        "data/rows.csv": "1",
        "data/large.bin": "x" * 1000,
        "train.py": "new",
        ".env": "k=v",
        ".git/config": "",
        ".mlops/mlflow.db": "",
        "venv/pyvenv.cfg": "",
        "venv/lib/a.py": "",
        "node_modules/a.js": "",
        "pkg/__pycache__/a.pyc": "",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def test_what_is_missing_is_copied_and_what_is_there_stays(source, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    (target / "train.py").write_text("old")
    assert fill(source, target) == (3, 0)
    assert files(target) == {"data/rows.csv", "data/large.bin", "train.py", ".env"}
    assert (target / "train.py").read_text() == "old"
    (target / "data" / "rows.csv").write_text("changed")
    assert (source / "data" / "rows.csv").read_text() == "1"


@pytest.mark.parametrize("limits", [{"most_bytes": 100}, {"most_files": 3}])
def test_past_the_limits_files_are_linked(source, tmp_path, limits):
    target = tmp_path / "target"
    target.mkdir()
    assert fill(source, target, **limits) == (3, 1)
    # The largest are the ones that are not copied.
    assert (target / "data" / "large.bin").readlink() == source / "data" / "large.bin"


def test_links_lead_where_they_led_and_other_things_are_left_out(source, tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "rows.csv").write_text("2")
    (source / "shared").symlink_to("../far")
    (source / "link.csv").symlink_to("data/rows.csv")
    (source / "broken").symlink_to("nowhere")
    os.mkfifo(source / "pipe")
    target = tmp_path / "target"
    target.mkdir()
    fill(source, target)
    assert (target / "shared" / "rows.csv").read_text() == "2"
    assert (target / "link.csv").read_text() == "1"
    assert not (target / "pipe").exists()


def test_a_target_within_the_project_does_not_copy_itself(source):
    target = source / "inside"
    target.mkdir()
    assert fill(source, target).copied == 4
    assert not (target / "inside").exists()
