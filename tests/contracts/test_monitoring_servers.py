"""The adapters of Prometheus, Alertmanager and the Pushgateway against the real ones, and against what is none."""

from __future__ import annotations

import math
import socket
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from mlops_jupyter.adapters.prometheus.alertmanager import AlertmanagerAlerts
from mlops_jupyter.adapters.prometheus.metrics import PrometheusMetrics
from mlops_jupyter.adapters.prometheus.pushgateway import PushgatewayMetrics
from mlops_jupyter.errors import Rejected, Unauthorized, Unavailable
from mlops_jupyter.protocols import BatchMetric, ServerAccess
from tests.fakes.monitoring import Stub, alertmanager, post_alerts, prometheus, pushgateway, scrape
from tests.fakes.servers import free_port
from tests.fakes.waiting import wait_for

SECRET = "s3cr3t-word"


def access(url, **more):
    return ServerAccess(url, settings="prometheus", **more)


@pytest.fixture(scope="module")
def prometheus_url(tmp_path_factory):
    with prometheus(tmp_path_factory.mktemp("prometheus"), {}) as url:
        yield url


@pytest.fixture
def metrics(prometheus_url):
    return PrometheusMetrics(access(prometheus_url))


# --- Prometheus --------------------------------------------------------------------------------------------------


def test_a_number_is_one_series_and_a_vector_has_its_labels(metrics):
    (one,) = metrics.query("1.5", at_s=1000.25)
    assert one == ({}, (1000.25,), (1.5,))
    (labelled,) = metrics.query('label_replace(vector(2), "feature", "ä\\"ge", "", "")')
    assert labelled.labels == {"feature": 'ä"ge'}
    assert labelled.values == (2.0,)
    assert metrics.query("absent_metric") == ()


def test_values_that_json_has_no_word_for(metrics):
    for expression, value in (("0/0", math.nan), ("1/0", math.inf), ("-1/0", -math.inf)):
        (one,) = metrics.query(expression)
        assert math.isnan(one.values[0]) if math.isnan(value) else one.values == (value,)


def test_a_range_has_each_step_and_both_ends(metrics):
    (one,) = metrics.query_range("time()", 100.5, 110.5, 2.5)
    assert one.times == one.values == (100.5, 103.0, 105.5, 108.0, 110.5)


def test_a_range_may_have_more_steps_than_the_server_gives_at_once(prometheus_url, metrics):
    start, steps = 1_700_000_000.0, 25_000
    refused = httpx.get(
        f"{prometheus_url}/api/v1/query_range",
        params={"query": "time()", "start": start, "end": start + steps, "step": 1},
    )
    assert refused.status_code == 400
    (one,) = metrics.query_range("time()", start, start + steps, 1)
    assert one.values == one.times == tuple(start + step for step in range(steps + 1))


def test_a_moment_is_a_range_too(metrics):
    (one,) = metrics.query_range("time()", 50, 50, 15)
    assert one.values == (50.0,)


def test_an_expression_may_be_longer_than_an_address(metrics):
    long = "x" * 100_000
    (one,) = metrics.query(f'label_replace(vector(1), "long", "{long}", "", "")')
    assert one.labels == {"long": long}


@pytest.mark.parametrize("expression", ["sum(", '"words"', "rate(up)"])
def test_what_is_no_expression_of_numbers_is_refused_with_the_server_s_words(expression, metrics):
    with pytest.raises(Rejected) as raised:
        metrics.query(expression)
    assert raised.value.exit_code == 5
    assert "parse error" in raised.value.message or "gives a string" in raised.value.message


def test_its_clock_is_told(metrics):
    assert abs(metrics.clock_s() - time.time()) < 5


def test_a_path_before_the_api_is_kept(tmp_path):
    with prometheus(tmp_path, {}, "--web.route-prefix=/") as url, Stub(200, _success("[]")) as stub:
        assert PrometheusMetrics(access(f"{url}/")).query("1")[0].values == (1.0,)
        assert PrometheusMetrics(access(f"{stub.address}/prom")).query("1") == ()
    assert stub.asked[0][:2] == ("POST", "/prom/api/v1/query")


# --- what is wrong with a server ---------------------------------------------------------------------------------


