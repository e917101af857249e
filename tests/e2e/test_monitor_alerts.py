"""Alerts of a real Alertmanager, quality and decisions in the dashboard, live and as the picture that a reader sees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

import mlops_jupyter
from mlops_jupyter.faces import render
from mlops_jupyter.records import Deployment
from tests.e2e import test_jupyterlab as browser
from tests.e2e import test_monitor as live
from tests.fakes.monitoring import alertmanager, post_alerts
from tests.fakes.waiting import wait_for

pytestmark = browser.pytestmark
lab, page, churn, dashboard = browser.lab, browser.page, live.churn, live.dashboard

FIRING = (
    ("MlopsQualityUnmet", "page", "churn: accuracy of version 1 is 0.853, which is not >= 0.9"),
    ("MlopsFeatureDrift", "ticket", "churn: age of version 1 has drifted, 0.71 over 0.05"),
)


@pytest.fixture
def alerts(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An Alertmanager that the project names, at which two alerts fire; its address."""
    with alertmanager(tmp_path_factory.mktemp("alertmanager")) as url:
        with (project / "mlops.toml").open("a") as file:
            file.write(f'[alertmanager]\nurl = "{url}"\n[rollout]\nwindow_s = 1\n[monitoring]\nbase_window_s = 1\n')
        told = [
            {"labels": {"alertname": name, "severity": severity, "endpoint": "churn"}, "annotations": {"summary": said}}
            for name, severity, said in FIRING
        ]
        post_alerts(url, told)
        yield url


@pytest.fixture
def judged(alerts: str, churn: Deployment) -> None:
    """Labels have come, of which one in seven says otherwise, and a canary is decided about by itself."""
    table = live.rows(600, 1.5)
    predicted = mlops_jupyter.predict("churn", table)
    truth = [(said + (at % 7 == 0)) % 2 for at, said in enumerate(map(int, predicted.predictions))]
    mlops_jupyter.feedback("churn", truth, of=predicted)
    mlops_jupyter.traffic("churn", "1=100")
    mlops_jupyter.deploy("models:/churn/2", name="churn", canary=20, auto=True)


def kept(page: Page, panels: Locator, name: str) -> None:
    """Keep a screenshot of the dashboard's lower half."""
    panels.scroll_into_view_if_needed()
    browser.picture(page, name)


@pytest.mark.usefixtures("judged")
def test_an_alert_is_acknowledged_after_a_question(dashboard: Locator, page: Page, alerts: str):
    panel = dashboard.get_by_role("region", name="Alerts")
    expect(panel).to_contain_text("2 firing")
    for name, severity, said in FIRING:
        row = panel.locator(".mlops-alert", has_text=name)
        expect(row).to_contain_text(severity)
        expect(row).to_contain_text(said)
    quality = dashboard.get_by_role("region", name="Quality")
    expect(quality).to_contain_text("accuracy")
    expect(dashboard.get_by_role("region", name="Decisions")).to_contain_text("version 2 at 20 %")
    kept(page, panel, "monitor-alerts")
    page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    page.wait_for_function("() => document.body.dataset.jpThemeLight === 'false'")
    expect(page.locator("#jupyterlab-splash")).to_have_count(0)
    kept(page, panel, "monitor-alerts-dark")

    button = panel.get_by_role("button", name="acknowledge MlopsFeatureDrift")
    button.click()
    question = dashboard.get_by_role("alertdialog")
    expect(question).to_contain_text("Acknowledge MlopsFeatureDrift for an hour?")
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    assert silences(alerts) == []
    button.click()
    question.get_by_role("button", name="yes").click()
    expect(dashboard.locator(".mlops-outcome")).to_contain_text("MlopsFeatureDrift is acknowledged for an hour")
    expect(panel.locator(".mlops-alert", has_text="MlopsFeatureDrift")).to_contain_text("acknowledged")
    expect(panel).to_contain_text("1 firing")
    expect(panel.get_by_role("button", name="acknowledge MlopsQualityUnmet")).to_be_visible()
    (silence,) = silences(alerts)
    assert silence["comment"] == "acknowledged in mlops monitor churn"
    assert {one["name"]: one["value"] for one in silence["matchers"]}["alertname"] == "MlopsFeatureDrift"


@pytest.mark.usefixtures("judged")
def test_the_picture_for_readers_without_a_kernel_has_them_too(page: Page, tmp_path: Path, churn: Deployment):
    def shown() -> str:
        found = mlops_jupyter.monitor("churn", since="15m")
        told = found.alerts and found.qualities and found.decisions and len(found.reports) == len(found.versions)
        drawn = told and all(sum(one is not None for one in each.requests_per_s) > 2 for each in found.versions)
        return render.mime_bundle(found)["text/html"] if drawn else ""

    with live.Load(churn):
        picture = wait_for(shown, 90)
    (tmp_path / "picture.html").write_text(f"<!doctype html><meta charset=utf-8>{picture}")
    page.set_viewport_size({"width": 1000, "height": 1250})
    page.goto((tmp_path / "picture.html").as_uri())
    for name, _, said in FIRING:
        expect(page.get_by_text(name)).to_be_visible()
        expect(page.get_by_text(said)).to_be_visible()
    expect(page.get_by_role("cell", name="accuracy", exact=True).first).to_be_visible()
    expect(page.get_by_text("decisions")).to_be_visible()
    browser.picture(page, "monitor-static")


def silences(url: str) -> list[dict[str, object]]:
    return [one for one in httpx.get(f"{url}/api/v2/silences").json() if one["status"]["state"] == "active"]
