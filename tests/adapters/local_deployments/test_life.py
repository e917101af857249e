"""The life of an endpoint on this machine, with workers that have no model: real processes, sockets and signals."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from mlops_jupyter.adapters.local_deployments.target import LocalDeployments
from mlops_jupyter.capabilities import processes
from mlops_jupyter.capabilities.endpoints import MonitoringPlan, history
from mlops_jupyter.capabilities.endpoints.folder import EndpointFolder
from mlops_jupyter.capabilities.endpoints.state import EndpointState, read_state
from mlops_jupyter.errors import ConfigurationError, Conflict, MlopsError, NotFound, Rejected, Unavailable
from mlops_jupyter.protocols import ScoringBody, Waiting, WantedDeployment
from mlops_jupyter.records import Deployment, ServedVersion, ServingLimits
from tests.fakes.waiting import wait_for

REPOSITORY = Path(__file__).parents[3]
BODY = b'{"dataframe_split": {"columns": ["a"], "data": [[1.5], [2.5]]}}'
JSON = "application/json"


class Endpoints(LocalDeployments):
    """The target with a worker of the tests'."""

    def __init__(self, state: Path) -> None:
        super().__init__(state, "tests.fakes.endpoint_worker")
        self.state = state

    def folder(self, name: str = "churn") -> EndpointFolder:
        return EndpointFolder(self.state / "endpoints" / name)

    def told(self, name: str = "churn") -> EndpointState:
        return wait_for(lambda: read_state(self.folder(name).state_file))

    def deploy(
        self, name: str = "churn", *versions: str, waiting: Waiting = lambda *_: None, **options: Any
    ) -> Deployment:
        versions = versions or ("models:/churn/1",)
        served = tuple(
            ServedVersion(version=str(number), source=source, path="/nowhere", percent=100 if number == 1 else 0)
            for number, source in enumerate(versions, 1)
        )
        with self.changing(name):
            return self.apply(WantedDeployment(name, served, "a test", "me", **options), waiting)

    def asked(self, name: str = "churn", body: bytes = BODY) -> Any:
        answer = self.ask(name, ScoringBody(body, JSON), 10)
        return json.loads(answer.body)["predictions"], answer.version


@pytest.fixture
def endpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoints]:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    state = tmp_path / "churn" / ".mlops"
    state.mkdir(parents=True)
    found = Endpoints(state)
    yield found
    for one in found.all():
        found.remove(one.name)


def left_of(state: EndpointState) -> list[int]:
    """Return the processes of an endpoint that are there still."""
    every = [state.guard, state.supervisor, *(worker.process for worker in state.workers)]
    return [one.pid for one in every if one.pid and processes.lives(one)]


def kill_all(state: EndpointState) -> None:
    """Kill every process of an endpoint at once, as a machine does that is switched off."""
    os.killpg(state.guard_pid, signal.SIGKILL)
    wait_for(lambda: left_of(state) == [])


def test_an_endpoint_answers_is_listed_and_leaves_nothing(endpoints):
    found = endpoints.deploy()
    assert (found.status, found.name, found.target, found.restarts, found.error) == ("ready", "churn", "local", 0, None)
    assert found.url == f"http://127.0.0.1:{found.port}"
    assert endpoints.asked() == ([1.5, 2.5], "1")
    assert [one.name for one in endpoints.all()] == ["churn"]
    state = endpoints.told()
    token = endpoints.folder().token()
    assert token not in str(found)
    assert f"$(cat {found.token_file})" in found.curl
    compile(found.python, "snippet", "exec")
    assert "supervisor of churn listens" in "\n".join(next(endpoints.log_lines("churn", 100, follow=False)))

    endpoints.remove("churn")
    assert left_of(state) == []
    # The folders of the project itself: in one of them Prometheus looks for endpoints to come.
    assert sorted(one.name for one in endpoints.state.rglob("*")) == ["endpoints", "scrape"]
    with pytest.raises(NotFound) as caught:
        endpoints.get("churn")
    assert caught.value.lines() == ["NotFound: there is no deployment churn", "  → mlops deployments"]
    assert not [one for one in psutil.Process().children(recursive=True) if one.pid == state.guard_pid]


