"""Verbs at work in JupyterLab: what outlives the page, what a cancelled one shows, and that nothing waits for them."""

from __future__ import annotations

import contextlib
import textwrap
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e import test_jupyterlab as browser
from tests.e2e.test_cells_in_lab import TOAST
from tests.e2e.test_jupyterlab import open_notebook
from tests.fakes.notebooks import write_notebook
from tests.fakes.waiting import wait_for

pytestmark = browser.pytestmark
lab, page = browser.lab, browser.page

WAITS = "import pathlib, time\nopen('begun', 'w').close()\nwhile not pathlib.Path('go').exists(): time.sleep(0.05)"
SLOW_MS = 120_000


def headless(page: Page) -> None:
    page.locator(".jp-NotebookPanel:visible .jp-NotebookPanel-toolbar").get_by_title(
        "Run the notebook in a kernel of its own"
    ).click()
    page.locator(".jp-Dialog").get_by_role("button", name="Run").click()


def call(page: Page, verb: str, arguments: dict[str, object]) -> None:
    page.evaluate(
        "([verb, given]) => window.jupyterapp.commands.execute(`mlops:call-${verb}`, { arguments: given, ask: false })",
        [verb, arguments],
    )


def test_a_headless_run_goes_on_without_its_page_and_its_tab(lab: str, page: Page, project: Path):
    write_notebook(project / "slow.ipynb", WAITS)
    open_notebook(page, lab, "slow.ipynb")
    headless(page)
    wait_for((project / "begun").exists, 120)
    page.reload()
    goes_on = page.locator(TOAST, has_text="mlops run slow.ipynb goes on.")
    expect(goes_on).to_be_visible(timeout=SLOW_MS)
    # It is there again, behind what is in front.
    expect(page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab", has_text="mlops run")).to_have_count(1)
    (project / "go").touch()
    ended = page.locator(TOAST, has_text="mlops run slow.ipynb has ended.")
    ended.get_by_role("button", name="Show").click(timeout=SLOW_MS)
    expect(goes_on).to_have_count(0)
    result = page.locator(".mlops-Result:visible")
    expect(result).to_contain_text("FINISHED")

    # To close the tab ends the run no more than that; and what comes back can be cancelled.
    for name in ("go", "begun"):
        (project / name).unlink()
    call(page, "run", {"notebooks": ["slow.ipynb"]})
    wait_for((project / "begun").exists, 120)
    page.evaluate("() => window.jupyterapp.shell.currentWidget.close()")
    goes_on.get_by_role("button", name="Show").click()
    cancel = result.get_by_role("button", name="Cancel")
    cancel.click()
    expect(result.locator(".mlops-Result-said")).to_have_text("Cancelled.", timeout=SLOW_MS)
    expect(result).to_contain_text("KILLED")
    # What has been seen to end is not told once more.
    page.reload()
    page.wait_for_function("() => window.jupyterapp?.commands.hasCommand('mlops:call-run')")
    page.wait_for_load_state("networkidle")
    expect(page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab", has_text="mlops run")).to_have_count(0)


def test_a_sweep_that_is_cancelled_shows_what_has_finished(lab: str, page: Page, project: Path):
    waits = "if depth > 1:\n" + textwrap.indent(WAITS, "    ")
    write_notebook(project / "sweep.ipynb", waits, parameters="depth = 1")
    open_notebook(page, lab, "sweep.ipynb")
    call(page, "run", {"notebooks": ["sweep.ipynb"], "sweep": {"depth": "1,2,3"}, "jobs": 1})
    wait_for((project / "begun").exists, 240)
    result = page.locator(".mlops-Result:visible")
    result.get_by_role("button", name="Cancel").click()
    expect(result.locator(".mlops-Result-said")).to_have_text("Cancelled.", timeout=SLOW_MS)
    table = result.locator(".mlops-Result-shown")
    expect(table).to_contain_text("1 done")
    expect(table.locator("tr", has_text="FINISHED")).to_have_count(1)


@contextlib.contextmanager
def store_that_hangs() -> Iterator[str]:
    """A tracking server that is there, and answers nothing that it is asked."""
    released = threading.Event()

    class Hanging(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.endswith("/health"):
                released.wait(600)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"OK")

        do_POST = do_GET  # noqa: N815 -- as http.server calls it

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        # Who asks may be gone by then.
        def handle_error(self, *_: object) -> None:
            pass

    with Server(("127.0.0.1", 0), Hanging) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            released.set()
            server.shutdown()
            serving.join()


def test_any_number_of_verbs_at_work_leave_the_browser_its_connections(lab: str, page: Page, project: Path):
    file = write_notebook(project / "train.ipynb", "x = 1")
    open_notebook(page, lab, "train.ipynb")
    with store_that_hangs() as address:
        (project / "mlops.toml").write_text(f'tracking_uri = "{address}"\n')
        for _ in range(8):
            call(page, "runs", {})
        tabs = page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab", has_text="mlops runs")
        expect(tabs).to_have_count(8)
        expect(page.locator(".mlops-Result[aria-busy=true]")).to_have_count(8)
        page.evaluate("() => window.jupyterapp.commands.execute('docmanager:open', { path: 'train.ipynb' })")
        page.locator(".jp-Cell .cm-content").first.click()
        page.keyboard.press("Control+End")
        page.keyboard.type("  # while eight are at work")
        page.keyboard.press("Control+s")
        wait_for(lambda: "while eight" in file.read_text(), 20, "a save waits for a connection")
        expect(page.locator(".mlops-Result[aria-busy=true]")).to_have_count(8)
