"""Whether what a tracked cell depended on is what its notebook says."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager

from mlops_jupyter.capabilities import honesty
from mlops_jupyter.capabilities.cell_names import names_of
from mlops_jupyter.capabilities.honesty import NotebookNow
from mlops_jupyter.records import Honesty

TRANSFORM = TransformerManager().transform_cell


def notebook(*cells: tuple[str, str], saved_s: float | None = None) -> NotebookNow:
    listed = [{"id": ident, "cell_type": "code", "source": source, "outputs": []} for ident, source in cells]
    return NotebookNow(json.dumps({"nbformat": 4, "nbformat_minor": 5, "cells": listed}).encode(), saved_s)


def judged(ran: list[tuple[str | None, str]], now: NotebookNow | None = None, *, present=lambda name: True) -> Honesty:
    """Judge the last of cells that ran at the seconds 1, 2, 3 and so on; the notebook is as they ran unless told."""
    if now is None and all(ident is not None for ident, _ in ran):
        now = notebook(*{ident: (ident or "", source) for ident, source in ran}.values())
    executed = [(ident, place, source, True, float(place)) for place, (ident, source) in enumerate(ran, 1)]
    return honesty.examine(executed, now, transform=TRANSFORM, present=present)


def sentences(found: Honesty) -> list[str]:
    return [one.sentence for one in found.findings]


def test_a_notebook_that_ran_from_the_top_is_clean():
    found = judged([("a", "import math\nx = 1"), ("b", "def f(n):\n    return n + x"), ("c", "y = f(math.pi)")])
    assert (found.verdict, found.depends_on, found.notes) == ("clean", (1, 2), ())


def test_a_cell_below_that_ran_first():
    ran = [("b", "x = 1"), ("a", "y = x")]
    found = judged(ran, notebook(("a", "y = x"), ("b", "x = 1")))
    assert found.verdict == "out-of-order"
    assert sentences(found) == ["`x` comes from cell [1], which stands below this cell that uses it"]


def test_a_cell_above_that_ran_again_later():
    found = judged([("a", "x = 1"), ("b", "x = x * 2"), ("a", "x = 1"), ("c", "print(x)")])
    order = notebook(("a", "x = 1"), ("b", "x = x * 2"), ("c", "print(x)"))
    assert judged([("a", "x = 1"), ("b", "x = x * 2"), ("c", "print(x)")], order).verdict == "clean"
    assert sentences(found) == ["`x` comes from cell [3]; run from the top it would also depend on cell [2]"]


def test_a_cell_that_ran_twice_upon_itself():
    found = judged([("a", "x = 1"), ("b", "x += 1"), ("b", "x += 1"), ("c", "x")])
    assert sentences(found) == ["`x` was left by an earlier run of cell [3], which was run again"]
    # Also without ids, and of the tracked cell itself.
    assert judged([(None, "x = 1"), (None, "x += 1"), (None, "x += 1")]).kinds == ("out-of-order",)


def test_a_cell_that_ran_twice_and_does_the_same_again_is_clean():
    again = [("a", "d = {}"), ("b", "d['k'] = 1\nfor i in range(3):\n    last = i")]
    assert judged([*again, again[1], ("c", "d, last")]).verdict == "clean"


def test_a_cell_above_that_has_not_run():
    order = notebook(("a", "x = 1"), ("b", "x = 2"), ("c", "x"))
    found = judged([("a", "x = 1"), ("c", "x")], order)
    assert sentences(found) == [
        "`x` comes from cell [1]; run from the top it would also depend on a cell above that has not run"
    ]


def test_edited_and_deleted_cells_are_told_from_the_live_document():
    ran = [("a", "x = 1"), ("b", "y = 2"), ("c", "x + y")]
    found = judged(ran, notebook(("a", "x = 3"), ("c", "x + y")))
    assert found.verdict == "edited,deleted"
    assert sentences(found) == [
        "`x` comes from cell [1], which was edited after it ran",
        "`y` comes from cell [2], which was deleted since it ran",
    ]
    assert honesty.tags(found)["mlops.honesty.names"] == "x,y"


@pytest.mark.parametrize(("saved_s", "verdict"), [(5.0, "edited"), (0.5, "unsaved"), (1.0, "unsaved")])
def test_a_file_saved_before_the_cell_ran_says_nothing_of_edits(saved_s, verdict):
    found = judged([("a", "x = 1"), ("c", "x")], notebook(("a", "x = 3"), ("c", "x"), saved_s=saved_s))
    assert found.verdict == verdict


def test_a_cell_that_nothing_depends_on_may_be_anything():
    ran = [("a", "x = 1"), ("b", "import os\nos.getcwd()\nz = 2"), ("c", "x")]
    assert judged(ran, notebook(("a", "x = 1"), ("c", "x"))).verdict == "clean"


def test_what_a_cell_does_to_an_object_counts():
    ran = [("a", "m = make()\nrows = []"), ("b", "m.fit(rows)"), ("c", "m.predict()")]
    names = {"make"}
    found = judged(ran, notebook(ran[0], ("b", "m.fit(other)"), ran[2]), present=lambda name: name not in names)
    assert sentences(found) == ["`m` comes from cell [2], which was edited after it ran"]
    # A plot is no change of the module that plots, but a seed is one.
    ran = [("a", "import numpy as np"), ("b", "np.show()\nnp.random.seed(1)"), ("c", "np.random.rand()")]
    assert judged(ran, notebook(ran[0], ran[2])).verdict == "deleted"
    ran[1] = ("b", "np.show()\n1")
    assert judged(ran, notebook(ran[0], ran[2])).verdict == "clean"


def test_a_function_reads_its_names_when_it_is_used():
    ran = [("a", "def f():\n    return k"), ("b", "k = 1"), ("c", "f()")]
    assert judged(ran).verdict == "clean"
    found = judged(ran, notebook(ran[0], ("b", "k = 2"), ran[2]))
    assert sentences(found) == ["`k` comes from cell [2], which was edited after it ran"]


def test_a_name_that_no_cell_defines():
    found = judged([("a", "x = 1"), ("c", "len(secret_setting) + x")])
    assert sentences(found) == ["`secret_setting` is used by this cell, and no cell defines it"]
    # Where the kernel does not have it either, the code that reads it has not run.
    assert judged([("a", "x = 1"), ("c", "def f(): return never\nf")], present=lambda name: False).verdict == "clean"
    assert judged([("c", "get_ipython(), _, _3, In, __name__, _i2")]).verdict == "clean"


@pytest.mark.parametrize("source", ["from math import *", "%run other.py", "exec('sqrt = 1')", "%pylab"])
def test_what_may_define_any_name_is_said(source):
    found = judged([("a", source), ("c", "sqrt(2)")])
    assert (found.verdict, len(found.notes)) == ("unchecked", 1)
    assert honesty.tags(found) == {"mlops.honesty": "unchecked", "mlops.honesty.says": found.notes[0]}
    assert found.notes[0].startswith("`sqrt` may come from ")


def test_a_cell_that_is_no_python_may_define_any_name():
    assert judged([("a", "x = = 1"), ("c", "y")]).notes == (
        "`y` may come from cell [1], which cannot be read as Python",
    )


def test_without_ids_cells_are_known_by_their_text():
    now = notebook(("a", "x = 1"), ("b", "x + y"))
    for ids in ((None, None), ("of", "another")):
        found = judged([(ids[0], "x = 1"), (ids[1], "x + y")], now)
        assert (found.verdict, found.notes) == ("outside", ())
        found = judged([(ids[0], "x = 2"), (ids[1], "x")], now)
        assert found.verdict == "unchecked"
        assert found.notes[0].startswith("by neither id nor text one cell of the notebook is known for [1]")


def test_parameters_that_a_headless_run_was_given_are_known():
    now = notebook(("a", "depth = 3"), ("b", "x = depth * 2"))
    found = judged([(None, "depth = 3"), (None, "# Parameters\ndepth = 6\n"), (None, "x = depth * 2")], now)
    assert (found.verdict, found.notes) == ("clean", ())


def test_without_the_notebook_only_order_and_outside_can_be_told():
    ran = [(None, "x = 1"), (None, "x")]
    found = judged(ran)
    assert (found.verdict, found.kinds) == ("unchecked", ())
    assert "not known" in found.notes[0]
    assert "not valid JSON" in judged(ran, NotebookNow(b"{", None)).notes[0]
    # What depends on no other cell needs no notebook.
    assert judged([(None, "x = 1"), (None, "y = 2")]).verdict == "clean"
    found = judged([(None, "x = 1"), (None, "x + y")])
    assert found.verdict == "outside,unchecked"


def test_comments_and_spacing_are_no_edits():
    ran = [("a", "x = 1\ny = max(x,2)"), ("c", "y")]
    assert judged(ran, notebook(("a", "# first\nx = 1\n\ny = max(x, 2)  # y"), ("c", "y"))).verdict == "clean"
    assert judged(ran, notebook(("a", "x = 1\ny = max(x, 3)"), ("c", "y"))).verdict == "edited"
    assert judged(ran, notebook(("a", "x = 1\ny = max(x,"), ("c", "y"))).verdict == "edited"
    ran = [("a", "%%capture\nx = 1"), ("c", "x")]
    assert judged(ran, notebook(("a", "%%capture\nx = 1 "), ("c", "x"))).verdict == "clean"
    assert judged(ran, notebook(("a", "%%capture\nx =  1"), ("c", "x"))).verdict == "edited"


def test_cells_that_ran_before_the_extension_was_loaded_are_known_by_their_text():
    order = notebook(("a", "x = 1"), ("c", "x"))
    assert judged([(None, "x = 1"), ("c", "x")], order).verdict == "clean"


NAMES = [
    ("x = y + 1\nz = x", "y", "x z"),
    ("x: int = n", "int n", "x"),
    ("for i in rows:\n    t = i", "rows", ""),
    ("if c:\n    a = 1\nelse:\n    a = 2", "c", "a"),
    ("with open(p) as f, g() as (h, k):\n    t = f.read()", "g open p", "f h k t"),
    ("print((n := 3) + n)", "print", "n"),
    ("[a * b for a in q if a > (m := 1)]", "b q", "m"),
    ("match v:\n    case [1, *rest]:\n        pass\n    case {'k': w, **more}:\n        pass", "v", ""),
    ("import a.b, c as d\nfrom e import f as g", "", "a d g"),
    ("class A(B):\n    k = s\n    def m(self):\n        return later", "B s", "A"),
    ("def f(a=d):\n    global g\n    g = a\nf()", "d", "f"),
    ("f = lambda u: u + later", "", "f"),
    ("def f():\n    return now\nf()", "now", "f"),
    ("await job", "job", ""),
    ("%time r = work(u)", "u work", "r"),
    ("%%time\nr = work(u)", "u work", "r"),
    ("%%capture out\nr = 1", "", "out r"),
    ("!ls {folder}", "", ""),
    ("%%bash\necho $x", "", ""),
    ("%matplotlib inline\nx = 1", "", "x"),
    ("x?\ny = 1", "", "y"),
    ("files = !ls", "", "files"),
    ("try:\n    import fast\nexcept ImportError:\n    fast = None", "ImportError", "fast"),
    ("x = 1\ndel x", "", ""),
    ("%%mlops track one --param a\nb = a", "a", "b"),
]


@pytest.mark.parametrize(("source", "uses", "defines"), NAMES)
def test_names_of_a_cell(source, uses, defines):
    found = names_of(source, TRANSFORM)
    assert found is not None
    assert sorted(found.uses - {"get_ipython", "ImportError"}) == sorted(set(uses.split()) - {"ImportError"})
    assert sorted(found.defines) == sorted(defines.split())


@given(st.lists(st.sampled_from([source for source, _, _ in NAMES] + ["x = = 1", ""]), max_size=6), st.randoms())
def test_whatever_cells_are_run_in_whatever_order_it_answers(sources, random):
    cells = [(f"c{place}", source) for place, source in enumerate(sources)]
    ran = random.choices(cells, k=8) if cells else []
    found = judged([*ran, ("last", "x")], notebook(*cells, ("last", "x")))
    assert set(found.kinds) <= {"out-of-order", "outside"}


def test_two_hundred_cells_take_no_time():
    body = "\n".join(
        f"def f{i}(a, b=1):\n    return [a * b + base for a in range(b)]\nv{i} = f{i}(3)\ndf['c{i}'] = v{i} + {i}\n"
        for i in range(3)
    )
    ran = [("a", "base, df = 1, {}"), *((f"c{n}", body.replace("df", f"df{n % 7}")) for n in range(198)), ("z", "v1")]
    now = notebook(*ran)
    started = time.perf_counter()
    assert judged(ran, now).depends_on
    first = time.perf_counter() - started
    started = time.perf_counter()
    judged(ran, now)
    again = time.perf_counter() - started
    print(f"{first * 1000:.0f} ms, again {again * 1000:.0f} ms")
    # Ten times what a quiet machine takes.
    assert first < 2
    assert again < 0.5


@pytest.mark.parametrize(
    ("words", "together"),
    [
        ([], None),
        ([None, ""], None),
        (["clean", None, "clean"], "clean"),
        (["clean", "edited", "out-of-order,edited"], "edited,out-of-order"),
        (["unknown", "clean"], "unknown"),
    ],
)
def test_several_runs_are_as_honest_as_the_worst(words, together):
    tags = [{} if word is None else {honesty.HONESTY_TAG: word} for word in words]
    assert honesty.verdict_of(tags) == together
