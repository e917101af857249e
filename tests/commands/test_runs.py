"""The table of runs: order, filter, limit, and every way in which a store does not answer."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import mlops_jupyter
from mlops_jupyter.adapters.mlflow.tracking import MlflowTracking
from mlops_jupyter.errors import (
    CommandError,
    MissingDependency,
    MlopsError,
    NotFound,
    ServiceError,
    Unauthorized,
    Unavailable,
)
from mlops_jupyter.faces import render
from mlops_jupyter.faces import terminal as face
from tests.fakes.store import WritableStore


@pytest.fixture
def make(project) -> Callable[..., str]:
    """Make a finished run in the project's store."""
    store = WritableStore(f"sqlite:///{project}/.mlops/mlflow.db")

    def run(name: str, *, experiment: str = "churn", params: dict | None = None, **metrics: float) -> str:
        run_id = store.create_run(experiment, name, {"team": "blue"})
        points = [(metric, value, datetime.now(UTC), 0) for metric, value in metrics.items()]
        store.log(run_id, metrics=points, params=params)
        store.finish_run(run_id, "FINISHED")
        return run_id

    return run


def names(**options: object) -> list[str]:
    return [run.name for run in mlops_jupyter.runs(**options)]


# --- what is shown -----------------------------------------------------------------------------------------------


def test_order_filter_and_limit(make):
    first = make("a", acc=0.5, params={"depth": "3", "learning rate": "0.1"})
    make("b", acc=0.9, params={"depth": "5"})
    make("c", acc=0.7, params={"depth": "3"})
    make("d", experiment="other", acc=1.0)

    assert names() == ["c", "b", "a"]
    assert names(sort="start_time asc") == ["a", "b", "c"]
    assert names(sort="acc") == ["b", "c", "a"]
    assert names(sort="metrics.acc asc") == ["a", "c", "b"]
    assert names(sort="params.depth")[0] == "b"
    assert names(sort="run_name asc") == ["a", "b", "c"]

    assert names(query="metrics.acc > 0.6 and params.depth = '3'") == ["c"]
    assert names(query="tags.team = 'blue'", sort="acc", limit=2) == ["b", "c"]
    assert names(query="attributes.run_name LIKE 'a%'") == ["a"]
    assert names(query="metrics.acc > 2") == []

    assert mlops_jupyter.runs(limit=2).more
    assert not mlops_jupyter.runs(limit=3).more

    assert names(experiment="other") == ["d"]
    assert names(all_experiments=True) == ["d", "c", "b", "a"]
    everything = mlops_jupyter.runs(all_experiments=True)
    assert everything.experiment == "(all)"
    assert {run.experiment for run in everything} == {"churn", "other"}

    run = mlops_jupyter.runs(sort="start_time asc")[0]
    assert (run.run_id, run.status, run.metrics) == (first, "FINISHED", {"acc": 0.5})
    assert run.params == {"depth": "3", "learning rate": "0.1"}
    assert run.duration_s is not None
    assert run.started is not None
    assert run.started.tzinfo is UTC


@pytest.mark.parametrize("name", ["loss", "val/loss", "val loss", "val-loss", "a.b", "a:b", "status", "metrics"])
def test_any_metric_may_be_sorted_by(name, make):
    make("low", **{name: 1.0})
    make("high", **{name: 2.0})
    sort = f"metrics.{name}" if name == "status" else name
    assert names(sort=f"{sort} asc") == ["low", "high"]
    assert names(sort=sort) == ["high", "low"]


def test_no_run_yet(project):
    found = mlops_jupyter.runs()
    assert (len(found), found.experiment, found.more, found.notes) == (0, "churn", False, ())
    assert list(mlops_jupyter.runs(all_experiments=True)) == []


def test_no_store_yet(project):
    """To look is not to make."""
    (project / ".mlops" / "mlflow.db").unlink()
    assert len(mlops_jupyter.runs()) == 0
    assert not (project / ".mlops" / "mlflow.db").exists()


def test_in_a_terminal(make, terminal):
    make("a", acc=0.5)
    make("b", acc=0.9)
    done = terminal("runs", "metrics.acc > 0", "--sort", "acc", "-n", "1")
    assert (done.code, done.err) == (0, "")
    head, row, more, foot = done.out.splitlines()
    assert head.split()[-1] == "acc"
    assert row.split()[2] == "b"
    assert more == "… there are more: mlops runs --limit 2"
    assert foot.startswith("experiment churn at sqlite:///")


