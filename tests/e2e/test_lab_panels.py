"""The sidebar's deployments and versions and the monitor's tab, in a real browser, over real endpoints."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Request, expect

import mlops_jupyter
from mlops_jupyter.records import Deployment
from tests.e2e import test_jupyterlab as browser
from tests.e2e import test_monitor
from tests.e2e.test_jupyterlab import open_notebook, picture
from tests.e2e.test_monitor import Load, told, until
from tests.fakes.models import small_model
from tests.fakes.notebooks import saved, write_notebook
from tests.fakes.repositories import git
from tests.fakes.waiting import wait_for

pytestmark = browser.pytestmark
lab, page, churn = browser.lab, browser.page, test_monitor.churn

EVIL = "<img src=x onerror=window.injected=1>"


def sidebar(page: Page) -> Locator:
    """Show the sidebar, wide enough to be read."""
    page.evaluate("() => window.jupyterapp.commands.execute('mlops:show-sidebar')")
    found = page.locator("#mlops-sidebar")
    expect(found).to_be_visible()
    return found


def section(page: Page, name: str) -> Locator:
    return page.locator(f"#mlops-{name}")


def dark(page: Page) -> None:
    page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    page.wait_for_function("() => document.body.dataset.jpThemeLight === 'false'")
    expect(page.locator("#jupyterlab-splash")).to_have_count(0)


def shares() -> list[float]:
    return [one.percent for one in mlops_jupyter.deployments("churn").versions]


@pytest.fixture
def card(churn: Deployment, lab: str, page: Page, project: Path) -> Locator:
    """The card of a deployment with a canary."""
    write_notebook(project / "train.ipynb", "x = 1")
    page.set_viewport_size({"width": 1280, "height": 900})
    open_notebook(page, lab, "train.ipynb")
    sidebar(page)
    found = section(page, "deployments").locator(".mlops-Card")
    expect(found).to_have_attribute("data-status", "ready")
    return found


def test_traffic_is_moved_and_rolled_back(card: Locator, page: Page):
    slider = card.get_by_role("slider")
    expect(slider).to_have_value("80")
    expect(slider).to_have_attribute("aria-valuetext", "version 1: 80 %, version 2: 20 %")
    slider.fill("50")
    expect(card.locator(".mlops-Line")).to_have_text("mlops traffic churn 1=50 2=50")
    expect(card.locator(".mlops-Card-outcome")).to_contain_text("traffic: version 1 50 %, version 2 50 %")
    assert shares() == [50, 50]
    picture(page, "lab-deployments")

    # By keys, one call when it has come to rest.
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(card.locator(".mlops-Card-outcome")).to_contain_text("version 1 53 %")
    assert shares() == [53, 47]

    # What lets a version go is asked about, and the slider goes back.
    dialog = page.locator(".jp-Dialog")
    slider.fill("100")
    expect(dialog).to_contain_text("Let version 2 go?")
    expect(dialog).to_contain_text("mlops traffic churn 1=100 2=0")
    page.keyboard.press("Escape")
    expect(slider).to_have_value("53")
    assert shares() == [53, 47]

    card.get_by_role("button", name="Roll back…").click()
    expect(dialog).to_contain_text("mlops rollback churn")
    dialog.get_by_role("button", name="Roll back").click()
    expect(card.locator(".mlops-Card-outcome")).to_contain_text("rollback: version 1 50 %, version 2 50 %")
    expect(slider).to_have_value("50")
    dark(page)
    picture(page, "lab-deployments-dark")


def test_snippets_are_copied_and_page_and_log_open(card: Locator, page: Page, churn: Deployment):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for words, text in (("Copy curl", churn.curl), ("Copy Python", churn.python)):
        card.get_by_role("button", name=words).click()
        expect(card.locator(".mlops-Card-outcome")).to_have_text("Copied.")
        assert page.evaluate("() => navigator.clipboard.readText()") == text
    with page.expect_popup() as opened:
        card.get_by_role("link", name="Try it").click()
    expect(opened.value.get_by_role("heading", level=1)).to_contain_text("churn")
    opened.value.close()

    card.get_by_role("button", name="Logs").click()
    lines = page.get_by_role("log")
    until(lambda: len(lines.inner_text()) > 0, "no line is shown")
    with Path(churn.log or "").open("a") as log:
        log.write(f"a line that comes later {EVIL}\n")
    expect(lines).to_contain_text(f"a line that comes later {EVIL}")
    assert page.evaluate("window.injected") is None
    picture(page, "lab-logs")
    # Out of sight it is not followed; back in sight it is.
    page.evaluate("() => window.jupyterapp.shell.activateById(window.jupyterapp.shell.widgets('main').next().value.id)")
    expect(lines).to_be_hidden()
    page.locator(".lm-TabBar-tab", has_text="Log of churn").click()
    expect(lines).to_contain_text("a line that comes later")


def test_an_endpoint_that_dies_is_told_and_undeploy_asks(card: Locator, page: Page):
    os.killpg(os.getpgid(mlops_jupyter.deployments("churn").pid), signal.SIGKILL)
    expect(card).to_have_attribute("data-status", "stopped")
    expect(card).to_contain_text("was killed")
    expect(card.get_by_role("link", name="Try it")).to_be_hidden()
    picture(page, "lab-deployment-stopped")

    dialog = page.locator(".jp-Dialog")
    expect(page.locator(".mlops-Status")).to_have_text("0 of 1 endpoint ready")
    card.get_by_role("button", name="Undeploy…").click()
    expect(dialog).to_contain_text("mlops undeploy churn")
    page.keyboard.press("Enter")  # what is safe
    expect(dialog).to_have_count(0)
    assert shares() == [80, 20]
    card.get_by_role("button", name="Undeploy…").click()
    dialog.get_by_role("button", name="Undeploy").click()
    section_ = section(page, "deployments")
    expect(section_).to_contain_text("Nothing is deployed here.")
    expect(page.locator(".mlops-Status")).to_be_hidden(timeout=6_000)
    expect(section_).to_contain_text("mlops deploy MODEL --name NAME")
    mlops_jupyter.deploy("models:/churn/1", name="churn")  # the fixture takes it away
    expect(section_.locator(".mlops-Card")).to_have_attribute("data-status", "ready")


def test_logs_of_deployments_of_the_same_name_in_two_projects(lab: str, page: Page, project: Path, terminal):
    projects = [project / name for name in ("one", "two")]
    try:
        for folder in projects:
            folder.mkdir()
            (folder / "mlops.toml").write_text(f'experiment = "{folder.name}"\n')
            write_notebook(folder / "train.ipynb", "x = 1")
            done = terminal("deploy", str(small_model(folder / "model")), "--name", "churn", cwd=folder)
            assert done.code == 0, done.err
        open_notebook(page, lab, "one/train.ipynb")
        sidebar(page)
        logs = section(page, "deployments").get_by_role("button", name="Logs")
        logs.click()
        with page.expect_response(lambda one: "/deployments?" in one.url and "two%2Ftrain.ipynb" in one.url):
            page.evaluate(
                "() => { window.jupyterapp.commands.execute('docmanager:open', { path: 'two/train.ipynb' }); }"
            )
        tabs = page.locator(".lm-TabBar-tab", has_text="Log of churn")
        expect(tabs).to_have_count(1)
        logs.click()
        expect(tabs).to_have_count(2)
    finally:
        for folder in projects:
            terminal("undeploy", "churn", "--yes", cwd=folder)


def asked_of(page: Page, path: str) -> list[str]:
    """Collect the requests to a route from now on."""
    found: list[str] = []

    def heard(request: Request) -> None:
        if f"/mlops-jupyter/{path}" in request.url:
            found.append(request.url)

    page.on("request", heard)
    return found


def test_a_sidebar_that_nobody_sees_asks_nothing_and_one_without_a_server_says_so(card: Locator, page: Page):
    route = "**/mlops-jupyter/deployments*"
    with page.expect_request(route):
        asked = asked_of(page, "deployments")
    page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    expect(card).to_be_hidden()
    page.wait_for_timeout(1_000)  # what was on its way
    before = len(asked)
    page.wait_for_timeout(11_000)
    assert len(asked) == before
    with page.expect_request(route):
        sidebar(page)

    # A server without the other half says so, and what was known stays.
    page.route(route, lambda asking: asking.fulfill(status=404, body="<html>"))
    alert = section(page, "deployments").get_by_role("alert")
    expect(alert).to_have_text("The server half of mlops-jupyter does not answer. → jupyter server extension list")
    expect(card).to_be_visible()
    page.unroute(route)
    page.get_by_role("button", name="Refresh Deployments").click()
    expect(alert).to_be_hidden()


@pytest.fixture
def monitor(card: Locator, churn: Deployment, page: Page) -> Iterator[Locator]:
    """The dashboard in a tab, while the endpoint is asked."""
    with Load(churn):
        card.get_by_role("button", name="Monitor").click()
        found = page.locator(".mlops-Monitoring .mlops-monitor")
        expect(found).to_have_attribute("data-status", "ready")
        yield found


def test_the_monitor_in_a_tab_and_out_of_sight(monitor: Locator, page: Page):
    page.set_viewport_size({"width": 1280, "height": 1150})
    browser.close_left_sidebar(page)
    until(lambda: test_monitor.tile(monitor, "requests / s") not in {"–", "0"}, "no requests are shown")
    expect(monitor.locator(".mlops-chart-keys").first).to_contain_text("2 canary")
    moved = monitor.locator(".mlops-drift-row", has_text="age")
    expect(moved).to_contain_text("drifted")
    moved.click()
    expect(monitor.locator(".mlops-histogram")).to_be_visible()
    before = told(monitor, "instants")
    until(lambda: told(monitor, "instants") > before + 2, "it stands still")
    until(lambda: told(monitor, "messages") > 45, "it is slow", 90)
    picture(page, "lab-monitor")
    dark(page)
    picture(page, "lab-monitor-dark")

    monitor.get_by_role("button", name="1 h", exact=True).click()
    until(lambda: told(monitor, "instants") <= 370, "the range has not changed")
    monitor.get_by_role("button", name="15 min").click()
    until(lambda: told(monitor, "instants") > 800, "the range has not changed back")
    monitor.get_by_label("share of version 1").fill("50")
    monitor.get_by_label("share of version 2").fill("50")
    monitor.get_by_role("button", name="shift traffic").click()
    monitor.get_by_role("alertdialog").get_by_role("button", name="yes").click()
    expect(monitor.locator(".mlops-outcome")).to_contain_text("traffic: version 1 50 %, version 2 50 %")
    assert shares() == [50, 50]
    monitor.get_by_role("button", name="roll back").click()
    monitor.get_by_role("alertdialog").get_by_role("button", name="yes").click()
    expect(monitor.locator(".mlops-outcome")).to_contain_text("rollback: version 1 80 %")

    # While nobody sees it, it is told nothing.
    page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab", has_text="train.ipynb").click()
    expect(monitor).to_be_hidden()
    page.wait_for_timeout(1_000)
    still = (told(monitor, "messages"), told(monitor, "draws"))
    page.wait_for_timeout(3_000)
    assert (told(monitor, "messages"), told(monitor, "draws")) == still
    page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab", has_text="Monitor churn").click()
    until(lambda: told(monitor, "messages") > still[0] + 3, "it does not go on")


def test_an_endpoint_that_dies_while_it_is_watched_comes_back(monitor: Locator, page: Page):
    os.killpg(os.getpgid(mlops_jupyter.deployments("churn").pid), signal.SIGKILL)
    expect(monitor).to_have_attribute("data-status", "stopped")
    expect(monitor.locator(".mlops-notes")).to_contain_text("was killed")
    mlops_jupyter.deploy("models:/churn/1", name="churn")
    expect(monitor).to_have_attribute("data-status", "ready")
    # A page that is loaded anew has its tab again.
    # Jupyter Server does not end that is told to while it lists its exporters, as it does for every page.
    with page.expect_response("**/api/nbconvert*"):
        page.reload()
    expect(page.locator(".mlops-Monitoring .mlops-monitor")).to_have_attribute("data-status", "ready", timeout=60_000)


def test_nothing_can_be_done_about_what_is_watched_and_undeployed(monitor: Locator, page: Page):
    expect(monitor.locator(".mlops-actions")).to_be_visible()
    mlops_jupyter.undeploy("churn", yes=True)
    expect(monitor).to_have_attribute("data-status", "unknown")
    expect(monitor.locator(".mlops-actions")).to_be_hidden()
    picture(page, "lab-monitor-undeployed")
    mlops_jupyter.deploy("models:/churn/1", name="churn")  # the fixture takes it away
    expect(monitor).to_have_attribute("data-status", "ready", timeout=60_000)
    expect(monitor.locator(".mlops-actions")).to_be_visible()

    # Nor while the server does not say how it is.
    page.route("**/mlops-jupyter/monitors*", lambda asking: asking.abort())
    monitor.get_by_role("button", name="1 h", exact=True).click()
    expect(page.locator(".mlops-Monitoring").get_by_role("alert")).to_be_visible()
    expect(monitor).to_have_attribute("data-status", "unknown")
    expect(monitor.locator(".mlops-actions")).to_have_attribute("inert", "")
    page.unroute("**/mlops-jupyter/monitors*")
    expect(monitor).to_have_attribute("data-status", "ready", timeout=60_000)
    expect(monitor.locator(".mlops-actions")).not_to_have_attribute("inert", "")


NOTEBOOK = "a b/größe 50% .ipynb"
ADDRESS = "a%20b/gr%C3%B6%C3%9Fe%2050%25%20.ipynb"


@pytest.fixture
def versions(lab: str, page: Page, project: Path, terminal) -> Locator:
    """The versions of a notebook that has been kept three times, one of them with a run."""
    git(project, "init", "-q", "-b", "main")
    path = project / NOTEBOOK
    path.parent.mkdir()
    for number, title in enumerate(["first", EVIL]):
        write_notebook(path, f"depth = {number}", "print(depth)")
        assert terminal("snapshot", str(path), "-m", title, cwd=path.parent).code == 0
        # Git's times are whole seconds, and the newest is to come first.
        kept = time.time()
        wait_for(lambda kept=kept: int(time.time()) > int(kept))
    tracked = "%%mlops track fit\nimport mlops_jupyter\nmlops_jupyter.log(loss=0.5)"
    write_notebook(path, "%load_ext mlops_jupyter", tracked)
    page.set_viewport_size({"width": 1280, "height": 900})
    open_notebook(page, lab, ADDRESS)
    sidebar(page)
    found = section(page, "versions").locator(".mlops-Kept")
    expect(found).to_have_count(2)
    return found


def typed(page: Page, words: str) -> None:
    page.locator(".jp-Cell .cm-content").first.click()
    page.keyboard.press("Control+End")
    page.keyboard.type(words)


def cells(path: Path) -> list[str]:
    return [cell.source for cell in saved(path).cells]


def test_the_versions_of_the_notebook(versions: Locator, page: Page, project: Path):
    expect(versions.first).to_contain_text(EVIL)
    assert page.evaluate("window.injected") is None
    # A run's snapshot comes with its badge.
    browser.run_all(page)
    expect(page.locator(".jp-OutputArea-output", has_text="FINISHED")).to_have_count(1)
    page.keyboard.press("Control+s")
    expect(versions).to_have_count(3)
    # A run says so in the store a moment after it has ended.
    expect(versions.first).to_contain_text("1 run", timeout=120_000)
    expect(versions.first.locator(".mlops-Badge")).to_have_text("✓ honest")
    typed(page, "\n# typed, not saved")
    versions.nth(1).get_by_role("button", name="Diff").click()
    result = page.locator(".mlops-Result")
    expect(result.get_by_text("typed, not saved").first).to_be_visible()
    picture(page, "lab-versions")
    dark(page)
    picture(page, "lab-versions-dark")


def test_a_version_is_restored_as_a_copy(versions: Locator, page: Page, project: Path):
    versions.last.get_by_role("button", name="Restore…").click()
    page.locator(".jp-Dialog").get_by_role("button", name="Open a copy").click()
    expect(page.locator(".jp-NotebookPanel:visible .cm-content").first).to_have_text("depth = 0")
    (copy,) = set((project / "a b").glob("*.ipynb")) - {project / NOTEBOOK}
    assert cells(copy) == ["depth = 0", "print(depth)"]
    assert len(cells(project / NOTEBOOK)) == 2
    assert cells(project / NOTEBOOK)[0] == "%load_ext mlops_jupyter"
    browser.started(page)


def test_a_version_is_put_in_its_place(versions: Locator, page: Page, project: Path, terminal):
    typed(page, "\n# typed, not saved")
    versions.last.get_by_role("button", name="Restore…").click()
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("kept as a snapshot first")
    expect(dialog).to_contain_text("'größe 50% .ipynb'")
    picture(page, "lab-restore")
    dialog.get_by_role("button", name="Put it in its place").click()
    outcome = section(page, "versions").locator(".mlops-Card-outcome")
    expect(outcome).to_contain_text("is in its place; what was there is")
    expect(page.locator(".jp-Cell .cm-content").first).to_have_text("depth = 0")
    assert cells(project / NOTEBOOK) == ["depth = 0", "print(depth)"]
    assert list((project / "a b").glob("*.ipynb")) == [project / NOTEBOOK]
    expect(dialog).to_have_text([])  # the document has noticed no other's change
    # What was there, unsaved edits too, is the newest version.
    expect(versions).to_have_count(3)
    kept = versions.first.get_attribute("data-ref") or ""
    assert "typed, not saved" in terminal("diff", kept, NOTEBOOK, cwd=project).out
    typed(page, "  # and on")
    page.keyboard.press("Control+s")
    until(lambda: "# and on" in cells(project / NOTEBOOK)[0], "it cannot be saved any more")
    expect(dialog).to_have_count(0)


def test_a_long_notebook_that_is_scrolled_shows_the_short_one_in_its_place(versions: Locator, page: Page):
    page.evaluate(
        """() => {
            const cells = Array.from({ length: 80 }, (_, at) => (
                { cell_type: 'code', source: `# ${at}` + '\\n'.repeat(8), metadata: {} }));
            const { model, content } = window.jupyterapp.shell.currentWidget;
            model.sharedModel.insertCells(model.cells.length, cells);
            content.activeCellIndex = model.cells.length - 1;
            return content.scrollToItem(model.cells.length - 1, 'end');
        }"""
    )
    expect(page.locator(".jp-Cell .cm-content", has_text="# 79")).to_be_in_viewport()
    versions.last.get_by_role("button", name="Restore…").click()
    page.locator(".jp-Dialog").get_by_role("button", name="Put it in its place").click()
    expect(section(page, "versions").locator(".mlops-Card-outcome")).to_contain_text("is in its place")
    expect(page.locator(".jp-Cell .cm-content", has_text="depth = 0")).to_be_in_viewport()


def test_a_busy_notebook_is_not_replaced(versions: Locator, page: Page, project: Path):
    page.evaluate(f"() => {{ {browser.KERNEL}.requestExecute({{code: 'import time; time.sleep(600)'}}); }}")
    page.wait_for_function(f"() => {browser.KERNEL}.status === 'busy'")
    versions.last.get_by_role("button", name="Restore…").click()
    page.locator(".jp-Dialog").get_by_role("button", name="Put it in its place").click()
    expect(section(page, "versions").locator(".mlops-Card-outcome")).to_contain_text("Its kernel is busy")
    expect(page.locator(".jp-Cell .cm-content").first).to_have_text("%load_ext mlops_jupyter")
    page.evaluate(f"() => {browser.KERNEL}.shutdown()")


def test_a_notebook_that_is_renamed_is_asked_about_by_its_new_name(versions: Locator, page: Page, project: Path):
    page.evaluate(
        """() => window.jupyterapp.serviceManager.contents.rename(
            window.jupyterapp.shell.currentWidget.context.path, 'a b/other ü#.ipynb')"""
    )
    expect(section(page, "versions").locator(".mlops-Versions-name")).to_have_text("other ü#.ipynb")
