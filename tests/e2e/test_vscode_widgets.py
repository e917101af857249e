"""The live widgets in the widget manager of VS Code's Jupyter extension, which is to be had without VS Code.

VS Code itself cannot be installed from a package index, nor its extensions: its window is not tried here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from mlops_jupyter.records import Deployment
from tests.conftest import REPOSITORY
from tests.e2e import test_jupyterlab as browser
from tests.e2e import test_lab_panels, test_monitor
from tests.e2e.test_live_cell import TRAIN
from tests.e2e.test_live_chart import grows, ink, told, until
from tests.fakes.jupyter_servers import TOKEN
from tests.fakes.node_tools import packed
from tests.fakes.notebooks import write_notebook

LABEXTENSION = REPOSITORY / "labextension"
pytestmark = [
    browser.pytestmark,
    pytest.mark.skipif(
        not (LABEXTENSION / "node_modules").is_dir(), reason="esbuild is missing: cd labextension && npm ci"
    ),
]
lab, page, churn = browser.lab, browser.page, test_monitor.churn

PAGE = """<!doctype html><meta charset="utf-8"><base href="{base}">
<script src="require.js"></script><script type="module" src="page.js"></script>"""


@pytest.fixture(scope="session")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the page loads."""
    folder = tmp_path_factory.mktemp("vscode")
    manager = packed("@vscode/jupyter-ipywidgets8", "1.0.9") / "dist" / "ipywidgets.js"
    (folder / "require.js").write_bytes((packed("requirejs", "2.3.8") / "require.js").read_bytes())
    subprocess.run(
        [
            str(LABEXTENSION / "node_modules" / ".bin" / "esbuild"), str(Path(__file__).with_name("vscode_page.mjs")),
            "--bundle", "--format=esm", f"--alias:vscode-ipywidgets={manager}",
            "--log-level=error", "--loader:.svg=text", f"--outfile={folder / 'page.js'}",
        ],
        cwd=LABEXTENSION, env={**os.environ, "NODE_PATH": str(LABEXTENSION / "node_modules")}, check=True, timeout=120,
    )  # fmt: skip
    return folder


@pytest.fixture
def notebook(lab: str, page: Page, project: Path, scripts: Path) -> Page:
    """A page with a kernel that believes to be VS Code's, beside a notebook of the project."""

    def answer(route: Route) -> None:
        name = route.request.url.partition("/vscode/")[2].partition("?")[0]
        if name.startswith("nbextensions/"):
            route.fulfill(path=Path(sys.prefix) / "share" / "jupyter" / name)
        else:
            route.fulfill(path=scripts / name)

    file = write_notebook(project / "train.ipynb", TRAIN)
    page.route("**/vscode/**", answer)
    # The page is the server's, so that the browser lets it open a socket to there; what is in it is ours.
    page.goto(f"{lab}login")
    page.set_content(PAGE.format(base=f"{lab}vscode/"))
    page.wait_for_function("() => window.start !== undefined")
    page.evaluate("([base, token]) => window.start(base, token)", [lab, TOKEN])
    page.evaluate(
        "code => window.run(code)",
        f"import os; os.chdir({json.dumps(str(project))}); __vsc_ipynb_file__ = {json.dumps(str(file))}\n"
        "%load_ext mlops_jupyter",
    )
    return page


def begin(page: Page, code: str) -> None:
    """Run a cell without waiting for it."""
    page.evaluate("code => { window.run(code); }", code)


def test_the_chart_grows_and_the_card_stays(notebook: Page, project: Path, stored_runs):
    begin(notebook, TRAIN)
    chart = notebook.locator(".mlops-live")
    expect(chart).to_be_visible()
    grows(chart)
    until(lambda: told(chart, "drawn") > 50, "nothing was drawn")
    until(lambda: ink(chart) > 50, "nothing is seen")
    browser.picture(notebook, "live-vscode")
    (project / "enough").touch()
    assert notebook.evaluate("() => window.done") == "ok"
    expect(chart).to_have_count(0)
    card: Locator = notebook.locator("div", has_text="FINISHED").first
    expect(card.locator("svg").first).to_be_visible()
    assert notebook.evaluate("() => window.failed") == []
    (run,) = stored_runs()
    assert (run.status, run.notebook) == ("FINISHED", "train.ipynb")


def test_the_dashboard_shifts_traffic(notebook: Page, churn: Deployment):
    with test_monitor.Load(churn):
        begin(notebook, "%mlops monitor churn --since 15m")
        dashboard = notebook.locator(".mlops-monitor")
        expect(dashboard).to_be_visible(timeout=60_000)
        until(lambda: told(dashboard, "instants") > 2, "no instants came")
        expect(dashboard.locator(".mlops-drift-row", has_text="age")).to_be_visible(timeout=60_000)
        browser.picture(notebook, "monitor-vscode")
        dashboard.get_by_label("share of version 1").fill("60")
        dashboard.get_by_label("share of version 2").fill("40")
        dashboard.get_by_role("button", name="shift traffic").click()
        dashboard.get_by_role("alertdialog").get_by_role("button", name="yes").click()
        expect(dashboard.locator(".mlops-outcome")).to_contain_text("traffic: version 1 60 %, version 2 40 %")
        assert test_lab_panels.shares() == [60, 40]
    assert notebook.evaluate("() => window.failed") == []
