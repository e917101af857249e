"""What the extension does when something is missing, dies or is in another's hands, in a real browser."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, expect

from tests.conftest import REPOSITORY
from tests.e2e import test_cells_in_lab as cells_in_lab
from tests.e2e import test_jupyterlab as browser
from tests.e2e.test_cells_in_lab import LOAD, TOAST, WAITS, badges, begin_all, end_of_cell, save, track
from tests.e2e.test_jupyterlab import READY, open_notebook, picture, run_all
from tests.e2e.test_lab_extension import palette
from tests.fakes.jupyter_servers import TOKEN
from tests.fakes.notebooks import write_notebook
from tests.fakes.servers import free_port
from tests.fakes.waiting import wait_for

pytestmark = browser.pytestmark
lab, page, complaints = browser.lab, browser.page, browser.complaints
short, foreign = cells_in_lab.short, cells_in_lab.foreign

TRACKED = "%%mlops track fit\nimport mlops_jupyter\nmlops_jupyter.log(accuracy=0.75)"


def runs(terminal, project: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(terminal("runs", "--json", cwd=project).out)["runs"]
    return found


def toolbar(page: Page, title: str) -> None:
    page.locator(".jp-NotebookPanel:visible .jp-NotebookPanel-toolbar").get_by_title(title).click()


def snapshot(page: Page) -> None:
    toolbar(page, "Keep the notebook as it is now")


def headless(page: Page) -> None:
    toolbar(page, "Run the notebook in a kernel of its own")


def show_sidebar(page: Page) -> None:
    page.evaluate("() => window.jupyterapp.commands.execute('mlops:show-sidebar')")


# --- the kernel -------------------------------------------------------------------------------------------------


def kill_kernel(page: Page, project: Path) -> None:
    """Kill the kernel in the middle of its tracked cell, as a lack of memory would, and take note of the dialog."""
    os.kill(int(wait_for((project / "pid").read_text)), signal.SIGKILL)
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("died")
    dialog.get_by_role("button", name="Ok").click()
    expect(dialog).to_have_count(0)


def test_a_kernel_that_dies_takes_its_run_along(short: None, lab: str, page: Page, project: Path, terminal):
    (project / "pid").touch()
    body = f"import os, pathlib\npathlib.Path('pid').write_text(str(os.getpid()))\n{WAITS}"
    write_notebook(project / "train.ipynb", LOAD, f"%%mlops track doomed\n{body}")
    page.set_viewport_size({"width": 1100, "height": 700})
    open_notebook(page, lab, "train.ipynb")
    begin_all(page)
    status = page.locator(".mlops-Status")
    expect(badges(page)).to_have_text("● runningdoomed", timeout=60_000)
    expect(status).to_have_text("run doomed")
    kill_kernel(page, project)
    expect(badges(page)).to_have_text("■ killeddoomed")
    expect(badges(page)).to_have_attribute("title", "The kernel ended while it ran.\nClick: show the run")
    # Sooner than the next time that is asked anyway.
    expect(status).to_be_hidden(timeout=6_000)
    expect(page.locator(".jp-InputPrompt", has_text="*")).to_have_count(0)
    picture(page, "lab-kernel-died")
    wait_for(lambda: [one["status"] for one in runs(terminal, project)] == ["KILLED"])
    show_sidebar(page)
    expect(page.locator(".mlops-Row:not([hidden])", has_text="doomed")).to_contain_text("KILLED", timeout=60_000)
    browser.close_left_sidebar(page)

    # Who looks elsewhere is told.
    page.wait_for_function(READY)
    (project / "pid").write_text("")
    begin_all(page)
    expect(badges(page)).to_have_text("● runningdoomed", timeout=60_000)
    page.evaluate("() => window.jupyterapp.commands.execute('launcher:create')")
    expect(page.locator(".jp-Launcher")).to_be_visible()
    kill_kernel(page, project)
    toast = page.locator(TOAST, has_text="The kernel of train.ipynb has died, and with it the run of its cell.")
    toast.get_by_role("button", name="Show").click()
    expect(badges(page)).to_have_text("■ killeddoomed")

    # The new kernel runs it to its end.
    page.wait_for_function(READY)
    (project / "go").touch()
    run_all(page)
    expect(badges(page)).to_contain_text("✓ finisheddoomed")
    expect(badges(page)).to_have_count(1)


def test_a_busy_kernel_runs_the_tracked_cell_when_it_comes_to_it(lab: str, page: Page, project: Path):
    write_notebook(project / "train.ipynb", LOAD, WAITS, "x = 1")
    open_notebook(page, lab, "train.ipynb")
    page.evaluate(
        """() => { const { commands } = window.jupyterapp;
        commands.execute('notebook:run-cell-and-select-next').then(() => commands.execute('notebook:run-cell')); }"""
    )
    page.wait_for_function(f"() => {browser.KERNEL}.status === 'busy'")
    end_of_cell(page, 2)
    page.keyboard.press("Escape")
    track(page)
    expect(badges(page)).to_have_text("… queued")
    (project / "go").touch()
    expect(badges(page)).to_contain_text("✓ finished")


def test_a_notebook_of_another_language_is_kept_and_not_tracked(
    foreign: None, lab: str, page: Page, project: Path, terminal
):
    write_notebook(project / "train.ipynb", "x <- 1", kernel="foreign")
    open_notebook(page, lab, "train.ipynb")
    track(page)
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("train.ipynb has a kernel of R, and the magics of mlops are for one of Python.")
    dialog.get_by_role("button", name="OK").click()
    palette(page, "mlops track", "Run a cell, a block or a function as an MLflow run")
    dialog.get_by_role("button", name="Run").click()
    expect(dialog).to_contain_text("has a kernel of R")
    dialog.get_by_role("button", name="OK").click()
    snapshot(page)
    expect(page.locator(TOAST, has_text="train.ipynb").last).to_contain_text("snapshot", timeout=60_000)
    assert page.locator(".jp-Cell .cm-content").first.inner_text() == "x <- 1"


# --- the server -------------------------------------------------------------------------------------------------

NO_SERVER_HALF = "--ServerApp.jpserver_extensions={'mlops_jupyter': False}"
NOT_ENABLED = "The server half of mlops-jupyter is not enabled"
ENABLE = "jupyter server extension enable mlops_jupyter"


@pytest.mark.parametrize("lab", [NO_SERVER_HALF], indirect=True)
def test_without_the_server_half_the_magics_go_on(lab: str, page: Page, project: Path, terminal, complaints: list[str]):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/ana/mlops-jupyter/" in request.url else None)
    write_notebook(project / "train.ipynb", LOAD, TRACKED, "y = 1")
    page.set_viewport_size({"width": 1100, "height": 700})
    open_notebook(page, lab, "train.ipynb")
    toast = page.locator(TOAST, has_text=NOT_ENABLED)
    expect(toast).to_have_count(1)
    expect(toast).to_contain_text(ENABLE)
    run_all(page)
    expect(badges(page)).to_contain_text("✓ finished")
    end_of_cell(page, 2)
    page.keyboard.press("Escape")
    track(page)
    expect(badges(page)).to_have_count(2)
    expect(badges(page).last).to_contain_text("✓ finished")
    wait_for(lambda: len(runs(terminal, project)) == 2)

    # What wants the server says what is missing, where it stands.
    show_sidebar(page)
    for name in ("runs", "models", "deployments", "versions"):
        expect(page.locator(f"#mlops-{name}").get_by_role("alert")).to_have_text(f"{NOT_ENABLED}. → {ENABLE}")
    expect(page.locator("#mlops-sidebar .mlops-Waiting")).to_have_count(0)
    picture(page, "lab-no-server-half")
    snapshot(page)
    expect(page.locator(f"{TOAST}--error", has_text=NOT_ENABLED)).to_be_visible()
    headless(page)
    dialog = page.locator(".jp-Dialog")
    dialog.get_by_role("button", name="Run").click()
    expect(dialog).to_contain_text(ENABLE)
    dialog.get_by_role("button", name="OK").click()
    page.keyboard.press("Control+s")
    wait_for(lambda: "FINISHED" in (project / "train.ipynb").read_text(encoding="utf-8"))
    expect(page.locator(".mlops-Status")).to_be_hidden()
    assert asked == []
    assert complaints == []


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the server import what the tests have."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY), prepend=os.pathsep)


REFUSED = "not authorized to execute"


@pytest.mark.parametrize("lab", ["--ServerApp.authorizer_class=tests.fakes.authorizers.NoVerbs"], indirect=True)
def test_who_may_not_call_verbs_is_told_so(importable: None, lab: str, page: Page, project: Path):
    write_notebook(project / "train.ipynb", LOAD, TRACKED)
    open_notebook(page, lab, "train.ipynb")
    run_all(page)
    expect(badges(page)).to_contain_text("✓ finished")
    snapshot(page)
    expect(page.locator(TOAST).last).to_contain_text(REFUSED)
    show_sidebar(page)
    for name in ("runs", "models", "versions"):
        expect(page.locator(f"#mlops-{name}").get_by_role("alert")).to_contain_text(REFUSED)
    # What is no more than looked at, is shown.
    expect(page.locator("#mlops-deployments")).to_contain_text("Nothing is deployed here.")
    badges(page).click()
    expect(page.locator(".mlops-Result").get_by_role("alert")).to_contain_text(REFUSED)
    expect(page.locator(".mlops-Result")).to_have_attribute("aria-busy", "false")


def test_an_mlflow_server_that_is_away_holds_nothing_up(lab: str, page: Page, project: Path):
    (project / "mlops.toml").write_text(f'experiment = "churn"\ntracking_uri = "http://127.0.0.1:{free_port()}"\n')
    write_notebook(project / "train.ipynb", LOAD, TRACKED)
    page.set_viewport_size({"width": 1100, "height": 700})
    open_notebook(page, lab, "train.ipynb")
    run_all(page)
    expect(badges(page)).to_contain_text("✓ finished")
    expect(page.locator(".mlops-Status")).to_be_hidden(timeout=60_000)
    show_sidebar(page)
    for name in ("runs", "models"):
        alert = page.locator(f"#mlops-{name}").get_by_role("alert")
        expect(alert).to_contain_text("did not answer", timeout=60_000)
        expect(alert).to_contain_text("→")
    picture(page, "lab-offline")
    badges(page).click()
    expect(page.locator(".mlops-Result").get_by_role("alert")).to_contain_text("did not answer", timeout=60_000)
    browser.close_left_sidebar(page)
    # Without the store a notebook is kept all the same.
    page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab", has_text="train.ipynb").click()
    snapshot(page)
    expect(page.locator(TOAST).last).to_contain_text("snapshot", timeout=60_000)


def test_a_sidebar_that_could_not_be_loaded_is_loaded_when_it_is_shown_again(lab: str, page: Page):
    page.goto(f"{lab}lab?token={TOKEN}&reset")
    page.wait_for_function("() => window.jupyterapp?.commands.hasCommand('mlops:show-sidebar')")
    page.evaluate("() => window.jupyterapp.restored")
    chunks = "**/mlops-jupyter/static/*.js*"
    page.route(chunks, lambda asking: asking.abort())
    show_sidebar(page)
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("The MLOps sidebar could not be loaded")
    page.unroute(chunks)
    dialog.get_by_role("button", name="Close").click()
    page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    show_sidebar(page)
    expect(page.locator("#mlops-runs")).to_contain_text("There are no runs in churn yet.")


# --- the notebook -----------------------------------------------------------------------------------------------


def test_a_notebook_without_a_name_and_one_with_another(lab: str, page: Page, project: Path, terminal):
    page.goto(f"{lab}lab?token={TOKEN}&reset")
    page.wait_for_function("() => window.jupyterapp?.commands.hasCommand('notebook:create-new')")
    page.evaluate(
        """() => window.jupyterapp.restored.then(
            () => window.jupyterapp.commands.execute('notebook:create-new', { kernelName: 'python3' }))"""
    )
    page.wait_for_function(READY)
    page.locator(".jp-Cell .cm-content").first.click()
    page.keyboard.type("x = 1")
    page.keyboard.press("Escape")
    track(page)
    expect(badges(page)).to_contain_text("✓ finished", timeout=60_000)
    (first,) = wait_for(lambda: runs(terminal, project))
    assert first["notebook"] == "Untitled.ipynb"
    assert "x = 1" not in (project / "Untitled.ipynb").read_text()
    assert "x = 1" in terminal("diff", first["run_id"], "Untitled.ipynb", cwd=project).out

    name = "größe 50% #1.ipynb"
    page.evaluate(
        """name => window.jupyterapp.serviceManager.contents.rename(
            window.jupyterapp.shell.currentWidget.context.path, name)""",
        name,
    )
    expect(page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab", has_text=name)).to_be_visible()
    track(page)
    wait_for(lambda: len(runs(terminal, project)) == 2)
    assert runs(terminal, project)[0]["notebook"] == name
    snapshot(page)
    expect(page.locator(TOAST, has_text=name).last).to_contain_text("snapshot", timeout=60_000)
    assert "x = 1" not in (project / name).read_text()


def test_a_notebook_on_another_drive_is_not_taken_for_the_server_s_own(lab: str, page: Page, project: Path, terminal):
    write_notebook(project / "train.ipynb", "x = 1")
    open_notebook(page, lab, "train.ipynb")
    # As another extension brings one; its files happen to be the same.
    page.evaluate(
        """() => {
            const { contents } = window.jupyterapp.serviceManager;
            const { serverSettings, constructor: Drive } = contents.defaultDrive;
            contents.addDrive(new Drive({ name: 'Other', serverSettings }));
            window.jupyterapp.commands.execute('docmanager:open', { path: 'Other:train.ipynb' });
        }"""
    )
    page.wait_for_function("() => window.jupyterapp.shell.currentWidget?.context?.path === 'Other:train.ipynb'")
    snapshot(page)
    where = "train.ipynb is on the drive Other, of which the server has no files."
    expect(page.locator(f"{TOAST}--error", has_text=where)).to_be_visible()
    headless(page)
    page.locator(".jp-Dialog").get_by_role("button", name="Run").click()
    expect(page.locator(".jp-Dialog")).to_contain_text(where)
    page.locator(".jp-Dialog").get_by_role("button", name="OK").click()
    show_sidebar(page)
    expect(page.locator("#mlops-versions")).to_contain_text("This notebook is on another drive")
    versions = json.loads(terminal("history", "train.ipynb", "--json", cwd=project).out)["versions"]
    assert [one for one in versions if one["kind"] == "snapshot"] == []


def newest(terminal, project: Path, name: str) -> str:
    versions = json.loads(terminal("history", name, "--json", cwd=project).out)["versions"]
    return str(next(one["ref"] for one in versions if one["kind"] == "snapshot"))


def test_two_tabs_on_one_notebook(lab: str, page: Page, project: Path, terminal):
    """Each page's own edits are what its cells and buttons keep, and neither writes over the other's."""
    file = write_notebook(project / "train.ipynb", LOAD, TRACKED, "y = 1")
    open_notebook(page, lab, "train.ipynb")
    assert page.context.browser is not None
    other = page.context.browser.new_page()
    other.set_default_timeout(30_000)
    cells_in_lab.open_notebook_that_is_busy(other, lab, "train.ipynb")
    other.wait_for_function(READY)
    for one, words in ((page, "first"), (other, "second")):
        end_of_cell(one, 2)
        one.keyboard.type(f"  # {words} page")
        run_all(one)
        # The run that the other page has just ended may be known here as one that goes on, until the next look.
        expect(badges(one)).to_contain_text(["✓ finished"], timeout=60_000)
    # The first has not changed since it ran, but the second has run meanwhile.
    run_all(page)
    told = wait_for(lambda: len(found := runs(terminal, project)) == 3 and found)
    for run, words in zip(told, ("first", "second", "first"), strict=True):
        changed = terminal("diff", run["run_id"], "train.ipynb", cwd=project).out
        assert f"{words} page" in changed
    snapshot(other)
    expect(other.locator(TOAST, has_text="train.ipynb").last).to_contain_text("snapshot", timeout=60_000)
    assert "second page" in terminal("diff", newest(terminal, project, file.name), file.name, cwd=project).out
    assert "page" not in file.read_text()

    save(page, file, "first page")
    # To run the file as it is on the second page it has to be saved; JupyterLab asks, and no is an answer.
    headless(other)
    dialog = other.locator(".jp-Dialog")
    dialog.get_by_role("button", name="Run").click()
    expect(dialog).to_contain_text("has changed on disk")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    expect(other.locator(".mlops-Result")).to_have_count(0)
    assert "first page" in file.read_text()
    other.close()


def test_a_notebook_that_is_larger_than_a_message_may_be_is_tracked_all_the_same(lab: str, page: Page, project: Path):
    """A server closes the connection to the kernel upon a message of more than 10 MiB, and a cell is lost with it."""
    large = "x" * 12_000_000
    file = write_notebook(project / "large.ipynb", LOAD, TRACKED, "'plain'")
    notebook = nbformat.read(file, as_version=4)
    data = {"text/plain": "a large one", "application/x-large": large}
    notebook.cells[2].outputs = [nbformat.v4.new_output("display_data", data)]
    nbformat.write(notebook, file)
    open_notebook(page, lab, "large.ipynb")
    end_of_cell(page, 1)
    page.keyboard.type("  # typed, not saved")
    last = page.locator(".jp-CodeCell .jp-InputPrompt").last
    begin_all(page)
    expect(last).to_have_text("[3]:")
    begin_all(page)
    expect(last).to_have_text("[6]:")
    expect(badges(page)).to_contain_text("✓ finished")
    card = page.locator(".jp-OutputArea-output", has_text="FINISHED")
    # Its outputs are no part of a snapshot: nothing is missing.
    expect(card).not_to_contain_text("from disk")
    # Nor does a click send them.
    with page.expect_request(lambda one: "/verbs/runs" in one.url and one.method == "POST") as asking:
        badges(page).click()
    assert "typed, not saved" in (asking.value.post_data or "")
    assert len(asking.value.post_data or "") < 100_000
    page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab", has_text="large.ipynb").click()

    # What is too large without its outputs, too, is not told; nor is what was told before told any more.
    page.evaluate(
        """large => window.jupyterapp.shell.currentWidget.model.sharedModel.addCell(
            { cell_type: 'markdown', source: '', attachments: { 'a.png': { 'image/png': large } } })""",
        large,
    )
    begin_all(page)
    expect(last).to_have_text("[9]:")
    expect(card).to_contain_text("from disk")
    expect(badges(page)).to_contain_text("✓ finished")
