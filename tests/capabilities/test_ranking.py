"""Which combination of a batch is best: by what, and what is no answer."""

from __future__ import annotations

import pytest

from mlops_jupyter.capabilities import ranking
from mlops_jupyter.errors import CommandError
from mlops_jupyter.records import BatchRow


def row(status: str = "FINISHED", **metrics: float) -> BatchRow:
    return BatchRow("lr=1", "/train.ipynb", {}, status, "r", metrics=metrics)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "metric", "direction"),
    [
        ("accuracy", "accuracy", "higher"),
        ("val_loss", "val_loss", "lower"),
        ("score:min", "score", "lower"),
        ("val/acc:max", "val/acc", "higher"),
        ("top:5", "top:5", "higher"),
    ],
)
def test_a_metric_and_which_way(asked, metric, direction):
    assert ranking.asked(asked) == (metric, direction)


@pytest.mark.parametrize("asked", ["accuracy:upwards", "loss:minimum", ":min", " "])
def test_another_word_is_refused(asked):
    with pytest.raises(CommandError):
        ranking.asked(asked)


def test_by_itself_it_takes_the_plainest_name():
    rows = [row(accuracy=0.9, accuracy_score_X_test=0.9, training_f1=1.0), row("FAILED", loss=1.0)]
    assert ranking.by_itself(rows) == ("accuracy", "higher")
    assert ranking.by_itself([*rows, row(training_f1=1.0, val_loss=2.0)]) == ("training_f1", "higher")
    assert ranking.by_itself([row("FAILED", loss=1.0)]) is None
