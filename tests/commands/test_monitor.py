"""``monitor`` says what a deployment does, from its own history, whatever has become of it."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

import mlops_jupyter
from mlops_jupyter import registry, settings
from mlops_jupyter.capabilities.endpoints.series import SeriesFile
from mlops_jupyter.errors import CommandError, NotFound
from mlops_jupyter.faces import render
from tests.fakes import histories
from tests.fakes.models import small_model
from tests.fakes.waiting import wait_for


@pytest.fixture
def churn(project):
    """A deployment of two versions, whose own windows do not end while a test looks."""
    with (project / "mlops.toml").open("a") as file:
        file.write("\n[monitoring]\nbase_window_s = 3600\n")
    small_model(project / "model")
    small_model(project / "turned", turned=True)
    mlops_jupyter.deploy("model", name="churn")
    yield mlops_jupyter.deploy("turned", name="churn", canary=10)
    mlops_jupyter.undeploy("churn", yes=True)


@pytest.fixture
def watch(churn, project):
    """What its monitoring has left after an hour."""
    folder = project / ".mlops" / "endpoints" / "churn" / "watch"
    main, canary = churn.versions
    histories.written(folder, 200, time.time(), {main.version: 0.9, canary.version: 0.1})
    return folder


def test_it_shows_rates_quantiles_drift_and_quality_of_each_version(churn, watch):
    found = mlops_jupyter.monitor("churn", since="15m")
    assert (found.name, found.status, found.source, found.step_s) == ("churn", "ready", "endpoint", 1.0)
    assert len(found.times) == 900
    main, canary = found.versions
    assert [main.variant, canary.variant] == ["main", "canary"]
    assert main.requests_per_s[0] is None
    assert main.requests_per_s[-1] == pytest.approx(120 * 0.9 * 1.2, rel=0.3)
    assert canary.rows_per_s[-1] == pytest.approx(3 * canary.requests_per_s[-1])
    assert 0.002 < main.p50_s[-1] < main.p95_s[-1] < main.p99_s[-1] < 0.05
    assert found.in_flight[-1] >= 0
    assert f"age · {main.version}" in found.drift
    assert found.quality[f"accuracy · {main.version}"][-1] == pytest.approx(0.91, abs=0.03)
    assert [report.version for report in found.reports] == [main.version, canary.version]
    assert [one.metrics[0].name for one in found.qualities] == ["accuracy", "accuracy"]
    assert found.notes == ()


def test_the_terminal_shows_sparks_and_bars(churn, watch, terminal):
    done = terminal("monitor", "churn", "--since", "15m")
    assert done.code == 0
    head, columns, *_ = done.out.splitlines()
    known = r"\(known since [\d: -]+\) up to [\d: -]+ UTC, from its own history"
    assert re.match(rf"ready  churn  the last 15m {known}", head)
    assert columns.split()[:4] == ["version", "traffic", "requests/s", "errors/s"]
    assert any(spark in done.out for spark in "▅▆▇█")
    assert "drifted; missing 1.0% → 12.0%" in done.out
    assert "accuracy 0.914 (0.897 to 0.929)" in done.out
    done = terminal("monitor", "churn", "--since", "15m", "--json", "--html", "out/churn.html")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert "written to out/churn.html" in told["notes"]
    page = Path("out/churn.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "<title>churn</title>" in page
    assert "<svg" in page
    assert "<script" not in page
    assert told["versions"][0]["requests_per_s"][0] is None
    assert len(told["times"]) == 900


def test_what_a_notebook_keeps_of_a_day_is_small(churn, watch):
    bundle = render.mime_bundle(mlops_jupyter.monitor("churn", since="24h"))
    assert set(bundle) == {"text/plain", "text/html", "application/vnd.mlops-jupyter.monitored+json"}
    assert len(bundle["text/html"]) < 90_000
    assert "the last 24h" in bundle["text/html"] or "the last 1d" in bundle["text/html"]
    assert len(json.dumps(bundle)) < 160_000
    assert len(bundle["application/vnd.mlops-jupyter.monitored+json"]["times"]) <= 90


def test_before_anything_was_recorded(churn):
    found = mlops_jupyter.monitor("churn", source="endpoint")
    assert found.status == "ready"
    assert all(value is None for one in found.versions for value in one.requests_per_s)
    # A picture that nobody draws anew waits for the first that is recorded.
    assert found.times
    assert any(value is not None for value in found.in_flight)
    assert not any("recorded" in note for note in found.notes)


def test_an_endpoint_that_was_killed_is_shown_as_it_was(churn, watch):
    os.killpg(os.getpgid(churn.pid), signal.SIGKILL)
    wait_for(lambda: mlops_jupyter.monitor("churn", since="15m").status == "stopped")
    found = mlops_jupyter.monitor("churn", since="15m")
    assert any("was killed" in note for note in found.notes)
    assert any(note.startswith("mlops traffic churn ") and "starts it again" in note for note in found.notes)
    assert any(value is not None for value in found.versions[0].requests_per_s)


def test_damaged_files_are_told_and_nothing_else_is_lost(churn, watch):
    version = churn.versions[0].version
    (watch / "drift" / f"{version}.json").write_text('{"name": "churn"')
    SeriesFile(watch / "series.db").close()
    (watch / "series.db").write_bytes(b"nothing of the kind" * 300)
    for end in ("-wal", "-shm"):
        Path(f"{watch / 'series.db'}{end}").unlink(missing_ok=True)
    found = mlops_jupyter.monitor("churn", since="15m")
    assert any("series.db cannot be read" in note for note in found.notes)
    assert any(f"drift/{version}.json cannot be read" in note for note in found.notes)
    assert len(found.reports) == 1


def test_what_cannot_be_monitored(churn):
    with pytest.raises(NotFound, match="there is no deployment shop"):
        mlops_jupyter.monitor("shop")
    with pytest.raises(CommandError, match="--since takes a time such as 15m, 1h or 7d, up to a year, not soon"):
        mlops_jupyter.monitor("churn", since="soon")
    with pytest.raises(CommandError, match="no Prometheus is named in the settings") as told:
        mlops_jupyter.monitor("churn", source="prometheus")
    assert told.value.exit_code == 2


def test_a_prometheus_that_is_down_is_told(churn, watch, project):
    assert "prometheus" in registry.names("metrics"), "install the project anew: its entry points have changed"
    (project / "mlops.toml").write_text('experiment = "churn"\n[prometheus]\nurl = "http://127.0.0.1:9"\n')
    settings.forget_root()
    found = mlops_jupyter.monitor("churn", since="15m")
    assert (found.source, found.status) == ("prometheus", "ready")
    assert "127.0.0.1:9" in " ".join(found.notes)
    assert found.notes[-1] == "the endpoint's own history is shown by --source endpoint"
    assert mlops_jupyter.monitor("churn", since="15m", source="endpoint").notes == ()


def test_an_alertmanager_that_is_down_is_told_and_the_rest_is_shown(churn, watch, project):
    (project / "mlops.toml").write_text('experiment = "churn"\n[alertmanager]\nurl = "http://127.0.0.1:9"\n')
    settings.forget_root()
    found = mlops_jupyter.monitor("churn", since="15m")
    (note,) = found.notes
    assert note.startswith("Alertmanager at http://127.0.0.1:9 does not answer: ")
    assert found.alerts == ()
    assert found.versions[0].requests_per_s[-1] is not None