def test_files_are_the_users_alone(endpoints):
    endpoints.deploy(workers=2)
    state = endpoints.told()
    modes = {one.name: oct(one.lstat().st_mode & 0o777) for one in endpoints.folder().path.iterdir()}
    assert modes == dict.fromkeys(("control.sock", "history.jsonl", "log", "plan.json", "state.json", "token"), "0o600")
    assert endpoints.folder().path.stat().st_mode & 0o777 == 0o700
    assert (endpoints.state / "metrics.token").stat().st_mode & 0o777 == 0o600
    assert [worker.status for worker in state.workers] == ["ready", "ready"]
    for one in (state.pid, *(worker.pid for worker in state.workers)):
        assert endpoints.folder().token() not in str(psutil.Process(one).cmdline())
        assert os.getsid(one) == state.guard_pid != os.getsid(0)


def test_a_unix_socket_is_private_and_goes_with_the_endpoint(endpoints, tmp_path):
    place = tmp_path / ("deep" * 30) / "churn.sock"
    place.parent.mkdir()
    found = endpoints.deploy(socket=str(place))
    assert (found.socket, found.port, place.lstat().st_mode & 0o777) == (str(place), None, 0o600)
    assert f"--unix-socket {place}" in found.curl
    endpoints.remove("churn")
    assert not place.exists()


def test_a_worker_that_is_killed_is_started_again_and_told(endpoints, monkeypatch):
    from mlops_jupyter.adapters.local_deployments import describing

    endpoints.deploy()
    (worker,) = endpoints.told().workers
    os.kill(worker.pid, signal.SIGKILL)
    wait_for(lambda: (state := endpoints.told()).restarts == 1 and state.status == "ready")
    assert endpoints.asked() == ([1.5, 2.5], "1")
    found = endpoints.get("churn")
    assert (found.status, found.restarts) == ("ready", 1)
    assert found.error.startswith(f"worker {worker.pid} was killed by SIGKILL")
    assert found.error_at is not None
    assert endpoints.told().workers[0].pid != worker.pid
    # What is long over is in the log alone.
    monkeypatch.setattr(describing, "_OVER_S", 0.0)
    assert endpoints.get("churn").error is None
    assert "was killed by SIGKILL" in endpoints.folder().log.read_text()


def test_who_cannot_be_told_how_it_goes_changes_nothing(endpoints):
    """As the reader of a pipe that is gone, when a deployment changes what it serves."""
    endpoints.deploy()
    plan, history = endpoints.folder().plan(), endpoints.folder().history.read_bytes()

    def gone(*_: object) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        endpoints.deploy("churn", "models:/churn/2", waiting=gone)
    assert (endpoints.folder().plan(), endpoints.folder().history.read_bytes()) == (plan, history)
    assert endpoints.get("churn").versions[0].source == "models:/churn/1"


def test_the_others_answer_while_one_is_away(endpoints):
    endpoints.deploy(workers=2)
    before = endpoints.told()
    with pytest.raises(Unavailable):
        endpoints.asked(body=b'{"die": true}')
    assert endpoints.asked() == ([1.5, 2.5], "1")
    wait_for(lambda: endpoints.told().restarts == 1 and {one.status for one in endpoints.told().workers} == {"ready"})
    assert len({one.pid for one in before.workers} & {one.pid for one in endpoints.told().workers}) == 1


def test_a_worker_that_gives_no_sign_of_life_is_killed(endpoints, monkeypatch):
    from mlops_jupyter.adapters.local_deployments import target
    from mlops_jupyter.capabilities.endpoints import EndpointPlan, Limits

    limits = Limits(deadline_s=1.0, silent_s=1.0)
    monkeypatch.setattr(target, "EndpointPlan", lambda *a: EndpointPlan(*a, limits=limits))
    endpoints.deploy("churn", "deaf")
    assert endpoints.asked() == ([1.5, 2.5], "1")
    state = wait_for(lambda: (state := endpoints.told()).restarts and state)
    assert "it gave no sign of life for 1 s" in state.error


