"""How many cores a container has, as Linux tells it."""

from __future__ import annotations

import os

import pytest

from mlops_jupyter.capabilities import cores


@pytest.fixture
def bound(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("max 100000\n", 16),
        ("100000 100000\n", 1),
        ("150000 100000\n", 2),
        ("20000 100000\n", 1),
        ("9900000 100000\n", 16),
        ("nonsense", 16),
        ("1 0", 16),
    ],
)
def test_a_share_of_the_cores(bound, tmp_path, told, expected):
    (tmp_path / "cpu.max").write_text(told)
    assert cores.usable(tmp_path) == expected


@pytest.mark.parametrize(("quota", "expected"), [("-1", 16), ("200000", 2)])
def test_as_older_kernels_tell_it(bound, tmp_path, quota, expected):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota + "\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert cores.usable(tmp_path) == expected


def test_no_groups(bound, tmp_path):
    assert cores.usable(tmp_path / "none") == 16
    assert 1 <= cores.usable() <= 16
