"""The page for trying an endpoint, opened by its plain address in a real browser, without Jupyter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import test_jupyterlab as browser
from tests.fakes.workers import TOKEN, RunningWorker, plan_of, planned

pytestmark = browser.pytestmark
page = browser.page
# What a browser would run if it were put into the page as HTML.
EVIL = "m<img src=x onerror=document.title='run'>"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    worker = RunningWorker(tmp_path, plan_of(planned("Runner", tmp_path, model=EVIL)))
    try:
        worker.ready()
        yield "http://{}:{}/".format(*worker.address)
    finally:
        worker.close()


def test_the_page_opens_by_its_link_and_asks_for_the_token(address: str, page: Page):
    # A cookie of a Jupyter server on this machine is sent to every port of it.
    page.context.add_cookies([{"name": "_xsrf", "value": "2|x", "url": address}])
    answer = page.goto(address)
    assert answer is not None
    assert page.url == f"{address}docs"
    assert "onerror" not in answer.text()
    expect(page.get_by_label("Token")).to_be_visible()
    expect(page.get_by_label("Request")).to_be_hidden()
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).to_have_text("The token is another.")

    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{EVIL} 1")
    expect(page.get_by_label("Token")).to_be_hidden()
    expect(page.locator("#inputs tr")).to_have_text(["aFP64[-1]", "bFP64[-1]"])
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("status")).to_contain_text("200 in")
    expect(page.locator("#answer")).to_contain_text('{"predictions":[3.0')
    page.get_by_label("Protocol").select_option(index=1)
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#answer")).to_contain_text('"outputs"')
    assert page.title() == f"{EVIL} 1"

    # The token is nowhere that is kept: not in the address, and gone with the page.
    assert page.url == f"{address}docs"
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert TOKEN not in page.evaluate("document.cookie")
    page.reload()
    expect(page.get_by_label("Token")).to_be_visible()
    expect(page.get_by_label("Token")).to_have_value("")
