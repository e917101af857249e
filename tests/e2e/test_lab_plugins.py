"""Each of the extension's plugins can be disabled alone: the others start, and nothing that is offered is dead."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import nbformat
from playwright.sync_api import Page, expect

from tests.conftest import REPOSITORY
from tests.e2e import test_jupyterlab as browser
from tests.fakes.notebooks import write_notebook

pytestmark = browser.pytestmark
lab, page, complaints = browser.lab, browser.page, browser.complaints

SOURCES = REPOSITORY / "labextension" / "src" / "lab"
RUN = {"run_id": "0" * 32, "name": "fit", "status": "FINISHED", "started": "2026-01-01T00:00:00Z", "tags": {}}


def plugins() -> list[str]:
    found = [re.findall(r'"(mlops-jupyter:[a-z]+)"', one.read_text(encoding="utf-8")) for one in SOURCES.glob("*.ts")]
    return sorted({name for names in found for name in names} - {"mlops-jupyter:document"})


def test_each_plugin_can_be_disabled_alone(lab: str, page: Page, complaints: list[str], project: Path):
    path = write_notebook(project / "train.ipynb", "%%mlops track fit\npass")
    notebook = nbformat.read(path, as_version=4)
    data = {"application/vnd.mlops-jupyter.run+json": RUN, "text/plain": "fit"}
    notebook.cells[-1].outputs = [nbformat.v4.new_output("display_data", data=data)]
    nbformat.write(notebook, path)
    config = Path(os.environ["HOME"], ".jupyter", "labconfig", "page_config.json")
    config.parent.mkdir(parents=True, exist_ok=True)
    all_ = plugins()
    assert len(all_) == 9
    badge = page.locator(".mlops-Badge")
    for disabled in all_:
        config.write_text(json.dumps({"disabledExtensions": {disabled: True}}))
        page.goto(f"{lab}lab/tree/train.ipynb?token={browser.TOKEN}&reset")
        page.locator(".jp-Notebook").wait_for()
        active = page.evaluate("all => all.filter(one => window.jupyterapp.isPluginActivated(one))", all_)
        assert sorted(active) == [one for one in all_ if one != disabled]
        if disabled != "mlops-jupyter:badges":
            expect(badge).to_contain_text("fit")
            # A click would show the run, by a command of this plugin.
            tag = "SPAN" if disabled == "mlops-jupyter:notebook" else "BUTTON"
            assert badge.evaluate("one => one.tagName") == tag
        if disabled != "mlops-jupyter:sidebar":
            page.evaluate("() => window.jupyterapp.commands.execute('mlops:show-sidebar')")
            kept = page.locator("#mlops-versions").get_by_role("button", name="Snapshot")
            expect(page.locator("#mlops-versions")).to_contain_text("train.ipynb")
            expect(kept).to_be_visible(visible=disabled != "mlops-jupyter:notebook")
        assert [one for one in complaints if "mlops" in one] == [], disabled
