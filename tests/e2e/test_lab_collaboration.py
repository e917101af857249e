"""Several people at one notebook, by jupyter-collaboration from an environment of its own, in two browser pages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import test_cells_in_lab as cells_in_lab
from tests.e2e import test_jupyterlab as browser
from tests.e2e.test_cells_in_lab import LOAD, TOAST, badges, end_of_cell, track
from tests.e2e.test_jupyterlab import EXPOSED, READY, open_notebook, picture
from tests.e2e.test_lab_panels import cells, section, sidebar
from tests.e2e.test_lab_troubles import headless, newest, runs, snapshot
from tests.fakes.environments import python_beside
from tests.fakes.jupyter_servers import jupyter
from tests.fakes.notebooks import write_notebook
from tests.fakes.waiting import wait_for

pytestmark = browser.pytestmark
page, complaints = browser.page, browser.complaints

TRACKED = "%%mlops track fit\nimport mlops_jupyter\nmlops_jupyter.log(accuracy=0.75)"


@pytest.fixture
def together(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A JupyterLab in which documents are edited by all at once; its address."""
    python = python_beside("jupyter-collaboration==5.0.4", "jupyterlab")
    with jupyter("jupyterlab", project, monkeypatch, EXPOSED, python=python) as base:
        yield base


@pytest.fixture
def other(together: str, page: Page, project: Path) -> Iterator[Page]:
    """The page of another user, who has the same notebook open; `page` has it, too."""
    write_notebook(project / "train.ipynb", LOAD, TRACKED, "y = 1")
    page.set_viewport_size({"width": 1280, "height": 900})
    open_notebook(page, together, "train.ipynb")
    # That it is shared is what is tested.
    assert page.evaluate("() => window.jupyterapp.shell.currentWidget.model.collaborative") is True
    assert page.context.browser is not None
    found = page.context.browser.new_page(viewport={"width": 1280, "height": 900})
    found.set_default_timeout(30_000)
    cells_in_lab.open_notebook_that_is_busy(found, together, "train.ipynb")
    found.wait_for_function(READY)
    yield found
    found.close()


def in_version(terminal, project: Path, ref: str) -> list[str]:
    """Return the sources of the notebook's cells in a version of it; the file itself may have been saved since."""
    told = json.loads(terminal("restore", ref, "train.ipynb", "--json", cwd=project).out)
    copy = project / told["path"]
    found = cells(copy)
    copy.unlink()
    return found


def test_what_one_types_is_kept_tracked_and_run_by_the_other(other: Page, page: Page, project: Path, terminal):
    end_of_cell(page, 2)
    page.keyboard.type("  # the first types")
    expect(other.locator(".jp-Cell .cm-content").nth(2)).to_contain_text("the first types")
    snapshot(other)
    expect(other.locator(TOAST, has_text="train.ipynb").last).to_contain_text("snapshot", timeout=60_000)
    assert "the first types" in in_version(terminal, project, newest(terminal, project, "train.ipynb"))[2]

    # A cell that one tracks shows its run to both, and the run knows what was on the screen.
    end_of_cell(other, 2)
    other.keyboard.type(", the second goes on")
    other.keyboard.press("Escape")
    track(other)
    for one in (other, page):
        expect(badges(one)).to_contain_text("✓ finished", timeout=60_000)
    (run,) = wait_for(lambda: runs(terminal, project))
    assert "the second goes on" in in_version(terminal, project, str(run["run_id"]))[2]
    picture(page, "lab-together")

    # What is run headless is what all see, at once.
    end_of_cell(page, 2)
    page.keyboard.type("\nopen('seen', 'w').write('by both')")
    headless(page)
    page.locator(".jp-Dialog").get_by_role("button", name="Run").click()
    expect(page.locator(".mlops-Result")).to_contain_text("FINISHED", timeout=120_000)
    assert (project / "seen").read_text() == "by both"


def test_a_version_that_one_restores_is_what_both_see_and_the_file_has(
    other: Page, page: Page, project: Path, terminal
):
    snapshot(page)
    expect(page.locator(TOAST, has_text="train.ipynb").last).to_contain_text("snapshot", timeout=60_000)
    end_of_cell(page, 2)
    page.keyboard.type("  # typed later")
    expect(other.locator(".jp-Cell .cm-content").nth(2)).to_contain_text("typed later")
    wait_for(lambda: "typed later" in cells(project / "train.ipynb")[2], 30, "nobody has saved")
    sidebar(other)
    versions = section(other, "versions").locator(".mlops-Kept")
    expect(versions).to_have_count(1)
    versions.last.get_by_role("button", name="Restore…").click()
    other.locator(".jp-Dialog").get_by_role("button", name="Put it in its place").click()
    expect(section(other, "versions").locator(".mlops-Card-outcome")).to_contain_text("is in its place")
    for one in (other, page):
        expect(one.locator(".jp-Cell .cm-content").nth(2)).to_have_text("y = 1")
        expect(one.locator(".jp-Cell")).to_have_count(3)
    wait_for(lambda: cells(project / "train.ipynb")[2] == "y = 1", 30, "the file has it not")
    # What was there is kept, and both go on as before.
    assert "typed later" in terminal("diff", newest(terminal, project, "train.ipynb"), "train.ipynb", cwd=project).out
    end_of_cell(page, 2)
    page.keyboard.type("  # and on")
    expect(other.locator(".jp-Cell .cm-content").nth(2)).to_contain_text("and on")
    wait_for(lambda: cells(project / "train.ipynb") == [LOAD, TRACKED, "y = 1  # and on"], 30, "nobody has saved")
    expect(page.locator(".jp-Dialog")).to_have_count(0)
    expect(other.locator(".jp-Dialog")).to_have_count(0)


def test_a_long_cell_goes_on_while_both_save(other: Page, page: Page, project: Path, terminal):
    """The server saves here, once a second: what a cell writes is in the file, whole, and what is typed."""
    body = "%%mlops track long\nimport time\nfor step in range(40):\n    time.sleep(0.1)\n    print(step)"
    page.evaluate("body => window.jupyterapp.shell.currentWidget.model.sharedModel.getCell(1).setSource(body)", body)
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    for word in ("one", "two", "three"):
        end_of_cell(other, 2)
        other.keyboard.type(f"  # {word}")
        other.keyboard.press("Control+s")
    expect(badges(page)).to_contain_text("✓ finished", timeout=60_000)
    wait_for(lambda: "✓" in badges(other).inner_text(), 30)
    wait_for(lambda: "vnd.mlops-jupyter.run+json" in (project / "train.ipynb").read_text(), 30, "nobody has saved")
    assert cells(project / "train.ipynb")[2] == "y = 1  # one  # two  # three"
