"""What the extension shows at a notebook's cells, in a real browser."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e import test_jupyterlab as browser
from tests.e2e.test_jupyterlab import KERNEL, READY, open_notebook, picture, run_all
from tests.fakes.notebooks import write_notebook
from tests.fakes.waiting import wait_for

pytestmark = browser.pytestmark
lab, page = browser.lab, browser.page

LOAD = "%load_ext mlops_jupyter"
# What a browser would run if a name were put into a page as HTML.
EVIL = "<img src=x onerror=window.injected=1>"
# Runs until there is a file.
WAITS = "import pathlib, time\nwhile not pathlib.Path('go').exists():\n    time.sleep(0.05)"


def badges(page: Page) -> Locator:
    """Return those of cells: the sidebar's versions wear such too."""
    return page.locator(".mlops-Badges .mlops-Badge")


def begin_all(page: Page) -> None:
    """Run all cells without waiting for them."""
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")


def end_of_cell(page: Page, index: int) -> None:
    """Put the cursor at a cell's end."""
    page.locator(".jp-Cell .cm-content").nth(index).click()
    page.keyboard.press("Control+End")


def save(page: Page, file: Path, word: str) -> None:
    page.keyboard.press("Escape")
    page.keyboard.press("Control+s")
    wait_for(lambda: word in file.read_text(encoding="utf-8"), what="JupyterLab did not save")


def test_a_tracked_cell_wears_its_run_also_when_it_is_saved(lab: str, page: Page, project: Path):
    cells = [
        LOAD,
        "depth = 3",
        "%%mlops track forest\nimport mlops_jupyter\nmlops_jupyter.log(accuracy=0.9 + depth / 100)",
        f"%%mlops track '{EVIL}'\n1 / 0",
    ]
    file = write_notebook(project / "größe 50% #1.ipynb", *cells)
    page.set_viewport_size({"width": 1100, "height": 900})
    open_notebook(page, lab, "gr%C3%B6%C3%9Fe%2050%25%20%231.ipynb")
    page.keyboard.press("Control+b")
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells').catch(() => undefined)")
    expect(badges(page)).to_have_count(2)
    expect(badges(page).nth(0)).to_have_text("✓ finishedforestclean")
    expect(badges(page).nth(1)).to_contain_text("✗ failed")
    expect(badges(page).nth(1)).to_contain_text(EVIL)
    expect(badges(page).nth(1)).to_have_attribute("title", re.compile("ZeroDivisionError"))
    assert page.evaluate("window.injected") is None
    picture(page, "lab-badges")
    page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' })")
    page.locator("body[data-jp-theme-light='false']").wait_for(state="attached")
    picture(page, "lab-badges-dark")

    # What it depended on has changed: the next run says so. And the cell that was edited says that it was.
    end_of_cell(page, 1)
    page.keyboard.type("0")
    end_of_cell(page, 2)
    page.keyboard.press("Control+Enter")
    expect(badges(page).nth(0)).to_contain_text("edited")
    end_of_cell(page, 2)
    page.keyboard.type("  # more")
    expect(badges(page).nth(0)).to_contain_text("edited since")
    save(page, file, "# more")

    # Without the kernel that ran it, from the file alone.
    page.evaluate(f"() => {KERNEL}.shutdown()")
    page.reload()
    expect(badges(page)).to_have_count(2)
    expect(badges(page).nth(0)).to_contain_text("edited since")
    page.locator(".jp-Cell .cm-content").nth(2).click()
    page.keyboard.press("Control+End")
    for _ in "  # more":
        page.keyboard.press("Backspace")
    expect(badges(page).nth(0)).not_to_contain_text("edited since")

    # A click shows the run.
    badges(page).nth(0).click()
    result = page.locator(".mlops-Result")
    expect(result.locator("table")).to_contain_text("forest")
    expect(result.locator("tbody tr")).to_have_count(1)


def test_a_cell_that_runs_says_so_in_each_tab_that_shows_it(lab: str, page: Page, project: Path):
    write_notebook(project / "train.ipynb", LOAD, f"%%mlops track long\n{WAITS}", "%%mlops track next\npass")
    open_notebook(page, lab, "train.ipynb")
    begin_all(page)
    expect(badges(page).nth(0)).to_have_text("● runninglong", timeout=60_000)
    expect(badges(page).nth(1)).to_have_text("… queued")
    picture(page, "lab-badge-running")
    assert page.context.browser is not None
    other = page.context.browser.new_page()
    open_notebook_that_is_busy(other, lab, "train.ipynb")
    expect(badges(other)).to_have_text("● runninglong")
    (project / "go").touch()
    expect(badges(page).nth(0)).to_contain_text("✓ finishedlong")
    expect(badges(page).nth(1)).to_contain_text("✓ finishednext")
    expect(badges(other)).to_have_count(0, timeout=60_000)
    other.close()


