"""The versions of a notebook in a real JupyterLab: the diff word by word, images side by side, runs compared."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from playwright.sync_api import Page, expect

from tests.e2e import test_jupyterlab as browser
from tests.e2e.test_live_chart import until
from tests.fakes.repositories import git, write

pytestmark = browser.pytestmark
lab, page = browser.lab, browser.page

PLOT = """import base64, struct, zlib
from IPython.display import Image

def picture(shade, side=64):
    rows = b"".join(b"\\0" + bytes((x * shade) % 256 for x in range(side)) for y in range(side))
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")

Image(picture(SHADE), width=160)
"""
TRAIN = """%%mlops track forest --param depth --no-live
import mlops_jupyter as mlops

depth = DEPTH
for step in range(20):
    mlops.log(loss=1 / (step + depth), accuracy=1 - 1 / (step + depth))
print(f"trained with depth {depth}")
"""


def cells(shade: int, depth: int) -> dict[str, str]:
    return {
        "load": "%load_ext mlops_jupyter",
        "plot": PLOT.replace("SHADE", str(shade)),
        "train": TRAIN.replace("DEPTH", str(depth)),
    }


def execute(path: Path, sources: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a notebook, and execute it as a headless run would, so that its run keeps it."""
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(source, id=ident) for ident, source in sources.items()]
    notebook.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
    nbformat.write(notebook, path)
    with monkeypatch.context() as patch:
        patch.setenv("MLOPS_JUPYTER_NOTEBOOK", str(path))
        NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(path.parent)}}).execute()
    nbformat.write(notebook, path)


@pytest.fixture
def repository(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A notebook that was executed and committed, edited, and executed again."""
    git(project, "init", "-q", "-b", "main")
    write(project, ".gitignore", ".mlops/\n")
    execute(project / "train.ipynb", cells(3, 2), monkeypatch)
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "a first forest")
    execute(project / "train.ipynb", cells(5, 4) | {"new": "print('a new cell')"}, monkeypatch)
    return project


def type_cell(page: Page, source: str) -> None:
    """Add a cell at the notebook's end and run it."""
    page.evaluate(
        """async source => {
            const app = window.jupyterapp;
            const notebook = app.shell.currentWidget.content;
            notebook.activeCellIndex = notebook.widgets.length - 1;
            await app.commands.execute('notebook:insert-cell-below');
            notebook.activeCell.model.sharedModel.setSource(source);
            await app.commands.execute('notebook:run-cell');
        }""",
        source,
    )


def test_a_diff_and_a_comparison_as_people_see_them(lab: str, page: Page, repository: Path):
    page.set_viewport_size({"width": 1000, "height": 900})
    browser.open_notebook(page, lab, "train.ipynb")
    browser.close_left_sidebar(page)
    type_cell(page, "%load_ext mlops_jupyter")
    type_cell(page, "%mlops diff")
    diff = page.locator(".jp-OutputArea-output", has_text="a first forest").last
    expect(diff).to_be_visible()
    expect(diff.locator("del", has_text="2").first).to_be_visible()
    expect(diff.locator("ins", has_text="4").first).to_be_visible()
    images = diff.locator("img")
    expect(images).to_have_count(2)
    drawn = "all => all.every(one => one.complete && one.naturalWidth === 64)"
    until(lambda: images.evaluate_all(drawn), "the images are not drawn")
    expect(diff).to_contain_text("added")
    diff.scroll_into_view_if_needed()
    browser.picture(page, "diff")

    type_cell(page, "import mlops_jupyter")
    type_cell(page, "mlops_jupyter.compare(*[one.run_id for one in mlops_jupyter.runs()][::-1])")
    comparison = page.locator(".jp-OutputArea-output", has_text="better (★)").last
    expect(comparison).to_be_visible()
    expect(comparison).to_contain_text("notebook")
    expect(comparison).to_contain_text("- depth = 2")
    comparison.scroll_into_view_if_needed()
    browser.picture(page, "compare")
