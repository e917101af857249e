"""The dashboard of a deployment as one sees it in a real JupyterLab, while a real endpoint answers."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import httpx
import nbformat
import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Locator, Page, expect
from sklearn.linear_model import LogisticRegression

import mlops_jupyter
from mlops_jupyter.records import Deployment
from tests.e2e import test_jupyterlab as browser
from tests.fakes.waiting import wait_for

pytestmark = browser.pytestmark
lab, page = browser.lab, browser.page

NAMES = ["age", "tenure", "charges", "calls", "visits", "rating", "discount", "balance"]


def rows(count: int, shift: float, seed: int = 0) -> pd.DataFrame:
    """Return rows, whose first columns have moved."""
    table = pd.DataFrame(np.random.default_rng(seed).normal(size=(count, len(NAMES))), columns=NAMES)
    table["age"] += shift
    table["tenure"] *= 1 + shift
    return table


class Load:
    """Asks an endpoint for predictions, again and again; one question in twenty is wrong."""

    def __init__(self, deployment: Deployment) -> None:
        token = Path(deployment.token_file).read_text().strip()
        tables = (rows(40, 1.5, seed).to_json(orient="split", index=False) for seed in range(1, 40))
        self._bodies = [f'{{"dataframe_split": {table}}}' for table in tables]
        self._wrong = '{"dataframe_split": {"columns": ["age"], "data": [["x"]]}}'
        self._client = httpx.Client(
            base_url=deployment.url, headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        )
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._ends.set()
        self._thread.join()
        self._client.close()

    def _run(self) -> None:
        count = 0
        while not self._ends.wait(0.03):
            count += 1
            try:
                body = self._bodies[count % len(self._bodies)] if count % 20 else self._wrong
                self._client.post("/invocations", content=body)
            except httpx.HTTPError:
                continue


@pytest.fixture
def churn(project: Path) -> Iterator[Deployment]:
    """A deployment with a canary; both have a baseline."""
    table = rows(2_000, 0.0)
    for weight in (1, 2):
        model = LogisticRegression(C=weight).fit(table, table["age"] + table["calls"] > 0)
        mlops_jupyter.register(model, name="churn", data=table)
    mlops_jupyter.deploy("models:/churn/1", name="churn")
    yield mlops_jupyter.deploy("models:/churn/2", name="churn", canary=20)
    mlops_jupyter.undeploy("churn", yes=True)


@pytest.fixture
def dashboard(churn: Deployment, lab: str, page: Page, project: Path) -> Iterator[Locator]:
    """The dashboard below a cell, while the endpoint is asked."""
    cells = ["%load_ext mlops_jupyter\n%mlops monitor churn --since 15m", "1 + 1"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
    nbformat.write(notebook, project / "watch.ipynb")
    page.set_viewport_size({"width": 1200, "height": 1150})
    with Load(churn):
        browser.open_notebook(page, lab, "watch.ipynb")
        browser.close_left_sidebar(page)
        browser.run_all(page)
        found = page.locator(".mlops-monitor")
        expect(found).to_be_visible()
        found.scroll_into_view_if_needed()
        yield found


def told(dashboard: Locator, name: str) -> int:
    return int(dashboard.get_attribute(f"data-{name}") or 0)


def until(true: Any, what: str, limit_s: float = 40) -> None:
    wait_for(true, limit_s, what)


def tile(dashboard: Locator, name: str) -> str:
    return dashboard.locator(".mlops-tile", has_text=name).locator("b").inner_text()


def test_it_shows_what_the_endpoint_does(dashboard: Locator, page: Page, churn: Deployment, project: Path):
    expect(dashboard).to_have_attribute("data-status", "ready")
    until(lambda: tile(dashboard, "requests / s") not in {"–", "0"}, "no requests are shown")
    expect(dashboard.locator(".mlops-chart-keys").first).to_contain_text("1 main")
    expect(dashboard.locator(".mlops-chart-keys").first).to_contain_text("2 canary")
    until(lambda: tile(dashboard, "p95").endswith("ms"), "no latency is shown")
    until(lambda: tile(dashboard, "errors") not in {"–", "0 %"}, "no errors are shown")
    # The picture for readers without a kernel is there, and gives way.
    picture = page.get_by_role("group", name="snapshot of churn", include_hidden=True)
    expect(picture).to_have_count(1)
    expect(picture).to_be_hidden()
    # The kernel is free meanwhile.
    expect(page.locator(".jp-OutputArea-output", has_text="2").last).to_be_visible()

    moved = dashboard.locator(".mlops-drift-row", has_text="age")
    expect(moved).to_contain_text("drifted")
    moved.click()
    expect(moved).to_have_attribute("aria-expanded", "true")
    expect(dashboard.locator(".mlops-histogram")).to_be_visible()
    expect(dashboard.locator(".mlops-history")).to_be_visible()
    before = told(dashboard, "instants")
    until(lambda: told(dashboard, "instants") > before + 2, "it stands still")
    until(lambda: told(dashboard, "messages") > 45, "it is slow", 90)
    browser.picture(page, "monitor")
    page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    page.wait_for_function("() => document.body.dataset.jpThemeLight === 'false'")
    expect(page.locator("#jupyterlab-splash")).to_have_count(0)
    browser.picture(page, "monitor-dark")

    page.keyboard.press("Control+s")
    until(lambda: "snapshot of churn" in (project / "watch.ipynb").read_text(), "JupyterLab did not save")
    saved = nbformat.read(project / "watch.ipynb", as_version=4)
    kinds = {kind for output in saved.cells[0].outputs for kind in output.get("data", {})}
    assert "application/vnd.mlops-jupyter.monitored+json" in kinds


def test_range_pause_zoom_and_keys(dashboard: Locator, page: Page):
    until(lambda: told(dashboard, "instants") > 100, "nothing came")
    hour = dashboard.get_by_role("button", name="1 h", exact=True)
    hour.focus()
    page.keyboard.press("Enter")
    expect(hour).to_have_attribute("aria-pressed", "true")
    until(lambda: told(dashboard, "instants") <= 370, "the range has not changed")
    dashboard.get_by_role("button", name="15 min").click()
    until(lambda: told(dashboard, "instants") > 800, "the range has not changed back")

    plot = dashboard.locator(".u-over").first
    box = plot.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 50, steps=5)
    page.mouse.up()
    expect(dashboard).to_have_attribute("data-zoomed", "true")
    draws = told(dashboard, "draws")
    until(lambda: told(dashboard, "draws") > draws + 1, "it does not go on drawing")
    expect(dashboard).to_have_attribute("data-zoomed", "true")
    dashboard.get_by_role("button", name="whole range").click()
    expect(dashboard).to_have_attribute("data-zoomed", "false")

    dashboard.get_by_role("button", name="pause").click()
    page.wait_for_timeout(1_500)  # what was on its way when it was paused
    still, messages = told(dashboard, "draws"), told(dashboard, "messages")
    page.wait_for_timeout(3_000)
    assert (told(dashboard, "draws"), told(dashboard, "messages")) == (still, messages)
    dashboard.get_by_role("button", name="go on").click()
    until(lambda: told(dashboard, "draws") > still + 2, "it does not go on")


def test_out_of_sight_nobody_works(dashboard: Locator, page: Page):
    until(lambda: told(dashboard, "draws") > 2, "nothing was drawn")
    dashboard.evaluate("one => one.style.display = 'none'")
    page.wait_for_timeout(1_500)
    still = told(dashboard, "messages")
    page.wait_for_timeout(3_000)
    assert told(dashboard, "messages") == still
    dashboard.evaluate("one => one.style.display = ''")
    until(lambda: told(dashboard, "messages") > still + 2, "it does not come back")


def test_traffic_is_shifted_and_rolled_back_after_a_question(dashboard: Locator, page: Page, churn: Deployment):
    share = dashboard.get_by_label("share of version 1")
    expect(share).to_have_value("80")
    share.fill("50")
    dashboard.get_by_role("button", name="shift traffic").click()
    expect(dashboard.locator(".mlops-outcome")).to_contain_text("sum to 70, not to 100")
    dashboard.get_by_label("share of version 2").fill("50")
    dashboard.get_by_role("button", name="shift traffic").click()
    question = dashboard.get_by_role("alertdialog")
    expect(question).to_contain_text("version 1 50 %, version 2 50 %")
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    assert [one.percent for one in mlops_jupyter.deployments("churn").versions] == [80, 20]
    dashboard.get_by_role("button", name="shift traffic").click()
    question.get_by_role("button", name="yes").click()
    expect(dashboard.locator(".mlops-outcome")).to_contain_text("traffic: version 1 50 %")
    assert [one.percent for one in mlops_jupyter.deployments("churn").versions] == [50, 50]

    dashboard.get_by_role("button", name="roll back").click()
    question.get_by_role("button", name="yes").click()
    expect(dashboard.locator(".mlops-outcome")).to_contain_text("rolled back: version 1 80 %")
    expect(dashboard.get_by_label("share of version 1")).to_have_value("80")


def test_an_endpoint_that_dies_is_told_and_comes_back(dashboard: Locator, churn: Deployment):
    expect(dashboard).to_have_attribute("data-status", "ready")
    until(lambda: told(dashboard, "draws") > 2, "nothing was drawn")
    os.killpg(os.getpgid(mlops_jupyter.deployments("churn").pid), signal.SIGKILL)
    expect(dashboard).to_have_attribute("data-status", "stopped")
    expect(dashboard.locator(".mlops-notes")).to_contain_text("was killed")
    mlops_jupyter.deploy("models:/churn/1", name="churn")
    expect(dashboard).to_have_attribute("data-status", "ready")
    expect(dashboard.locator(".mlops-notes")).not_to_contain_text("was killed")
