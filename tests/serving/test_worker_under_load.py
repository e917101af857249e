"""What a worker does when there is too much, when models fail, and when it is told to change or to end."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections.abc import Callable

import hypothesis
import pytest
from hypothesis import strategies

from mlops_jupyter.capabilities.endpoints import Limits
from tests.fakes.waiting import wait_for
from tests.fakes.workers import Answer, Client, RunningWorker, plan_of, planned, request, scoring

PING = b"GET /ping HTTP/1.1\r\nhost: test\r\n\r\n"


def test_beyond_the_queue_comes_429_and_health_answers_meanwhile(start, tmp_path):
    worker = start(plan_of(planned("Waiting", tmp_path, example=None), limits=Limits(queued=3))).ready()
    clients = [worker.client() for _ in range(6)]
    clients[0].say(request(scoring([[-1, 0]])))
    wait_for(lambda: worker.counted()["gauges"] == worker.counted()["gauges"] | {"in_flight": 1, "queued": 0})
    for client in clients[1:4]:
        client.say(request(scoring([[1, 2]])))
    wait_for(lambda: worker.counted()["gauges"]["queued"] == 3)
    for client in clients[4:]:
        answer = client.ask(request(scoring([[1, 2]])))
        assert (answer.status, answer.headers["retry-after"]) == (429, "1")
        assert answer.json()["error_code"] == "REQUEST_LIMIT_EXCEEDED"
    assert worker.client().ask(PING).status == 200
    (tmp_path / "go").touch()
    assert clients[0].answer().json() == {"predictions": [-1.0]}
    assert [client.answer().json()["predictions"] for client in clients[1:4]] == [[3.0]] * 3


def test_a_model_that_hangs_is_given_up_on(start, tmp_path):
    worker = start(plan_of(planned("Waiting", tmp_path, example=None), limits=Limits(deadline_s=0.3))).ready()
    hung, behind = worker.client(), worker.client()
    hung.say(request(scoring([[-1, 0]])))
    wait_for(lambda: worker.counted()["gauges"]["in_flight"] == 1)
    behind.say(request(scoring([[1, 2]])))
    for client in (hung, behind):
        answer = client.answer()
        assert (answer.status, answer.json()["error_code"]) == (504, "DEADLINE_EXCEEDED")
    (tmp_path / "go").touch()
    wait_for(lambda: behind.ask(request(scoring([[1, 2]]))).status == 200)


def test_a_model_that_never_comes_back_ends_the_worker(start, tmp_path):
    worker = start(plan_of(planned("Waiting", tmp_path, example=None), limits=Limits(deadline_s=0.2))).ready()
    assert worker.client().ask(request(scoring([[-1, 0]]))).status == 504
    assert worker.process.wait(30) == 4


@pytest.mark.parametrize("number", [13, 14, 16])
def test_one_bad_request_does_not_fail_its_neighbours(start, tmp_path, number):
    worker = start(plan_of(planned("Particular", tmp_path))).ready()
    client = worker.client()
    rows = [[number if at == 5 else at, 0.125] for at in range(10)]
    client.say(b"".join(request(scoring([row])) for row in rows))
    for at, row in enumerate(rows):
        answer = client.answer()
        if at == 5:
            assert answer.status == 400
            assert answer.json()["error_code"] == "BAD_REQUEST"
            assert str(number) not in answer.body.decode()
            assert "0.125" not in answer.body.decode()
        else:
            assert answer.json() == {"predictions": [sum(row)]}


def test_a_value_of_the_model_s_error_is_said_only_on_demand(start, tmp_path):
    worker = start(plan_of(planned("Particular", tmp_path), verbose_errors=True)).ready()
    assert "0.125" in worker.client().ask(request(scoring([[13, 0.125]]))).json()["message"]


def test_where_a_model_raises_is_in_the_log_and_no_value_is(start, tmp_path):
    worker = start(plan_of(planned("Particular", tmp_path))).ready()
    for _ in range(3):
        assert "raised ValueError" in worker.client().ask(request(scoring([[13, 0.125]]))).json()["message"]
    (line,) = [one for one in worker.log.read_text().splitlines() if "the model raised ValueError" in one]
    assert "runners.py:" in line
    assert line.endswith(" in predict")
    assert "0.125" not in worker.log.read_text()


def test_one_answer_for_many_rows_is_what_the_model_said(start, tmp_path):
    worker = start(plan_of(planned("Particular", tmp_path))).ready()
    client = worker.client()
    client.say(b"".join(request(scoring([[15, at]])) for at in range(5)))
    assert [client.answer().json()["predictions"] for _ in range(5)] == [[15.0 + at] for at in range(5)]
    assert client.ask(request(scoring([[15, 1], [15, 2]]))).json() == {"predictions": [33.0]}


def test_a_model_that_looks_at_all_rows_is_asked_by_one_request_at_a_time(start, tmp_path):
    worker = start(plan_of(planned("Together", tmp_path))).ready()
    client = worker.client()
    client.say(b"".join(request(scoring([[1, 1]] * (1 + at % 3))) for at in range(30)))
    for at in range(30):
        assert client.answer().json()["predictions"] == [1.0 + at % 3] * (1 + at % 3)


def test_requests_whose_number_of_rows_is_fixed_are_never_put_together(start, tmp_path):
    tensor = {"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [2, 3]}}
    example = json.dumps({"inputs": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]})
    signature = {"inputs": json.dumps([tensor])}
    worker = start(plan_of(planned("Pairs", tmp_path, signature=signature, example=example))).ready()
    client = worker.client()
    bodies = [json.dumps({"inputs": [[at, 0, 0], [0, at, 1]]}).encode() for at in range(20)]
    client.say(b"".join(map(request, bodies)))
    assert [client.answer().json()["predictions"] for _ in bodies] == [[at, at + 1.0] for at in range(20)]
    assert not (tmp_path / "another-number").exists()


def test_what_cannot_be_loaded_is_told(start, tmp_path):
    worker = start(plan_of(planned("Broken", tmp_path)))
    assert "No module named 'something'" in worker.says("failed")
    assert worker.process.wait(30) == 3


def test_an_example_that_is_not_answered_is_told(start, tmp_path):
    worker = start(plan_of(planned("Particular", tmp_path, example=scoring([[13, 1]]).decode())))
    assert "does not answer its input example" in worker.says("failed")


class Hammer:
    """Connections that ask all the time, and what they were answered."""

    def __init__(self, worker: RunningWorker, connections: int = 8) -> None:
        self.answers: list[tuple[float, Answer]] = []
        self.lost = 0
        self.ended = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(worker, at)) for at in range(connections)]
        for thread in self._threads:
            thread.start()
        self.wait_for_more()

    def wait_for_more(self) -> None:
        before = len(self.answers)
        wait_for(lambda: len(self.answers) > before + 100)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _ask(self, worker: RunningWorker, number: int) -> None:
        client = Client(worker.address)
        at = 0.0
        while not self._stop.is_set():
            at += 1
            try:
                answer = client.ask(request(scoring([[number, at]])))
            except ConnectionError:
                self.lost += 1
                return
            self.answers.append((number + at, answer))
            if answer.headers.get("connection") == "close":
                self.ended += 1
                return
        client.close()


def _say_so(worker: RunningWorker) -> None:
    worker.order("drain")


def _fall_silent(worker: RunningWorker) -> None:
    worker.control.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("tell", [_say_so, _fall_silent])
def test_a_worker_that_is_told_to_end_answers_what_it_was_asked(start, tmp_path, tell: Callable[[RunningWorker], None]):
    worker = start(plan_of(planned("Runner", tmp_path))).ready()
    idle = worker.client()
    assert idle.ask(PING).status == 200
    hammer = Hammer(worker)
    tell(worker)
    assert worker.process.wait(30) == 0
    hammer.stop()
    assert (hammer.lost, hammer.ended) == (0, 8)
    assert all(answer.json() == {"predictions": [total]} for total, answer in hammer.answers)
    assert idle.is_closed()
    assert (tmp_path / "closed-1").exists()


def test_sigterm_drains(start, tmp_path):
    worker = start(plan_of(planned("Waiting", tmp_path, example=None))).ready()
    client = worker.client()
    client.say(request(scoring([[-1, 3]])))
    wait_for(lambda: worker.counted()["gauges"]["in_flight"] == 1)
    worker.process.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    assert worker.process.poll() is None
    (tmp_path / "go").touch()
    answer = client.answer()
    assert (answer.json(), answer.headers["connection"]) == ({"predictions": [2.0]}, "close")
    assert worker.process.wait(30) == 0


def test_a_new_plan_takes_the_old_one_s_place_without_losing_a_request(start, tmp_path):
    worker = start(plan_of(planned("Runner", tmp_path))).ready()
    hammer = Hammer(worker)
    for version in ("2", "3", "4"):
        worker.write(plan_of(planned("Runner", tmp_path, version)))
        worker.order("plan")
        assert worker.says("swapped") is True
        hammer.wait_for_more()
    worker.write(plan_of(planned("Broken", tmp_path, "5")))
    worker.order("plan")
    assert worker.says("swapped") is False
    hammer.stop()
    assert hammer.lost == 0
    for total, answer in hammer.answers:
        assert answer.json() == {"predictions": [total * float(answer.headers["x-mlops-version"])]}
    assert {answer.headers["x-mlops-version"] for _, answer in hammer.answers} == {"1", "2", "3", "4"}
    wait_for((tmp_path / "closed-3").exists)
    assert not (tmp_path / "closed-4").exists()


def test_a_client_that_leaves_takes_nothing_with_it(start, tmp_path):
    worker = start(plan_of(planned("Waiting", tmp_path, example=None))).ready()
    leaving, staying = worker.client(), worker.client()
    leaving.say(request(scoring([[-1, 0]])) * 3)
    wait_for(lambda: worker.counted()["gauges"]["in_flight"] == 3)
    leaving.close()
    wait_for(lambda: worker.counted()["gauges"]["in_flight"] == 0)
    (tmp_path / "go").touch()
    assert staying.ask(request(scoring([[1, 2]]))).json() == {"predictions": [3.0]}
    assert worker.counted()["gauges"]["queued"] == 0


def test_no_bytes_end_a_worker_nor_get_a_5xx(start, tmp_path):
    worker = start(plan_of(planned("Runner", tmp_path), limits=Limits(body_bytes=2_000))).ready()
    good = request(scoring([[1, 2]]))
    pieces = strategies.sampled_from(
        [
            *(good, PING, good[:40], good[40:], b"\r\n", b"\r\n\r\n", b" ", b"\x00", b"%", b"POST ", b"/invocations"),
            *(b" HTTP/1.1\r\n", b"content-length: 5\r\n", b"transfer-encoding: chunked\r\n", b"0\r\n\r\n", b"5\r\nab"),
            *(
                b"connection: upgrade\r\nupgrade: h2c\r\n",
                b"expect: 100-continue\r\n",
                b"GET http://[::1/ HTTP/1.1\r\n",
            ),
            *(b"authorization: Bearer right\r\n", b"/v2/models/%ff/infer", b'{"inputs":', b"[[1e999]]}", b"\xff\xfe"),
        ]
    )

    @hypothesis.settings(max_examples=150)
    @hypothesis.given(strategies.lists(pieces | strategies.binary(max_size=20), min_size=1, max_size=8))
    def say(parts):
        client = Client(worker.address)
        client.socket.settimeout(0.02)
        try:
            client.say(b"".join(parts))
            heard = b""
            while data := client.socket.recv(65536):
                heard += data
        except (TimeoutError, ConnectionError):
            pass
        client.close()
        assert b"HTTP/1.1 5" not in heard
        assert worker.process.poll() is None

    say()
    assert worker.client().ask(good).json() == {"predictions": [3.0]}
    wait_for(lambda: worker.counted()["gauges"]["in_flight"] == 0)
    assert "Traceback" not in worker.log.read_text()
