"""How a project names its servers of metrics and alerts, and how it gets into them."""

from __future__ import annotations

import pytest

from mlops_jupyter import settings
from mlops_jupyter.commands import monitoring_servers
from mlops_jupyter.errors import ConfigurationError
from mlops_jupyter.settings import MonitoringServer

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
