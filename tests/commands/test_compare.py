"""Which runs are compared, by which names, and what cannot be."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import mlops_jupyter
from mlops_jupyter.errors import CommandError, Conflict, NotFound, Unavailable
from mlops_jupyter.faces import render
from mlops_jupyter.records import Run
from tests.fakes.store import WritableStore


@pytest.fixture
def make(project):
    store = WritableStore(f"sqlite:///{project}/.mlops/mlflow.db")

    def run(name, *, experiment="churn", **metrics):
        run_id = store.create_run(experiment, name, {})
        store.log(run_id, metrics=[(metric, value, datetime.now(UTC), 0) for metric, value in metrics.items()])
        return run_id

    return run


def ids(*words, **options):
    return [run.run_id for run in mlops_jupyter.compare(*words, **options).runs]


def test_a_run_by_its_id_its_beginning_its_name_or_itself(make):
    one, two = make("forest", acc=1.0), make("it's a tree")
    assert ids(one, two) == [one, two]
    assert ids(two[:8], one[:31]) == [two, one]
    assert ids(one.upper(), "it's a tree") == [one, two]
    assert ids("forest", two) == [one, two]
    assert ids(*mlops_jupyter.runs(sort="start_time asc")) == [one, two]


def test_a_name_in_the_projects_experiment_comes_first(make):
    elsewhere, here = make("forest", experiment="other"), make("forest")
    there = make("tree", experiment="other")
    assert ids("forest", "tree") == [here, there]
    assert ids(elsewhere, "forest") == [elsewhere, here]


def test_several_runs_of_a_name_are_listed(make):
    made = [make("forest", experiment="other") for _ in range(7)]
    other = make("tree")
    with pytest.raises(Conflict) as caught:
        mlops_jupyter.compare("forest", other)
    assert caught.value.message.startswith("forest may be any of ")
    assert sum(f"{run_id[:12]} forest (other)" in caught.value.message for run_id in made) == 5
    assert caught.value.message.endswith(", …")
    assert (caught.value.hint, caught.value.exit_code) == ("say which by the beginning of its id", 4)


def test_the_beginning_of_several_ids(make):
    one = make("first")
    # A name that looks like the beginning of another run's id.
    two = make(one[:6])
    with pytest.raises(Conflict) as caught:
        mlops_jupyter.compare(one[:6], two)
    assert f"{one[:12]} first (churn)" in caught.value.message
    assert f"{two[:12]} {one[:6]} (churn)" in caught.value.message


@pytest.mark.parametrize("word", ["0" * 32, "abcdef12", "nosuch", "100%", "a' or '1'='1"])
def test_no_such_run(word, make):
    with pytest.raises(NotFound) as caught:
        mlops_jupyter.compare(make("there"), word)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("word", ["", " ", """both ' and " """])
def test_a_word_that_names_nothing(word, make):
    with pytest.raises(CommandError):
        mlops_jupyter.compare(make("there"), word)


def test_looking_makes_no_store(project):
    (project / ".mlops" / "mlflow.db").unlink()
    with pytest.raises(NotFound):
        mlops_jupyter.compare("forest", "tree")
    assert not (project / ".mlops" / "mlflow.db").exists()


def test_how_many_runs(make, terminal):
    one = make("one")
    for words in ((), (one,), (one,) * 21):
        with pytest.raises(CommandError, match="compare needs 2 to 20 runs"):
            mlops_jupyter.compare(*words)
    with pytest.raises(CommandError, match="the same run is named twice"):
        mlops_jupyter.compare(one, "one")
    done = terminal("compare")
    assert (done.code, done.err.splitlines()[0]) == (2, "CommandError: compare needs 2 to 20 runs, not 0")


def test_a_run_that_was_not_tracked(make):
    with pytest.raises(CommandError, match="fit was not tracked"):
        mlops_jupyter.compare(make("one"), Run("", "fit", "", "UNTRACKED"))


def test_the_charts_call_the_runs_as_the_tables_do(project):
    store = WritableStore(f"sqlite:///{project}/.mlops/mlflow.db")
    made = [store.create_run("churn", name, {}) for name in ("one", "two")]
    for run_id, names in zip(made, (("late",), ("early", "late")), strict=True):
        points = [(name, step / 9, datetime.now(UTC), step) for name in names for step in range(9)]
        store.log(run_id, metrics=points)
    page = render.mime_bundle(mlops_jupyter.compare(*made))["text/html"]
    assert page.index("<b>late</b>") < page.index("<b>early</b>")
    assert page.index(f"one {made[0][:8]}") < page.index(f"two {made[1][:8]}")


def test_which_way_is_better(make):
    runs = make("one", drift=1.0, acc=1.0), make("two", drift=2.0, acc=2.0)
    best = {metric.name: metric.best for metric in mlops_jupyter.compare(*runs).metrics}
    assert best == {"drift": (1,), "acc": (1,)}
    best = {metric.name: metric.best for metric in mlops_jupyter.compare(*runs, lower="drift, acc").metrics}
    assert best == {"drift": (0,), "acc": (0,)}
    with pytest.raises(CommandError) as caught:
        mlops_jupyter.compare(*runs, higher=["nosuch"])
    assert (caught.value.message, caught.value.hint) == (
        "none of the runs has a metric nosuch",
        "they have: acc, drift",
    )
    with pytest.raises(CommandError, match="cannot be better both"):
        mlops_jupyter.compare(*runs, higher="acc", lower="acc")


def test_a_server_that_is_down(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    with pytest.raises(Unavailable):
        mlops_jupyter.compare("one", "two")


def test_what_a_person_reads(make):
    found = mlops_jupyter.compare(make("one", loss=0.5), make("two", loss=0.25))
    words = render.text(found)
    head, first, second, *_ = words.splitlines()
    assert head.split() == ["run", "status", "name", "experiment", "started", "(UTC)", "took"]
    assert (first.split()[0], first.split()[3], second.split()[0]) == ("A", "one", "B")
    assert "metrics  A    B       better (★)\nloss     0.5  0.25 ★  lower" in words
    assert "environment: not recorded for A, B" in words
    assert "params: nothing differs" in words


def test_a_run_that_is_still_on_its_way_is_not_called_missing(make, monkeypatch):
    from mlops_jupyter.commands import project

    make("tree")
    monkeypatch.setattr(project, "flush", lambda *_, **__: ("1 run is not all in the store yet",))
    with pytest.raises(Unavailable) as caught:
        mlops_jupyter.compare("tree", "forest")
    assert "there is no run forest" in caught.value.message
    assert "1 run is not all in the store yet" in caught.value.message
    assert caught.value.hint == "mlops doctor --ship"