def test_a_first_start_that_fails_says_why_and_leaves_no_process(endpoints):
    with pytest.raises(Unavailable) as caught:
        endpoints.deploy("churn", "broken:no module named xgboost")
    assert caught.value.lines() == [
        "Unavailable: churn did not become ready: ValueError: no module named xgboost",
        "  → mlops logs churn",
    ]
    found = endpoints.get("churn")
    assert (found.status, found.error, found.pid) == ("failed", "ValueError: no module named xgboost", None)
    assert left_of(endpoints.told()) == []
    assert endpoints.deploy().status == "ready"


def test_a_start_that_fails_leaves_what_a_stopped_one_served(endpoints):
    endpoints.deploy()
    endpoints.deploy("churn", "models:/churn/2")
    kill_all(endpoints.told())
    plan = endpoints.folder().plan()
    with pytest.raises(Unavailable):
        endpoints.deploy("churn", "broken:no module named xgboost", workers=2)
    found = endpoints.get("churn")
    assert (found.status, found.error) == ("failed", "ValueError: no module named xgboost")
    assert found.notes == ("mlops deploy models:/churn/2 --name churn starts it again",)
    assert endpoints.folder().plan() == plan
    assert [one.source for one in endpoints.before("churn").versions] == ["models:/churn/1"]


def test_another_baseline_of_a_version_leaves_the_first_where_it_is(endpoints, tmp_path):
    def deploy(baseline: str, source: str = "models:/churn/1") -> Path:
        (tmp_path / "given.json").write_text(baseline)
        given = str(tmp_path / "given.json")
        version = ServedVersion(version="1", source=source, path="/nowhere", percent=100, baseline=given)
        with endpoints.changing("churn"):
            found = endpoints.apply(WantedDeployment("churn", (version,), "a test", "me"), lambda *_: None)
        return Path(found.versions[0].baseline)

    first = deploy("first")
    with pytest.raises(Rejected):
        deploy("second", "broken:wrong shape")
    assert first.read_text() == "first"
    second = deploy("second")
    assert (second != first, second.read_text()) == (True, "second")
    (earlier,) = endpoints.before("churn").versions
    with endpoints.changing("churn"):
        found = endpoints.apply(WantedDeployment("churn", (earlier,), "a test", "me"), lambda *_: None)
    assert Path(found.versions[0].baseline) == first == deploy("first")
    assert first.read_text() == "first"


def test_copies_that_only_older_changes_name_are_gone(endpoints, monkeypatch):
    monkeypatch.setattr(history, "KEPT", 2)
    models = endpoints.state / "models"

    def serve(digest: str) -> None:
        (models / digest).mkdir(parents=True, exist_ok=True)
        file = endpoints.state.parent / f"{digest}.json"
        file.write_text(digest)
        version = ServedVersion("1", "models:/churn/1", digest=digest, path=str(models / digest), baseline=str(file))
        with endpoints.changing("churn"):
            endpoints.apply(WantedDeployment("churn", (version,), "a test", "me"), lambda *_: None)

    for digest in ("first", "second", "third"):
        serve(digest)
    assert {one.name for one in models.iterdir()} == {"second", "third"}
    kept = (endpoints.folder().path / "baseline").iterdir()
    assert sorted(one.read_text() for one in kept) == ["second", "third"]
    assert endpoints.before("churn").versions[0].digest == "second"
    # Not while somebody may be about to serve it.
    (models / "fourth").mkdir()
    with endpoints.folder("other").changing():
        endpoints.release({"third", "fourth"})
    assert (models / "fourth").exists()
    endpoints.release({"third", "fourth"})
    assert {one.name for one in models.iterdir()} == {"second", "third"}
    endpoints.remove("churn")
    assert list(models.iterdir()) == []


