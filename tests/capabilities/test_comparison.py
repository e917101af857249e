"""What differs between runs, and which is better: from values alone."""

from __future__ import annotations

import doctest
import json
import math

import pytest

from mlops_jupyter.capabilities import comparison
from mlops_jupyter.capabilities.comparison import Recorded, direction_of, metrics, sections
from mlops_jupyter.records import Dataset, Run


def run(number: int, **changes: object) -> Run:
    return Run(f"{number:032x}", f"r{number}", "churn", "FINISHED", **changes)


def in_order(before, after):
    """Align cells that have no ids by their places."""
    return list(zip(range(len(before)), range(len(after)), strict=False))


def compared(name: str, *recorded: Recorded) -> tuple[dict[str, tuple], int, tuple[str, ...]]:
    """What a section says: its differences, how many are the same, and of which runs nothing is known."""
    (section,) = (one for one in sections(recorded, in_order) if one.name == name)
    return {one.name: one.values for one in section.differences}, section.same, section.not_recorded


def test_its_examples():
    found = doctest.testmod(comparison)
    assert (found.attempted > 0, found.failed) == (True, 0)


# --- metrics -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["loss", "val_loss", "valLoss", "training_log_loss", "logloss", "RMSE", "eval/rmse", "mean_squared_error", "MAE",
     "p99_latency_ms", "perplexity", "train.loss", "cross_entropy", "crossentropy", "mlogloss", "test-error", "WER"],
)  # fmt: skip
def test_less_is_better(name):
    assert direction_of(name) == "lower"


@pytest.mark.parametrize(
    "name",
    [
        "accuracy",
        "auc",
        "f1",
        "r2",
        "neg_mean_squared_error",
        "glossary_recall",
        "timeliness",
        "maelstrom",
        "score",
        "",
    ],
)
def test_more_is_better(name):
    assert direction_of(name) == "higher"


@pytest.mark.parametrize(
    ("values", "best"),
    [
        ((0.5, 0.7), (1,)), ((0.5, 0.5), ()), ((0.5, None), ()), ((None, 0.5, 0.7), (2,)), ((math.nan, 0.1), (1,)),
        ((math.nan, math.nan), ()), ((0.7, 0.7, 0.5), (0, 1)), ((-math.inf, math.inf), (1,)), ((0.7, 0.7, None), ()),
    ],
)  # fmt: skip
def test_the_best_is_marked(values, best):
    runs = [run(n, metrics={} if value is None else {"accuracy": value}) for n, value in enumerate(values)]
    (found,) = metrics(runs)
    assert (found.best, found.direction, found.direction_from) == (best, "higher", "name")
    assert len(found.values) == len(values)


def test_the_user_knows_better_which_way_is_better():
    runs = [run(1, metrics={"loss": 1.0, "accuracy": 1.0}), run(2, metrics={"loss": 2.0, "accuracy": 2.0})]
    told = {one.name: (one.best, one.direction_from) for one in metrics(runs, ["accuracy"], ["loss"])}
    assert told == {"accuracy": ((0,), "--lower"), "loss": ((1,), "--higher")}


# --- sections ------------------------------------------------------------------------------------------------------


def test_there_is_one_section_for_each_kind():
    names = [section.name for section in sections([Recorded(run(1)), Recorded(run(2))], in_order)]
    assert names == ["params", "data", "environment", "cell", "cells", "tags", "notebook"]


def test_only_params_that_differ():
    first, second = run(1, params={"seed": "1", "depth": "3", "old": "x"}), run(2, params={"seed": "2", "depth": "3"})
    assert compared("params", Recorded(first), Recorded(second)) == ({"seed": ("1", "2"), "old": ("x", None)}, 1, ())


def test_what_is_not_recorded_is_neither_equal_nor_different():
    environment = json.dumps({"python": "3.11.7", "distributions": {"numpy": "2.0"}})
    known, unknown = Recorded(run(1), environment=environment, cell="x = 1"), Recorded(run(2))
    for name in ("environment", "cell", "cells", "data"):
        differences, same, missing = compared(name, known, unknown)
        assert (differences, same) == ({}, 0)
        assert unknown.run.run_id in missing
    third = Recorded(run(3), environment=environment.replace("2.0", "2.1"))
    assert compared("environment", known, unknown, third) == (
        {"distributions.numpy": ("2.0", None, "2.1")}, 1, (unknown.run.run_id,),
    )  # fmt: skip


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "7", "null"])
def test_an_environment_that_cannot_be_read_is_not_recorded(text):
    _, _, missing = compared("environment", Recorded(run(1), environment=text), Recorded(run(2), environment="{}"))
    assert missing == (run(1).run_id,)


def test_an_environment_down_to_its_parts():
    one = {"python": "3.11", "hardware": {"cpus": 2, "gpus": ["a"]}, "distributions": {"numpy": "2.0", "old": "1"}}
    two = {"python": "3.12", "hardware": {"cpus": 4, "gpus": ["a"]}, "distributions": {"numpy": "2.0", "new": "1"}}
    differences, same, _ = compared(
        "environment", *(Recorded(run(n), environment=json.dumps(value)) for n, value in enumerate((one, two)))
    )
    assert differences == {
        "python": ("3.11", "3.12"),
        "hardware.cpus": ("2", "4"),
        "distributions.old": ("1", None),
        "distributions.new": (None, "1"),
    }
    assert same == 2