def _success(result, kind="vector"):
    return f'{{"status":"success","data":{{"resultType":"{kind}","result":{result}}}}}'


def test_nobody_is_there():
    with pytest.raises(Unavailable, match="does not answer") as raised:
        PrometheusMetrics(access(f"http://127.0.0.1:{free_port()}")).query("1")
    assert raised.value.hint == "look at url under [prometheus] in mlops.toml"


@pytest.mark.parametrize("drips", [False, True])
def test_it_takes_too_long(drips):
    """Whether it says nothing, or a little ever again."""
    gone = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk():
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" if drips else b"")
                while not gone.wait(0.05):
                    if drips:
                        connection.sendall(b" ")

        talking = threading.Thread(target=talk)
        talking.start()
        began = time.monotonic()
        with pytest.raises(Unavailable, match=r"did not answer within 0\.3 s"):
            PrometheusMetrics(access(f"http://127.0.0.1:{server.getsockname()[1]}"), limit_s=0.3).query("1")
        assert time.monotonic() - began < 3
        gone.set()
        talking.join()


@pytest.mark.parametrize("status", [401, 403])
def test_it_wants_a_login_and_the_hint_says_where_it_goes(status):
    with Stub(status, "Unauthorized\n", {"Content-Type": "text/plain"}) as stub, pytest.raises(Unauthorized) as raised:
        PrometheusMetrics(access(stub.address, token=SECRET)).query("1")
    assert "MLOPS_JUPYTER_PROMETHEUS_TOKEN" in raised.value.hint
    assert SECRET not in str(raised.value)
    assert stub.asked[0][2]["Authorization"] == f"Bearer {SECRET}"


def test_a_password_is_sent_and_never_shown():
    with Stub(200, _success("[]")) as stub:
        PrometheusMetrics(access(stub.address, user="me", password=SECRET)).query("1")
    assert stub.asked[0][2]["Authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("status", "body", "error", "said"),
    [
        (200, "<html>Grafana</html>", Rejected, "is not Prometheus"),
        (200, "[1]", Rejected, "is not Prometheus"),
        (200, '{"status":"success"}', Rejected, "is not Prometheus"),
        (404, "404 page not found", Rejected, "404 page not found"),
        (302, "", Rejected, "sends us on to https://login.example/x"),
        (502, "<html>Bad Gateway</html>", Unavailable, "Bad Gateway"),
        (503, '{"status":"error","errorType":"timeout","error":"query timed out"}', Unavailable, "query timed out"),
        (422, '{"status":"error","errorType":"execution","error":"too many samples"}', Rejected, "too many samples"),
    ],
)
def test_other_answers(status, body, error, said):
    headers = {"Location": f"https://me:{SECRET}@login.example/x?t={SECRET}"}
    with Stub(status, body, headers) as stub, pytest.raises(error) as raised:
        PrometheusMetrics(access(stub.address)).query("1")
    assert type(raised.value) is error
    assert said in raised.value.message
    assert SECRET not in str(raised.value)


def test_a_series_that_has_no_value_in_one_part_is_whole(prometheus_url, metrics):
    """Parts are put together by labels, whatever the order in which a server gives them."""
    start = 1_700_000_000.0
    found = metrics.query_range(
        f"vector(time()) > {start + 11_500} or label_replace(vector(0), 'early', 'yes', '', '')",
        start,
        start + 12_000,
        1,
    )
    assert {one.labels.get("early"): len(one.times) for one in found} == {"yes": 12_001, None: 500}


# --- Alertmanager ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def alerts_url(tmp_path_factory):
    with alertmanager(tmp_path_factory.mktemp("alertmanager")) as url:
        yield url


def told(name, since, **labels):
    return {
        "labels": {"alertname": name, "severity": "page", **labels},
        "annotations": {"summary": f"{name} of {labels['endpoint']}"},
        "startsAt": since.isoformat(),
    }