def test_of_several_that_start_the_one_that_fails_says_why(endpoints, tmp_path):
    with pytest.raises(Unavailable) as caught:
        endpoints.deploy("churn", f"first:{tmp_path / 'first'}", workers=3)
    assert caught.value.message == "churn did not become ready: ValueError: I was the first"
    assert left_of(endpoints.told()) == []


def test_a_change_while_nobody_answers_waits_for_who_begins_with_it(endpoints, tmp_path):
    endpoints.deploy()
    (worker,) = endpoints.told().workers
    os.kill(worker.pid, signal.SIGKILL)
    wait_for(lambda: endpoints.told().restarts == 1)
    with pytest.raises(Rejected) as caught:
        endpoints.deploy("churn", "broken:wrong shape")
    assert "could not take the change up and serves what it did: " in caught.value.message
    assert caught.value.message.endswith("wrong shape")
    assert endpoints.get("churn").versions[0].source == "models:/churn/1"
    wait_for(lambda: endpoints.told().status == "ready")
    assert endpoints.asked() == ([1.5, 2.5], "1")
    # What cannot be started any more is no reason against what can.
    endpoints.deploy("churn", f"alone:{tmp_path / 'no-more'}")
    (tmp_path / "no-more").touch()
    (worker,) = endpoints.told().workers
    restarts = endpoints.told().restarts
    os.kill(worker.pid, signal.SIGKILL)
    wait_for(lambda: endpoints.told().restarts >= restarts + 2)
    found = endpoints.deploy("churn", "models:/churn/2")
    assert (found.status, found.versions[0].source) == ("ready", "models:/churn/2")
    assert endpoints.asked() == ([1.5, 2.5], "1")


def test_a_change_is_taken_up_and_one_that_fails_is_not(endpoints):
    first = endpoints.deploy()
    state = endpoints.told()
    second = endpoints.deploy("churn", "models:/churn/2")
    assert (second.port, second.versions[0].source, endpoints.told().workers) == (
        first.port,
        "models:/churn/2",
        state.workers,
    )
    with pytest.raises(Rejected) as caught:
        endpoints.deploy("churn", "broken:wrong shape")
    assert "could not take the change up and serves what it did: wrong shape" in caught.value.message
    assert endpoints.get("churn").versions[0].source == "models:/churn/2"
    assert endpoints.asked() == ([1.5, 2.5], "1")
    assert [one.source for one in endpoints.before("churn").versions] == ["models:/churn/1"]


def test_workers_are_added_and_let_go(endpoints):
    endpoints.deploy()
    said: list[str] = []
    endpoints.deploy(workers=3, waiting=lambda what, _: said.append(what))
    # Not only told so: there they are.
    assert [one.status for one in endpoints.told().workers] == ["ready"] * 3
    assert "1 of 3 workers are ready" in said
    endpoints.deploy(workers=1)
    wait_for(lambda: len(endpoints.told().workers) == 1)
    assert (endpoints.get("churn").restarts, endpoints.asked()) == (0, ([1.5, 2.5], "1"))


def test_an_address_that_is_taken(endpoints):
    first = endpoints.deploy()
    with pytest.raises(Conflict) as caught:
        endpoints.deploy("other", port=first.port)
    assert caught.value.message == f"other cannot be deployed: port {first.port} of 127.0.0.1 is in use"
    # Nothing is left of it.
    with pytest.raises(NotFound):
        endpoints.get("other")
    with pytest.raises(Conflict) as caught:
        endpoints.deploy(port=first.port + 1)
    assert caught.value.message == f"churn runs already, and listens at {first.port}"


