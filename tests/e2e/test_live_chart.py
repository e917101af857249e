"""The live chart as one sees it in a real JupyterLab: while the cell runs, in both themes, and gone afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import indent
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e import test_jupyterlab as browser
from tests.fakes.waiting import wait_for

pytestmark = browser.pytestmark
lab, page = browser.lab, browser.page

TRAIN = """
import math, struct, time
from pathlib import Path
from IPython.display import HTML, display
from mlops_jupyter.widgets.live_chart import LiveChart
from mlops_jupyter.widgets.ticker import Ticker

slot, names = struct.Struct("<qqdHB4xB"), ("loss", "accuracy", "lr")
logged = {"lr=0.1": [], "lr=0.01": []}

def read():
    chunks = []
    for label, slots in logged.items():
        count = len(slots)
        chunks.append((label, names, b"".join(slots[:count])))
        del slots[:count]
    return chunks

chart = LiveChart("fit")
shown = display(chart, display_id=True)
ticker = Ticker(chart, read)
ticker.start()
step = 0
while not Path("enough").exists():
    for label, rate in (("lr=0.1", 60), ("lr=0.01", 150)):
        wobble = math.sin(step * 12.9898) * math.exp(-step / 300) / 4
        fall = math.exp(-step / rate)
        values = (2 * fall + 0.2 + wobble / 2, 1 - fall + wobble / 4, 1e-3 / (1 + step))
        now = time.time_ns() // 1_000_000
        logged[label] += [slot.pack(step, now, value, key, 1, 1) for key, value in enumerate(values)]
    step += 1
    time.sleep(0.02)
print("told:", ticker.stop())
chart.finish()
shown.update(HTML("<b>the static card</b>"))
"""


def write(project: Path, *sources: str) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    notebook.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
    nbformat.write(notebook, project / "live.ipynb")


def told(chart: Locator, name: str) -> int:
    return int(chart.get_attribute(f"data-{name}") or 0)


def until(true: Any, what: str) -> None:
    wait_for(true, 30, what)


def grows(chart: Locator) -> None:
    """Wait until points have come, and then more."""
    until(lambda: told(chart, "points") > 100, "no points came")
    before = told(chart, "points")
    until(lambda: told(chart, "points") > before, "the chart stands still")


def under_cursor(chart: Locator) -> float:
    """Return the seconds that the readout names once the cursor is over the plot."""
    where = chart.locator(".mlops-where")
    expect(where).to_contain_text("at ")
    return float(where.inner_text().split()[1])


def ink(chart: Locator) -> int:
    """Count the pixels that the plot's canvas has drawn in the colour of the first run."""
    return chart.locator("canvas").evaluate(
        """canvas => {
            const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            let count = 0;
            for (let i = 0; i < data.length; i += 4)
                if (Math.abs(data[i] - 0x2f) + Math.abs(data[i + 1] - 0x7e) + Math.abs(data[i + 2] - 0xd8) < 60
                    && data[i + 3] > 100) count++;
            return count;
        }"""
    )


def running(page: Page) -> bool:
    """Tell whether the cell runs; the kernel calls itself idle when a subshell of it is."""
    return page.locator(".jp-InputArea-prompt").first.inner_text() == "[*]:"


def start(page: Page, lab: str) -> Locator:
    browser.open_notebook(page, lab, "live.ipynb")
    # The command ends with the cell, which this does not wait for.
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    found = page.locator(".mlops-live")
    expect(found).to_be_visible()
    return found


@pytest.fixture
def chart(lab: str, page: Page, project: Path) -> Locator:
    """A chart under a cell that trains until the file ``enough`` is there."""
    write(project, TRAIN)
    page.set_viewport_size({"width": 1000, "height": 900})
    found = start(page, lab)
    browser.close_left_sidebar(page)
    until(lambda: told(found, "points") > 200, "no points came")
    found.scroll_into_view_if_needed()
    until(lambda: told(found, "drawn") > 50, "nothing was drawn")
    return found


def test_it_grows_while_the_cell_runs_and_leaves_nothing_behind(chart: Locator, page: Page, project: Path):
    assert running(page)
    before = told(chart, "points")
    until(lambda: told(chart, "points") > before, "the chart stands still")
    assert told(chart, "series") == 2
    assert ink(chart) > 50
    expect(chart.locator(".mlops-readout")).to_contain_text("lr=0.01")
    until(lambda: told(chart, "points") > 1_500, "it is slow")
    browser.picture(page, "live-chart")
    page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    page.wait_for_function("() => document.body.dataset.jpThemeLight === 'false'")
    expect(page.locator("#jupyterlab-splash")).to_have_count(0)
    until(lambda: ink(chart) > 50, "the dark chart is empty")
    browser.picture(page, "live-chart-dark")
    assert running(page)

    (project / "enough").touch()
    expect(page.locator(".jp-OutputArea-output", has_text="the static card")).to_be_visible()
    expect(page.locator(".jp-OutputArea-output", has_text="told: None")).to_be_visible()
    expect(chart).to_have_count(0)
    page.keyboard.press("Control+s")
    until(lambda: "the static card" in (project / "live.ipynb").read_text(), "JupyterLab did not save")
    saved = (project / "live.ipynb").read_text()
    assert "widget" not in json.dumps([cell["outputs"] for cell in json.loads(saved)["cells"]])
    assert "widgets" not in json.loads(saved)["metadata"]


