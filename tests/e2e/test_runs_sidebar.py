"""The sections Runs and Models of the sidebar, in a real browser."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from mlflow import MlflowClient
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, Request, Route, expect

from tests.conftest import REPOSITORY
from tests.e2e import test_jupyterlab as browser
from tests.e2e.test_jupyterlab import open_notebook, picture, run_all, started
from tests.fakes.jupyter_servers import TOKEN
from tests.fakes.models import small_model
from tests.fakes.notebooks import write_notebook
from tests.fakes.servers import free_port
from tests.fakes.store import WritableStore
from tests.fakes.waiting import wait_for

pytestmark = browser.pytestmark
lab, page = browser.lab, browser.page

# What a browser would run if a name were put into a page as HTML.
EVIL = "<img src=x onerror=window.injected=1><script>window.injected=1</script>"
ROWS = ".mlops-Row:not([hidden])"
AT = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def made(project: Path) -> Callable[..., str]:
    """Make a run of the project that has ended, unless it is RUNNING; each later than the one before."""
    store = WritableStore(f"sqlite:///{project}/.mlops/mlflow.db")

    def make(name: str, status: str = "FINISHED", tags: dict[str, str] | None = None, **metrics: float) -> str:
        run_id = store.create_run("churn", name, {"mlflow.runName": name, **(tags or {})})
        store.log(run_id, metrics=[(metric, value, AT, 0) for metric, value in metrics.items()])
        if status != "RUNNING":
            store.finish_run(run_id, status)
        time.sleep(0.002)  # a store orders runs by milliseconds
        return run_id

    return make


def fill(project: Path, runs: int) -> None:
    """Write very many runs as MLflow writes them: fit-0, fit-1, and so on."""
    script = REPOSITORY / "benchmarks" / "measuring" / "fill_store.py"
    file = project / ".mlops" / "mlflow.db"
    subprocess.run([sys.executable, "-P", script, file, "churn", str(runs)], check=True, capture_output=True)


def show(page: Page, lab: str, path: str = "") -> None:
    """Open JupyterLab, and in it the sidebar."""
    page.goto(f"{lab}lab{'/tree/' + quote(path) if path else ''}?token={TOKEN}&reset")
    page.wait_for_function("() => window.jupyterapp?.commands.hasCommand('mlops:show-sidebar')")
    page.evaluate(
        "() => window.jupyterapp.restored.then(() => window.jupyterapp.commands.execute('mlops:show-sidebar'))"
    )


def names(page: Page) -> list[str]:
    """Return the names that the table shows, from top to bottom."""
    return page.locator(ROWS).evaluate_all(
        """rows => rows.sort((a, b) => a.ariaRowIndex - b.ariaRowIndex)
            .map(row => row.querySelector('.mlops-Row-name').textContent)"""
    )


def foot(page: Page):
    return page.locator(".mlops-Runs .mlops-Section-foot")


def box(page: Page, name: str):
    return page.locator(ROWS, has_text=name).locator(".mlops-Row-box")


def widen(page: Page, pixels: int = 560) -> None:
    """Draw the sidebar's edge to the right."""
    edge = page.locator("#jp-main-split-panel > .lm-SplitPanel-handle:not(.lm-mod-hidden)").first.bounding_box()
    assert edge is not None
    page.mouse.move(edge["x"] + 1, edge["y"] + 200)
    page.mouse.down()
    page.mouse.move(pixels, edge["y"] + 200, steps=4)
    page.mouse.up()