def test_workers_that_cannot_be_added_are_no_more_and_that_is_told(endpoints, tmp_path):
    endpoints.deploy("churn", f"alone:{tmp_path / 'no-more'}")
    (first,) = endpoints.told().workers
    (tmp_path / "no-more").touch()
    with pytest.raises(Rejected) as caught:
        endpoints.deploy("churn", f"alone:{tmp_path / 'no-more'}", workers=3)
    message = caught.value.message
    assert message.startswith("churn could not take the change up and serves what it did: worker ")
    assert message.endswith(" exited with code 3: ValueError: there is room for one")
    wait_for(lambda: [one.pid for one in endpoints.told().workers] == [first.pid])
    assert (endpoints.get("churn").workers, endpoints.asked()) == (1, ([1.5, 2.5], "1"))


def test_a_supervisor_that_is_killed_is_started_again_and_nobody_is_refused(endpoints):
    first = endpoints.deploy(workers=2)
    state = endpoints.told()
    os.kill(state.pid, signal.SIGKILL)
    # Whoever asks meanwhile waits for the new workers.
    assert [endpoints.asked() for _ in range(3)] == [([1.5, 2.5], "1")] * 3
    now = wait_for(lambda: (now := endpoints.told()).status == "ready" and now)
    found = endpoints.get("churn")
    assert (found.port, found.restarts, found.pid) == (first.port, 1, now.pid)
    assert found.error == f"the supervisor {state.pid} was killed by SIGKILL"
    assert found.error_at is not None
    assert now.pid != state.pid
    # Those of the old one have ended by themselves.
    wait_for(lambda: left_of(state) == [now.guard_pid])
    assert f"{found.error}, and is started again" in endpoints.folder().log.read_text()
    # It can be changed and ended like any other.
    assert endpoints.deploy("churn", "models:/churn/2", workers=1).versions[0].source == "models:/churn/2"
    endpoints.remove("churn")
    assert left_of(now) == []


def test_a_supervisor_is_started_again_and_again_but_not_when_it_is_to_end(endpoints):
    endpoints.deploy()
    for times in (1, 2):
        os.kill(endpoints.told().pid, signal.SIGKILL)
        wait_for(lambda times=times: (now := endpoints.told()).restarts == times and now.status == "ready")
    state = endpoints.told()
    os.kill(state.guard_pid, signal.SIGTERM)
    wait_for(lambda: left_of(state) == [])
    found = endpoints.get("churn")
    assert (found.status, found.notes) == ("stopped", ("mlops deploy models:/churn/1 --name churn starts it again",))


def test_a_supervisor_that_hangs_is_ended_with_its_guard(endpoints, monkeypatch):
    from mlops_jupyter.adapters.local_deployments import ending

    monkeypatch.setattr(ending, "_END_S", 0.5)
    monkeypatch.setattr(ending, "_STOP_S", 0.5)
    endpoints.deploy()
    state = endpoints.told()
    os.kill(state.pid, signal.SIGSTOP)
    endpoints.remove("churn")
    assert left_of(state) == []


def test_an_endpoint_of_which_all_is_killed_says_so_and_can_be_deployed_again(endpoints):
    endpoints.deploy(workers=2)
    state = endpoints.told()
    kill_all(state)
    found = endpoints.get("churn")
    assert (found.status, found.error, found.notes) == (
        "stopped",
        f"its process {state.pid} was killed, or the machine was started anew",
        ("mlops deploy models:/churn/1 --name churn starts it again",),
    )
    with pytest.raises(Unavailable) as caught:
        endpoints.asked()
    assert (caught.value.message, caught.value.hint) == (
        "churn does not run",
        "mlops deploy models:/churn/1 --name churn",
    )
    assert endpoints.deploy().status == "ready"
    assert endpoints.asked() == ([1.5, 2.5], "1")
    assert endpoints.get("churn").notes == ()


def test_what_a_terminated_supervisor_has_open_is_answered(endpoints):
    endpoints.deploy("churn", "slow:1")
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(endpoints.asked()))
    asking.start()
    from mlops_jupyter.capabilities.endpoints import control

    def busy() -> bool:
        told = control.ask(endpoints.folder().control, {"do": "metrics"}, 5)
        return "mlops_requests_in_flight 1.0" in told["text"]

    wait_for(busy)
    state = endpoints.told()
    os.kill(state.pid, signal.SIGTERM)
    asking.join()
    assert answers == [([1.5, 2.5], "1")]
    wait_for(lambda: left_of(state) == [])
    assert endpoints.get("churn").status == "stopped"


