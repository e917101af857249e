"""A tracked cell in a real JupyterLab: its chart while it trains, and the picture that stays when all else is gone."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, expect

from tests.e2e import test_jupyterlab as browser
from tests.e2e.test_live_chart import grows, running, told, until

pytestmark = browser.pytestmark
lab, page = browser.lab, browser.page

TRAIN = """%%mlops track forest --param rate
import math, time
from pathlib import Path
import mlops_jupyter as mlops

rate, step = 60, 0
while not Path("enough").exists():
    wobble = math.sin(step * 12.9898) * math.exp(-step / 300) / 8
    mlops.log(loss=2 * math.exp(-step / rate) + 0.2 + wobble, accuracy=1 - math.exp(-step / rate) + wobble)
    step += 1
    time.sleep(0.02)
"""


@pytest.fixture
def notebook(project: Path) -> Path:
    written = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("%load_ext mlops_jupyter"),
            nbformat.v4.new_markdown_cell("### A forest\nWith a *rate* of 60."),
            nbformat.v4.new_code_cell(TRAIN),
        ]
    )
    written.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
    nbformat.write(written, project / "train.ipynb")
    return project / "train.ipynb"


def test_the_chart_grows_under_the_cell_and_its_picture_stays(
    lab: str, page: Page, project: Path, notebook: Path, stored_runs
):
    page.set_viewport_size({"width": 1000, "height": 1000})
    browser.open_notebook(page, lab, "train.ipynb")
    browser.close_left_sidebar(page)
    # The command ends with the cell, which this does not wait for.
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    chart = page.locator(".mlops-live")
    expect(chart).to_be_visible()
    grows(chart)
    until(lambda: told(chart, "points") > 600, "it is slow")
    assert page.locator(".jp-InputArea-prompt", has_text="[*]:").count() > 0
    chart.scroll_into_view_if_needed()
    until(lambda: told(chart, "drawn") > 50, "nothing was drawn")
    browser.picture(page, "live")

    (project / "enough").touch()
    card = page.locator(".jp-OutputArea-output", has_text="FINISHED")
    expect(card).to_be_visible()
    expect(chart).to_have_count(0)
    expect(card.locator("svg").first).to_be_visible()
    card.scroll_into_view_if_needed()
    browser.picture(page, "live-ended")
    page.keyboard.press("Control+s")
    until(lambda: "FINISHED" in notebook.read_text(), "JupyterLab did not save")

    # Read again with no kernel, the picture and its numbers are there.
    page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
    page.goto(f"{lab}lab/tree/train.ipynb?token={browser.TOKEN}&reset")
    card = page.locator(".jp-OutputArea-output", has_text="FINISHED")
    expect(card.locator("svg").first).to_be_visible()
    expect(card).to_contain_text("accuracy")
    # The page has begun to start another kernel, and a Jupyter server that is told to stop meanwhile does not end.
    page.wait_for_function(browser.READY)
    saved = json.loads(notebook.read_text())
    assert "widgets" not in saved["metadata"]
    assert len(notebook.read_text()) < 60_000

    (run,) = stored_runs()
    assert (run.status, run.notebook, run.tags["mlflow.note.content"]) == (
        "FINISHED",
        "train.ipynb",
        "### A forest\nWith a *rate* of 60.",
    )


def test_a_cell_that_is_done_at_once_shows_its_card_alone(lab: str, page: Page, project: Path):
    cells = ["%load_ext mlops_jupyter", "%%mlops track quick\nimport mlops_jupyter\nmlops_jupyter.log(loss=0.25)"]
    written = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    written.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
    nbformat.write(written, project / "quick.ipynb")
    browser.open_notebook(page, lab, "quick.ipynb")
    browser.run_all(page)
    card = page.locator(".jp-OutputArea-output", has_text="FINISHED")
    expect(card).to_have_count(1)
    expect(page.locator(".jp-OutputArea-output")).to_have_count(1)
    assert not running(page)