def test_data_by_name_and_context():
    iris = Dataset("iris", "d1", "training", {"x": "double", "y": "long"}, 150, "a.csv")
    grown = Dataset("iris", "d2", "training", {"x": "double", "y": "double"}, 160, "a.csv")
    assert compared("data", Recorded(run(1), (iris,)), Recorded(run(2), (grown,))) == (
        {
            "iris (training).digest": ("d1", "d2"),
            "iris (training).rows": ("150", "160"),
            "iris (training).schema.y": ("long", "double"),
        },
        2,
        (),
    )
    wine = Dataset("wine", "d3", rows=7)
    differences, _, _ = compared("data", Recorded(run(1), (iris,)), Recorded(run(2), (wine,)))
    assert differences == {"iris (training).digest": ("d1", None), "wine.digest": (None, "d3")}


def test_data_of_one_name_is_told_apart():
    parts = [Dataset("dataset", digest) for digest in ("d1", "d2", "d3")]
    differences, same, _ = compared("data", Recorded(run(1), tuple(parts[:2])), Recorded(run(2), (parts[0], parts[2])))
    assert differences == {"dataset #2.digest": ("d2", "d3")}
    assert same == 3


def test_a_tracked_cell_as_a_diff():
    one, two = Recorded(run(1), cell="a = 1\nb = 2\n"), Recorded(run(2), cell="a = 1\nb = 3\n")
    (section,) = (one for one in sections([one, two], in_order) if one.name == "cell")
    assert section.text.splitlines() == [
        "--- r1 00000000", "+++ r2 00000000", "@@ -1,2 +1,2 @@", " a = 1", "-b = 2", "+b = 3",
    ]  # fmt: skip
    assert section.differences[0].values == (one.cell, two.cell)
    (section,) = (one for one in sections([one, one], in_order) if one.name == "cell")
    assert (section.text, section.differences, section.same) == ("", (), 1)


def cells(*pairs: tuple[str, str]) -> str:
    return json.dumps([{"id": i, "execution_count": n, "source": s} for n, (i, s) in enumerate(pairs, start=1)])


@pytest.mark.parametrize(
    ("one", "two", "differences", "same"),
    [
        ([("a", "x"), ("b", "y")], [("a", "x"), ("b", "y")], {}, 2),
        ([("a", "x"), ("b", "y")], [("a", "x"), ("b", "z")], {"b": ("y", "z")}, 1),
        ([("a", "x")], [("a", "x"), ("c", "new")], {"c": (None, "new")}, 1),
        # The last of several executions counts, also for the order.
        ([("a", "old"), ("b", "y"), ("a", "x")], [("b", "y"), ("a", "x")], {}, 2),
        ([("a", "x"), ("b", "y")], [("b", "y"), ("a", "x")], {"order": ("a, b", "b, a")}, 2),
        # Another notebook, the same text.
        ([("a", "x"), ("b", "y")], [("q", "x"), ("r", "y")], {}, 2),
        ([("a", "x"), ("b", "y")], [("q", "x"), ("r", "z")], {"b": ("y", None), "r": (None, "z")}, 1),
        ([], [("a", "x")], {"a": (None, "x")}, 0),
    ],
)  # fmt: skip
def test_which_cells_differ(one, two, differences, same):
    recorded = [Recorded(run(n), cells=cells(*pairs)) for n, pairs in enumerate((one, two))]
    assert compared("cells", *recorded) == (differences, same, ())


def test_the_tracked_cell_is_not_told_twice():
    recorded = [Recorded(run(n), cell=text, cells=cells(("a", "x"), ("t", text))) for n, text in enumerate(("p", "q"))]
    assert compared("cells", *recorded) == ({}, 1, ())


@pytest.mark.parametrize("text", ["{}", "no JSON", '[1, {"source": 3}, null]'])
def test_cells_that_cannot_be_read_do_no_harm(text):
    compared("cells", Recorded(run(1), cells=text), Recorded(run(2), cells=cells(("a", "x"))))


def test_tags_that_say_where_a_run_is_from():
    ours = {"mlops.cell_id": "1", "mlflow.runName": "a", "mlflow.log-model.history": "[]", "mlflow.parentRunId": "1"}
    one = run(1, tags=ours | {"mlflow.source.git.commit": "c1", "team": "red"})
    two = run(2, tags={name: f"{value}2" for name, value in ours.items()} | {"mlflow.source.git.commit": "c2"})
    assert compared("tags", Recorded(one), Recorded(two)) == (
        {"mlflow.source.git.commit": ("c1", "c2"), "team": ("red", None)}, 0, (),
    )  # fmt: skip


def notebook(**sources: str) -> bytes:
    cells = [
        {"cell_type": "code", "id": ident, "metadata": {}, "source": text, "outputs": []}
        for ident, text in sources.items()
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).encode()


def test_the_cells_of_the_notebooks_that_differ():
    runs = [
        Recorded(run(1), notebook=notebook(load="x = 1", fit="fit(x)")),
        Recorded(run(2)),
        Recorded(run(3), notebook=notebook(load="x = 2", fit="fit(x)", more="y")),
        Recorded(run(4), notebook=b"not what we have put there"),
    ]
    differences, same, missing = compared("notebook", *runs)
    assert differences == {"load": ("", None, "changed", None), "more": ("", None, "added", None)}
    assert same == 1
    assert missing == (runs[1].run.run_id, runs[3].run.run_id)
    (section,) = (one for one in sections(runs, in_order) if one.name == "notebook")
    assert "- x = 1\n+ x = 2" in section.text


def test_one_notebook_alone_is_compared_with_nothing():
    one, other = Recorded(run(1), notebook=notebook(load="x")), Recorded(run(2))
    assert compared("notebook", one, other) == ({}, 0, (other.run.run_id,))