def open_notebook_that_is_busy(page: Page, lab: str, path: str) -> None:
    page.goto(f"{lab}lab/workspaces/other/tree/{path}?token={browser.TOKEN}&reset")
    page.locator(".jp-Notebook").wait_for()


def test_an_interrupted_cell_is_killed(lab: str, page: Page, project: Path):
    write_notebook(project / "train.ipynb", LOAD, f"%%mlops track long\n{WAITS}")
    open_notebook(page, lab, "train.ipynb")
    begin_all(page)
    expect(badges(page)).to_contain_text("● running", timeout=60_000)
    page.evaluate(f"() => {KERNEL}.interrupt()")
    expect(badges(page)).to_contain_text("■ killedlong")


def track(page: Page) -> None:
    page.locator(".jp-NotebookPanel-toolbar").get_by_title("Run the chosen cell as an MLflow run").click()


def test_the_toolbar_tracks_a_cell(lab: str, page: Page, project: Path, terminal):
    write_notebook(project / "train.ipynb", "x = 1", "y = x + 1")
    page.set_viewport_size({"width": 1100, "height": 700})
    open_notebook(page, lab, "train.ipynb")
    cells = page.locator(".jp-Cell .cm-content")
    end_of_cell(page, 0)
    page.keyboard.press("Escape")
    track(page)
    expect(cells.nth(0)).to_have_text(LOAD)
    expect(cells.nth(1)).to_contain_text("%%mlops track")
    expect(badges(page)).to_contain_text("✓ finished")
    picture(page, "lab-track")
    # Again: it is tracked already. In a new kernel the magic has to be loaded first.
    page.evaluate(f"() => {KERNEL}.restart()")
    page.wait_for_function(READY)
    track(page)
    wait_for(lambda: len(json.loads(terminal("runs", "--json", cwd=project).out)["runs"]) == 2)
    expect(badges(page)).to_contain_text("✓ finished")
    assert cells.nth(1).inner_text().count("%%mlops") == 1
    expect(page.locator(".jp-Cell .cm-content", has_text="%load_ext")).to_have_count(1)

    # Without a kernel it says so, and leaves the cell as it is.
    end_of_cell(page, 2)
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    track(page)
    expect(page.locator(".jp-Dialog")).to_contain_text("train.ipynb has no kernel that runs")
    page.locator(".jp-Dialog").get_by_role("button", name="OK").click()
    expect(cells.nth(2)).to_have_text("y = x + 1")


def test_a_tracked_cell_below_a_comment_is_run_again_as_it_is(lab: str, page: Page, project: Path):
    source = "# fit\n\n%%mlops track commented\nimport mlops_jupyter\nmlops_jupyter.log(loss=0.5)"
    write_notebook(project / "train.ipynb", LOAD, source)
    open_notebook(page, lab, "train.ipynb")
    end_of_cell(page, 1)
    page.keyboard.press("Escape")
    track(page)
    expect(badges(page)).to_contain_text("✓ finishedcommented")
    model = "window.jupyterapp.shell.currentWidget.model"
    assert page.evaluate(f"() => {model}.cells.get(1).sharedModel.getSource()") == source


def test_a_live_model_in_a_form_becomes_a_cell(lab: str, page: Page, project: Path, terminal):
    model = """import numpy
from sklearn.dummy import DummyClassifier
X = numpy.array([[0.0, 1.0], [1.0, 0.0]])
model = DummyClassifier().fit(X, [0, 1])"""
    write_notebook(project / "train.ipynb", LOAD, model, "x = 1")
    page.set_viewport_size({"width": 1100, "height": 900})
    page.goto(f"{lab}lab?token={browser.TOKEN}&reset")
    page.locator(".jp-Launcher").wait_for()

    def register() -> None:
        """Fill in the form as a user would, though a click on the palette's item is tested elsewhere."""
        page.wait_for_function("() => window.jupyterapp.commands.hasCommand('mlops:call-register')")
        page.evaluate("() => { window.jupyterapp.commands.execute('mlops:call-register'); }")
        dialog = page.locator(".jp-Dialog")
        dialog.get_by_label("model").fill("$model")
        dialog.get_by_label("name", exact=False).first.fill("churn")
        dialog.get_by_label("data", exact=True).fill("{X[:2, :]}")
        dialog.get_by_role("button", name="Run").click()

    # Nothing runs without a kernel that could have it.
    register()
    expect(page.locator(".jp-Dialog")).to_contain_text("open the notebook that has it, and call register there")
    page.locator(".jp-Dialog").get_by_role("button", name="OK").click()

    open_notebook(page, lab, "train.ipynb")
    run_all(page)
    end_of_cell(page, 1)
    page.keyboard.press("Escape")
    register()
    cells = page.locator(".jp-Cell .cm-content")
    expect(cells.nth(2)).to_contain_text("%mlops register")
    expect(cells.nth(2)).to_contain_text("--data {X[:2, :]}")
    expect(cells.nth(2)).to_contain_text("$model")
    expect(cells.nth(3)).to_have_text("x = 1")
    expect(page.locator(".jp-OutputArea-output").last).to_contain_text("churn", timeout=120_000)
    expect(page.locator(".mlops-Result")).to_have_count(0)
    (version,) = json.loads(terminal("models", "--json", cwd=project).out)["versions"]
    assert (version["model"], version["version"]) == ("churn", "1")


