"""The tutorial as on Binder: the environment that ``binder/`` describes, behind a hub's prefix, within 2 GB."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import nbformat
from jupyter_server.serverapp import ServerApp
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from playwright.sync_api import Page, expect

from tests.conftest import REPOSITORY
from tests.e2e import test_jupyterlab as browser
from tests.e2e.test_jupyterlab import KERNEL, READY, close_left_sidebar, picture
from tests.fakes.binder import Image, Memory
from tests.fakes.notebooks import saved
from tests.fakes.waiting import wait_for

pytestmark = browser.pytestmark
page = browser.page

LIMIT_BYTES = 2_000_000_000
# What each saved notebook shows: kinds of records, in alphabetical order, and pictures.
SHOWN = {
    "01_track": "run run runtable",
    "02_version": "comparison history notebookdiff restored run run snapshot",
    "03_run": "batch execution image/png reproduction",
    "04_deploy": "deployment deployments image/png prediction run undeployed",
    "05_monitor": "deployment driftreport monitored run undeployed",
    "06_ship": "deployment exported exported modeltable pipelinefile pipelinefile prediction promotion promotion "
    "registeredversion registeredversion run run undeployed",
}
TUTORIAL = list(SHOWN)
PANEL = "window.jupyterapp.shell.currentWidget"
# Of the notebook in front: how many code cells have not run to their end, and what errors there are.
STATE = f"""() => {{
    const cells = [...{PANEL}.model.cells].filter(cell => cell.type === 'code').map(cell => cell.toJSON());
    const outputs = cells.flatMap(cell => cell.outputs);
    return {{
        waiting: cells.filter(cell => cell.execution_count === null).length,
        errors: outputs.filter(one => one.output_type === 'error').map(one => `${{one.ename}}: ${{one.evalue}}`),
    }};
}}"""


def run_to_the_end(page: Page, file: Path) -> None:
    """Run the notebook in front from the first to the last cell, and save it."""
    # What is awaited in the page has no limit of time, so nothing is.
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")

    def over() -> bool:
        state = page.evaluate(STATE)
        assert state["errors"] == [], f"{file.name}: {state['errors']}"
        return not state["waiting"] and page.evaluate(f"() => {KERNEL}.status") == "idle"

    def is_saved() -> bool:
        assert page.locator(".jp-Dialog").all_inner_texts() == []
        cells = saved(file).cells
        return all(cell.execution_count for cell in cells if cell.cell_type == "code")

    wait_for(over, 600, f"{file.name} does not come to its end")
    page.evaluate("() => { window.jupyterapp.commands.execute('docmanager:save'); }")
    wait_for(is_saved, 60, f"JupyterLab does not save {file.name}")


def shown(notebook: Any) -> str:
    """Name what outputs there are, by their records and as pictures."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert [one for one in outputs if one.output_type == "error" or one.get("name") == "stderr"] == []
    kinds = [kind for output in outputs for kind in output.get("data", {})]
    ours = "application/vnd.mlops-jupyter."
    found = [kind.removeprefix(ours).removesuffix("+json") for kind in kinds if kind.startswith((ours, "image/png"))]
    return " ".join(sorted(found))


def read_on(page: Page, name: str) -> None:
    """Shut the kernel down, as the notebook says at its end, and follow its link."""
    page.evaluate("() => window.jupyterapp.commands.execute('kernelmenu:shutdown')")
    page.wait_for_function(f"() => !{PANEL}.sessionContext.session?.kernel")
    page.evaluate(f"() => {PANEL}.content.activeCellIndex = {PANEL}.content.widgets.length - 1")
    link = page.locator(f".jp-MarkdownOutput a[href*='{name}.ipynb']:visible").last
    link.scroll_into_view_if_needed()
    link.click()
    page.wait_for_function(f"name => {PANEL}?.context?.path === name", arg=f"notebooks/{name}.ipynb")
    page.wait_for_function(READY)


def test_kernels_that_nobody_uses_are_ended(tmp_path: Path):
    """They would need more than a session has; it suits a demo only if it is not the default of an hour or never."""
    shutil.copy(REPOSITORY / "binder" / "jupyter_server_config.json", tmp_path)
    app = ServerApp(config_dir=str(tmp_path))
    app.load_config_file()
    manager = AsyncMappingKernelManager(config=app.config)
    assert manager.cull_connected
    assert 0 < manager.cull_idle_timeout + manager.cull_interval <= 300


def test_the_tutorial_is_all_of_the_notebooks():
    assert [one.stem for one in sorted((REPOSITORY / "notebooks").glob("*.ipynb"))] == TUTORIAL


def test_every_notebook_on_binder_from_its_first_to_its_last_cell(page: Page, tmp_path: Path, capsys):
    image = Image.build(tmp_path)
    with image.session() as address, Memory(image) as memory:
        page.goto(address)
        page.locator(".jp-Notebook").wait_for()
        page.wait_for_function(READY)
        page.set_viewport_size({"width": 1280, "height": 900})
        close_left_sidebar(page)
        expect(page.locator(".Toastify__toast")).to_have_count(0)
        for place, name in enumerate(TUTORIAL):
            if place:
                read_on(page, name)
            run_to_the_end(page, image.home / "notebooks" / f"{name}.ipynb")
            picture(page, f"binder-{name}")
        left = [" ".join(one.cmdline()) for one in image.processes()]
    with capsys.disabled():
        print(f"\nthe tutorial on Binder:\n{memory}")
    # The server, the last kernel, and what ships its runs; no endpoint.
    assert [words for words in left if "mlops_jupyter.serving" in words] == []
    for name in TUTORIAL:
        notebook = nbformat.read(image.home / "notebooks" / f"{name}.ipynb", as_version=4)
        assert (name, shown(notebook)) == (name, SHOWN[name])
    assert memory.peak_bytes < LIMIT_BYTES, str(memory)
