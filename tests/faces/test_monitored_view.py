"""What a reader of a saved dashboard sees first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from mlops_jupyter.faces.views import monitored
from mlops_jupyter.records import DriftReport, FeatureDrift, Monitored
from tests.fakes.churn import Churn


def feature(name: str, score: float | None, *, drifted: bool = False, missing: float = 0.0) -> FeatureDrift:
    return FeatureDrift(name, "number", "ks", score, 0.1, drifted, missing_now=missing, missing_drifted=missing > 0)


def seen() -> Monitored:
    """Return a deployment of twenty features, of which the last three by name have moved."""
    found = Churn().read(900)
    same = [feature(f"same{at:02}", 0.09) for at in range(20)]
    moved = (
        feature("x_gone", None, missing=1.0),
        feature("y_far", 0.3, drifted=True),
        feature("z_holes", 0.01, missing=0.5),
    )
    report = DriftReport(
        "churn", "v1", 100, 100, (*same, *moved), (feature("answer", 0.2, drifted=True),), "1", until=datetime.now(UTC)
    )
    curves = dict.fromkeys([*(f"same{at:02}" for at in range(20)), "x_gone", "y_far", "z_holes"], found.in_flight)
    return replace(found, reports=(report,), drift={"→ answer": found.in_flight, **curves})


def test_features_that_are_missing_are_among_the_first():
    lines = monitored.text(seen()).splitlines()
    start = next(at for at, line in enumerate(lines) if line.split()[:1] == ["feature"])
    shown = [line.replace("→ ", "→").split()[0] for line in lines[start + 1 : start + 6]]
    assert shown == ["y_far", "→answer", "z_holes", "x_gone", "same00"]
    page = monitored.html(seen())
    assert page.index("y_far") < page.index("z_holes") < page.index("x_gone") < page.index("same00")
    # The longest bar fills its place, whoever comes first.
    assert "width:100.0%" in page


def test_a_saved_notebook_holds_the_features_that_have_moved_most():
    kept = monitored.excerpt(seen())
    assert list(kept.drift)[:4] == ["y_far", "→ answer", "z_holes", "x_gone"]
    assert len(kept.drift) == 8


def test_a_report_of_nothing_yet_is_shown():
    report = replace(seen().reports[0], features=(), predictions=(), notes=("no window has ended",))
    assert "no window has ended" in monitored.html(replace(seen(), reports=(report,)))
    assert "no window has ended" in monitored.text(replace(seen(), reports=(report,)))