@pytest.fixture
def foreign(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that says it is of another language."""
    folder = project.parent / "foreign" / "kernels" / "foreign"
    folder.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (folder / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "R", "language": "R"}))
    monkeypatch.setenv("JUPYTER_PATH", str(project.parent / "foreign"), prepend=os.pathsep)


def test_a_kernel_of_another_language(foreign: None, lab: str, page: Page, project: Path):
    write_notebook(project / "train.ipynb", "x <- 1", kernel="foreign")
    open_notebook(page, lab, "train.ipynb")
    track(page)
    expect(page.locator(".jp-Dialog")).to_contain_text("train.ipynb has a kernel of R")
    page.locator(".jp-Dialog").get_by_role("button", name="OK").click()
    expect(page.locator(".jp-Cell .cm-content").first).to_have_text("x <- 1")


@pytest.fixture
def short(project: Path) -> None:
    """As if every run had taken long."""
    folder = Path(os.environ["HOME"], ".jupyter/lab/user-settings/mlops-jupyter")
    folder.mkdir(parents=True)
    (folder / "notifications.jupyterlab-settings").write_text('{"seconds": 0}')


TOAST = ".Toastify__toast"


def test_a_long_cell_is_told_of_to_who_looks_elsewhere(short: None, lab: str, page: Page, project: Path):
    page.context.grant_permissions(["notifications"])
    page.add_init_script(
        "window.told = []; window.Notification = class { static permission = 'granted';"
        " constructor(title, { body }) { window.told.push(body); window.lastTold = this; } close() {} };"
    )
    page.set_viewport_size({"width": 1100, "height": 700})
    write_notebook(project / "train.ipynb", LOAD, f"%%mlops track long\n{WAITS}")
    open_notebook(page, lab, "train.ipynb")
    # Somebody looks at it: nothing is told.
    (project / "go").touch()
    run_all(page)
    expect(badges(page)).to_contain_text("✓ finished")
    expect(page.locator(TOAST)).to_have_count(0)
    # Another tab is in front.
    (project / "go").unlink()
    begin_all(page)
    expect(badges(page)).to_contain_text("● running")
    page.evaluate("() => window.jupyterapp.commands.execute('launcher:create')")
    expect(page.locator(".jp-Launcher")).to_be_visible()
    (project / "go").touch()
    toast = page.locator(TOAST, has_text="The run long of train.ipynb has finished.")
    expect(toast).to_be_visible()
    picture(page, "lab-notification")
    assert page.evaluate("window.told") == []
    toast.get_by_role("button", name="Show").click()
    expect(badges(page)).to_be_visible()
    # Nobody looks at the page at all.
    (project / "go").unlink()
    begin_all(page)
    expect(badges(page)).to_contain_text("● running")
    page.evaluate("() => { document.hasFocus = () => false; }")
    (project / "go").touch()
    page.wait_for_function("() => window.told.length === 1")
    assert page.evaluate("window.told") == ["The run long of train.ipynb has finished."]


def test_the_status_bar_says_when_a_notebook_is_not_kept(lab: str, page: Page, project: Path, terminal):
    name = "größe 50% #1.ipynb"
    write_notebook(project / name, "x = 1")
    page.set_viewport_size({"width": 1100, "height": 500})
    open_notebook(page, lab, "gr%C3%B6%C3%9Fe%2050%25%20%231.ipynb")
    item = page.locator(".mlops-Status")
    end_of_cell(page, 0)
    page.keyboard.type("0")
    # Never kept: nothing to compare with.
    expect(item).to_be_hidden()
    page.locator(".jp-NotebookPanel-toolbar").get_by_title("Keep the notebook as it is now").click()
    expect(page.locator(TOAST, has_text=name).last).to_contain_text("snapshot", timeout=60_000)
    expect(item).to_be_hidden()
    page.keyboard.type("0")
    expect(item).to_have_text("changed since snapshot")
    picture(page, "lab-changed")
    # Undone, it is as it was kept.
    page.keyboard.press("Backspace")
    expect(item).to_be_hidden()
    page.keyboard.type("5")
    item.get_by_text("changed since snapshot").click()
    expect(item).to_be_hidden(timeout=60_000)
    versions = json.loads(terminal("history", name, "--json", cwd=project).out)["versions"]
    assert len([one for one in versions if one["kind"] == "snapshot"]) == 2
