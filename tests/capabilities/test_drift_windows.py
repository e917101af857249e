"""Windows of traffic on the disk: what is merged, what goes, and what a damaged file does."""

from __future__ import annotations

import numpy as np
import pytest

from mlops_jupyter.capabilities.drift import Profile
from mlops_jupyter.capabilities.endpoints import windows
from mlops_jupyter.capabilities.endpoints.windows import Window

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NOW = 1_800_000_000_000
KEEP = 10 * MINUTE


def window(start_ms: int, rows: int = 10, length_ms: int = 10_000) -> Window:
    features, predictions = Profile(), Profile()
    values = np.linspace(0.0, 1.0, rows)
    features.update({"a": values, "c": np.array(["x", None] * (rows // 2), dtype=object)}, rows)
    predictions.update({"prediction": values}, rows)
    return Window(start_ms, start_ms + length_ms, features, predictions)


def rows_of(folder) -> int:
    whole = windows.merged(windows.read(folder, 0, 2**50))
    return 0 if whole is None else whole.features.rows


def test_a_window_comes_back_as_it_was(tmp_path):
    made = windows.write(tmp_path / "1", window(NOW))
    (found,) = windows.read(tmp_path / "1", NOW, NOW + 1)
    assert (found.start_ms, found.end_ms) == (NOW, NOW + 10_000)
    assert (found.features.rows, found.features.columns["c"].missing) == (10, 5)
    assert found.predictions.columns["prediction"].quantities.count == 10
    assert windows.files(tmp_path / "1") == [made]
    assert windows.read(tmp_path / "1", NOW + 1, NOW + 2) == []
    assert windows.read(tmp_path / "nothing", 0, 2**50) == []


def test_merging_changes_none_of_those_that_are_merged():
    first, second = window(NOW), window(NOW + 10_000, rows=20)
    whole = windows.merged([first, second])
    assert whole is not None
    assert (whole.start_ms, whole.end_ms, whole.features.rows) == (NOW, NOW + 20_000, 30)
    assert (first.features.rows, second.features.rows) == (10, 20)
    assert windows.merged([]) is None


def test_old_windows_become_longer_ones_and_no_row_is_lost(tmp_path):
    # Three hours of them, one every ten seconds.
    starts = range(NOW - 3 * HOUR, NOW, 10_000)
    for start in starts:
        windows.write(tmp_path, window(start, rows=2))
    windows.tidy(tmp_path, NOW, KEEP)
    lengths = [file.end_ms - file.start_ms for file in windows.files(tmp_path)]
    # Those that are compared are as fine as they were; then an hour by the minute; then ten minutes each.
    assert set(lengths[-60:]) == {10_000}
    assert set(lengths[-105:-65]) == {MINUTE}
    assert set(lengths[1:11]) == {10 * MINUTE}
    assert len(lengths) < 130
    assert rows_of(tmp_path) == 2 * len(starts)
    windows.tidy(tmp_path, NOW + 5 * DAY, KEEP)
    assert len(windows.files(tmp_path)) <= 4
    assert rows_of(tmp_path) == 2 * len(starts)
    windows.tidy(tmp_path, NOW + 31 * DAY, KEEP)
    assert windows.files(tmp_path) == []


def test_what_is_damaged_or_of_a_time_to_come_stops_nobody(tmp_path):
    kept = windows.write(tmp_path, window(NOW - MINUTE))
    (tmp_path / f"{NOW - 30_000:013d}-{NOW - 20_000:013d}-1.sketch").write_bytes(kept.path.read_bytes()[:70])
    (tmp_path / f"{NOW - 20_000:013d}-{NOW - 10_000:013d}-1.sketch").write_bytes(b"")
    (tmp_path / ".half.sketch").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("not ours")
    windows.write(tmp_path, window(NOW + DAY))
    assert [one.start_ms for one in windows.read(tmp_path, 0, NOW)] == [NOW - MINUTE]
    windows.tidy(tmp_path, NOW, KEEP)
    assert rows_of(tmp_path) == 10
    assert not (tmp_path / ".half.sketch").exists()
    assert (tmp_path / "notes.txt").exists()
    # Damaged ones go with the stretch that they are of.
    windows.tidy(tmp_path, NOW + DAY, KEEP)
    assert [file.start_ms for file in windows.files(tmp_path)] == [NOW - MINUTE]


def test_all_of_them_take_so_much_room_and_no_more(tmp_path, monkeypatch):
    sizes = [windows.write(tmp_path, window(NOW - at * 10_000)).path.stat().st_size for at in range(20)]
    monkeypatch.setattr(windows, "_MOST_BYTES", sum(sizes[:5]) + 10)
    windows.tidy(tmp_path, NOW, KEEP)
    assert [file.start_ms for file in windows.files(tmp_path)] == [NOW - at * 10_000 for at in range(4, -1, -1)]


@pytest.mark.parametrize("version", ["1", "a/b", "../x", "é ü"])
def test_a_version_of_any_name_has_a_folder_of_its_own(tmp_path, version):
    folder = windows.folder_of(tmp_path, version)
    assert folder.parent == tmp_path / "profiles"
    windows.write(folder, window(NOW))
    assert windows.folders(tmp_path) == [folder]