@pytest.fixture
def many(make, project) -> list[str]:
    """Names of many runs, newest first: one of MLflow's, and copies of its rows."""
    run_id = make("0", acc=0.5, params={"depth": "3"})
    rows = [(f"{number:032x}", str(number), number) for number in range(1, 5001)]
    with closing(sqlite3.connect(project / ".mlops" / "mlflow.db")) as database, database:
        for table, changed in (("runs", ("name", "start_time")), ("latest_metrics", ()), ("params", ())):
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            values = {"run_uuid": "?1", **{name: f"?{place}" for place, name in enumerate(changed, start=2)}}
            if "start_time" in changed:
                values["start_time"] = "start_time + ?3"
            taken = ", ".join(values.get(column, column) for column in columns)
            copied = f"SELECT {taken} FROM {table} WHERE run_uuid = '{run_id}'"  # noqa: S608 -- names from the schema
            asked = f"INSERT INTO {table} ({', '.join(columns)}) {copied}"
            database.executemany(asked, [row[: 1 + len(changed)] for row in rows])
    return [name for _, name, _ in reversed(rows)] + ["0"]


def test_more_runs_than_a_page(many, terminal):
    table = mlops_jupyter.runs(limit=1_000_000)
    assert [run.name for run in table] == many
    assert (len(table), table.more, table[4000].name) == (5001, False, many[4000])
    some = mlops_jupyter.runs(limit=4500)
    assert ([run.name for run in some], some.more) == (many[:4500], True)
    assert len(mlops_jupyter.runs(limit=2000).runs) == 2000
    frame = table.to_pandas()
    assert list(frame.name) == many

    shown = terminal("runs", "-n", "1000000").out.splitlines()
    assert len(shown) == 5003
    assert [line.split()[2] for line in shown[1:-1]] == many
    told = json.loads(terminal("runs", "-n", "4500", "--json").out)
    assert ([run["name"] for run in told["runs"]], told["more"]) == (many[:4500], True)


def test_a_table_goes_on_where_another_has_ended(make, terminal):
    for place in range(5):
        make(f"r{place}")
    first = mlops_jupyter.runs(limit=2)
    assert first.more
    after = mlops_jupyter.runs(limit=2, page=first.next_page)
    last = json.loads(terminal("runs", "-n", "2", "--page", after.next_page, "--json").out)
    assert [run.name for run in (*first, *after)] == ["r4", "r3", "r2", "r1"]
    assert ([run["name"] for run in last["runs"]], last["next_page"], last["more"]) == (["r0"], None, False)


@pytest.mark.parametrize("page", ["x", "!", "e30=", "Mw==", "größe"])
def test_a_page_that_there_is_not(page, make):
    make("a")
    with pytest.raises(CommandError, match="no table of runs goes on at") as caught:
        mlops_jupyter.runs(page=page)
    assert (caught.value.hint, caught.value.exit_code) == ("leave --page out", 2)


def test_as_a_data_frame(make):
    first = make("a", acc=0.5, params={"depth": "3"})
    make("b", loss=float("nan"), params={"rate": "0.1"})
    frame = mlops_jupyter.runs(sort="start_time asc").to_pandas()
    assert list(frame.columns[:7]) == ["run_id", "name", "experiment", "status", "started", "duration_s", "parent"]
    assert {"metrics.acc", "metrics.loss", "params.depth", "params.rate", "tags.team"} <= set(frame.columns)
    assert frame.set_index("name").loc["a", "metrics.acc"] == 0.5
    assert frame["metrics.acc"].dtype == frame["metrics.loss"].dtype == "float64"
    assert frame["metrics.loss"].isna().all()
    assert str(frame.started.dt.tz) == "UTC"
    assert (frame.run_id[0], frame["params.rate"].isna().tolist()) == (first, [True, False])
    empty = mlops_jupyter.runs("metrics.acc > 2").to_pandas()
    assert (len(empty), "run_id" in empty) == (0, True)


def test_curves_are_read_when_they_are_drawn(project, monkeypatch):
    store = WritableStore(f"sqlite:///{project}/.mlops/mlflow.db")
    run_id = store.create_run("churn", "one", {})
    at = datetime.now(UTC)
    store.log(run_id, metrics=[(name, step / 10, at, step) for name in ("acc", "loss") for step in range(300)])
    asked = []
    reading = WritableStore.histories
    monkeypatch.setattr(MlflowTracking, "histories", lambda *words: asked.append(words[2]) or reading(*words))
    table = mlops_jupyter.runs()
    assert render.text(table)
    assert render.as_json(table)
    assert asked == []
    for _ in range(2):
        assert render.mime_bundle(table)["text/html"].count("<svg") == 2
    assert asked == ["acc", "loss"]


