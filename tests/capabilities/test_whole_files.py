"""A file that is replaced is there whole, where it really lies, with the rights that it had."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlops_jupyter.capabilities.whole_files import file_mask, replacing


def test_a_new_file_has_the_rights_of_any(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        with replacing(tmp_path / "deep" / "report.xml") as unfinished:
            unfinished.write_text("new")
        assert file_mask() == 0o027
    finally:
        os.umask(old)
    made = tmp_path / "deep" / "report.xml"
    assert (made.read_text(), made.stat().st_mode & 0o7777) == ("new", 0o640)


def test_one_that_is_there_keeps_its_place_and_rights(tmp_path: Path) -> None:
    real = tmp_path / "real.txt"
    real.write_text("old")
    real.chmod(0o604)
    link = tmp_path / "link.txt"
    link.symlink_to(real)
    with replacing(link) as unfinished:
        unfinished.write_text("new")
        assert real.read_text() == "old"
    assert link.is_symlink()
    assert (real.read_text(), real.stat().st_mode & 0o7777) == ("new", 0o604)


@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt()])
def test_what_fails_leaves_the_old_one_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    file = tmp_path / "kept.txt"
    file.write_text("old")

    def fail(unfinished: Path) -> None:
        unfinished.write_text("half")
        raise error

    with pytest.raises(type(error)), replacing(file) as unfinished:
        fail(unfinished)
    assert [one.name for one in tmp_path.iterdir()] == ["kept.txt"]
    assert file.read_text() == "old"


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="File exists"), replacing(tmp_path / "file" / "x") as unfinished:
        unfinished.touch()
