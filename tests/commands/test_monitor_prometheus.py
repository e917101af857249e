"""The two sources of ``monitor`` tell the same: a real Prometheus scrapes a real endpoint under load."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

import mlops_jupyter
from mlops_jupyter import settings
from mlops_jupyter.adapters.prometheus.metrics import PrometheusMetrics
from mlops_jupyter.capabilities.endpoints.series import SeriesFile
from mlops_jupyter.capabilities.monitoring import from_history
from mlops_jupyter.capabilities.monitoring.curves import CurveKey, Grain
from mlops_jupyter.capabilities.monitoring.sources import AskedServer
from mlops_jupyter.commands.monitor import watch
from mlops_jupyter.errors import NotFound
from mlops_jupyter.protocols import ServerAccess
from tests.fakes.models import small_model
from tests.fakes.monitoring import prometheus
from tests.fakes.servers import free_port
from tests.fakes.waiting import wait_for

SCRAPE_S = 2
UNDER_LOAD_S = 36


@pytest.fixture
def churn(project):
    small_model(project / "model")
    yield mlops_jupyter.deploy("model", name="churn")
    mlops_jupyter.undeploy("churn", yes=True)


@pytest.fixture
def config(churn, project):
    """The configuration of a Prometheus that scrapes the deployment as its file_sd entry says."""
    target = {"targets": [f"127.0.0.1:{churn.port}"], "labels": {"endpoint": "churn"}}
    scrape = {
        "job_name": "mlops",
        "authorization": {"credentials_file": str(project / ".mlops" / "metrics.token")},
        "static_configs": [target],
    }
    return {"global": {"scrape_interval": f"{SCRAPE_S}s"}, "scrape_configs": [scrape]}


@pytest.fixture
def server(config, project):
    """Such a Prometheus."""
    with prometheus(project.parent / "prometheus", config) as address:
        yield address


def ask(churn, ends):
    """Send requests in waves, every tenth of them wrong, some of them large."""
    token = Path(churn.token_file).read_text().strip()
    client = httpx.Client(
        base_url=churn.url, headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    )
    with client:
        for count in itertools.count():
            rows = [[count % 4, 1.0]] * (2_000 if count % 7 == 0 else 3)
            data = {"columns": ["a", "b"] if count % 10 else ["a", "c"], "data": rows}
            client.post("/invocations", json={"dataframe_split": data})
            if ends.wait(0.01 if int(time.monotonic() / 8) % 2 else 0.04):
                return


@pytest.fixture
def load(churn):
    ends = threading.Event()
    thread = threading.Thread(target=ask, args=(churn, ends))
    thread.start()
    yield
    ends.set()
    thread.join()


def test_prometheus_and_the_endpoint_s_own_history_agree(churn, server, load, project):
    history = SeriesFile(project / ".mlops" / "endpoints" / "churn" / "watch" / "series.db")
    asked = AskedServer(PrometheusMetrics(ServerAccess(server)), "churn")

    def scraped() -> bool:
        try:
            seen = asked.curves(60, None)
        except NotFound:
            return False
        found = seen.curves.values.get(CurveKey("requests", churn.versions[0].version))
        return found is not None and np.isfinite(found).sum() * seen.grain.step_s >= UNDER_LOAD_S

    wait_for(scraped, 120, "Prometheus has not scraped it")
    seen = asked.curves(60, None)
    closely, theirs = seen.grain, seen.curves
    assert (closely.step_s, closely.window_s) == (SCRAPE_S, 4 * SCRAPE_S)
    assert seen.notes == ()
    ours = Ours(history, theirs.times, closely)
    # One request more or less in the window.
    one = 1 / (closely.window_s - SCRAPE_S)
    for what, slack in {"requests": one, "errors": one, "rows": 2_000 * one, "p50": 0, "p95": 0, "p99": 0}.items():
        key = CurveKey(what, churn.versions[0].version)
        told = theirs.values[key]
        # Both know a whole window, and what came before it.
        sure = np.flatnonzero(np.isfinite(told))[5:-1]
        assert len(sure) >= 8, what
        for place in sure:
            low, high = ours.around(key, theirs.times[place])
            # At the edge of a bucket, one request more or less moves a quantile farther.
            off = 0.15 if what.startswith("p") else 0.05
            assert low * (1 - off) - slack <= told[place] <= high * (1 + off) + slack, (
                what,
                place,
                told[place],
                low,
                high,
            )


class Ours:
    """Our own history over each window whose ends lie within a scrape, or a row of ours, of Prometheus' own.

    What Prometheus takes for the rise over a window is that between the first and the last scrape within it.
    """

    def __init__(self, history, times, closely):
        ends = np.arange(times[0] - SCRAPE_S - 1, times[-1] + 1.1, 0.5)
        self.readings = history.read(ends[0] - 3 * closely.window_s, ends[-1])
        self.window_s, self.ends = closely.window_s, ends
        self.curves = {
            window_s: from_history.curves(self.readings, ends, Grain(0.5, window_s, 5.0))
            for window_s in np.arange(closely.window_s - 2 * SCRAPE_S, closely.window_s + 2.1, 0.5).tolist()
        }

    def around(self, key, at):
        found = []
        for window_s, curves in self.curves.items():
            begins = self.ends - window_s
            near = (self.ends >= at - SCRAPE_S - 1) & (self.ends <= at + 1)
            near &= (begins >= at - self.window_s - 1) & (begins <= at - self.window_s + SCRAPE_S + 1)
            found.append(curves.values[key][near])
        values = np.concatenate(found)
        return np.nanmin(values), np.nanmax(values)


def test_the_verb_asks_the_prometheus_of_the_settings(churn, server, load, project):
    (project / "mlops.toml").write_text(f'experiment = "churn"\n[prometheus]\nurl = "{server}"\n')
    settings.forget_root()

    def known():
        found = mlops_jupyter.monitor("churn", since="5m")
        return found if any(found.versions and value for value in found.versions[0].requests_per_s) else None

    found = wait_for(known, 60, "Prometheus knows nothing")
    assert (found.source, found.step_s, found.notes) == ("prometheus", SCRAPE_S, ())
    assert found.versions[0].variant == "main"
    assert found.in_flight[-1] is not None
    with pytest.raises(NotFound, match="there is no deployment shop"):
        mlops_jupyter.monitor("shop")


def test_a_prometheus_that_is_restarted_is_found_again(churn, config, load, project):
    """By whoever looks all the while, as a dashboard does."""
    port = free_port()
    (project / "mlops.toml").write_text(f'experiment = "churn"\n[prometheus]\nurl = "http://127.0.0.1:{port}"\n')
    settings.forget_root()
    watched = watch(settings.current(), "churn", 300)

    def shown(since_s=0.0):
        found = watched.read(300)
        rates = found.versions[0].requests_per_s
        known = [at for at, rate in zip(found.times, rates, strict=False) if rate is not None and at >= since_s]
        return (found, known) if known else None

    with prometheus(project.parent / "prometheus", config, port=port):
        _, before = wait_for(shown, 60, "Prometheus knows nothing")
    away = wait_for(lambda: (found := watched.read(300)).notes and found, 10)
    assert away.status == "ready"
    assert away.notes[0].startswith(f"Prometheus at http://127.0.0.1:{port} does not answer: ")
    assert not away.times
    came_back_s = time.time()
    with prometheus(project.parent / "prometheus", config, port=port):
        again, known = wait_for(lambda: shown(came_back_s), 60, "it is not found again")
        assert again.notes == ()
        # What it had scraped before is there, too.
        assert set(before) <= set(shown()[1])
    assert known
