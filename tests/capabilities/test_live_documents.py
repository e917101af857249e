from pathlib import Path

import pytest

from mlops_jupyter.capabilities import live_documents


@pytest.fixture(autouse=True)
def _forgotten():
    yield
    live_documents.forget()


def test_the_document_told_last_counts():
    live_documents.tell("work/train.ipynb", b"1")
    live_documents.tell("work/train.ipynb", b"2")
    assert live_documents.content_of(Path("/home/ana/work/train.ipynb")) == b"2"


def test_another_notebook_is_not_meant():
    live_documents.tell("work/train.ipynb", b"1")
    assert live_documents.content_of(Path("/home/ana/play/train.ipynb")) is None
    assert live_documents.content_of(Path("/home/ana/work/retrain.ipynb")) is None


def test_an_absolute_path_is_one():
    live_documents.tell("/home/ana/train.ipynb", b"1")
    assert live_documents.content_of(Path("/home/ana/train.ipynb")) == b"1"
    assert live_documents.content_of(Path("/srv/home/ana/train.ipynb")) is None


def test_it_keeps_a_few_and_forgets():
    for number in range(20):
        live_documents.tell(f"{number}.ipynb", b"x")
    assert live_documents.content_of(Path("/0.ipynb")) is None
    assert live_documents.content_of(Path("/19.ipynb")) == b"x"
    live_documents.forget()
    assert live_documents.content_of(Path("/19.ipynb")) is None
