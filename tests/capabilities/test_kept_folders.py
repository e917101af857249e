"""How long folders are kept, and how much room they may take."""

from __future__ import annotations

import os
from pathlib import Path

from mlops_jupyter.capabilities.kept_folders import prune


def folder(place: Path, name: str, size: int, written_s: float) -> None:
    (place / name).mkdir(parents=True)
    file = place / name / "state"
    file.write_bytes(b"x" * size)
    for path in (file, place / name):
        os.utime(path, (written_s, written_s))


def names(place: Path) -> set[str]:
    return {one.name for one in place.iterdir()}


def test_old_ones_go_and_then_the_oldest_until_there_is_room(tmp_path):
    for name, size, written_s in (("old", 1, 10), ("big", 60, 110), ("small", 30, 120), ("new", 30, 130)):
        folder(tmp_path, name, size, written_s)
    prune(tmp_path, now_s=200, longest_s=100, most_bytes=1000)
    assert names(tmp_path) == {"big", "small", "new"}
    prune(tmp_path, now_s=200, longest_s=100, most_bytes=60)
    assert names(tmp_path) == {"small", "new"}


def test_where_nothing_is_nothing_goes(tmp_path):
    prune(tmp_path / "nowhere", now_s=0, longest_s=1, most_bytes=1)
    (tmp_path / "file").write_text("no folder")
    prune(tmp_path / "file", now_s=0, longest_s=1, most_bytes=1)
    prune(tmp_path, now_s=1e12, longest_s=1, most_bytes=1)
    assert names(tmp_path) == {"file"}