def test_alerts_that_fire_are_found_by_their_labels_oldest_first_and_silenced(alerts_url):
    now = datetime.now(UTC).replace(microsecond=0)
    odd = 'ch"urn\\'
    post_alerts(
        alerts_url,
        [
            told("Late", now - timedelta(minutes=1), endpoint=odd),
            told("Drifts", now - timedelta(minutes=9), endpoint=odd),
            told("Late", now, endpoint="other"),
        ],
    )
    alerts = AlertmanagerAlerts(ServerAccess(alerts_url))
    wait_for(lambda: len(alerts.firing({})) == 3, what="the alerts never came")
    found = alerts.firing({"endpoint": odd})
    assert [(one.name, one.severity, one.since, one.silenced) for one in found] == [
        ("Drifts", "page", now - timedelta(minutes=9), False),
        ("Late", "page", now - timedelta(minutes=1), False),
    ]
    assert found[0].summary == f"Drifts of {odd}"
    assert found[0].labels["endpoint"] == odd

    assert alerts.silence(found[0], 600, "me", "I look at it")
    wait_for(lambda: alerts.firing({"endpoint": odd})[0].silenced, what="the silence never came")
    assert [one.silenced for one in alerts.firing({})] == [True, False, False]
    (silence,) = httpx.get(f"{alerts_url}/api/v2/silences").json()
    assert (silence["createdBy"], silence["comment"]) == ("me", "I look at it")


def test_a_silence_that_the_server_refuses_is_said(alerts_url):
    alerts = AlertmanagerAlerts(ServerAccess(alerts_url))
    post_alerts(alerts_url, [told("Refused", datetime.now(UTC), endpoint="third")])
    wait_for(lambda: alerts.firing({"endpoint": "third"}), what="the alert never came")
    (alert,) = alerts.firing({"endpoint": "third"})
    with pytest.raises(Rejected, match="Alertmanager"):
        alerts.silence(replace(alert, labels={}), 600, "me", "why")


@pytest.mark.parametrize("body", ["<html>", "{}", "[1]", '[{"labels":{}}]'])
def test_what_is_no_alertmanager(body):
    with Stub(200, body) as stub, pytest.raises(Rejected, match="is not Alertmanager"):
        AlertmanagerAlerts(ServerAccess(stub.address)).firing({})


# --- Pushgateway -------------------------------------------------------------------------------------------------


def test_metrics_of_a_batch_are_kept_until_the_group_is_pushed_anew(tmp_path):
    with pushgateway(tmp_path / "gateway") as gateway:
        sink = PushgatewayMetrics(ServerAccess(gateway))
        group = {"notebook": "train/a b.ipynb"}
        sink.push("mlops_run", group, [BatchMetric("mlops_run_gone", "What.", [({"metric": "auc"}, 0.8)])])
        sink.push(
            "mlops_run",
            group,
            [
                BatchMetric("mlops_run_success", "Whether.", [({}, 0)]),
                BatchMetric("mlops_run_metric", "What.", [({"metric": "auc"}, 0.9), ({"metric": "loss"}, math.nan)]),
            ],
        )
        sink.push("mlops_run", {**group, "other": "1"}, [BatchMetric("mlops_run_kept", "Whether.", [({}, 1)])])
        with prometheus(tmp_path / "prometheus", scrape("push", gateway)) as url:
            metrics = PrometheusMetrics(access(url))
            wait_for(lambda: metrics.query("mlops_run_success"), what="the scrape never came")
            (success,) = metrics.query("mlops_run_success")
            found = {one.labels["metric"]: one.values[0] for one in metrics.query("mlops_run_metric")}
            assert [one.values for one in metrics.query("mlops_run_kept")] == [(1.0,)]
            assert metrics.query("mlops_run_gone") == ()
    assert success.labels["notebook"] == "train/a b.ipynb"
    assert success.labels["exported_job"] == "mlops_run"
    assert success.values == (0.0,)
    assert found["auc"] == 0.9
    assert math.isnan(found["loss"])


def test_metrics_that_the_gateway_refuses(tmp_path):
    with pushgateway(tmp_path) as gateway:
        sink = PushgatewayMetrics(ServerAccess(gateway))
        sink.push("j", {"a": "1"}, [BatchMetric("mlops_x", "One.", [({}, 1)])])
        with pytest.raises(Rejected, match="Pushgateway"):
            sink.push("j", {"bad-name": "1"}, [BatchMetric("mlops_x", "One.", [({}, 1)])])
