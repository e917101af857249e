"""The extension in Notebook 7, from an environment of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import test_jupyterlab as browser
from tests.e2e.test_jupyterlab import READY, picture
from tests.fakes.environments import python_beside
from tests.fakes.jupyter_servers import TOKEN, jupyter
from tests.fakes.notebooks import write_notebook

pytestmark = browser.pytestmark
page = browser.page


@pytest.fixture
def notebook7(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A Notebook 7 server in the project, with this checkout's extension; its address."""
    python = python_beside("notebook==7.6.5")
    exposed = "--JupyterNotebookApp.expose_app_in_browser=True"
    with jupyter("notebook", project, monkeypatch, exposed, python=python) as base:
        yield base


def test_a_cell_is_tracked_kept_and_run_headless(notebook7: str, page: Page, project: Path):
    write_notebook(project / "train.ipynb", "x = 1", parameters="depth = 3")
    page.set_viewport_size({"width": 1100, "height": 700})
    # It brings the whole front end along on each page.
    page.set_default_timeout(120_000)
    page.goto(f"{notebook7}notebooks/train.ipynb?token={TOKEN}")
    page.wait_for_function(READY)
    toolbar = page.locator(".jp-NotebookPanel-toolbar")
    page.locator(".jp-Cell .cm-content").last.click()
    page.keyboard.press("Escape")
    toolbar.get_by_title("Run the chosen cell as an MLflow run").click()
    badge = page.locator(".mlops-Badge")
    expect(badge).to_contain_text("✓ finished", timeout=60_000)
    picture(page, "notebook7")
    # There is room for the notebook alone: a result is a dialog.
    badge.click()
    dialog = page.locator(".jp-Dialog")
    expect(dialog.locator("table")).to_contain_text("FINISHED", timeout=60_000)
    dialog.get_by_role("button", name="Close").click()
    page.evaluate("() => window.jupyterapp.commands.execute('mlops:show-sidebar')")
    expect(page.locator(".mlops-Row:not([hidden])")).to_have_count(1)
    expect(page.locator("#mlops-versions")).to_contain_text("train.ipynb")
    toolbar.get_by_title("Keep the notebook as it is now").click()
    expect(page.locator(".Toastify__toast", has_text="train.ipynb").last).to_contain_text("snapshot", timeout=60_000)
    toolbar.get_by_title("Run the notebook in a kernel of its own").click()
    expect(dialog.get_by_label("depth")).to_have_value("3")
    dialog.get_by_role("button", name="Run").click()
    expect(dialog.locator(".mlops-Result")).to_contain_text("FINISHED", timeout=120_000)