def test_a_damaged_state_and_a_damaged_plan(endpoints):
    endpoints.deploy()
    state = endpoints.told()
    endpoints.folder().state_file.write_text('{"pid": 12')
    assert endpoints.asked() == ([1.5, 2.5], "1")
    endpoints.folder().plan_file.write_text('{"name": "churn", "versions": [')
    found = endpoints.get("churn")
    assert found.status == "ready"
    assert "is damaged" in found.notes[0]
    with pytest.raises(ConfigurationError):
        endpoints.deploy()
    endpoints.remove("churn")
    assert left_of(state) == []


def test_another_process_with_the_number_is_not_the_endpoint(endpoints):
    endpoints.deploy()
    state = endpoints.told()
    kill_all(state)
    told = json.loads(endpoints.folder().state_file.read_text())
    told["pid"] = told["guard_pid"] = os.getpid()
    endpoints.folder().state_file.write_text(json.dumps(told))
    assert endpoints.get("churn").status == "stopped"
    endpoints.remove("churn")


def test_two_changes_at_once(endpoints):
    with endpoints.changing("churn"):
        with pytest.raises(Conflict) as caught:
            endpoints.deploy()
        assert caught.value.message == f"churn is being changed by process {os.getpid()}"
    assert endpoints.deploy().status == "ready"


def test_it_is_ended_when_a_change_has_been_made(endpoints):
    endpoints.deploy()
    holding, over = threading.Event(), threading.Event()

    def change() -> None:
        with endpoints.changing("churn"):
            holding.set()
            over.wait(60)

    changing = threading.Thread(target=change)
    changing.start()
    holding.wait(60)
    threading.Timer(0.5, over.set).start()
    assert endpoints.remove("churn").name == "churn"
    changing.join()
    assert endpoints.all() == ()


NOBODY = 65534


@pytest.mark.parametrize("where", [".", "..", "../.."])
@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_folder_that_others_can_write_to_is_refused(endpoints, where, mode):
    endpoints.deploy()
    place = Path(os.path.normpath(endpoints.folder().path / where))
    before = place.stat()
    if mode == 0o770:
        if os.geteuid() != 0:
            pytest.skip("only root can give a folder to another group: run the tests as root")
        os.chown(place, -1, NOBODY)
    place.chmod(mode)
    with pytest.raises(ConfigurationError) as caught:
        endpoints.asked()
    assert caught.value.lines() == [
        f"ConfigurationError: other users can write to {place}",
        f"  → chmod go-w {place}",
    ]
    place.chmod(mode & ~0o022)
    assert endpoints.asked() == ([1.5, 2.5], "1")
    os.chown(place, -1, before.st_gid)
    place.chmod(before.st_mode)


def test_the_log_is_followed_until_the_endpoint_ends(endpoints):
    endpoints.deploy()
    heard: list[str] = []
    begun = threading.Event()

    def follow() -> None:
        for lines in endpoints.log_lines("churn", 2, follow=True):
            heard.extend(lines)
            begun.set()

    following = threading.Thread(target=follow)
    following.start()
    begun.wait(10)
    assert len(heard) >= 2
    os.kill(endpoints.told().workers[0].pid, signal.SIGKILL)
    wait_for(lambda: any("was killed by SIGKILL" in line for line in heard))
    endpoints.remove("churn")
    following.join(10)
    assert not following.is_alive()
    assert any("the endpoint has stopped" in line for line in heard)


def test_a_refusal_is_told_in_the_endpoints_words(endpoints):
    endpoints.deploy()
    with pytest.raises(Rejected) as caught:
        endpoints.asked(body=b'{"refuse": 1}')
    assert caught.value.message == "churn refused the request: the column a is missing"
    endpoints.folder().token_file.write_text("another")
    with pytest.raises(MlopsError) as other:
        endpoints.asked()
    assert other.value.message == "churn does not know the token: a token is needed"