def test_a_table_says_of_what_it_draws_curves(make, project):
    for run in range(21):
        make(f"run {run}", acc=run)
    store = WritableStore(f"sqlite:///{project}/.mlops/mlflow.db")
    run_id = store.create_run("churn", "long", {})
    at = datetime.now(UTC)
    store.log(
        run_id, metrics=[(name, step / 10, at, step) for name in ("acc", "f1", "gap", "loss") for step in range(9)]
    )
    page = render.mime_bundle(mlops_jupyter.runs(limit=30))["text/html"]
    assert (page.count("<svg"), "curves are drawn of the first 20 runs and of acc, f1, gap" in page) == (3, True)
    page = render.mime_bundle(mlops_jupyter.runs("attributes.run_name = 'long'"))["text/html"]
    assert "curves are drawn of acc, f1, gap<" in page
    page = render.mime_bundle(mlops_jupyter.runs("attributes.run_name = 'run 1'"))["text/html"]
    assert "curves" not in page


def test_a_terminal_is_as_wide_as_it_is(make, project):
    """On a terminal a line holds no more than fits; what is piped is never cut."""
    make("a name that is rather long", acc=0.5, params={"depth": "3" * 15, "rate": "0.1"})
    keyboard, tty = os.openpty()
    command = [str(Path(sys.executable).parent / "mlops"), "runs"]
    piped = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(piped.stdout.splitlines()[1]) > 100
    try:
        done = subprocess.run(command, stdout=tty, check=True, env=os.environ | {"COLUMNS": "70"})
        lines = os.read(keyboard, 10_000).decode().splitlines()
    finally:
        os.close(tty)
        os.close(keyboard)
    assert done.returncode == 0
    assert max(map(len, lines[:2])) <= 70
    assert "…" in lines[1]


# --- what cannot be shown ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["accuracy >", "metrics.acc > 'high", "foo.bar = 1", "metrics.acc = 'x'", "'"])
def test_a_query_that_cannot_be_read(query, make):
    make("a")
    with pytest.raises(CommandError) as caught:
        mlops_jupyter.runs(query)
    assert caught.value.message.startswith("MLflow cannot read this query: ")
    assert "\n" not in caught.value.message
    assert caught.value.hint == "for example: mlops runs \"metrics.accuracy > 0.9 and params.depth = '3'\""
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("sort", ["attributes.zzz", "tags.`a` `b`"])
def test_an_order_that_cannot_be_read(sort, make):
    make("a")
    with pytest.raises(CommandError):
        mlops_jupyter.runs(sort=sort)


@pytest.mark.parametrize("limit", [0, -3])
def test_a_limit_below_one(limit, project):
    with pytest.raises(CommandError) as caught:
        mlops_jupyter.runs(limit=limit)
    assert caught.value.message == f"--limit must be at least 1, not {limit}"


@pytest.mark.parametrize("store", ["there", "not there"])
def test_an_unknown_experiment(store, project):
    if store == "not there":
        (project / ".mlops" / "mlflow.db").unlink()
    with pytest.raises(NotFound) as caught:
        mlops_jupyter.runs(experiment="nosuch")
    assert caught.value.message == f"there is no experiment called nosuch in sqlite:///{project}/.mlops/mlflow.db"
    assert (caught.value.hint, caught.value.exit_code) == ("mlops runs --all-experiments", 4)


def test_a_file_that_is_no_database(project):
    (project / ".mlops" / "mlflow.db").write_text("no database at all, but long enough to be one" * 100)
    with pytest.raises(MlopsError) as caught:
        mlops_jupyter.runs()
    assert isinstance(caught.value, ServiceError)
    assert caught.value.exit_code == 5
    assert "\n" not in caught.value.message


# --- a server that does not answer -------------------------------------------------------------------------------


