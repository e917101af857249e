"""A program that CI should have is missed; one that it cannot have is not."""

from __future__ import annotations

import pytest

from tests.fakes import monitoring


@pytest.mark.parametrize(
    ("ci", "without", "outcome"),
    [
        ("", "", pytest.skip.Exception),
        ("true", "", pytest.fail.Exception),
        ("true", "git prometheus", pytest.skip.Exception),
        ("true", "prometheus-alertmanager", pytest.fail.Exception),
    ],
)
def test_a_program_that_is_missing(monkeypatch, ci, without, outcome):
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("MLOPS_CI_WITHOUT", without)
    with pytest.raises(outcome, match="no-such-program is missing: apt-get install prometheus"):
        monitoring.executable("no-such-program", package="prometheus")
