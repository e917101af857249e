"""What differs between two notebooks, held against nbdime on its own test notebooks."""

from __future__ import annotations

import base64
import copy
import itertools
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import nbdime
import nbformat
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter import registry
from mlops_jupyter.capabilities.notebooks import diffing, reading
from mlops_jupyter.capabilities.notebooks.alignment import align, moved
from mlops_jupyter.capabilities.notebooks.lines import line_edits
from mlops_jupyter.records import NotebookDiff, Version

VERSIONS = Version("file", "a", "a"), Version("file", "b", "b")
NBDIME_FILES = sorted((Path(nbdime.__file__).parent / "tests" / "files").glob("*.ipynb"))
PIXEL = base64.b64encode(b"\x89PNG one").decode()


def aligner(before, after):
    return registry.load("notebook_differ", "nbdime")().align(before, after)


def nobody(before, after):
    raise AssertionError("ids tell which cell is which")


def cell(
    ident: str | None, source: str = "x", outputs: Any = (), kind: str = "code", **metadata: Any
) -> dict[str, Any]:
    told: dict[str, Any] = {"cell_type": kind, "metadata": metadata, "source": source}
    if ident is not None:
        told["id"] = ident
    return told | ({"outputs": list(outputs), "execution_count": None} if kind == "code" else {})