def test_runs_are_looked_through_and_compared(lab: str, page: Page, made):
    made("linear", accuracy=0.81, loss=0.5)
    failed = made("forest", "FAILED", tags={"mlops.error": "ValueError: no rows"}, accuracy=0.7)
    made(EVIL, accuracy=0.93, loss=0.2)
    page.set_viewport_size({"width": 1280, "height": 800})
    show(page, lab)
    expect(foot(page)).to_have_text("3 runs in churn")
    widen(page)
    assert names(page) == [EVIL, "forest", "linear"]
    assert page.evaluate("window.injected") is None
    expect(page.locator(ROWS, has_text="forest")).to_contain_text("✗ FAILED")
    page.locator(ROWS, has_text="forest").hover()
    told = page.locator(ROWS, has_text="forest").get_attribute("title") or ""
    assert told.startswith(f"forest\n{failed}\nFAILED")
    assert "ValueError: no rows" in told

    # By a metric: the highest first, then the lowest.
    heads = page.locator(".mlops-RunTable-head")
    heads.get_by_role("button", name="accuracy").click()
    assert names(page) == [EVIL, "linear", "forest"]
    expect(heads.get_by_role("columnheader", name="accuracy")).to_have_attribute("aria-sort", "descending")
    heads.get_by_role("button", name="accuracy").click()
    assert names(page) == ["forest", "linear", EVIL]

    search = page.get_by_label("Search runs")
    search.fill("FOREST failed")
    assert names(page) == ["forest"]
    expect(foot(page)).to_have_text("1 of 3 runs in churn")
    search.fill("nothing like it")
    expect(page.locator(".mlops-Runs .mlops-Section-none")).to_have_text("No run matches “nothing like it”.")
    # The store reads a query, when it is told to.
    search.fill("metrics.accuracy > 0.8")
    expect(foot(page)).to_have_text("Press Enter to ask the store.")
    search.press("Enter")
    expect(foot(page)).to_have_text("2 runs in churn")
    search.fill("metrics.accuracy > oops")
    search.press("Enter")
    expect(page.locator(".mlops-Runs .mlops-Section-wrong")).to_contain_text("MLflow cannot read this query")
    search.fill("")
    expect(foot(page)).to_have_text("3 runs in churn")
    expect(page.locator(".mlops-Runs .mlops-Section-wrong")).to_be_hidden()

    compare = page.locator(".mlops-Runs").get_by_role("button", name="Compare")
    expect(compare).to_be_disabled()
    box(page, "linear").click()
    box(page, "forest").click()
    expect(foot(page)).to_have_text("2 chosen of 3 runs in churn")
    picture(page, "lab-sidebar")
    compare.click()
    result = page.locator(".mlops-Result")
    expect(result.locator(".mlops-Result-line")).to_contain_text("mlops compare")
    expect(result).to_contain_text("accuracy")
    expect(result).to_contain_text("forest")
    page.locator(ROWS, has_text="linear").click(button="right")
    expect(page.locator(".lm-Menu-item", has_text="Compare")).to_be_visible()


def test_the_dark_theme(lab: str, page: Page, made):
    for status in ("FINISHED", "FAILED", "KILLED", "RUNNING"):
        made(status.lower(), status, accuracy=0.5)
    page.set_viewport_size({"width": 1280, "height": 800})
    show(page, lab)
    expect(foot(page)).to_have_text("4 runs in churn")
    widen(page)
    page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' })")
    page.locator("body[data-jp-theme-light='false']").wait_for(state="attached")
    page.locator(ROWS, has_text="failed").click()
    picture(page, "lab-sidebar-dark")