def test_what_workers_have_counted_is_added_up_and_kept(endpoints):
    from mlops_jupyter.capabilities.endpoints import control

    def counted() -> str:
        told = control.ask(endpoints.folder().control, {"do": "metrics"}, 5)["text"]
        return "\n".join(
            line for line in told.splitlines() if line.startswith(("mlops_requests_total", "mlops_worker"))
        )

    endpoints.deploy(workers=2)
    for _ in range(5):
        endpoints.asked()
    labels = '{model="churn",version="1"}'
    assert counted().splitlines()[0] == f"mlops_requests_total{labels} 5.0"
    os.kill(endpoints.told().workers[0].pid, signal.SIGKILL)
    wait_for(lambda: endpoints.told().restarts == 1)
    # Before the next is there, too.
    assert counted().splitlines()[0] == f"mlops_requests_total{labels} 5.0"
    wait_for(lambda: endpoints.told().restarts == 1 and {one.status for one in endpoints.told().workers} == {"ready"})
    endpoints.asked()
    assert counted().splitlines() == [
        f"mlops_requests_total{labels} 6.0",
        "mlops_worker_restarts_total 1.0",
        "mlops_workers_ready 2.0",
    ]


def test_what_a_worker_has_counted_stays_while_it_finishes(endpoints):
    from mlops_jupyter.capabilities.endpoints import control

    def counted() -> int:
        told = control.ask(endpoints.folder().control, {"do": "snapshot"}, 5)["snapshot"]
        return sum(count for _, count in told["counters"]["requests"])

    endpoints.deploy("churn", "slow:1.5", workers=2)
    asking = [threading.Thread(target=endpoints.asked) for _ in range(8)]
    for one in asking:
        one.start()
    wait_for(lambda: counted() == 8)
    open_one = threading.Thread(target=endpoints.asked)
    last = threading.Thread(target=endpoints.asked)
    for one in (open_one, last):
        one.start()
    endpoints.deploy("churn", "slow:1.5", workers=1)
    while len(endpoints.told().workers) > 1:
        assert counted() >= 8
    assert counted() >= 8
    for one in (*asking, open_one, last):
        one.join()


def test_how_it_is_watched_stays_as_it_was_until_it_is_told_otherwise(endpoints):
    endpoints.deploy(monitoring={"enabled": False, "redact": ("a",)})
    assert endpoints.folder().plan().monitoring == MonitoringPlan(enabled=False, redact=("a",))
    endpoints.deploy("churn", "models:/churn/2")
    assert endpoints.folder().plan().monitoring == MonitoringPlan(enabled=False, redact=("a",))
    endpoints.deploy(monitoring={})
    assert endpoints.folder().plan().monitoring == MonitoringPlan()


def test_what_it_takes_stays_as_it_was_until_it_is_told_otherwise(endpoints):
    usual = ServingLimits(body_mb=16.777216, rows=100_000, columns=10_000, timeout_s=60.0, queue=1_024)
    assert endpoints.deploy().limits == usual
    told = {"body_mb": 0.5, "timeout_s": 300, "queue": 3}
    mine = replace(usual, body_mb=0.5, timeout_s=300, queue=3)
    assert endpoints.deploy(limits=told).limits == mine
    assert endpoints.deploy().limits == mine
    limits = endpoints.folder().plan().limits
    assert (limits.body_bytes, limits.deadline_s, limits.queued, limits.rows) == (500_000, 300, 3, 100_000)
    kill_all(endpoints.told())
    assert endpoints.deploy().limits == mine
    assert endpoints.deploy(limits={}).limits == usual


