"""A real endpoint, scraped by a real Prometheus as `export prometheus` tells it: what `export grafana` asks has an
answer, and an alert goes to a real Alertmanager and comes back.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import prometheus_client
import pytest

import mlops_jupyter
from mlops_jupyter import settings
from mlops_jupyter.capabilities.endpoints import scraping
from mlops_jupyter.capabilities.endpoints.folder import EndpointFolder
from mlops_jupyter.capabilities.endpoints.state import read_state
from mlops_jupyter.commands import monitoring_servers
from mlops_jupyter.records import Deployment
from tests.fakes.models import small_model
from tests.fakes.monitoring import alertmanager, prometheus
from tests.fakes.waiting import wait_for

ROWS = {"dataframe_split": {"columns": ["a", "b"], "data": [[0.5, 1.0]] * 50}}
VARIABLES = {"endpoint": "churn", "model": ".*", "version": ".*", "__rate_interval": "10s"}
UNFIT = {"dataframe_split": {"columns": ["a", "b"], "data": [["x", 1.0]]}}
# What the dashboard shows and this endpoint, whose model has no baseline, does not expose: a label and a level of each.
LEVELS: dict[str, tuple[str, str, float]] = {
    "mlops_feature_drift_ratio": ("feature", "a", 0.5),
    "mlops_feature_drift_threshold_ratio": ("feature", "a", 0.1),
    "mlops_prediction_drift_ratio": ("output", "prediction", 0.05),
    "mlops_prediction_drift_threshold_ratio": ("output", "prediction", 0.1),
    "mlops_feature_missing_ratio": ("feature", "a", 0.0),
    "mlops_feature_invalid_total": ("feature", "a", 1.0),
    "mlops_feature_anomalies_total": ("feature", "a", 1.0),
    "mlops_model_performance_ratio": ("metric", "accuracy", 0.9),
    "mlops_model_error": ("metric", "rmse", 1.0),
    "mlops_feedback_labels_total": ("result", "joined", 5.0),
}


def entry(project: Path, name: str) -> Any:
    file = scraping.targets(project / ".mlops") / f"{name}.json"
    return json.loads(file.read_text()) if file.exists() else None


@pytest.fixture
def model(project: Path) -> Iterator[Path]:
    yield small_model(project / "model")
    for one in mlops_jupyter.deployments().deployments:
        mlops_jupyter.undeploy(one.name, yes=True)


@contextmanager
def scraping_each_second(project: Path, name: str, *, alerts: str | None = None) -> Iterator[str]:
    """Run a Prometheus by what is exported, only faster; give its address, which the project is told too."""
    if alerts is not None:
        (project / "mlops.toml").write_text(f'[alertmanager]\nurl = "{alerts}"\n')
    mlops_jupyter.export("prometheus", name)
    config = project / "prometheus" / "prometheus.yml"
    config.write_text(config.read_text().replace("15s", "1s").replace("30s", "1s"))
    rules = project / "prometheus" / f"{name}.rules.yml"
    rules.write_text(rules.read_text().replace("for: 2m", "for: 0s"))
    with prometheus(project / "data", config) as url:
        with (project / "mlops.toml").open("a") as file:
            file.write(f'[prometheus]\nurl = "{url}"\n')
        yield url


@contextmanager
def load(found: Deployment) -> Iterator[None]:
    """Ask an endpoint again and again; now and then with what it refuses."""
    assert found.token_file is not None
    headers = {"Authorization": f"Bearer {Path(found.token_file).read_text()}"}
    ends = threading.Event()

    def ask() -> None:
        with httpx.Client(headers=headers, timeout=10) as client:
            while not ends.wait(0.02):
                client.post(f"{found.url}/invocations", json=ROWS)
                client.post(f"{found.url}/invocations", json=UNFIT)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        ends.set()
        asking.join()


@contextmanager
def stand_in(project: Path, found: Deployment) -> Iterator[set[str]]:
    """Expose the levels that the endpoint does not, as of the same endpoint; give their names."""
    token = (project / ".mlops" / "metrics.token").read_text()
    exposed = httpx.get(f"{found.url}/metrics", headers={"Authorization": f"Bearer {token}"}).text
    missing = {name for name in LEVELS if f"\n{name}{{" not in exposed}
    registry = prometheus_client.CollectorRegistry()
    version = found.versions[0]
    for name in missing:
        label, value, level = LEVELS[name]
        labels = {"model": version.model or "", "version": version.version, label: value}
        if name == "mlops_feedback_labels_total":
            labels = {label: value}
        if name.endswith("drift_ratio"):
            labels["method"] = "psi"
        kind = prometheus_client.Counter if name.endswith("_total") else prometheus_client.Gauge
        metric = kind(name, name, list(labels), registry=registry).labels(**labels)
        metric.inc(level)
    server, thread = prometheus_client.start_http_server(0, "127.0.0.1", registry)
    told = [{"targets": [f"127.0.0.1:{server.server_port}"], "labels": {"job": "mlops", "endpoint": found.name}}]
    (scraping.targets(project / ".mlops") / "stand-in.json").write_text(json.dumps(told))
    try:
        yield missing
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_what_is_deployed_has_an_entry_while_it_is(model, project):
    found = mlops_jupyter.deploy("model", name="churn")
    target = f"127.0.0.1:{found.port}"
    assert entry(project, "churn") == [{"targets": [target], "labels": {"job": "mlops", "endpoint": "churn"}}]
    mlops_jupyter.undeploy("churn", yes=True)
    assert entry(project, "churn") is None
    mlops_jupyter.deploy("model", name="churn", socket=project / "churn.sock")
    assert entry(project, "churn") is None
    notes = mlops_jupyter.export("prometheus").notes
    assert any("churn listens at a Unix socket" in note for note in notes)


def test_every_query_of_the_dashboard_has_an_answer_from_an_endpoint_under_load(model, project):
    """The levels of drift and quality that the endpoint does not expose come from a stand-in beside it."""
    found = mlops_jupyter.deploy("model", name="churn")
    mlops_jupyter.export("grafana", "churn")
    told = json.loads((project / "grafana" / "dashboards" / "mlops.json").read_text())
    asked = {query["expr"]: panel["title"] for panel in told["panels"] for query in panel.get("targets", ())}
    assert len(asked) > 30
    with ExitStack() as running:
        running.enter_context(stand_in(project, found))
        running.enter_context(scraping_each_second(project, "churn"))
        running.enter_context(load(found))
        metrics = monitoring_servers.metrics(settings.current())
        assert metrics is not None
        left = dict(asked)

        def answered() -> bool:
            for expression in list(left):
                filled = re.sub(r"\$(\w+)", lambda name: VARIABLES[name[1]], expression)
                if any(not math.isnan(value) for _, _, values in metrics.query(filled) for value in values):
                    del left[expression]
            return not left

        with contextlib.suppress(AssertionError):
            wait_for(answered, 120)
        assert not left, "no series for these"
        # The variables find what there is to choose from.
        labels = {one.labels["endpoint"] for one in metrics.query('up{job="mlops"}')}
        assert labels == {"churn"}
        versions = metrics.query('mlops_model_info{job="mlops",endpoint="churn",model=~".*"}')
        assert {one.labels["version"] for one in versions} == {found.versions[0].version}


def test_an_alert_goes_from_the_rules_to_an_alertmanager_and_back(model, project):
    mlops_jupyter.deploy("model", name="churn")
    with alertmanager(project / "alerts") as alerts_url, scraping_each_second(project, "churn", alerts=alerts_url):
        current = settings.current()
        metrics, alerts = monitoring_servers.metrics(current), monitoring_servers.alerts(current)
        assert metrics is not None
        assert alerts is not None
        wait_for(lambda: [one.values for one in metrics.query('up{endpoint="churn"}')] == [(1.0,)])
        assert alerts.firing({"endpoint": "churn"}) == ()
        state = read_state(EndpointFolder(project / ".mlops" / "endpoints" / "churn").state_file)
        assert state is not None
        os.killpg(state.guard_pid, signal.SIGKILL)
        wait_for(lambda: alerts.firing({"endpoint": "churn"}), what="it never fired")
        alert = alerts.firing({"endpoint": "churn"})[0]
        assert (alert.name, alert.severity, alert.silenced) == ("MlopsEndpointDown", "page", False)
        assert alert.summary == "churn does not answer"
        assert alerts.firing({"endpoint": "other"}) == ()
        alerts.silence(alert, 60, "me", "known")
        wait_for(lambda: alerts.firing({"endpoint": "churn"})[0].silenced, what="it was never silenced")
        # It is up again where the entry then says it is.
        mlops_jupyter.deploy("model", name="churn")
        wait_for(lambda: not alerts.firing({"endpoint": "churn"}), 120, "it never ended")
