"""What the extension shows can be used by keyboard and screen reader, in both themes: axe-core finds nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.conftest import REPOSITORY
from tests.e2e import test_jupyterlab as browser
from tests.e2e import test_lab_panels, test_monitor
from tests.e2e.test_cells_in_lab import LOAD, badges
from tests.e2e.test_jupyterlab import open_notebook, run_all
from tests.e2e.test_lab_extension import palette
from tests.e2e.test_lab_panels import dark, section, sidebar
from tests.fakes.notebooks import write_notebook

AXE = REPOSITORY / "labextension" / "node_modules" / "axe-core" / "axe.min.js"
pytestmark = [
    browser.pytestmark,
    pytest.mark.skipif(not AXE.exists(), reason="axe-core is missing: cd labextension && npm ci"),
]
lab, page, churn = browser.lab, browser.page, test_monitor.churn
card, monitor = test_lab_panels.card, test_lab_panels.monitor

# Level A and AA of WCAG 2.2, and what axe's authors advise beyond.
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Of a whole page: JupyterLab's own headings and landmarks are not ours.
OF_A_PAGE = ["region", "page-has-heading-one", "landmark-one-main", "heading-order"]


def complaints(page: Page, selector: str) -> list[str]:
    """Return what axe finds wrong in a part of the page: the rule, and where."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    options = {
        "runOnly": {"type": "tag", "values": TAGS},
        "rules": {rule: {"enabled": False} for rule in OF_A_PAGE},
    }
    # JupyterLab's own buttons say that they are not pressed, which theirs cannot be.
    where = {"include": [selector], "exclude": ["jp-button"]}
    found = page.evaluate(
        "async ([where, options]) => (await window.axe.run(where, options)).violations", [where, options]
    )
    return [
        f"{one['id']}: {one['help']}: {node['html'][:200]} {node['failureSummary'][:200]}"
        for one in found
        for node in one["nodes"]
    ]


def in_both_themes(page: Page, *selectors: str) -> None:
    """Look at parts of the page as it is, light and dark."""
    found = {f"{selector}, light": complaints(page, selector) for selector in selectors}
    dark(page)
    found |= {f"{selector}, dark": complaints(page, selector) for selector in selectors}
    wrong = {where: what for where, what in found.items() if what}
    assert not wrong, json.dumps(wrong, indent=1, ensure_ascii=False)


def test_the_sidebar(card: Locator, page: Page):
    page.locator(".jp-NotebookPanel-toolbar").get_by_title("Keep the notebook as it is now").click()
    expect(section(page, "versions").locator(".mlops-Kept")).to_have_count(1, timeout=60_000)
    expect(section(page, "models").locator(".mlops-Version").first).to_be_visible(timeout=60_000)
    in_both_themes(page, "#mlops-sidebar", "#mlops-runs", ".mlops-Status")


def test_cells_and_their_runs(lab: str, page: Page, project: Path):
    tracked = "%%mlops track fit\nimport mlops_jupyter\nmlops_jupyter.log(accuracy=0.75)"
    write_notebook(project / "train.ipynb", LOAD, tracked, "%%mlops track broken\n1 / 0")
    open_notebook(page, lab, "train.ipynb")
    run_all(page)
    expect(badges(page)).to_have_count(2)
    sidebar(page)
    expect(page.locator(".mlops-Row:not([hidden])")).to_have_count(2, timeout=60_000)
    in_both_themes(page, ".mlops-Badge", "#mlops-runs", "[data-jp-item-name='mlops-track']")
    badges(page).first.click()
    expect(page.locator(".mlops-Result table")).to_contain_text("fit")
    in_both_themes(page, ".mlops-Result")


def test_a_form_and_its_result(lab: str, page: Page, project: Path):
    write_notebook(project / "train.ipynb", "x = 1")
    open_notebook(page, lab, "train.ipynb")
    palette(page, "mlops run", "Run notebooks headless")
    expect(page.locator(".jp-Dialog .mlops-Form")).to_be_visible()
    in_both_themes(page, ".mlops-Form")


def test_the_dashboard(monitor: Locator, page: Page):
    monitor.locator(".mlops-drift-row", has_text="age").click()
    expect(monitor.locator(".mlops-histogram")).to_be_visible()
    in_both_themes(page, ".mlops-monitor")


def test_the_log(card: Locator, page: Page):
    card.get_by_role("button", name="Logs").click()
    expect(page.get_by_role("log")).not_to_be_empty()
    in_both_themes(page, ".mlops-Logs")
