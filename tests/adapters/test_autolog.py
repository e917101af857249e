"""Autologging: on in tracked bodies, off everywhere else, and the user's own choice is never touched."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run as StoredRun

from tests.conftest import Kernel, end_shipper, ship

_IMPORTS = (
    "import mlflow\n"
    "from sklearn.datasets import load_iris\n"
    "from sklearn.linear_model import LogisticRegression\n"
    "from sklearn.neighbors import KNeighborsClassifier\n"
    "X, y = load_iris(return_X_y=True)\n"
)
_FIT = "_ = KNeighborsClassifier(n_neighbors={}).fit(X, y)\n"
_SEE = "from mlflow.utils.autologging_utils import AUTOLOGGING_INTEGRATIONS as integrations\n"


class Bench:
    """A project with a kernel in it, and the runs that its cells made."""

    def __init__(self, root: Path, kernel: Kernel) -> None:
        self.root = root
        self.run = kernel.run
        self.store = MlflowClient(f"sqlite:///{root}/.mlops/mlflow.db")

    def runs(self) -> list[StoredRun]:
        assert ship(self.root) == {}
        experiments = [found.experiment_id for found in self.store.search_experiments()]
        return list(self.store.search_runs(experiments, order_by=["attributes.start_time ASC"]))

    def made_by(self, *cells: str) -> list[StoredRun]:
        """Run cells that must all succeed, and return the runs that are new."""
        before = {run.info.run_id for run in self.runs()}
        for cell in cells:
            reply = self.run(cell)
            assert reply.status == "ok", "\n".join(reply.traceback)
        return [run for run in self.runs() if run.info.run_id not in before]

    def models_of(self, run: StoredRun) -> list[str]:
        found = self.store.search_logged_models([run.info.experiment_id])
        return [model.name for model in found if model.source_run_id == run.info.run_id]


def neighbours(run: StoredRun) -> str | None:
    return run.data.params.get("n_neighbors")


@pytest.fixture(scope="module")
def shared_bench(tmp_path_factory: pytest.TempPathFactory, template_store: Path) -> Iterator[Bench]:
    root = tmp_path_factory.mktemp("bench") / "churn"
    (root / ".mlops").mkdir(parents=True)
    shutil.copy(template_store, root / ".mlops" / "mlflow.db")
    (root / "mlops.toml").write_text('experiment = "churn"\n')
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("MLFLOW_", "MLOPS_JUPYTER_", "JPY_", "GIT_")):
                patch.delenv(name)
        patch.setenv("HOME", str(root.parent))
        patch.setenv("IPYTHONDIR", str(root.parent / ".ipython"))
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        kernel = Kernel(root)
    # The tracked cell tells plain MLflow code the project's store.
    for cell in ("%load_ext mlops_jupyter", "%%mlops track --no-autolog\n1", _IMPORTS + _SEE):
        assert kernel.run(cell).status == "ok"
    yield Bench(root, kernel)
    kernel.stop()
    end_shipper(root)


@pytest.fixture
def bench(shared_bench: Bench) -> Iterator[Bench]:
    """The shared kernel, with nobody's autologging on before and after."""
    yield shared_bench
    reset = "mlflow.autolog(disable=True)\nmlflow.sklearn.autolog(disable=True)\nintegrations['sklearn'].clear()"
    assert shared_bench.run(reset).status == "ok"


@pytest.fixture
def fresh_bench(project: Path, kernel: Kernel) -> Bench:
    """A kernel that has imported nothing yet."""
    return Bench(project, kernel)


# --- on inside, off outside -----------------------------------------------------------------------------------


def test_each_tracked_cell_logs_its_fit_and_nothing_else_does(bench: Bench) -> None:
    first = bench.made_by("%%mlops track\n" + _FIT.format(3))
    bare = bench.made_by(_FIT.format(5))
    second = bench.made_by("%%mlops track\n" + _FIT.format(7))
    bare_again = bench.made_by(_FIT.format(9))

    assert [neighbours(run) for run in first] == ["3"]
    assert [neighbours(run) for run in second] == ["7"]
    assert "training_accuracy_score" in first[0].data.metrics
    assert set(first[0].data.metrics) == set(second[0].data.metrics)
    assert (bare, bare_again) == ([], [])