def book(*cells: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": list(cells)}


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def image(data: str = PIXEL, **more: str) -> dict[str, Any]:
    return {
        "output_type": "display_data",
        "metadata": {},
        "data": {"image/png": data, "text/plain": "<Figure>", **more},
    }


def told(before: dict[str, Any], after: dict[str, Any], by: Any = nobody) -> NotebookDiff:
    return diffing.diff(before, after, VERSIONS, by)


def kinds(found: NotebookDiff) -> list[tuple[str, str | None]]:
    return [(one.kind, one.ident) for one in found.cells]


# --- beside nbdime -----------------------------------------------------------------------------------------------


def _by_nbdime(before: Any, after: Any) -> tuple[set[int], int, set[int]]:
    """Which cells nbdime removes, how many it adds, and which it changes, noise apart."""
    removed: set[int] = set()
    changed: set[int] = set()
    added = 0
    for operation in nbdime.diff_notebooks(before, after):
        for one in operation.diff if operation.key == "cells" else ():
            if one.op == "removerange":
                removed |= set(range(one.key, one.key + one.length))
            elif one.op == "addrange":
                added += len(one.valuelist)
            elif any(map(_tells, one.diff)):
                changed.add(one.key)
    return removed, added, changed


def _tells(one: Any) -> bool:
    if one.key in {"execution_count", "id"}:
        return False
    if one.key == "metadata":
        return bool({inner.key for inner in one.diff} - diffing._CELL_NOISE)
    if one.key == "outputs":
        noise = {"execution_count", "metadata"}
        return any(inner.op != "patch" or any(part.key not in noise for part in inner.diff) for inner in one.diff)
    return True


def _same_as_nbdime(first: Path, second: Path, *, with_ids: bool) -> None:
    before, after = (reading.read(file.read_bytes(), file.name) for file in (first, second))
    theirs = [nbformat.read(file, 4) for file in (first, second)]
    for one in () if with_ids else (before, after, *theirs):
        one["nbformat_minor"] = 4
        for each in one["cells"]:
            each.pop("id", None)
    ours = told(before, after, aligner)
    removed = {one.place_before for one in ours.cells if one.kind == "removed"}
    changed = {one.place_before for one in ours.cells if one.kind in {"changed", "moved"}}
    added = sum(one.kind == "added" for one in ours.cells)
    assert (removed, added, changed) == _by_nbdime(*theirs), (first.name, second.name)


def test_nbdime_s_own_notebooks_differ_in_the_same_cells():
    pairs = list(itertools.permutations(NBDIME_FILES, 2))
    for first, second in pairs:
        _same_as_nbdime(first, second, with_ids=True)
    assert len(pairs) > 2000


def test_they_differ_in_the_same_cells_when_ids_are_gone():
    with_ids = {file for file in NBDIME_FILES if any(reading.ids(reading.read(file.read_bytes(), file.name)))}
    pairs = [pair for pair in itertools.permutations(NBDIME_FILES, 2) if with_ids.intersection(pair)]
    for first, second in pairs:
        _same_as_nbdime(first, second, with_ids=False)
    assert len(pairs) > 100


# --- what is told ------------------------------------------------------------------------------------------------


def test_equal_notebooks():
    one = book(cell("a", "x = 1", [stream("1\n"), image()]), cell("b", "words", kind="markdown"))
    found = told(one, copy.deepcopy(one))
    assert (found.cells, found.equal, found.noise, found.differs) == ((), 2, 0, False)


def test_a_source_word_by_word():
    found = told(book(cell("a", "x = f(1)\ny = 2\n")), book(cell("a", "x = g(1)\ny = 2\n")))
    assert kinds(found) == [("changed", "a")]
    removed, added, *rest = found.cells[0].source
    assert (removed.mark, removed.text, removed.words) == ("-", "x = f(1)", ((4, 5),))
    assert (added.mark, added.text, added.words) == ("+", "x = g(1)", ((4, 5),))
    assert {line.mark for line in rest} == {" "}


def test_added_removed_and_moved_cells():
    before = book(cell("a"), cell("b", "y"), cell("c", "z"), cell("d", "w"))
    after = book(cell("d", "w"), cell("a"), cell("new", "n"), cell("c", "z"))
    found = told(before, after, lambda _before, _after: [])
    assert kinds(found) == [("moved", "d"), ("removed", "b"), ("added", "new")]
    assert [(one.place_before, one.place_after) for one in found.cells] == [(3, 0), (1, None), (None, 2)]
    assert found.equal == 2
    assert [line.mark for line in found.cells[1].source] == ["-"]
    assert [line.mark for line in found.cells[2].source] == ["+"]


def test_a_cell_that_moved_and_changed():
    found = told(book(cell("a"), cell("b", "y")), book(cell("b", "y = 2"), cell("a")))
    assert [one.kind for one in found.cells].count("moved") == 1


def test_new_ids_for_the_same_cells_are_no_change():
    found = told(book(cell("a", "x"), cell("b", "y")), book(cell("c", "x"), cell("d", "y")), aligner)
    assert (found.cells, found.equal) == ((), 2)


def test_metadata_that_changes_by_itself_is_only_counted():
    before = book(cell("a", ExecuteTime={"start": 1}, collapsed=True), kernelspec={"name": "a"}, widgets={})
    after = book({**cell("a", ExecuteTime={"start": 2}), "execution_count": 7}, kernelspec={"name": "b"})
    found = told(before, after)
    assert (found.cells, found.noise, found.metadata, found.differs) == ((), 1, (), False)


def test_that_an_open_cell_is_trusted_is_no_change():
    found = told(book(cell("a")), book(cell("a", trusted=True)))
    assert (found.equal, found.noise, found.differs) == (1, 0, False)


def test_metadata_that_somebody_has_edited_is_told():
    found = told(book(cell("a"), title="x"), book(cell("a", tags=["parameters"]), title="y"))
    assert (found.cells[0].metadata, found.metadata) == (("tags",), ("title",))


def test_outputs():
    before = book(cell("a", "x", [stream("1\n2\n3\n"), image(), stream("oh", "stderr")]))
    after = book(
        cell("a", "x", [stream("1\n2\n4\n"), image(base64.b64encode(b"two").decode()), stream("oh", "stderr")])
    )
    text, picture = told(before, after).cells[0].outputs
    assert (text.kind, text.name) == ("changed", "stdout")
    assert [(line.mark, line.text) for line in text.lines] == [(" ", "1"), (" ", "2"), ("-", "3"), ("+", "4")]
    assert (picture.kind, picture.name, picture.lines) == ("changed", "image/png", ())
    assert picture.before is not None
    assert picture.after is not None
    assert (picture.before.size, picture.after.size) == (8, 3)
    assert picture.before.digest != picture.after.digest


def test_an_output_more_one_less_and_another_kind():
    one, two = stream("1\n"), image()
    error = {
        "output_type": "error",
        "ename": "ValueError",
        "evalue": "no",
        "traceback": ["\x1b[31mValueError\x1b[0m: no"],
    }
    assert [(out.kind, out.name) for out in told(book(cell("a")), book(cell("a", "x", [one]))).cells[0].outputs] == [
        ("added", "stdout")
    ]
    assert [(out.kind, out.name) for out in told(book(cell("a", "x", [one])), book(cell("a"))).cells[0].outputs] == [
        ("removed", "stdout")
    ]
    found = told(book(cell("a", "x", [one])), book(cell("a", "x", [error]))).cells[0].outputs
    assert [(out.kind, out.name) for out in found] == [("removed", "stdout"), ("added", "ValueError")]
    assert found[1].lines[0].text == "ValueError: no"
    assert [out.name for out in told(book(cell("a")), book(cell("a", "x", [two]))).cells[0].outputs] == ["image/png"]


def test_text_cut_into_other_pieces_is_the_same_text():
    before = book(cell("a", "x", [stream("1\n2\n")]))
    after = book(cell("a", "x", [{**stream(""), "text": ["1\n", "2\n"]}]))
    assert told(before, after).cells == ()


def test_a_very_long_output_is_cut():
    long = "\n".join(f"{number} {'x' * 40}" for number in range(5000))
    found = told(book(cell("a", "x", [stream(long)])), book(cell("a", "x", [stream("y" + long)]))).cells[0].outputs[0]
    assert sum(len(line.text) for line in found.lines) < 50_000
    tail = told(book(cell("a", "x", [stream(long)])), book(cell("a", "x", [stream(long + "y")]))).cells[0].outputs[0]
    assert "more letters" in str(tail.lines) or "differs after" in str(tail.lines)


def test_the_cost_follows_what_changed():
    cells = [cell(f"c{number}", f"x{number} = {number}\n" * 20, [image(PIXEL * 1000)]) for number in range(5000)]
    before, after = book(*cells), copy.deepcopy(book(*cells))
    after["cells"][17]["source"] += "y"
    began = time.process_time()
    assert kinds(told(before, after)) == [("changed", "c17")]
    # Ten times what a slow machine takes; a cost that grows with the square of the cells would be minutes.
    assert time.process_time() - began < 10


def test_many_cells_without_ids_are_aligned_in_time():
    before = book(*(cell(None, f"x{number} = {number}") for number in range(3000)))
    after = book(*(cell(None, f"x{number} = {number + (number % 3 == 0)}") for number in range(3000)))
    began = time.process_time()
    found = told(before, after, aligner)
    # nbdime does not take the shortest ones for alike.
    assert found.equal == 2000
    assert 1000 <= len(found.cells) <= 1010
    assert time.process_time() - began < 60


def executed(count: int, seed: int, source: str = "x_{0} = f({0})\nprint(x_{0})") -> dict[str, Any]:
    """A notebook without ids, with much in its outputs that is never the same twice."""
    generator = random.Random(seed)  # noqa: S311 -- pictures and losses, not keys
    made = []
    for place in range(count):
        text = "".join(f"epoch {line} loss {generator.random():.6f}\n" for line in range(300))
        picture = base64.b64encode(generator.randbytes(45_000)).decode()
        made.append(cell(None, source.format(place), [stream(text), image(picture)]))
    return book(*made)


def test_cells_that_ran_again_are_told_by_their_sources():
    before, after = executed(60, seed=1), executed(60, seed=2)
    found = told(before, after)
    assert [(one.kind, one.place_before, one.place_after) for one in found.cells] == [
        ("changed", place, place) for place in range(60)
    ]
    # Ids that were made anew say as little as none.
    for notebook, name in ((before, "a"), (after, "b")):
        for place, one in enumerate(notebook["cells"]):
            one["id"] = f"{name}{place}"
    after["cells"].insert(30, cell("new", "y = 1"))
    kinds_found = Counter(one.kind for one in told(before, after).cells)
    assert kinds_found == {"changed": 60, "added": 1}


def test_long_outputs_cost_little_where_sources_do_not_tell():
    before, after = executed(20, seed=1), executed(20, seed=2, source="x_{0} = f({0})\nprint(x_{0}, y)")
    aligner([], [])  # which imports nbdime
    began = time.process_time()
    assert Counter(one.kind for one in told(before, after, aligner).cells) == {"changed": 20}
    # A fifth of a second is what it takes, and with whole outputs three.
    assert time.process_time() - began < 1


def test_of_two_cells_that_swapped_places_the_aligner_judges():
    before, after = book(*(cell(None, name) for name in "abcd")), book(*(cell(None, name) for name in "acbd"))
    after["cells"][0]["outputs"] = after["cells"][3]["outputs"] = [stream("1")]
    asked = []

    def judge(old, new):
        asked.append(["".join(one["source"] for one in cells) for cells in (old, new)])
        return [(0, 1)]

    assert align(before, after, judge) == {0: 0, 3: 3, 1: 2}
    assert asked == [["bc", "cb"]]


IDS = st.sampled_from([*"abcdef", None, ""])
CELLS = st.lists(st.tuples(IDS, st.text("xy =\n", max_size=12), st.sampled_from(["code", "markdown"])), max_size=7)


def made(cells: list[tuple[str | None, str, str]]) -> dict[str, Any]:
    return book(*(cell(ident, source, kind=kind) for ident, source, kind in cells))


@given(CELLS)
def test_a_notebook_does_not_differ_from_itself(cells):
    found = told(made(cells), made(cells), aligner)
    assert (found.cells, found.equal) == ((), len(cells))


@given(CELLS, CELLS)
def test_what_is_told_leads_from_one_to_the_other(old, new):
    before, after = made(old), made(new)
    found = told(before, after, aligner)
    pairs = align(before, after, aligner)
    assert len(set(pairs.values())) == len(pairs)
    assert found.equal + found.noise + sum(one.kind != "removed" for one in found.cells) == len(new)
    assert found.equal + found.noise + sum(one.kind != "added" for one in found.cells) == len(old)
    for one in found.cells:
        if one.place_after is not None and one.source:
            said = [line.text for line in one.source if line.mark == "+"]
            assert all(line in new[one.place_after][1].split("\n") for line in said)
    olds = {place: old[before_place] for before_place, place in pairs.items()}
    changed = {one.place_after for one in found.cells}
    for place, (_, source, kind) in enumerate(new):
        if place not in changed:
            assert (source, kind) == olds[place][1:]


@given(st.permutations(range(8)))
def test_the_fewest_cells_have_moved(order):
    pairs = {old: new for new, old in enumerate(order)}
    wandering = moved(pairs)
    rest = [pairs[old] for old in sorted(pairs) if old not in wandering]
    assert rest == sorted(rest)
    longest = max(
        (len(some) for size in range(9) for some in itertools.combinations(order, size) if list(some) == sorted(some)),
        default=0,
    )
    assert len(wandering) == 8 - longest


@given(st.text("ab\n", max_size=60), st.text("ab\n", max_size=60))
def test_lines_lead_from_one_text_to_the_other(old, new):
    edits = line_edits(old, new)
    assert bool(edits) == (old != new)
    if not any(line.mark == "…" for line in edits) and edits:
        assert "\n".join(line.text for line in edits if line.mark in " -") == old
        assert "\n".join(line.text for line in edits if line.mark in " +") == new
    for line in edits:
        assert all(0 <= begin < end <= len(line.text) for begin, end in line.words)
