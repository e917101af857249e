"""The tutorial as its reader meets it: a real JupyterLab in a real browser.

``MLOPS_SCREENSHOTS=docs/images`` keeps the pictures that README and docs show.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import psutil
import pytest
from playwright.sync_api import ConsoleMessage, Page, expect, sync_playwright

from mlops_jupyter.commands.warm import install_kernelspec
from tests.conftest import REPOSITORY
from tests.fakes.jupyter_servers import TOKEN, jupyter
from tests.fakes.notebooks import write_notebook
from tests.fakes.servers import answers

# The tests ask it whether the kernel is ready.
EXPOSED = "--LabApp.expose_app_in_browser=True"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is missing: apt-get install chromium")


@pytest.fixture
def lab(request: pytest.FixtureRequest, project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A JupyterLab server in the project, which holds the tutorial, with this checkout's extension; its address.

    An indirect parameter is one more option of the server.
    """
    (project / "notebooks").mkdir()
    shutil.copy(REPOSITORY / "notebooks" / "01_track.ipynb", project / "notebooks")
    quiet = Path(os.environ["HOME"], ".jupyter/lab/user-settings/@jupyterlab/apputils-extension")
    quiet.mkdir(parents=True)
    (quiet / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    options = [request.param] if hasattr(request, "param") else []
    with jupyter("jupyterlab", project, monkeypatch, EXPOSED, *options) as base:
        yield base


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 1500})
        page.set_default_timeout(30_000)
        expect.set_options(timeout=30_000)
        yield page
        browser.close()


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the page has reported as an error, to its console or uncaught."""
    found: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            found.append(f"{message.text} ({message.location.get('url', '')})")

    page.on("console", note)
    page.on("pageerror", lambda error: found.append(f"{error.message}\n{error.stack}"))
    return found


def picture(page: Page, name: str) -> None:
    """Keep a screenshot where the environment says."""
    if folder := os.environ.get("MLOPS_SCREENSHOTS"):
        target = REPOSITORY / folder
        target.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=target / f"{name}.png")


KERNEL = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
READY = """() => {
    const session = window.jupyterapp?.shell?.currentWidget?.sessionContext?.session;
    return session?.kernel?.connectionStatus === 'connected' && session.kernel.status === 'idle';
}"""


def open_notebook(page: Page, lab: str, path: str) -> None:
    page.goto(f"{lab}lab/tree/{path}?token={TOKEN}&reset")
    page.locator(".jp-Notebook").wait_for()
    page.wait_for_function(READY)


def started(page: Page) -> None:
    """Wait for the kernel of the document in front: Jupyter Server takes minutes to end while one is starting."""
    page.wait_for_function(READY)


def run_all(page: Page) -> None:
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")


def close_left_sidebar(page: Page) -> None:
    page.keyboard.press("Control+b")


def test_the_tutorial_from_first_to_last_cell(lab: str, page: Page, project: Path):
    open_notebook(page, lab, "notebooks/01_track.ipynb")
    close_left_sidebar(page)
    run_all(page)
    cards = page.locator(".jp-OutputArea-output", has_text="FINISHED")
    expect(cards).to_have_count(3)  # two cards and the table of runs
    expect(cards.nth(0)).to_contain_text("linear")
    expect(cards.nth(0)).to_contain_text("accuracy")
    expect(cards.nth(1)).to_contain_text("forest")
    expect(page.locator(".jp-OutputArea-output table").last).to_contain_text("linear")
    assert page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    page.set_viewport_size({"width": 1000, "height": 800})
    page.get_by_role("heading", name="A linear model").evaluate("heading => heading.scrollIntoView(true)")
    picture(page, "tutorial")

    # The saved notebook says the same, with no kernel.
    page.keyboard.press("Control+s")
    saved = project / "notebooks" / "01_track.ipynb"
    end = time.monotonic() + 30
    while "FINISHED" not in saved.read_text(encoding="utf-8"):
        assert time.monotonic() < end, "JupyterLab did not save"
        time.sleep(0.1)
    outputs = [output for cell in nbformat.read(saved, as_version=4).cells for output in cell.get("outputs", [])]
    kinds = [kind for output in outputs for kind in output.get("data", {})]
    assert kinds.count("application/vnd.mlops-jupyter.run+json") == 2


def test_a_run_names_its_notebook_and_a_rerun_its_predecessor(lab: str, page: Page, terminal, project: Path):
    open_notebook(page, lab, "notebooks/01_track.ipynb")
    run_all(page)
    cards = page.locator(".jp-OutputArea-output", has_text="FINISHED")
    expect(cards).to_have_count(3)
    first = {run["name"]: run for run in json.loads(terminal("runs", "--json", cwd=project).out)["runs"]}
    run_all(page)
    end = time.monotonic() + 60
    while True:
        runs = json.loads(terminal("runs", "--json", cwd=project).out)["runs"]
        if len(runs) == 4 and {run["status"] for run in runs} == {"FINISHED"}:
            break
        assert time.monotonic() < end, "the second round did not end"
    assert {run["notebook"] for run in runs} == {"notebooks/01_track.ipynb"}
    for run in runs[:2]:
        assert run["tags"]["mlops.rerun_of"] == first[run["name"]]["run_id"]


def test_completion_and_errors_in_a_cell(lab: str, page: Page, project: Path):
    write_notebook(project / "empty.ipynb", "%load_ext mlops_jupyter")
    page.set_viewport_size({"width": 1000, "height": 420})
    open_notebook(page, lab, "empty.ipynb")
    close_left_sidebar(page)
    page.locator(".jp-Cell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    expect(page.locator(".jp-Cell .cm-content")).to_have_count(2)
    page.keyboard.type("%mlops ")
    page.keyboard.press("Tab")
    expect(page.locator(".jp-Completer-item", has_text="runs")).to_be_visible()
    picture(page, "completion")
    page.keyboard.type("comp")
    expect(page.locator(".jp-Completer-item")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator(".jp-Cell .cm-content").nth(1)).to_contain_text("%mlops compare")
    page.keyboard.type("x")
    page.keyboard.press("Shift+Enter")
    error = page.locator(".jp-OutputArea-output").last
    expect(error).to_contain_text("CommandError: there is no verb comparex")
    expect(error).to_contain_text("did you mean compare?")
    expect(error).not_to_contain_text("Traceback")
    picture(page, "error")


def test_a_deployment_below_a_hubs_prefix_outlives_its_kernel(lab: str, page: Page, terminal, project: Path):
    fit = """import pandas