def test_very_many_runs_are_read_page_by_page(lab: str, page: Page, project: Path):
    fill(project, 2_500)
    show(page, lab)
    expect(foot(page)).to_have_text("2,500 runs in churn")
    table = page.locator(".mlops-RunTable")
    expect(table).to_have_attribute("aria-rowcount", "2501")
    assert names(page)[0] == "fit-2499"
    table.evaluate("table => { table.scrollTop = table.scrollHeight; }")
    expect(page.locator(ROWS, has_text="fit-0").last).to_be_visible()
    assert page.locator(".mlops-Row").count() < 120
    # A run that begins meanwhile comes by itself, and what is looked at stays where it is.
    before = page.locator(ROWS, has_text="fit-0").last.bounding_box()
    store = WritableStore(f"sqlite:///{project}/.mlops/mlflow.db")
    store.create_run("churn", "newest", {})
    expect(foot(page)).to_have_text("2,501 runs in churn", timeout=60_000)
    after = page.locator(ROWS, has_text="fit-0").last.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) < 2
    # Who hears the page is told of the run where the keys are, and of none while that is out of sight.
    table.focus()
    page.keyboard.press("End")
    expect(page.locator(f"#{table.get_attribute('aria-activedescendant')}")).to_contain_text("fit-0")
    table.evaluate("table => { table.scrollTop = 0; }")
    expect(page.locator(ROWS, has_text="newest")).to_be_visible()
    assert table.get_attribute("aria-activedescendant") is None
    page.keyboard.press("End")
    expect(table).to_have_attribute("aria-activedescendant", re.compile("mlops-run-"))
    page.get_by_label("Search runs").fill("newest")
    assert names(page) == ["newest"]
    assert table.get_attribute("aria-activedescendant") is None


def test_a_run_that_ends_is_shown_as_ended(lab: str, page: Page, project: Path, made):
    running = made("long", "RUNNING")
    show(page, lab)
    expect(page.locator(ROWS, has_text="long")).to_contain_text("RUNNING")
    WritableStore(f"sqlite:///{project}/.mlops/mlflow.db").finish_run(running, "FINISHED")
    expect(page.locator(ROWS, has_text="long")).to_contain_text("FINISHED", timeout=60_000)


def test_a_run_that_is_deleted_is_gone(lab: str, page: Page, project: Path, made):
    made("old")
    gone = made("gone", "RUNNING")
    made("new")
    show(page, lab)
    expect(foot(page)).to_have_text("3 runs in churn")
    MlflowClient(f"sqlite:///{project}/.mlops/mlflow.db").delete_run(gone)
    page.get_by_title("Refresh Runs").first.click()
    expect(foot(page)).to_have_text("2 runs in churn")
    assert names(page) == ["new", "old"]


def test_keys(lab: str, page: Page, made):
    for place in range(5):
        made(f"r{place}")
    show(page, lab)
    expect(foot(page)).to_have_text("5 runs in churn")
    table = page.locator(".mlops-RunTable")
    table.focus()
    for key in ("ArrowDown", "Space", "ArrowDown", "Space"):
        page.keyboard.press(key)
    expect(foot(page)).to_have_text("2 chosen of 5 runs in churn")
    expect(page.locator(f"{ROWS}[aria-selected=true]")).to_have_count(2)
    active = table.get_attribute("aria-activedescendant")
    assert "r2" in page.locator(f"#{active}").inner_text()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+End")
    expect(foot(page)).to_have_text("5 chosen of 5 runs in churn")
    page.keyboard.press("Escape")
    expect(foot(page)).to_have_text("5 runs in churn")


def test_columns_are_chosen_and_kept(lab: str, page: Page, made):
    made("a", accuracy=0.5, loss=0.1, auc=0.7)
    show(page, lab)
    expect(foot(page)).to_have_text("1 run in churn")
    heads = page.locator(".mlops-RunTable-head button")
    assert heads.all_inner_texts()[:4] == ["Name", "Status", "accuracy", "auc"]
    page.locator(".mlops-Columns summary").click()
    page.get_by_label("loss").check()
    page.get_by_label("Status").uncheck()
    expect(page.locator(".mlops-RunTable-head")).to_contain_text("loss")
    assert "Status" not in heads.all_inner_texts()
    show(page, lab)
    expect(page.locator(".mlops-RunTable-head")).to_contain_text("loss")
    assert "Status" not in heads.all_inner_texts()


