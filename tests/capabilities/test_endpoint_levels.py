"""Levels that are told to a supervisor."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from mlops_jupyter.capabilities.endpoints.levels import LEVELS, Levels
from mlops_jupyter.capabilities.endpoints.metrics_text import merged, render
from mlops_jupyter.serving.telemetry import Telemetry

DRIFT = "mlops_feature_drift_ratio"
AGE = [["m", "1", "age", "psi"], 0.25]


def test_what_is_told_anew_takes_the_place_of_its_metric_alone():
    levels = Levels()
    levels.take({DRIFT: [AGE], "mlops_feedback_labels_total": [[["joined"], 3]]}, 0.0)
    levels.take({DRIFT: [[["m", "2", "age", "ks"], 0.5]]}, 10.0)
    assert levels.now(20.0) == {
        DRIFT: [[["m", "2", "age", "ks"], 0.5]],
        "mlops_feedback_labels_total": [[["joined"], 3]],
    }
    levels.take({DRIFT: []}, 21.0)
    assert set(levels.now(21.0)) == {"mlops_feedback_labels_total"}


def test_what_nobody_says_any_more_is_no_longer_so():
    levels = Levels()
    levels.take({DRIFT: [AGE]}, 100.0)
    assert levels.now(160.0) == {DRIFT: [AGE]}
    assert levels.now(160.1) == {}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ([1], "levels must be an object"),
        ({"up": []}, "there is no level up"),
        ({DRIFT: {"a": 1}}, f"{DRIFT} must be a list of 4 labels and a number each"),
        ({DRIFT: [[["m", "1", "age"], 0.1]]}, f"{DRIFT} must be a list of 4 labels and a number each"),
        ({DRIFT: [[["m", 1, "age", "psi"], 0.1]]}, f"{DRIFT} must be a list of 4 labels and a number each"),
        ({DRIFT: [[AGE[0], float("nan")]]}, f"{DRIFT} must be a list of 4 labels and a number each"),
        ({DRIFT: [[AGE[0], True]]}, f"{DRIFT} must be a list of 4 labels and a number each"),
        ({DRIFT: [AGE[0]]}, f"{DRIFT} must be a list of 4 labels and a number each"),
    ],
)
def test_what_is_no_level_is_refused_whole(told, said):
    levels = Levels()
    with pytest.raises(ValueError, match=said):
        levels.take({"mlops_feedback_labels_total": [[["joined"], 3]], **told} if isinstance(told, dict) else told, 0.0)
    assert levels.now(0.0) == {}


def test_each_level_is_written_with_its_labels():
    series = {name: [[[*labels], 0.5]] for name, (_, labels) in LEVELS.items()}
    lines = render({**merged([]), "levels": series}).splitlines()
    for name, (words, labels) in LEVELS.items():
        said = ",".join(f'{label}="{label}"' for label in sorted(labels))
        assert f"{name}{{{said}}} 0.5" in lines
        assert f"# HELP {name} {words}" in lines


def test_promtool_finds_nothing_to_say_of_any_metric():
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("needs promtool: apt-get install prometheus")
    telemetry = Telemetry()
    telemetry.answered(("m", "1", "main", "scoring"), "200", 0.01)
    telemetry.called(("m", "1"), 1, 0.01)
    telemetry.unfit(("m", "1"), ["age"])
    telemetry.unwatched(("m", "1"), 5)
    total = merged([telemetry.snapshot()])
    total["levels"] = {name: [[[*labels], 1]] for name, (_, labels) in LEVELS.items()}
    total["gauges"]["workers_ready"] = 1
    text = render(total)
    assert all(f"# TYPE {name} " in text for name in LEVELS)
    checked = subprocess.run([promtool, "check", "metrics"], input=text, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
