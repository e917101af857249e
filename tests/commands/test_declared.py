"""The form of a headless run offers what `mlops run` would take."""

from __future__ import annotations

import pytest

from mlops_jupyter.commands.declared import declared


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("depth: int = 3  # how deep", [("depth", 3, "int", "how deep")]),
        ("layers = [\n    64,\n    32,\n]  # sizes", [("layers", [64, 32], "list", "sizes")]),
        ("size = None  # type: float  as a share", [("size", None, "float", "as a share")]),
        ("name: str = f()", [("name", "f()", "str", "")]),
        ("depth = 3\ndepth = 4", [("depth", 4, "int", "")]),
        # Papermill cannot read these, and nothing could be passed to them.
        ("a = b = 3", []),
        ("x = 3; y = 4", []),
        ("import os\nos.abort()", []),
        ("", []),
    ],
)
def test_what_a_cell_declares(source, told):
    assert [(one.name, one.default, one.type, one.help) for one in declared(source)] == told


@pytest.mark.parametrize(("kernel", "language"), [("ir", "R"), ("forth", "forth")])
def test_a_language_that_is_not_read_declares_nothing(kernel, language):
    assert declared("depth = 3", kernel, language) == ()