def test_all_columns_can_be_reached_in_a_small_window(lab: str, page: Page, made):
    made("a", **{f"metric{number}": 0.5 for number in range(12)})
    page.set_viewport_size({"width": 1000, "height": 560})
    show(page, lab)
    expect(foot(page)).to_have_text("1 run in churn")
    page.locator(".mlops-Columns summary").click()
    last = page.locator(".mlops-Columns label").last
    last.scroll_into_view_if_needed()
    picture(page, "lab-columns")
    (label, section) = (one.bounding_box() for one in (last, page.locator(".mlops-Runs")))
    assert label["y"] + label["height"] <= section["y"] + section["height"]
    last.click()
    expect(last.locator("input")).to_be_checked()


@pytest.fixture
def asked(page: Page) -> list[str]:
    """The addresses of our server half that the page asks, but the status bar's."""
    found: list[str] = []

    def note(request: Request) -> None:
        if "/mlops-jupyter/verbs/" in request.url:
            found.append(request.url)

    page.on("request", note)
    return found


def test_a_sidebar_that_nobody_sees_asks_nothing(lab: str, page: Page, made, asked: list[str]):
    made("a")
    # Time passes as the test says: minutes of it.
    page.clock.install()
    show(page, lab)
    expect(foot(page)).to_have_text("1 run in churn")

    def after(minutes: int) -> int:
        before = len(asked)
        for _ in range(minutes * 6):
            page.clock.run_for(10_000)
        return len(asked) - before

    assert after(1) > 0
    page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
    expect(page.locator(".mlops-Runs")).to_be_hidden()
    after(1)  # what was under way
    assert after(10) == 0
    page.clock.resume()
    with page.expect_request("**/mlops-jupyter/verbs/runs?*"):
        page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
    expect(page.locator(".mlops-Runs")).to_be_visible()


def test_other_sections_ask_when_the_first_rows_are_there(lab: str, page: Page, made):
    made("linear", accuracy=0.81)
    began: dict[str, float] = {}
    ended: dict[str, float] = {}
    page.on("request", lambda one: began.setdefault(Path(urlsplit(one.url).path).name, time.monotonic()) and None)
    page.on("response", lambda one: ended.setdefault(Path(urlsplit(one.url).path).name, time.monotonic()) and None)
    show(page, lab)
    expect(foot(page)).to_have_text("1 run in churn")
    expect(page.locator("#mlops-models")).to_contain_text("no registered models")
    # They do not wait for long: a store may be slow.
    assert began["models"] - began["runs"] >= min(ended["runs"] - began["runs"], 1) - 0.2


def test_a_notebook_that_comes_to_the_front_while_another_is_asked_about(lab: str, page: Page, project: Path, terminal):
    """What is shown, and what is done with it, is of one project: in the end of that of the notebook in front."""
    model = small_model(project.parent / "model")
    for name in ("one", "two", "three"):
        folder = project / name
        folder.mkdir()
        (folder / "mlops.toml").write_text(f'experiment = "{name}"\ntracking_uri = "sqlite:///{folder}/mlflow.db"\n')
        write_notebook(folder / f"{name}.ipynb", "x = 1")
        done = terminal("register", str(model), "--name", f"model-{name}", cwd=folder)
        assert done.code == 0, done.err
    page.set_viewport_size({"width": 1280, "height": 800})
    show(page, lab, "one/one.ipynb")
    models = page.locator(".mlops-Model h3")
    expect(models).to_contain_text(["model-one"])
    expect(foot(page)).to_contain_text("1 run in one")
    # Answers about the second project are held up until the third notebook is in front.
    held: list[Route] = []

    def hold(asking: Route) -> None:
        if '"two/two.ipynb"' in (asking.request.post_data or ""):
            held.append(asking)
        else:
            asking.continue_()

    page.route("**/mlops-jupyter/verbs/**", hold)

    def front(path: str) -> None:
        page.evaluate("path => window.jupyterapp.commands.execute('docmanager:open', { path })", path)

    front("two/two.ipynb")
    wait_for(lambda: page.wait_for_timeout(50) or len(held) >= 3, what="the sections do not ask")
    expect(page.locator("#mlops-versions")).to_contain_text("Looking…")
    front("three/three.ipynb")
    for asking in held:
        with contextlib.suppress(PlaywrightError):  # one that the page has aborted
            asking.continue_()
    page.unroute("**/mlops-jupyter/verbs/**")
    expect(foot(page)).to_contain_text("1 run in three", timeout=5_000)
    expect(models).to_contain_text(["model-three"], timeout=5_000)
    expect(page.locator("#mlops-versions")).to_contain_text("three.ipynb", timeout=5_000)

    # What is done with a model is done where the model is, whatever is in front when it is clicked.
    page.route("**/mlops-jupyter/verbs/models*", lambda asking: held.append(asking))  # noqa: PLW0108 -- it takes no built-in
    front("one/one.ipynb")
    deploys = "**/mlops-jupyter/verbs/deploy*"
    page.route(deploys, lambda asking: asking.abort() if asking.request.method == "POST" else asking.continue_())
    with page.expect_request(lambda one: "/verbs/deploy" in one.url and one.method == "POST") as deploying:
        page.locator(".mlops-Version").get_by_role("button", name="Deploy").click()
        page.locator(".jp-Dialog").get_by_role("button", name="Run").click()
    assert '"three/three.ipynb"' in (deploying.value.post_data or "")