from sklearn.linear_model import LogisticRegression

table = pandas.DataFrame({"age": [20.0, 30.0, 60.0, 70.0], "visits": [1.0, 2.0, 8.0, 9.0]})
model = LogisticRegression().fit(table, [0, 0, 1, 1])"""
    cells = ["%load_ext mlops_jupyter", fit, "%mlops deploy $model --name churn --data $table"]
    write_notebook(project / "churn.ipynb", *cells)
    page.set_viewport_size({"width": 1000, "height": 900})
    open_notebook(page, lab, "churn.ipynb")
    close_left_sidebar(page)
    run_all(page)
    try:
        card = page.locator(".jp-OutputArea-output", has_text="curl").last
        expect(card).to_contain_text("ready", timeout=120_000)
        found = json.loads(terminal("deployments", "churn", "--json", cwd=project).out)
        port = found["port"]
        link = card.get_by_role("link", name="in Jupyter")
        expect(link).to_have_attribute("href", "/user/ana/mlops-jupyter/endpoints/churn/")
        picture(page, "deploy")
        assert answers(f"{lab}proxy/{port}/ping", token=TOKEN)
        with page.expect_popup() as opened:
            link.click()
        docs = opened.value
        expect(docs.get_by_role("heading", level=1)).to_have_text("churn 1")
        expect(docs.get_by_label("Token")).to_be_hidden()  # the Jupyter server adds it
        docs.get_by_role("button", name="Send").click()
        expect(docs.get_by_role("status")).to_contain_text("200 in")
        expect(docs.locator("#answer")).to_contain_text("predictions")
        docs.close()

        page.evaluate(f"() => {KERNEL}.restart()")
        page.wait_for_function(READY)
        (project / "rows.csv").write_text("age,visits\n25,1\n65,9\n")
        asked = json.loads(terminal("predict", "churn", "rows.csv", "--json", cwd=project).out)
        assert asked["predictions"] == [0, 1]
        assert json.loads(terminal("deployments", "churn", "--json", cwd=project).out)["pid"] == found["pid"]
    finally:
        terminal("undeploy", "churn", "--yes", cwd=project)


@pytest.fixture
def warm_kernelspec(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_kernelspec(project.parent / "prefix")
    monkeypatch.setenv("JUPYTER_PATH", str(project.parent / "prefix" / "share" / "jupyter"), prepend=os.pathsep)


def test_a_warm_kernel(warm_kernelspec: None, lab: str, page: Page, terminal, project: Path):
    parent = "import os\nprint('forked' if 'forking' in open(f'/proc/{os.getppid()}/cmdline').read() else 'fresh')"
    cells = [parent, "import time\ntime.sleep(600)"]
    write_notebook(project / "warm.ipynb", *cells, kernel="mlops-warm")
    assert terminal("warm", "--import", "numpy", cwd=project).code == 0
    try:
        page.set_viewport_size({"width": 1000, "height": 520})
        open_notebook(page, lab, "warm.ipynb")
        close_left_sidebar(page)
        output = page.locator(".jp-OutputArea-output")
        # Waited for, it would wait for the cell that is to be interrupted.
        page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        expect(output.first).to_have_text("forked")
        page.wait_for_function(f"() => {KERNEL}.status === 'busy'")
        page.evaluate(f"() => {KERNEL}.interrupt()")
        expect(output.last).to_contain_text("KeyboardInterrupt")
        expect(page.locator(".jp-Toolbar-kernelName")).to_have_text("Python 3 (warm)")
        picture(page, "warm")
        page.evaluate(f"() => {KERNEL}.restart()")
        page.wait_for_function(READY)
        page.locator(".jp-Cell .cm-content").first.click()
        page.keyboard.press("Control+Enter")
        expect(page.locator(".jp-InputPrompt").first).to_have_text("[1]:")
        expect(output.first).to_have_text("forked")
    finally:
        terminal("warm", "--stop", cwd=project)


def test_mlflow_inside_jupyter_below_a_hubs_prefix(lab: str, page: Page, project: Path):
    cells = ["%load_ext mlops_jupyter", "%%mlops track shown\nimport mlops_jupyter\nmlops_jupyter.log(loss=0.25)"]
    write_notebook(project / "ui.ipynb", *cells, "%mlops ui mlflow")
    page.set_viewport_size({"width": 1280, "height": 800})
    open_notebook(page, lab, "ui.ipynb")
    close_left_sidebar(page)
    run_all(page)
    try:
        frame = page.frame_locator("iframe[title='MLflow']")
        expect(frame.get_by_text("shown").first).to_be_visible(timeout=120_000)
        assert "/user/ana/proxy/" in (page.locator("iframe[title='MLflow']").get_attribute("src") or "")
        page.locator("iframe[title='MLflow']").scroll_into_view_if_needed()
        picture(page, "mlflow")
    finally:
        state = project / ".mlops" / "ui" / "mlflow.json"
        if state.exists():
            server = psutil.Process(json.loads(state.read_text())["pid"])
            for process in [*server.children(recursive=True), server]:
                process.kill()
