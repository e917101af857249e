"""Earlier runs of a cell under the live chart of the next: from this kernel or one before it."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path

import pytest
from IPython.display import DisplayHandle

import mlops_jupyter
from mlops_jupyter.capabilities.journal.slots import SLOT
from mlops_jupyter.commands.track import track
from mlops_jupyter.faces import live, places
from mlops_jupyter.faces.earlier_runs import EarlierRuns
from mlops_jupyter.records import MetricPoint, Run


def ended(name: str, *losses: float) -> Run:
    points = tuple(MetricPoint(step, 1_767_312_000_000 + step, loss) for step, loss in enumerate(losses))
    start = datetime(2026, 1, 2, tzinfo=UTC)
    run_id = name.encode().hex().ljust(32, "0")
    return Run(
        run_id, name, "churn", "FINISHED", start, 1.0, history={"loss": points, "odd": (MetricPoint(0, 1, math.inf),)}
    )


def losses(chunk: tuple[str, list[str], bytes]) -> list[float]:
    _, names, slots = chunk
    return [value for _, _, value, key, _, _ in SLOT.iter_unpack(slots) if names[key] == "loss"]


def test_the_last_two_are_there_for_the_next_kernel(tmp_path: Path) -> None:
    for run in (ended("first", 3.0), ended("second", 2.0, 1.0), ended("third", 0.5)):
        EarlierRuns(tmp_path / "charted", "a cell").add(run)

    found = EarlierRuns(tmp_path / "charted", "a cell").chunks()
    assert [(label.split(" ")[0], losses(chunk)) for chunk in found for label in chunk[:1]] == [
        ("second", [2.0, 1.0]),
        ("third", [0.5]),
    ]
    assert EarlierRuns(tmp_path / "charted", "another").chunks() == []


def test_a_damaged_file_is_written_anew(tmp_path: Path) -> None:
    earlier = EarlierRuns(tmp_path, "a cell")
    earlier.add(ended("first", 3.0))
    (file,) = tmp_path.glob("*.json")
    file.write_text("[{")
    assert earlier.chunks() == []
    earlier.add(ended("second", 2.0))
    assert [losses(one) for one in earlier.chunks()] == [[2.0]]


def test_they_are_laid_under_the_chart_of_a_cell_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # There is no page here, and IPython gives no handle then.
    monkeypatch.setattr(places, "display", lambda *_, **__: DisplayHandle())
    EarlierRuns(tmp_path, "a cell").add(ended("first", 3.0, 2.0, 1.0))
    view = live.LiveView("fit", list, EarlierRuns(tmp_path, "a cell"))
    view._thread.join()
    assert view._chart.points == 4
    view.finish(ended("second", 0.5))
    assert [losses(one) for one in EarlierRuns(tmp_path, "a cell").chunks()] == [[3.0, 2.0, 1.0], [0.5]]


def test_runs_within_a_body_are_charted_beside_it(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import mlflow

    tracked = track("folds", autolog=False)
    with tracked:
        read = tracked.follow()
        mlops_jupyter.log(mean=0.5)
        with mlops_jupyter.track("fold"):
            mlops_jupyter.log(loss=3.0)
            first = read()
        with mlflow.start_run(run_name="by hand", nested=True):
            mlflow.log_metric("loss", 2.0)
            second = read()
    assert [(label.split(" (")[0], list(names)) for label, names, _ in first] == [
        ("folds", ["mean"]),
        ("fold", ["loss"]),
    ]
    assert [(label.split(" (")[0], list(names)) for label, names, _ in second] == [("by hand", ["loss"])]