class Server(BaseHTTPRequestHandler):
    """Answers ``/health`` as told, and everything else as told; "drop" hangs up."""

    health: int | str = 200
    rest: int | str = 404

    def do_GET(self) -> None:
        answer = self.health if self.path == "/health" else self.rest
        if answer == "drop":
            self.close_connection = True
            return
        self.send_response(answer)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"no")

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Callable[[str], str]]:
    """Start something that is no working MLflow, and return its address without scheme."""
    closing: list[Callable[[], None]] = []

    def start(kind: str) -> str:
        if kind == "refused":
            with socket.create_server(("127.0.0.1", 0)) as taken:
                return f"127.0.0.1:{taken.getsockname()[1]}"
        if kind == "silent":
            listening = socket.create_server(("127.0.0.1", 0))
            closing.append(listening.close)
            return f"127.0.0.1:{listening.getsockname()[1]}"
        if kind == "babble":
            listening = socket.create_server(("127.0.0.1", 0))

            def greet() -> None:
                while True:
                    try:
                        connection, _ = listening.accept()
                    except OSError:
                        return
                    with connection:
                        connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

            threading.Thread(target=greet, daemon=True).start()
            closing.append(lambda: listening.shutdown(socket.SHUT_RDWR))
            closing.append(listening.close)
            return f"127.0.0.1:{listening.getsockname()[1]}"
        health, rest = (int(word) if word.isdigit() else word for word in kind.split("/"))
        handler = type("Handler", (Server,), {"health": health, "rest": rest})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        closing.extend((server.shutdown, server.server_close))
        return f"127.0.0.1:{server.server_address[1]}"

    yield start
    for close in closing:
        close()


BROKEN = ["refused", "babble", "503/404", "drop/404", "200/404", "200/401", "200/drop"]


@pytest.fixture
def without_patience(clean_environment, monkeypatch):
    """MLflow itself would try again for minutes."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("refused", "did not answer: [Errno 111] Connection refused"),
        ("silent", "did not answer: timed out"),
        ("babble", "did not answer: "),
        ("503/404", "answered 503"),
        ("drop/404", "did not answer: Server disconnected without sending a response."),
    ],
)
def test_a_server_that_is_down_is_told_within_five_seconds(kind, said, serve, project, monkeypatch):
    address = serve(kind)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{address}")
    began = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        mlops_jupyter.runs()
    assert time.monotonic() - began < 5
    assert caught.value.message.startswith(f"MLflow at http://{address} {said}")
    assert (caught.value.hint, caught.value.exit_code, caught.value.service) == ("mlops doctor", 5, "MLflow")


@pytest.mark.parametrize("kind", ["refused", "silent"])
def test_so_it_is_in_a_terminal(kind, serve, project, terminal):
    address = serve(kind)
    done = terminal("runs", MLFLOW_TRACKING_URI=f"http://{address}")
    assert (done.code, done.out) == (5, "")
    first, second = done.err.splitlines()
    assert first.startswith(f"Unavailable: MLflow at http://{address} did not answer: ")
    assert second == "  → mlops doctor"


@pytest.mark.parametrize(
    ("kind", "error"),
    [("200/401", Unauthorized), ("200/404", ServiceError), ("200/drop", Unavailable), ("200/403", Unauthorized)],
)
@pytest.mark.usefixtures("without_patience")
def test_a_server_that_answers_but_does_not_serve(kind, error, serve, project, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{serve(kind)}")
    with pytest.raises(error) as caught:
        mlops_jupyter.runs()
    assert caught.value.exit_code == 5
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("verb", ["runs", "doctor", "status", "ui"])
@pytest.mark.usefixtures("project", "without_patience")
def test_credentials_appear_nowhere(verb, kind, serve, monkeypatch, capfd):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ana:hunter2@{serve(kind)}/")
    codes = {face.run([verb, *options]) for options in ([], ["--json"], ["--debug"])}
    said = capfd.readouterr()
    assert "hunter2" not in said.out + said.err
    assert codes <= {0, 1, 5}


@pytest.mark.parametrize("uri", ["postgresql://ana:hunter2@127.0.0.1:1/mlflow", "mysql+pymysql://ana:hunter2/x@h/db"])
@pytest.mark.parametrize("verb", ["runs", "doctor", "status"])
def test_nor_do_those_of_a_database(verb, uri, project, monkeypatch, capfd):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    for options in ([], ["--json"], ["--debug"]):
        face.run([verb, *options])
    said = capfd.readouterr()
    assert "hunter2" not in said.out + said.err


def test_nor_do_they_in_the_error_that_python_code_gets(serve, project, monkeypatch, without_patience):
    """MLflow's own message quotes the address; Papermill writes the error's message into the notebook."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ana:hunter2@{serve('200/drop')}")
    with pytest.raises(Unavailable) as caught:
        mlops_jupyter.runs()
    assert "hunter2" not in str(caught.value)


