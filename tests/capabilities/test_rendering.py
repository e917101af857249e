from pathlib import Path

import pytest

from mlops_jupyter.capabilities.rendering import Renderings
from tests.fakes.pages import FakePages


@pytest.fixture
def maker():
    return FakePages()


@pytest.fixture
def pages(maker):
    found = Renderings(maker.start)
    yield found
    found.close()


@pytest.fixture
def ask(pages, tmp_path):
    """Ask for the page of a notebook with this text; return what is delivered."""

    def asking(text):
        notebook = tmp_path / "notebook.ipynb"
        notebook.write_text(text)
        delivered: list[str] = []
        pages.ask(notebook, lambda page: delivered.append(page.read_text()))
        # The run's own file goes as soon as the run is in its store.
        notebook.unlink()
        return delivered

    return asking


def test_a_page_is_delivered_when_it_is_made(pages, maker, ask):
    delivered = ask("a")
    pages.turn()
    assert pages.pending
    assert delivered == []
    maker.started[0].end()
    pages.turn()
    assert delivered == ["<p>a</p>"]
    assert not pages.pending


def test_runs_of_one_notebook_share_its_page(pages, maker, ask):
    first, second = ask("a"), ask("a")
    pages.turn()
    maker.started[0].end()
    pages.turn()
    third = ask("a")
    pages.turn()
    assert (first, second, third) == (["<p>a</p>"],) * 3
    assert len(maker.started) == 1


def test_one_after_the_other(pages, maker, ask):
    first, second = ask("a"), ask("b")
    pages.turn()
    assert len(maker.started) == 1
    maker.started[0].end()
    pages.turn()
    pages.turn()
    maker.started[1].end()
    pages.turn()
    assert (first, second) == (["<p>a</p>"], ["<p>b</p>"])


def test_a_page_that_fails_is_told_and_the_next_is_made(pages, maker, ask):
    lost, made = ask("a"), ask("b")
    pages.turn()
    maker.started[0].end(3)
    pages.turn()
    pages.turn()
    maker.started[1].end()
    pages.turn()
    assert list(pages.problems.values()) == ["a notebook was not rendered: the process ended with 3"]
    assert (lost, made) == ([], ["<p>b</p>"])
    assert not pages.pending


def test_many_pages_leave_few_files(pages, maker, ask):
    maker.at_once = True
    for number in range(60):
        ask(str(number))
        pages.turn()
        pages.turn()
    folder = maker.started[0].page.parents[1]
    assert len(list(folder.iterdir())) <= 21


def test_the_end_leaves_nothing(pages, maker, ask):
    ask("a")
    pages.turn()
    folder: Path = maker.started[0].page.parents[1]
    pages.close()
    assert maker.started[0].killed
    assert not folder.exists()
    pages.close()