def test_a_users_own_run_around_a_bare_fit_gets_nothing_from_us(bench: Bench) -> None:
    bench.made_by("%%mlops track\n" + _FIT.format(3))
    (run,) = bench.made_by("with mlflow.start_run():\n    " + _FIT.format(5))

    assert run.data.params == {}
    assert run.data.metrics == {}


@pytest.mark.parametrize(
    "ending", ["1 / 0", "raise KeyboardInterrupt", "import sys; sys.exit(1)", "mlflow.end_run()"], ids=range(4)
)
def test_it_is_off_again_however_the_cell_ends(bench: Bench, ending: str) -> None:
    bench.run(f"%%mlops track\n{_FIT.format(3)}{ending}")

    assert bench.made_by(_FIT.format(5)) == []


def test_a_framework_first_imported_in_a_tracked_cell_is_logged(fresh_bench: Bench) -> None:
    nothing = fresh_bench.made_by("%%mlops track\n1")
    first = fresh_bench.made_by("%%mlops track\n" + _IMPORTS + _FIT.format(3))
    bare = fresh_bench.made_by(_FIT.format(5))
    second = fresh_bench.made_by("%%mlops track\n" + _FIT.format(7))

    assert [neighbours(run) for run in (*nothing, *first, *bare, *second)] == [None, "3", "7"]


def test_a_framework_first_imported_between_tracked_cells_is_left_alone_there(fresh_bench: Bench) -> None:
    fresh_bench.made_by("%%mlops track\n1")
    bare = fresh_bench.made_by(_IMPORTS + _FIT.format(5))
    tracked = fresh_bench.made_by("%%mlops track\n" + _FIT.format(7))

    assert [neighbours(run) for run in (*bare, *tracked)] == ["7"]


def test_it_stays_on_after_a_tracked_cell_within_and_goes_off_with_the_outer_one(bench: Bench) -> None:
    runs = bench.made_by(
        "%%mlops track outer\n"
        "_ = get_ipython().run_cell('%%mlops track inner\\n' + "
        f"{_FIT.format(3)!r})\n{_FIT.format(5)}"
    )
    after = bench.made_by(_FIT.format(7))

    assert {run.info.run_name: neighbours(run) for run in runs} == {"outer": "5", "inner": "3"}
    assert after == []


def test_functions_tracked_in_threads_have_their_own_fits(bench: Bench) -> None:
    runs = bench.made_by(
        "import mlops_jupyter\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "@mlops_jupyter.track(param='k')\n"
        f"def train(k):\n    {_FIT.format('k')}\n"
        "with ThreadPoolExecutor(3) as pool:\n"
        "    _ = list(pool.map(train, range(1, 7)))"
    )
    after = bench.made_by(_FIT.format(9))

    assert sorted(run.data.params["k"] for run in runs) == [str(k) for k in range(1, 7)]
    # MLflow itself misses a fit that begins while another thread's is being scored.
    assert all(neighbours(run) in {None, run.data.params["k"]} for run in runs)
    assert after == []


# --- quiet ----------------------------------------------------------------------------------------------------


def test_it_says_nothing_and_leaves_no_warnings_filter(bench: Bench) -> None:
    bench.run("import warnings\nfilters = list(warnings.filters)")
    reply = bench.run("%%mlops track\n_ = LogisticRegression(max_iter=200).fit(X, y)\nduring = list(warnings.filters)")

    assert (reply.status, reply.stdout, reply.stderr) == ("ok", "", "")
    assert len(reply.displayed) == 1
    assert "training_log_loss" in reply.records("run")[0]["metrics"]
    assert bench.run("print(warnings.filters == filters, len(during) - len(filters))").stdout == "True 1\n"


def test_a_body_that_resets_the_warnings_filters_is_no_trouble(bench: Bench) -> None:
    reply = bench.run("%%mlops track\nimport warnings\nkept = list(warnings.filters)\nwarnings.resetwarnings()")
    bench.run("warnings.filters[:] = kept[1:]")

    assert (reply.status, reply.stderr) == ("ok", "")


# --- options --------------------------------------------------------------------------------------------------


def test_no_autolog_logs_nothing(bench: Bench) -> None:
    (run,) = bench.made_by("%%mlops track --no-autolog\n" + _FIT.format(3))
    (again,) = bench.made_by("%%mlops track\n" + _FIT.format(5))

    assert (run.data.params, run.data.metrics) == ({}, {})
    assert neighbours(again) == "5"


