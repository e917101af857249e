"""What a worker answers over a real socket, in the order of the requests and with the words of its protocols."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from mlops_jupyter.capabilities.endpoints import Limits
from tests.fakes.workers import METRICS_TOKEN, TOKEN, plan_of, planned, request, scoring


def get(path: str, token: str | None = TOKEN, method: str = "GET", more: str = "") -> bytes:
    shown = f"authorization: Bearer {token}\r\n" if token else ""
    return f"{method} {path} HTTP/1.1\r\nhost: test\r\n{shown}{more}\r\n".encode()


@pytest.fixture
def client(start, tmp_path):
    return start(plan_of(planned("Runner", tmp_path), limits=Limits(body_bytes=20_000))).ready().client()


def test_predictions_in_both_protocols(client):
    answer = client.ask(request(scoring([[1, 2], [3, 4]]), "x-request-id: mine"))
    assert (answer.status, answer.json()) == (200, {"predictions": [3.0, 7.0]})
    assert answer.headers["x-request-id"] == "mine"
    assert answer.headers["x-mlops-version"] == "1"
    assert answer.headers["content-type"] == "application/json"

    tensors = [{"name": name, "shape": [2], "datatype": "FP64", "data": [1, 2]} for name in "ab"]
    for path in ("/v2/models/m/infer", "/v2/models/e/infer", "/v2/models/m/versions/1/infer?x=1"):
        answer = client.ask(request(json.dumps({"id": "7", "inputs": tensors}).encode(), path=path))
        assert answer.status == 200
        assert (answer.json()["id"], answer.json()["outputs"][0]["data"]) == ("7", [2.0, 4.0])
    for path in ("/v2/models/other/infer", "/v2/models/m/versions/2/infer"):
        answer = client.ask(request(b"{}", path=path))
        assert answer.status == 404
        assert list(answer.json()) == ["error"]


def test_a_trace_goes_on_under_a_step_of_its_own(client):
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    answer = client.ask(request(scoring([[1, 2]]), f"traceparent: {trace}"))
    version, trace_id, step, flags = answer.headers["traceparent"].split("-")
    assert (version, trace_id, flags) == ("00", "a" * 32, "01")
    assert len(step) == 16
    assert step != "b" * 16
    ids = {client.ask(request(scoring([[1, 2]]), "traceparent: 00-no")).headers["x-request-id"] for _ in range(5)}
    assert len(ids) == 5

    # What others keep in the trace is passed on, by every address; what cannot be is left out.
    more = f"traceparent: {trace}\r\ntracestate: rojo=00f067aa0ba902b7\r\ntracestate:  congo=t61rcWkgMzE\r\n"
    for asked in (request(scoring([[1, 2]]), more.strip()), get("/v2", more=more), get("/nothing", more=more)):
        told = client.ask(asked).headers
        assert told["traceparent"].startswith(f"00-{'a' * 32}-")
        assert told["traceparent"] != trace
        assert told["tracestate"] == "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"
    long = client.ask(get("/v2", more=f"traceparent: {trace}\r\ntracestate: a={'b' * 600}\r\n")).headers
    assert ("traceparent" in long, "tracestate" in long) == (True, False)
    alone = client.ask(get("/v2", more="tracestate: rojo=1\r\n")).headers
    assert {"traceparent", "tracestate"} & alone.keys() == set()


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 200),
        ("Application/JSON; charset=UTF-8", 200),
        ("application/octet-stream", 200),
        # As Triton's client for Python asks.
        (None, 200),
        ("text/csv", 415),
        ("application/json; charset=latin-1", 415),
        ("application/json; profile=x", 415),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
    ],
)
def test_inference_takes_its_own_content_types_only(client, kind, status):
    tensors = [{"name": name, "shape": [1], "datatype": "FP64", "data": [1]} for name in "ab"]
    plain = request(json.dumps({"inputs": tensors}).encode(), path="/v2/models/m/infer")
    said = b"" if kind is None else f"content-type: {kind}\r\n".encode()
    answer = client.ask(plain.replace(b"content-type: application/json\r\n", said))
    assert answer.status == status
    if status == 415:
        assert answer.json()["error"].endswith(": send application/json or application/octet-stream")


def test_answers_keep_the_order_of_requests_that_were_sent_ahead(client):
    said = [request(scoring([[at, at]])) if at % 5 else get("/ping") for at in range(200)]
    client.say(b"".join(said))
    for at in range(200):
        answer = client.answer()
        assert answer.status == 200
        assert (answer.json()["predictions"] == [2.0 * at]) if at % 5 else (answer.body == b"\n")


def test_a_body_in_pieces_and_one_that_waits_to_be_asked_for(client):
    body = scoring([[1, 2]])
    plain = request(body)
    for at in range(0, len(plain), 7):
        client.say(plain[at : at + 7])
    assert client.answer().json() == {"predictions": [3.0]}

    head = request(b"").replace(b"content-length: 0", b"transfer-encoding: chunked")
    client.say(head + b"%x\r\n%b\r\n" % (5, body[:5]) + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body) - 5, body[5:]))
    assert client.answer().json() == {"predictions": [3.0]}

    head, _, _ = request(body, "expect: 100-continue").partition(body)
    assert client.ask(head).status == 100
    assert client.ask(body).json() == {"predictions": [3.0]}


def test_what_is_too_long_is_refused_before_it_is_read(client, start, tmp_path):
    head = request(b"", "expect: 100-continue").replace(b"content-length: 0", b"content-length: 30000")
    answer = client.ask(head)
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert client.is_closed()


def test_what_grows_too_long_is_refused(start, tmp_path):
    worker = start(plan_of(planned("Runner", tmp_path), limits=Limits(body_bytes=20_000))).ready()
    client = worker.client()
    client.say(request(b"").replace(b"content-length: 0", b"transfer-encoding: chunked"))
    for _ in range(3):
        client.say(b"2000\r\n" + b" " * 0x2000 + b"\r\n")
    assert client.answer().status == 413
    assert client.is_closed()
    other = worker.client()
    other.say(b"GET /ping HTTP/1.1\r\n" + b"x: " + b"y" * 70_000)
    assert other.answer().status == 431


def test_a_head_behind_a_long_request_is_no_long_head(start, tmp_path):
    client = start(plan_of(planned("Runner", tmp_path))).ready().client()
    long, short = scoring([[1, 2]]).replace(b"[[", b"[" + b" " * 100_000 + b"["), request(scoring([[3, 4]]))
    client.say(request(long) + short[:20])
    assert client.answer().json() == {"predictions": [3.0]}
    client.say(short[20:])
    assert client.answer().json() == {"predictions": [7.0]}
    client.say(request(long) + b"GET /ping HTTP/1.1\r\nx: ")
    assert client.answer().status == 200
    client.say(b"y" * 70_000)
    assert client.answer().status == 431


@pytest.mark.parametrize("authorization", ["", "authorization: Bearer wrong", "authorization: Basic right", "x: right"])
def test_only_the_token_opens(client, authorization):
    body = scoring([[1, 2]])
    plain = request(body).replace(b"authorization: Bearer right", authorization.encode() or b"x: y")
    answer = client.ask(plain)
    assert answer.status == 401
    assert answer.json()["error_code"] == "UNAUTHENTICATED"
    assert answer.headers["www-authenticate"] == "Bearer"
    # The connection lives on, and the right token still opens.
    assert client.ask(request(body)).status == 200
    for path in ("/version", "/v2", "/v2/models/m", "/metrics", "/nothing"):
        assert client.ask(get(path, "wrong")).status == 401
    for path in ("/ping", "/health", "/v2/health/live", "/v2/health/ready"):
        assert client.ask(get(path, None)).status == 200
    assert client.ask(get("/metrics", METRICS_TOKEN)).status == 200
    assert client.ask(get("/version", METRICS_TOKEN)).status == 401


def test_the_other_addresses(client):
    assert client.ask(get("/version")).body.count(b".") == 2
    assert client.ask(get("/v2")).json()["extensions"] == ["binary_tensor_data"]
    told = client.ask(get("/v2/models/m")).json()
    assert (told["versions"], [one["name"] for one in told["inputs"]]) == (["1"], ["a", "b"])
    assert client.ask(get("/v2/models/m/versions/1/ready")).json() == {"name": "m", "ready": True}
    assert client.ask(get("/v2/models/m/versions/9")).status == 404
    assert "/invocations" in client.ask(get("/openapi.json")).json()["paths"]
    # Who opens a link in a browser sends no token; what the page shows needs it.
    assert client.ask(get("/", None)).headers["location"] == "docs"
    assert client.ask(get("/docs/model.json", None)).status == 401
    assert client.ask(get("/docs/model.json")).json()["name"] == "m"
    page = client.ask(get("/docs", None))
    nonce = page.headers["content-security-policy"].partition("'nonce-")[2].partition("'")[0]
    assert f'nonce="{nonce}"' in page.body.decode()
    assert client.ask(get("/nothing")).json()["error_code"] == "ENDPOINT_NOT_FOUND"
    answer = client.ask(get("/invocations"))
    assert (answer.status, answer.headers["allow"]) == (405, "POST, OPTIONS")
    assert client.ask(get("/invocations", method="OPTIONS")).status == 204
    assert client.ask(get("/ping", method="DELETE")).status == 405
    client.say(get("/ping", method="HEAD", more="connection: close\r\n"))
    assert client.socket.recv(4096).startswith(b"HTTP/1.1 200")
    assert client.is_closed()


def test_an_old_client_gets_its_answer_and_the_end(client):
    answer = client.ask(request(scoring([[1, 2]])).replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert client.is_closed()


def test_what_is_counted_is_what_prometheus_reads(client, tmp_path):
    for _ in range(3):
        client.ask(request(scoring([[1, 2], [3, 4]])))
    client.ask(request(b"[]"))
    text = client.ask(get("/metrics")).body.decode()
    labels = 'model="m",protocol="scoring",variant="main",version="1"'
    assert f'mlops_requests_total{{code="200",{labels}}} 3.0' in text
    assert f'mlops_requests_total{{code="400",{labels}}} 1.0' in text
    assert f'mlops_request_errors_total{{error_code="BAD_REQUEST",{labels}}} 1.0' in text
    assert f"mlops_request_duration_seconds_count{{{labels}}} 4.0" in text
    assert 'mlops_predicted_rows_total{model="m",version="1"} 6.0' in text
    assert 'mlops_batch_size_bucket{le="2.0",model="m",version="1"} 3.0' in text
    assert "mlops_requests_in_flight 0.0" in text
    told = {line.split()[0]: float(line.split()[-1]) for line in text.splitlines() if not line.startswith("#")}
    assert told["mlops_cpu_seconds_total"] > 0
    assert told["mlops_open_fds"] > 3
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("needs promtool: apt-get install prometheus")
    checked = subprocess.run([promtool, "check", "metrics"], input=text, text=True, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_openmetrics_has_the_trace_of_a_request_with_its_duration(client):
    trace = "0af7651916cd43dd8448eb211c80319c"
    client.ask(request(scoring([[1, 2]]), f"traceparent: 00-{trace}-b7ad6b7169203331-01"))
    client.ask(request(scoring([[1, 2]])))
    # What Prometheus asks for.
    accept = "accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1\r\n"
    answer = client.ask(get("/metrics", more=accept))
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    families = {one.name: one for one in text_string_to_metric_families(answer.body.decode())}
    samples = families["mlops_request_duration_seconds"].samples
    (exemplar,) = [one.exemplar for one in samples if one.exemplar is not None]
    assert exemplar.labels == {"trace_id": trace}
    assert 0 < exemplar.value < 60
    assert [one.value for one in samples if one.name.endswith("_count")] == [2.0]
    assert client.ask(get("/metrics")).headers["content-type"].startswith("text/plain; version=0.0.4")


def test_versions_share_the_requests_as_told_and_a_shadow_only_listens(start, tmp_path):
    shares = plan_of(
        planned("Runner", tmp_path, "1", percent=75.0),
        planned("Runner", tmp_path, "2", percent=25.0),
        planned("Runner", tmp_path, "3", shadow=True, percent=0.0),
    )
    worker = start(shares).ready()
    client = worker.client()
    answers = [client.ask(request(scoring([[1, at % 2 - 1]]))) for at in range(40)]
    assert [answer.headers["x-mlops-version"] for answer in answers].count("2") == 10
    assert all(
        answer.json()["predictions"] == [float(answer.headers["x-mlops-version"]) * (at % 2)]
        for at, answer in enumerate(answers)
    )
    compared = {}
    for _ in range(100):
        compared = {labels[-1]: count for labels, count in worker.counted()["counters"]["shadows"]}
        if sum(compared.values()) == 40:
            break
    # Zero times anything is zero.
    assert compared == {"equal": 20, "different": 20}
    assert client.ask(request(b"{}", path="/v2/models/m/versions/3/infer")).status == 404
    assert replace(shares, workers=2) != shares