def test_a_database_whose_driver_is_not_installed(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "mysql+pymysql://ana:hunter2@127.0.0.1:1/mlflow")
    with pytest.raises(MissingDependency) as caught:
        mlops_jupyter.runs()
    assert (caught.value.hint, caught.value.exit_code) == ("pip install 'pymysql'", 3)


def test_credentials_do_not_reach_the_records_and_their_links(project, terminal, monkeypatch):
    """The link on a run card is for the reader of a notebook, who may be anybody."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://ana:hunter2@mlflow.corp/team/")
    store = WritableStore(os.environ["MLFLOW_TRACKING_URI"])
    assert store.shown_uri == "https://mlflow.corp/team/"
    assert store._link("1", "ab") == "https://mlflow.corp/team/#/experiments/1/runs/ab"
    assert "hunter2" not in json.dumps(terminal("status", "--json").out)


def test_looking_leaves_no_trace(tmp_path, clean_environment, terminal):
    place = tmp_path / "anywhere"
    place.mkdir()
    done = terminal("runs", cwd=place)
    assert (done.code, done.out.splitlines()[0]) == (0, "no runs in anywhere")
    named = terminal("runs", "--experiment", "nowhere", cwd=place)
    assert (named.code, named.err.split(" in ")[0]) == (4, "NotFound: there is no experiment called nowhere")
    assert list(place.iterdir()) == []


def test_an_order_that_no_run_has_is_said(project, terminal):
    store = WritableStore(f"sqlite:///{project}/.mlops/mlflow.db")
    store.create_run("churn", "one", {})
    assert "note: no run shown has nosuch, so the order is MLflow's own" in terminal("runs", "--sort", "nosuch").out
    assert "note" not in terminal("runs", "--sort", "start_time").out


def test_what_was_named_or_asked_for_is_a_column(project, terminal):
    store = WritableStore(f"sqlite:///{project}/.mlops/mlflow.db")
    run_id = store.create_run("churn", "one", {"mlops.params": "zeta"})
    metrics = {f"training_{name}": 0.5 for name in "abcdef"} | {"accuracy": 0.75}
    at = datetime.now(UTC)
    store.log(
        run_id,
        metrics=[(name, value, at, 0) for name, value in metrics.items()],
        params=dict.fromkeys("abcdef", "1") | {"zeta": "9", "yota": "8"},
    )
    head = terminal("runs", "params.yota = '8'").out.splitlines()[0].split()
    assert {"accuracy", "zeta", "yota"} <= set(head)


def test_what_autologging_logs_is_no_column_while_there_is_anything_else(project, terminal):
    store = WritableStore(f"sqlite:///{project}/.mlops/mlflow.db")
    at = datetime.now(UTC)
    arguments = {f"logisticregression__argument_{name}": "1" for name in "abcdef"}

    def log(name: str, params: dict[str, str], **metrics: float) -> None:
        run_id = store.create_run("churn", name, {"mlops.params": "C"} if "C" in params else {})
        store.log(run_id, metrics=[(one, value, at, 0) for one, value in metrics.items()], params=params)

    def columns() -> list[str]:
        return terminal("runs").out.splitlines()[0].split()[6:]

    log("only autologged", arguments, training_score=0.5, **{"system/cpu": 0.5})
    assert columns() == ["system/cpu", "training_score"]
    log("differs", arguments | {"logisticregression__argument_a": "2"}, training_score=0.5)
    assert columns() == ["training_score", "system/cpu", "logisticregression__argument_a"]
    log("named", arguments | {"C": "9"}, training_score=0.5, accuracy=0.75)
    assert columns() == ["accuracy", "C"]


def test_columns_fit_on_a_line_but_for_those_asked_for(project, terminal):
    store = WritableStore(f"sqlite:///{project}/.mlops/mlflow.db")
    names = [f"a_name_of_many_letters_{name}" for name in "abcd"]
    store.log(store.create_run("churn", "one", {}), params=dict.fromkeys(names, "1"))
    assert terminal("runs").out.splitlines()[0].split()[6:] == names[:1]
    asked = terminal("runs", f"params.{names[3]} = '1' and params.{names[1]} = '1'").out.splitlines()[0].split()[6:]
    assert asked == [names[1], names[3]]