def test_no_run_yet_says_the_next_command(lab: str, page: Page, project: Path):
    write_notebook(project / "train.ipynb", "x = 1")
    open_notebook(page, lab, "train.ipynb")
    page.evaluate("() => window.jupyterapp.commands.execute('mlops:show-sidebar')")
    none = page.locator(".mlops-Runs .mlops-Section-none")
    expect(none).to_contain_text("There are no runs in churn yet.")
    expect(none).to_contain_text("%%mlops track")
    none.get_by_role("button", name="Track the chosen cell").click()
    dialog = page.locator(".jp-Dialog")
    dialog.get_by_label("name").fill("first")
    dialog.get_by_role("button", name="Run").click()
    expect(page.locator(".jp-OutputArea-output", has_text="FINISHED")).to_have_count(1)
    expect(page.locator(ROWS)).to_contain_text("first", timeout=60_000)


def test_a_run_s_notebook_is_opened_as_it_was(lab: str, page: Page, project: Path):
    folder = project / "größe 50% a"
    folder.mkdir()
    tracked = "%%mlops track fit\nimport mlops_jupyter\nmlops_jupyter.log(accuracy=0.75)"
    write_notebook(folder / "trän 1%.ipynb", "%load_ext mlops_jupyter", tracked)
    open_notebook(page, lab, quote("größe 50% a/trän 1%.ipynb"))
    run_all(page)
    expect(page.locator(".jp-OutputArea-output", has_text="FINISHED")).to_have_count(1)
    page.locator(".jp-Cell .cm-content").last.click()
    page.keyboard.press("Control+End")
    page.keyboard.type("  # typed later")
    page.evaluate("() => window.jupyterapp.commands.execute('mlops:show-sidebar')")
    page.locator(ROWS, has_text="fit").click()
    page.locator(".mlops-Runs").get_by_role("button", name="Notebook").click()
    opened = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    expect(page.locator(".lm-DockPanel .lm-TabBar-tabLabel")).to_have_count(2)
    expect(opened.locator(".cm-content").last).to_contain_text("mlops track fit")
    expect(opened.locator(".cm-content").last).not_to_contain_text("typed later")
    (copy,) = [one for one in folder.glob("*.ipynb") if one.name != "trän 1%.ipynb"]
    assert copy.name.startswith("trän 1%.")
    started(page)


def test_what_a_headless_run_has_executed_is_opened(lab: str, page: Page, project: Path, terminal):
    write_notebook(project / "train.ipynb", "6 * 7")
    assert terminal("run", "train.ipynb", cwd=project).code == 0
    show(page, lab)
    page.locator(ROWS, has_text="train").click()
    executed = page.locator(".mlops-Runs").get_by_role("button", name="Executed")
    executed.click()
    opened = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    expect(opened.locator(".jp-OutputArea-output")).to_have_text(["42"])
    expect(foot(page)).to_contain_text("is a copy of the notebook as train has executed it")
    picture(page, "lab-executed")
    started(page)