def test_models_are_logged_only_when_asked_for(bench: Bench) -> None:
    (without,) = bench.made_by("%%mlops track\n" + _FIT.format(3))
    asked = bench.run("%%mlops track --log-models\n" + _FIT.format(5))
    with_model = bench.store.get_run(asked.records("run")[0]["run_id"])
    (without_again,) = bench.made_by("%%mlops track\n" + _FIT.format(7))

    assert [bench.models_of(run) for run in (without, with_model, without_again)] == [[], ["model"], []]
    assert (asked.stdout, asked.stderr) == ("", "")


def test_a_cell_within_decides_on_models_for_itself_only(bench: Bench) -> None:
    runs = bench.made_by(
        "%%mlops track outer\n"
        "_ = get_ipython().run_cell('%%mlops track inner --log-models\\n' + "
        f"{_FIT.format(3)!r})\n{_FIT.format(5)}"
    )

    assert {run.info.run_name: bench.models_of(run) for run in runs} == {"outer": [], "inner": ["model"]}


def test_the_settings_decide_where_the_line_does_not(bench: Bench) -> None:
    settings = bench.root / "mlops.toml"
    before = settings.read_text()
    settings.write_text(before + "[track]\nautolog = false\n")
    try:
        (off,) = bench.made_by("%%mlops track\n" + _FIT.format(3))
        (on,) = bench.made_by("%%mlops track --autolog\n" + _FIT.format(5))
    finally:
        settings.write_text(before)

    assert (neighbours(off), neighbours(on)) == (None, "5")


# --- the user's own choice ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "users", ["mlflow.autolog(log_models=False)", "mlflow.sklearn.autolog(log_models=False, silent=True)"]
)
@pytest.mark.parametrize("tracked_before", [False, True], ids=["first", "after a tracked cell"])
def test_what_the_user_switched_on_before_stays_as_it_is(bench: Bench, users: str, tracked_before: bool) -> None:
    if tracked_before:
        bench.made_by("%%mlops track\n" + _FIT.format(1))
    bench.run(f"{users}\nbefore = dict(integrations['sklearn'])")
    bare = bench.made_by(_FIT.format(3))
    tracked = bench.made_by("%%mlops track\n" + _FIT.format(5))
    bare_after = bench.made_by(_FIT.format(7))

    assert [neighbours(run) for run in (*bare, *tracked, *bare_after)] == ["3", "5", "7"]
    assert bench.run("print(integrations['sklearn'] == before)").stdout == "True\n"


@pytest.mark.parametrize(
    "users",
    [
        "mlflow.autolog(log_models=False)",
        "mlflow.autolog(log_models=False, silent=True)",
        "mlflow.sklearn.autolog(log_models=False, silent=True)",
    ],
)
def test_what_the_body_switches_on_stays_on(bench: Bench, users: str) -> None:
    bench.made_by("%%mlops track\n" + _FIT.format(1))
    tracked = bench.made_by(f"%%mlops track\n{users}\n" + _FIT.format(3))
    bare = bench.made_by(_FIT.format(5))
    tracked_after = bench.made_by("%%mlops track\n" + _FIT.format(7))
    bare_after = bench.made_by(_FIT.format(9))

    found = [neighbours(run) for run in (*tracked, *bare, *tracked_after, *bare_after)]
    assert found == ["3", "5", "7", "9"]


def test_a_framework_that_the_user_switched_off_stays_off(bench: Bench) -> None:
    bench.made_by("%%mlops track\n" + _FIT.format(1))
    bench.run("mlflow.sklearn.autolog(disable=True)")
    (run,) = bench.made_by("%%mlops track\n" + _FIT.format(3))

    assert neighbours(run) is None


def test_tracked_cells_log_again_after_the_user_switched_his_own_off(bench: Bench) -> None:
    bench.made_by("%%mlops track\n" + _FIT.format(1))
    bench.run("mlflow.autolog(log_models=False)")
    bench.run("mlflow.autolog(disable=True)")
    (run,) = bench.made_by("%%mlops track\n" + _FIT.format(3))
    bare = bench.made_by(_FIT.format(5))

    assert (neighbours(run), bare) == ("3", [])
