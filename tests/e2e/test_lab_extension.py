"""What the extension adds to JupyterLab, in a real browser."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Page, expect

from mlops_jupyter import grammar
from mlops_jupyter.verbs import VERBS
from tests.e2e import test_jupyterlab as browser
from tests.e2e.test_jupyterlab import KERNEL, READY, open_notebook, picture, run_all, started
from tests.fakes.notebooks import write_notebook
from tests.fakes.waiting import wait_for

pytestmark = browser.pytestmark
lab, page = browser.lab, browser.page

TRACKED = "%%mlops track {name}\nimport mlops_jupyter\nmlops_jupyter.log(accuracy=0.75)"
# What a browser would run if a name were put into a page as HTML.
EVIL = "<img src=x onerror=window.injected=1><script>window.injected=1</script>"


def palette(page: Page, words: str, item: str) -> None:
    """Choose a command as a user does."""
    page.keyboard.press("Control+Shift+c")
    page.locator(".lm-CommandPalette-input").fill(words)
    page.locator(".lm-CommandPalette-item", has_text=item).first.click()


def test_a_verb_from_the_palette(lab: str, page: Page, project: Path):
    cells = ["%load_ext mlops_jupyter", TRACKED.format(name="plain"), TRACKED.format(name=f"'{EVIL}'")]
    write_notebook(project / "train.ipynb", *cells)
    page.set_viewport_size({"width": 1280, "height": 720})
    open_notebook(page, lab, "train.ipynb")
    run_all(page)
    expect(page.locator(".jp-OutputArea-output", has_text="FINISHED")).to_have_count(2)
    palette(page, "mlops runs", "List runs, newest first")
    dialog = page.locator(".jp-Dialog")
    expect(dialog.get_by_label("limit")).to_be_visible()
    expect(dialog.get_by_label("limit")).to_have_value("20")
    dialog.get_by_label("query").fill("metrics.accuracy > 0.5")
    picture(page, "lab-form")
    dialog.get_by_role("button", name="Run").click()
    result = page.locator(".mlops-Result")
    table = result.locator("table")
    expect(table).to_contain_text("plain")
    expect(table).to_contain_text(EVIL[:24])  # a table shortens a name
    expect(result.locator(".mlops-Result-line")).to_have_text("mlops runs 'metrics.accuracy > 0.5'")
    assert page.evaluate("window.injected") is None
    picture(page, "lab-runs")

    # An error says what happened, and the form can be opened once more as it was.
    result.get_by_role("button", name="Change…").click()
    expect(dialog.get_by_label("query")).to_have_value("metrics.accuracy > 0.5")
    dialog.get_by_label("query").fill("metrics.accuracy >")
    dialog.get_by_role("button", name="Run").click()
    expect(page.locator(".mlops-Result-error:visible")).to_be_visible()
    expect(page.locator(".mlops-Result-error:visible")).to_contain_text("query")
    # It is shown in the place of what was changed.
    expect(page.locator(".lm-DockPanel .lm-TabBar-tabLabel")).to_have_text(["train.ipynb", "mlops runs"])


def test_every_verb_is_a_command_with_a_form(lab: str, page: Page, project: Path):
    write_notebook(project / "train.ipynb", "x = 1")
    open_notebook(page, lab, "train.ipynb")
    names = [name for name, verb in VERBS.items() if verb.place != "code"]
    page.wait_for_function(f"() => window.jupyterapp.commands.hasCommand('mlops:call-{names[-1]}')")
    known = set(page.evaluate("() => window.jupyterapp.commands.listCommands()"))
    assert {f"mlops:call-{name}" for name in names} <= known
    dialog = page.locator(".jp-Dialog")
    for name in names:
        fields = grammar.describe(name)["parameters"]
        if not fields:
            # It is called at once.
            continue
        page.evaluate("id => { window.jupyterapp.commands.execute(id); }", f"mlops:call-{name}")
        expect(dialog.locator(".jp-Dialog-header")).to_have_text(f"mlops {name}")
        expect(dialog.locator(".mlops-Form [name]")).to_have_count(len(fields))
        dialog.get_by_role("button", name="Cancel").click()
        expect(dialog).to_have_count(0)


def test_a_form_waits_for_what_is_required(lab: str, page: Page, project: Path):
    write_notebook(project / "train.ipynb", "x = 1")
    open_notebook(page, lab, "train.ipynb")
    palette(page, "mlops register", "Register")
    dialog = page.locator(".jp-Dialog")
    go = dialog.get_by_role("button", name="Run")
    expect(go).to_be_disabled()
    for name in ("model", "name"):
        dialog.get_by_label(f"{name} *").fill("churn")
    expect(go).to_be_enabled()
    dialog.get_by_role("button", name="Cancel").click()
    # By keyboard alone one is in the sidebar when one has asked for it.
    palette(page, "sidebar", "Show the MLOps sidebar")
    expect(page.get_by_label("Search runs")).to_be_focused(timeout=60_000)


def test_a_verb_that_takes_long_is_cancelled(lab: str, page: Page, project: Path, terminal):
    write_notebook(project / "größe 50% .ipynb", "import time\nopen('begun', 'w').close()\ntime.sleep(600)")
    open_notebook(page, lab, "gr%C3%B6%C3%9Fe%2050%25%20.ipynb")
    page.locator(".jp-NotebookPanel-toolbar").get_by_title("Run the notebook in a kernel of its own").click()
    page.locator(".jp-Dialog").get_by_role("button", name="Run").click()
    result = page.locator(".mlops-Result")
    expect(result.locator(".mlops-Result-said")).to_contain_text("größe 50% ")
    wait_for((project / "begun").exists)
    result.get_by_role("button", name="Cancel").click()
    expect(result.locator(".mlops-Result-said")).to_have_text("Cancelled.")


def test_a_headless_run_with_parameters(lab: str, page: Page, project: Path, terminal):
    declared = "max_depth: int = 3  # how deep a tree may grow\nlayers = [\n    64,\n]  # sizes\na = b = 3\nname = 'a'"
    write_notebook(project / "train.ipynb", "print(max_depth, name)", parameters=declared)
    page.set_viewport_size({"width": 1280, "height": 720})
    open_notebook(page, lab, "train.ipynb")
    page.locator(".jp-NotebookPanel-toolbar").get_by_title("Run the notebook in a kernel of its own").click()
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("how deep a tree may grow [3]")
    # As they are called in the notebook; what cannot be passed is not offered.
    expect(dialog.locator("label")).to_have_text(["max_depth", "layers", "name"])
    expect(dialog).to_contain_text("sizes [[64,]]")
    # What is wrong is said beside it, and cannot be sent.
    dialog.get_by_label("max_depth").fill("7.5")
    expect(dialog.get_by_role("alert")).to_contain_text("7 and 8")
    expect(dialog.get_by_role("button", name="Run")).to_be_disabled()
    dialog.get_by_label("max_depth").fill("7")
    expect(dialog.locator(".mlops-Form-wrong:not(:empty)")).to_have_count(0)
    # A text that is cleared is an empty one, and not the default.
    dialog.get_by_label("name").fill("")
    picture(page, "lab-headless")
    dialog.get_by_role("button", name="Run").click()
    result = page.locator(".mlops-Result")
    expect(result).to_contain_text("FINISHED", timeout=120_000)
    expect(result.locator(".mlops-Result-line")).to_contain_text("--parameters max_depth=7 --parameters name=")
    (run,) = json.loads(terminal("runs", "--json", cwd=project).out)["runs"]
    assert run["params"] == {"max_depth": "7", "layers": "[64]", "name": ""}
    # What it has executed lies in a folder that JupyterLab does not show.
    result.get_by_role("button", name="Open the executed notebook").click()
    expect(page.locator(".lm-DockPanel .lm-TabBar-tabLabel")).to_have_count(3)
    opened = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    expect(opened.locator(".jp-OutputArea-output")).to_have_text(["7 \n"])
    assert len(list(project.glob("train.*-executed.ipynb"))) == 1
    started(page)


def test_a_snapshot_holds_unsaved_edits(lab: str, page: Page, project: Path, terminal):
    write_notebook(project / "train.ipynb", "x = 1")
    open_notebook(page, lab, "train.ipynb")
    page.locator(".jp-Cell .cm-content").first.click()
    page.keyboard.press("Control+End")
    page.keyboard.type("  # typed, not saved")
    page.locator(".jp-NotebookPanel-toolbar").get_by_title("Keep the notebook as it is now").click()
    expect(page.locator(".Toastify__toast", has_text="train.ipynb").last).to_contain_text("snapshot", timeout=60_000)
    assert "not saved" not in (project / "train.ipynb").read_text()
    versions = json.loads(terminal("history", "train.ipynb", "--json", cwd=project).out)["versions"]
    (kept,) = [one for one in versions if one["kind"] == "snapshot"]
    assert "typed, not saved" in terminal("diff", kept["ref"], "train.ipynb", cwd=project).out


def test_a_tracked_cell_snapshots_unsaved_edits(lab: str, page: Page, project: Path, terminal):
    cells = ["%load_ext mlops_jupyter", TRACKED.format(name="fit"), "y = 1"]
    write_notebook(project / "train.ipynb", *cells)
    open_notebook(page, lab, "train.ipynb")
    page.locator(".jp-Cell .cm-content").last.click()
    page.keyboard.press("Control+End")
    page.keyboard.type("  # typed, not saved")
    run_all(page)
    expect(page.locator(".jp-OutputArea-output", has_text="FINISHED")).to_have_count(1)
    (run,) = json.loads(terminal("runs", "--json", cwd=project).out)["runs"]
    assert "typed, not saved" in terminal("diff", run["run_id"], "train.ipynb", cwd=project).out


def test_the_cell_that_is_chosen_is_tracked(lab: str, page: Page, project: Path, terminal):
    write_notebook(project / "train.ipynb", "x = 1")
    open_notebook(page, lab, "train.ipynb")
    page.locator(".jp-Cell .cm-content").first.click()
    page.keyboard.press("Escape")
    palette(page, "mlops track", "Run a cell, a block or a function as an MLflow run")
    dialog = page.locator(".jp-Dialog")
    dialog.get_by_label("name").fill("it's $5")
    dialog.get_by_role("button", name="Run").click()
    cells = page.locator(".jp-Cell .cm-content")
    expect(cells.nth(0)).to_have_text("%load_ext mlops_jupyter")
    expect(cells.nth(1)).to_contain_text("%%mlops track")
    expect(page.locator(".jp-OutputArea-output", has_text="FINISHED")).to_contain_text("it's $5")


def test_the_status_bar_shows_the_open_run(lab: str, page: Page, project: Path):
    page.set_viewport_size({"width": 1280, "height": 720})
    cells = ["%load_ext mlops_jupyter", "%%mlops track long\nimport time\ntime.sleep(600)"]
    write_notebook(project / "train.ipynb", *cells)
    open_notebook(page, lab, "train.ipynb")
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    item = page.locator(".mlops-Status")
    expect(item).to_be_visible(timeout=60_000)
    expect(item).to_have_text("run long")
    picture(page, "lab-status")
    page.evaluate(f"() => {KERNEL}.interrupt()")
    page.wait_for_function(READY)
    expect(item).to_be_hidden(timeout=60_000)


def test_a_verb_that_destroys_asks_first(lab: str, page: Page, project: Path):
    write_notebook(project / "train.ipynb", "x = 1")
    open_notebook(page, lab, "train.ipynb")
    dialog, result = page.locator(".jp-Dialog"), page.locator(".mlops-Result")

    def undeploy(answer: str) -> None:
        palette(page, "mlops undeploy", "End an endpoint")
        dialog.get_by_label("name", exact=False).first.fill("nope")
        dialog.get_by_role("button", name="Run").click()
        expect(dialog).to_contain_text("This cannot be undone")
        expect(dialog).to_contain_text("mlops undeploy nope")
        dialog.get_by_role("button", name=answer).click()
        expect(dialog).to_have_count(0)

    undeploy("Cancel")
    expect(result).to_have_count(0)
    undeploy("Go on")
    expect(result.get_by_role("alert")).to_contain_text("there is no deployment nope")
    expect(result.get_by_role("alert")).to_contain_text("→ mlops deployments")
