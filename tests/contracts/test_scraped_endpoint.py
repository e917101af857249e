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
import pytest

import mlops_jupyter
from mlops_jupyter import settings
from mlops_jupyter.capabilities.endpoints import scraping
from mlops_jupyter.capabilities.endpoints.folder import EndpointFolder
from mlops_jupyter.capabilities.endpoints.state import read_state
from mlops_jupyter.commands import monitoring_servers
from mlops_jupyter.records import Deployment
from tests.fakes.models import TRAINING, small_model, small_regressor
from tests.fakes.monitoring import alertmanager, prometheus
from tests.fakes.waiting import wait_for

# Nothing like what it was trained with, and one row is like nothing at all.
ROWS = {"dataframe_split": {"columns": ["a", "b"], "data": [*[[0.5, 1.0]] * 49, [500.0, 1.0]]}}
VARIABLES = {"endpoint": "churn", "model": ".*", "version": ".*", "__rate_interval": "10s"}
UNFIT = {"dataframe_split": {"columns": ["a", "b"], "data": [["x", 1.0]]}}


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
        with (project / "mlops.toml").open("a") as file:
            file.write(f'[alertmanager]\nurl = "{alerts}"\n')
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
    """Ask an endpoint again and again, now and then with what it refuses, and tell it what was true."""
    assert found.token_file is not None
    headers = {"Authorization": f"Bearer {Path(found.token_file).read_text()}"}
    ends = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=found.url or "", headers=headers, timeout=10) as client:
            while not ends.wait(0.02):
                # Two of three, or of two versions that take turns one would be asked nothing else.
                for _ in range(2):
                    answer = client.post("/invocations", json=ROWS)
                    client.post("/feedback", json={"labels": list(labels(answer))})
                client.post("/invocations", json=UNFIT)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        ends.set()
        asking.join()


def labels(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    """Say what was true: a class as it was answered, and a number that was off by a half."""
    for row, said in enumerate(answer.json()["predictions"]):
        true = said if isinstance(said, int) else said + 0.5
        yield {"request_id": answer.headers["x-request-id"], "row": row, "label": true}


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
    """A classifier and, as a canary, a model of numbers, both asked what they were not trained with."""
    (project / "mlops.toml").write_text("[monitoring]\nbase_window_s = 1\n")
    mlops_jupyter.deploy("model", data=TRAINING, name="churn")
    small_regressor(project / "numbers")
    found = mlops_jupyter.deploy("numbers", data=TRAINING, name="churn", canary=50)
    mlops_jupyter.export("grafana", "churn")
    told = json.loads((project / "grafana" / "dashboards" / "mlops.json").read_text())
    asked = {query["expr"]: panel["title"] for panel in told["panels"] for query in panel.get("targets", ())}
    assert len(asked) > 30
    with ExitStack() as running:
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
        assert {one.labels["endpoint"] for one in metrics.query('up{job="mlops"}')} == {"churn"}
        versions = metrics.query('mlops_model_info{job="mlops",endpoint="churn",model=~".*"}')
        assert {one.labels["version"] for one in versions} == {one.version for one in found.versions}
        drifted = (
            "max by (feature) (mlops_feature_drift_ratio / on (version, feature) mlops_feature_drift_threshold_ratio)"
        )
        assert min(one.values[0] for one in metrics.query(drifted)) > 1
        (right,) = metrics.query('mlops_model_performance_ratio{metric="accuracy"}')
        assert (right.labels["version"], right.values) == (found.versions[0].version, (1.0,))
        (off,) = metrics.query('mlops_model_error{metric="rmse"}')
        assert off.labels["version"] == found.versions[1].version
        assert off.values == pytest.approx((0.5,))


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