def test_tabs_smoothing_scale_axis_and_zoom(chart: Locator, page: Page, project: Path):
    tabs = chart.get_by_role("tab")
    expect(tabs).to_have_text(["loss", "accuracy", "lr", "resources"])
    tabs.first.click()
    page.keyboard.press("ArrowRight")
    expect(tabs.nth(1)).to_be_focused()
    expect(tabs.nth(1)).to_have_attribute("aria-selected", "true")
    assert chart.get_attribute("data-metric") == "accuracy"
    page.keyboard.press("End")
    assert chart.get_attribute("data-metric") == "CPU %"
    chart.get_by_label("resource", exact=True).select_option("memory MB")
    assert chart.get_attribute("data-metric") == "memory MB"
    tabs.nth(2).click()

    chart.get_by_label("smoothing").fill("0.9")
    until(lambda: ink(chart) > 50, "the smoothed line is not there")
    chart.get_by_label("log scale").check()
    chart.get_by_label("x axis").select_option("time")
    expect(chart.locator(".mlops-where")).to_contain_text("s")
    until(lambda: ink(chart) > 50, "the logarithmic line is not there")

    plot = chart.locator(".u-over")
    box = plot.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 50)
    expect(chart.locator(".mlops-where")).to_contain_text("at ")
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 60, steps=5)
    page.mouse.up()
    page.mouse.move(box["x"] + 2, box["y"] + 50)
    assert under_cursor(chart) > 0.2
    more = told(chart, "draws")
    until(lambda: told(chart, "draws") > more + 3, "it does not go on drawing")
    page.mouse.move(box["x"] + 3, box["y"] + 50)
    assert under_cursor(chart) > 0.2  # new points do not undo the zoom
    browser.picture(page, "live-chart-zoomed")
    plot.dblclick(position={"x": 3, "y": 50})
    page.mouse.move(box["x"] + 5, box["y"] + 60)
    until(lambda: under_cursor(chart) < 0.2, "the zoom stays")
    (project / "enough").touch()


def test_resources_give_way_to_the_first_metric(page: Page, lab: str, project: Path):
    waits = 'ticker.start()\nwhile not Path("begin").exists(): time.sleep(0.05)\n'
    write(project, TRAIN.replace("ticker.start()\n", waits))
    page.set_viewport_size({"width": 1000, "height": 900})
    chart = start(page, lab)
    expect(chart).to_have_attribute("data-metric", "CPU %")
    (project / "begin").touch()
    expect(chart).to_have_attribute("data-metric", "loss")
    chart.get_by_role("tab", name="resources").click()
    before = told(chart, "points")
    until(lambda: told(chart, "points") > before, "the chart stands still")
    expect(chart).to_have_attribute("data-metric", "CPU %")
    (project / "enough").touch()
    expect(chart).to_have_count(0)


def test_out_of_sight_it_draws_nothing_and_keeps_everything(chart: Locator, page: Page, project: Path):
    chart.evaluate("chart => chart.style.display = 'none'")
    before = told(chart, "points")
    until(lambda: told(chart, "points") > before + 100, "the points are not kept")
    draws = told(chart, "draws")
    before = told(chart, "points")
    until(lambda: told(chart, "points") > before + 200, "the points are not kept")
    assert told(chart, "draws") == draws
    drawn = told(chart, "drawn")
    chart.evaluate("chart => chart.style.display = ''")
    until(lambda: told(chart, "drawn") >= drawn + 100, "it does not come back")
    (project / "enough").touch()


def test_a_page_that_comes_late_gets_what_was_before(page: Page, lab: str, project: Path):
    # A page learns of a kernel's widgets once the kernel answers: here it trains in a thread.
    write(project, f"def work():\n{indent(TRAIN, '    ')}\nimport threading\nthreading.Thread(target=work).start()")
    chart = start(page, lab)
    until(lambda: told(chart, "points") > 1_000, "it is slow")
    page.keyboard.press("Control+s")
    until(lambda: "widget-view" in (project / "live.ipynb").read_text(), "JupyterLab did not save")
    page.reload()
    again = page.locator(".mlops-live")
    expect(again).to_be_visible()
    until(lambda: told(again, "points") > 1_000, "the page has only the new points")
    before = told(again, "points")
    until(lambda: told(again, "points") > before, "the new points do not come")
    (project / "enough").touch()
    expect(again).to_have_count(0)