def test_levels_that_were_told_are_shown_with_what_was_counted(endpoints):
    from mlops_jupyter.capabilities.endpoints import control

    def asked(**request: Any) -> dict[str, Any]:
        return control.ask(endpoints.folder().control, request, 5)

    endpoints.deploy(workers=2)
    endpoints.asked()
    drift = {"mlops_feature_drift_ratio": [[["churn", "1", "age", "psi"], 0.25]]}
    assert asked(do="levels", levels=drift) == {"taken": True}
    assert asked(do="levels", levels={"mlops_feedback_labels_total": [[["joined"], 3]]}) == {"taken": True}
    assert asked(do="levels", levels={"mlops_nothing": []}) == {"error": "there is no level mlops_nothing"}
    lines = asked(do="metrics")["text"].splitlines()
    assert 'mlops_feature_drift_ratio{feature="age",method="psi",model="churn",version="1"} 0.25' in lines
    assert 'mlops_feedback_labels_total{result="joined"} 3.0' in lines
    snapshot = asked(do="snapshot")["snapshot"]
    assert snapshot["levels"] == {**drift, "mlops_feedback_labels_total": [[["joined"], 3]]}
    assert snapshot["counters"]["requests"] == [[["churn", "1"], 1]]
    assert (snapshot["gauges"]["workers_ready"], snapshot["counters"]["restarts"]) == (2, [[[], 0]])


def test_the_supervisor_is_light(endpoints):
    endpoints.deploy()
    memory = psutil.Process(endpoints.told().pid).memory_info().rss
    assert memory < 40 * 1024 * 1024, memory
    code = (
        "import sys, mlops_jupyter.serving.supervisor\n"
        "heavy = {'numpy', 'pandas', 'mlflow', 'uvicorn', 'uvloop', 'click', 'httpx', 'orjson', 'asyncio', 'IPython'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_another_user_can_read_nothing_and_ask_nothing(endpoints, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs a second user: run the tests as root")
    found = endpoints.deploy()
    place = tmp_path / "churn.sock"
    endpoints.deploy("private", socket=str(place))
    for folder in (tmp_path, *tmp_path.parents):
        # Not the folders above shall keep the other out, but the endpoint's own.
        if folder.stat().st_uid == 0 and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    code = f"""
import pathlib, socket, urllib.request, urllib.error
refused = 0
for file in ("token", "plan.json", "state.json", "log", "history.jsonl", "control.sock"):
    try:
        pathlib.Path({str(endpoints.folder().path)!r}, file).read_bytes()
    except OSError:
        refused += 1
for file in ({str(place)!r}, {str(endpoints.folder().control)!r}):
    try:
        socket.socket(socket.AF_UNIX).connect(file)
    except OSError as error:
        refused += 1
try:
    pathlib.Path({str(endpoints.state / "metrics.token")!r}).read_bytes()
except PermissionError:
    refused += 1
try:
    urllib.request.urlopen(urllib.request.Request({found.url!r} + "/invocations", data=b'{{"inputs": [[1]]}}'))
except urllib.error.HTTPError as error:
    refused += error.code == 401
print(refused)
"""
    # The machine's own Python: that of a virtual environment may lie where another user cannot go.
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin:/bin") or sys.executable
    done = subprocess.run(
        [python, "-I", "-c", code],
        user="nobody",
        group="nogroup",
        extra_groups=[],
        cwd="/",
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("10\n", "")


def test_a_full_disk_ends_nothing(endpoints, monkeypatch):
    endpoints.deploy()
    state = endpoints.told()
    # No file may grow any more, as on a disk that is full.
    psutil.Process(state.pid).rlimit(psutil.RLIMIT_FSIZE, (0, psutil.RLIM_INFINITY))
    (worker,) = state.workers
    os.kill(worker.pid, signal.SIGKILL)
    wait_for(lambda: endpoints.asked() == ([1.5, 2.5], "1") if _answers(endpoints) else False)
    assert processes.lives(state.supervisor)
    psutil.Process(state.pid).rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
    wait_for(lambda: endpoints.told().restarts == 1 and endpoints.told().status == "ready")


def _answers(endpoints: Endpoints) -> bool:
    try:
        endpoints.asked()
    except MlopsError:
        return False
    return True
