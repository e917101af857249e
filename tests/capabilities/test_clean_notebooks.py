"""What is remembered of notebooks without secrets."""

from __future__ import annotations

import json
import time

import pytest

from mlops_jupyter.capabilities.clean_notebooks import CleanNotebooks

NOTEBOOK = {"cells": [{"source": "x = 1"}]}


def test_the_same_notebook_is_known_for_a_day(tmp_path):
    file = tmp_path / "clean"
    key = CleanNotebooks.key(NOTEBOOK, ())
    assert not CleanNotebooks(file).holds(key)
    CleanNotebooks(file).add(key)
    assert CleanNotebooks(file).holds(key)
    file.write_text(json.dumps({key: time.time() - 25 * 3600}))
    assert not CleanNotebooks(file).holds(key)


def test_another_notebook_or_another_permission_is_another(tmp_path):
    keys = {
        CleanNotebooks.key(NOTEBOOK, ()),
        CleanNotebooks.key({"cells": [{"source": "x = 2"}]}, ()),
        CleanNotebooks.key(NOTEBOOK, ("f1",)),
    }
    assert len(keys) == 3


@pytest.mark.parametrize("content", ["", "{", "[]x", '{"a": "b"}'])
def test_a_file_that_cannot_be_read_costs_a_scan(tmp_path, content):
    file = tmp_path / "clean"
    file.write_text(content)
    assert not CleanNotebooks(file).holds("a")
    CleanNotebooks(file).add("a")
    assert CleanNotebooks(file).holds("a")


def test_only_so_many_are_kept(tmp_path):
    file = tmp_path / "clean"
    file.write_text(json.dumps({f"k{n}": time.time() - 600 + n for n in range(600)}))
    CleanNotebooks(file).add("new")
    kept = json.loads(file.read_text())
    assert (len(kept), "new" in kept, "k0" in kept) == (500, True, False)
