import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.capabilities.notebooks.reading import ids, read, source
from mlops_jupyter.errors import ConfigurationError

NOTEBOOK = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}


def code(text="x = 1", ident="a", **more):
    return {"cell_type": "code", "id": ident, "metadata": {}, "source": text, "outputs": [], **more}


def as_bytes(*cells, **more):
    return json.dumps({**NOTEBOOK, "cells": list(cells), **more}).encode()


def test_a_notebook_is_its_json():
    told = read(as_bytes(code(["a\n", "b"])), "train.ipynb")
    assert told["cells"][0]["source"] == ["a\n", "b"]
    assert source(told["cells"][0]) == "a\nb"


def test_what_other_tools_write_is_taken():
    assert read(b"\xef\xbb\xbf" + as_bytes(), "n")["cells"] == []
    assert read(as_bytes(metadata={"loss": float("nan")}), "n")["metadata"]["loss"] != 0
    assert list(ids(read(as_bytes(code(ident="a"), code(ident="a"), {**code(), "id": None}), "n"))) == ["a", None, None]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b"{", "not valid JSON"),
        (b"\x80\x81 {}", "not UTF-8: byte 0"),
        (b"[]", "no nbformat"),
        (b'{"nbformat": "4"}', "no nbformat"),
        (b'{"nbformat": 3, "worksheets": []}', "format 3; this takes format 4"),
        (b'{"nbformat": 5, "cells": []}', "format 5"),
        (b'{"nbformat": 4}', "no list of cells"),
        (as_bytes({"cell_type": "code"}), "cell 0 has no type or no source"),
        (as_bytes(code(), {**code(), "source": [1]}), "cell 1 has no type or no source"),
        (as_bytes({**code(), "outputs": ["text"]}), "outputs of cell 0"),
        (b'{"cells": [\n<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> theirs\n]}', "conflict markers"),
        (b"[" * 100_000, "no notebook"),
    ],
)
def test_what_is_no_notebook_is_told(content, said):
    with pytest.raises(ConfigurationError, match=said) as told:
        read(content, "train.ipynb")
    assert "train.ipynb" in told.value.message


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda more: st.lists(more) | st.dictionaries(st.text(), more),
    )
)
def test_any_json_is_read_or_refused(value):
    try:
        told = read(json.dumps(value).encode(), "n")
    except ConfigurationError:
        return
    assert told["nbformat"] == 4


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content):
    with pytest.raises(ConfigurationError):
        read(content, "n")
