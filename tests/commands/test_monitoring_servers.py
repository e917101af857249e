"""How a project names its servers of metrics and alerts, and how it gets into them."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

import mlops_jupyter
from mlops_jupyter import settings
from mlops_jupyter.capabilities.endpoints import scraping
from mlops_jupyter.capabilities.endpoints.folder import EndpointFolder
from mlops_jupyter.commands import monitoring_servers
from mlops_jupyter.errors import CheckFailed, ConfigurationError
from mlops_jupyter.settings import MonitoringServer
from tests.fakes.monitoring import Stub, alertmanager, post_alerts, prometheus, pushgateway
from tests.fakes.servers import free_port

URL = "http://metrics.example:9090/prom"


def server(text, root, **environment):
    (root / "mlops.toml").write_text(text)
    return settings.load(root, environment).prometheus


def test_there_is_none_unless_it_is_named(tmp_path):
    assert server("", tmp_path) is None
    assert monitoring_servers.metrics(settings.load(tmp_path, {})) is None


def test_a_variable_wins_over_the_file(tmp_path):
    text = '[prometheus]\nurl = "http://a:1"\n'
    assert server(text, tmp_path).url == "http://a:1"
    assert server(text, tmp_path, MLOPS_JUPYTER_PROMETHEUS_URL="http://b:2").url == "http://b:2"


def test_a_file_of_credentials_is_found_from_the_project(tmp_path):
    (tmp_path / "token").write_text("  s3cret\n")
    found = server(f'[prometheus]\nurl = "{URL}/"\ncredentials_file = "token"\n', tmp_path)
    access = monitoring_servers.access(found, {})
    assert (access.url, access.token) == (URL, "s3cret")
    assert monitoring_servers.access(found, {"MLOPS_JUPYTER_PROMETHEUS_TOKEN": "other"}).token == "other"


def test_credentials_of_the_address_are_taken_out_of_it_and_nothing_shows_them():
    found = MonitoringServer("prometheus", "http://me:p%40ss@metrics.example:9090")
    access = monitoring_servers.access(found, {})
    assert (access.url, access.user, access.password) == ("http://metrics.example:9090", "me", "p@ss")
    assert "p%40ss" not in f"{found!r}"
    assert "p@ss" not in f"{access!r}"
    told = monitoring_servers.access(
        found, {"MLOPS_JUPYTER_PROMETHEUS_USER": "you", "MLOPS_JUPYTER_PROMETHEUS_PASSWORD": "word"}
    )
    assert (told.user, told.password) == ("you", "word")


@pytest.mark.parametrize(
    "url", ["localhost:9090", "metrics.example", "http://", "http://h:99999", "ftp://h", "http://[x"]
)
def test_what_is_no_address_is_refused_with_how_one_is_written(url):
    with pytest.raises(ConfigurationError, match="the address of prometheus is none") as raised:
        monitoring_servers.access(MonitoringServer("prometheus", url), {})
    assert "[prometheus]" in raised.value.hint


@pytest.mark.parametrize("content", [None, "", "\n", "gehe\u00efm"])
def test_a_file_without_a_token_is_refused(content, tmp_path):
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="token") as raised:
        monitoring_servers.access(MonitoringServer("prometheus", URL, file), {})
    assert str(file) in raised.value.message


def checked(project: Path) -> dict[str, list[tuple[str, str]]]:
    """Return what doctor says of the servers."""
    try:
        found = mlops_jupyter.doctor()
    except CheckFailed as failed:
        found = failed.record
    told: dict[str, list[tuple[str, str]]] = {}
    for one in found.checks:
        if one.name in {"prometheus", "alertmanager", "pushgateway"}:
            told.setdefault(one.name, []).append((one.level, one.detail))
    return told


def named(project: Path, **urls: str) -> None:
    tables = [f'[{name}]\nurl = "{url}"\n' for name, url in urls.items()]
    (project / "mlops.toml").write_text("".join(tables))


def test_doctor_says_nothing_of_servers_that_nobody_names(project):
    assert checked(project) == {}


def test_doctor_looks_at_the_servers_that_are_named(project, tmp_path):
    endpoint = EndpointFolder(project / ".mlops" / "endpoints" / "churn")
    endpoint.project_state.mkdir(exist_ok=True)
    scraping.announce(endpoint, "127.0.0.1", free_port())
    with (
        prometheus(tmp_path / "p", {}) as metrics,
        alertmanager(tmp_path / "a") as alerts,
        pushgateway(tmp_path / "g") as batches,
    ):
        named(project, prometheus=metrics, alertmanager=alerts, pushgateway=batches)
        assert checked(project) == {
            "prometheus": [("ok", "answers"), ("warning", "it does not scrape churn")],
            "alertmanager": [("ok", "answers")],
            "pushgateway": [("ok", "answers")],
        }
        post_alerts(alerts, [{"labels": {"alertname": name, "endpoint": "churn"}} for name in ("MlopsNoWorker", "X")])
        assert checked(project)["alertmanager"] == [("ok", "answers; 1 alert fires")]
        scraping.withdraw(endpoint)
        assert checked(project)["prometheus"] == [("ok", "answers")]


def test_doctor_fails_for_a_server_that_is_away_or_is_another(project):
    away = f"http://127.0.0.1:{free_port()}"
    with Stub(200, "<html>") as stub:
        named(project, prometheus=away, alertmanager=stub.address, pushgateway=stub.address)
        found = checked(project)
    assert [level for ((level, _),) in found.values()] == ["failed"] * 3
    assert found["prometheus"][0][1].startswith(f"Prometheus at {away} does not answer")
    assert found["alertmanager"][0][1] == f"what answers at {stub.address} is not Alertmanager"
    assert found["pushgateway"][0][1] == f"what answers at {stub.address} is not Pushgateway"


def test_doctor_says_when_clocks_differ(project):
    body = '{"status": "success", "data": {"resultType": "scalar", "result": [0, "%s"]}}' % (time.time() - 90)
    with Stub(200, body) as stub:
        named(project, prometheus=stub.address)
        ((level, detail), *_) = checked(project)["prometheus"]
    assert level == "warning"
    # To ask takes a while.
    assert re.fullmatch(r"answers, and its clock is (9|10)\d s behind", detail)