def test_only_what_was_executed_headless_is_offered(lab: str, page: Page, made):
    made("by hand")
    made("at work", "RUNNING", {"mlops.kind": "notebook"})
    show(page, lab)
    for name in ("by hand", "at work"):
        page.locator(ROWS, has_text=name).click()
        expect(page.locator(".mlops-Runs").get_by_role("button", name="Copy id")).to_be_enabled()
        expect(page.locator(".mlops-Runs").get_by_role("button", name="Executed")).to_be_disabled()


def test_a_store_that_is_away_is_told_and_what_was_read_stays(lab: str, page: Page, made, project: Path):
    made("a")
    show(page, lab)
    expect(foot(page)).to_have_text("1 run in churn")
    (project / "mlops.toml").write_text(f'experiment = "churn"\ntracking_uri = "http://127.0.0.1:{free_port()}"\n')
    page.get_by_title("Refresh Runs").first.click()
    wrong = page.locator(".mlops-Runs .mlops-Section-wrong")
    expect(wrong).to_contain_text("did not answer")
    expect(wrong).to_contain_text("→ mlops doctor")
    assert names(page) == ["a"]


def test_models_and_their_aliases(lab: str, page: Page, project: Path, terminal):
    model = small_model(project.parent / "model")
    for _ in range(2):
        done = terminal("register", str(model), "--name", "churn")
        assert done.code == 0, done.err
    assert terminal("promote", "churn/1", "--to", "champion").code == 0
    page.set_viewport_size({"width": 1280, "height": 800})
    show(page, lab)
    section = page.locator(".mlops-Models")
    expect(section.locator(".mlops-Version")).to_have_count(2)
    second = section.locator(".mlops-Version", has_text="version 2")
    second.get_by_role("button", name="Promote").click()
    dialog = page.locator(".jp-Dialog")
    expect(dialog.get_by_label("model")).to_have_value("churn/2")
    # What is known is offered while one types.
    dialog.get_by_label("model").fill("churn")
    offered = dialog.locator("#mlops-form-model-words option")
    known = ["churn@champion", "churn/2", "churn/1"]
    assert wait_for(lambda: offered.evaluate_all("all => all.map(one => one.value)") == known)
    dialog.get_by_label("model").fill("churn/2")
    dialog.get_by_label("to").fill("champion")
    dialog.get_by_role("button", name="Promote").click()
    expect(dialog).to_contain_text("churn@champion points to version 1")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)

    def aliases() -> dict[str, list[str]]:
        found = json.loads(terminal("models", "churn", "--json").out)["versions"]
        return {one["version"]: one["aliases"] for one in found}

    assert aliases() == {"2": [], "1": ["champion"]}
    second.get_by_role("button", name="Promote").click()
    dialog.get_by_role("button", name="Promote").click()
    dialog.get_by_role("button", name="Move it").click()
    expect(page.locator(".Toastify__toast", has_text="churn@champion is version 2 now")).to_be_visible()
    expect(second.locator(".mlops-Alias")).to_have_text("champion")
    assert aliases() == {"2": ["champion"], "1": []}
    # Of version 1, to which nothing points any more, is told when all are asked for.
    expect(section.locator(".mlops-Version")).to_have_count(1)
    section.get_by_role("button", name="All versions").click()
    expect(section.locator(".mlops-Version")).to_have_count(2)
    picture(page, "lab-models")
    second.get_by_role("button", name="Deploy").click()
    expect(dialog.get_by_label("model")).to_have_value("models:/churn/2")
    expect(dialog.get_by_label("name")).to_have_value("churn")


def test_no_model_yet_says_the_next_command(lab: str, page: Page):
    show(page, lab)
    expect(page.locator(".mlops-Models .mlops-Section-none")).to_contain_text("%mlops register $model --name churn")
