"""Sweeps as they are written, counted and combined; parameter files, good and hostile."""

from __future__ import annotations

import itertools
import json
import math
import time
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.capabilities import parameter_files, sweeping
from mlops_jupyter.errors import CommandError, ConfigurationError, MlopsError, NotFound


def values(text: object) -> list[object]:
    (axis,) = sweeping.axes({"k": text})
    found = list(axis)
    assert axis.count == len(found)
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.1,0.01", ["0.1", "0.01"]),
        (" a , b ", ["a", "b"]),
        ("3..6", ["3", "4", "5", "6"]),
        ("3..3", ["3"]),
        ("-2..2:2", ["-2", "0", "2"]),
        ("3..8:2", ["3", "5", "7"]),
        ("0.1..0.5:0.1", ["0.1", "0.2", "0.3", "0.4", "0.5"]),
        ("0..1:0.5", ["0.0", "0.5", "1.0"]),
        ("1e-3..3e-3:1e-3", ["0.001", "0.002", "0.003"]),
        ("1,3..5,9", ["1", "3", "4", "5", "9"]),
        ("data..csv", ["data..csv"]),
        ('["a,b", ""]', ["a,b", ""]),
        ("['a', None]", ["a", None]),
        ("[1,2],[3]", ["[1,2]", "[3]"]),
        ('{"a": [1, 2]},{}', ['{"a": [1, 2]}', "{}"]),
        ([0.1, 2], [0.1, 2]),
        (range(3), [0, 1, 2]),
        (5, [5]),
        (iter("ab"), ["a", "b"]),
    ],
)
def test_values(text, expected):
    assert values(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the sweep of k has no values"),
        ("  ", "the sweep of k has no values"),
        ("[]", "the sweep of k has no values"),
        ((), "the sweep of k has no values"),
        ("a,,b", "the sweep of k has an empty value: a,,b"),
        ("6..3", "the range k=6..3 is backwards, so it is empty"),
        ("0.1..0.5", "the range k=0.1..0.5 needs a step"),
        ("1.0..3", "the range k=1.0..3 needs a step"),
        ("1..3:0", "the range k=1..3:0 has the step 0, which leads nowhere"),
        ("3..1:-1", "the range k=3..1:-1 has the step -1, which leads nowhere"),
        ("1..3:x", "the range k=1..3:x has a step that is no number: x"),
        ("1..3:nan", "the range k=1..3:nan has a step that is no number: nan"),
        ("1..3:", "the range k=1..3: has a step that is no number: "),
        ("1..1e400", "the range k=1..1e400 has too many digits"),
        ("0..1:1e-300", "the range k=0..1:1e-300 has too many digits"),
    ],
)
def test_no_sweep(text, message):
    with pytest.raises(CommandError) as raised:
        sweeping.axes({"k": text})
    assert raised.value.message == message
    assert raised.value.hint


@given(first=st.integers(-(10**9), 10**9), length=st.integers(0, 50), step=st.integers(1, 10**6))
def test_whole_ranges_end_at_their_end(first, length, step):
    found = values(f"{first}..{first + length * step}:{step}")
    assert [int(one) for one in found] == list(range(first, first + length * step + 1, step))


@given(
    first=st.decimals(-1000, 1000, places=4, allow_nan=False),
    length=st.integers(0, 30),
    step=st.decimals("0.0001", 10, places=4, allow_nan=False),
)
def test_fractions_are_those_that_a_person_would_write(first, length, step):
    last = first + length * step
    found = values(f"{first:f}..{last:f}:{step:f}")
    # Not 0.30000000000000004: each is the float nearest to the decimal number.
    assert [float(one) for one in found] == [float(first + place * step) for place in range(length + 1)]


@given(st.lists(st.lists(st.integers(), min_size=1, max_size=4, unique=True), max_size=4), st.integers(0, 3))
def test_product_and_count(lists, rows):
    axes = sweeping.axes({f"k{place}": one for place, one in enumerate(lists)})
    file = [{"row": number} for number in range(rows)] if rows else None
    found = list(sweeping.combinations(axes, file))
    assert len(found) == sweeping.count(axes, None if file is None else len(file))
    plain = list(itertools.product(*([file] if file else []), *lists))
    assert [tuple(one.values()) for one in found] == [
        tuple(value for item in one for value in (item.values() if isinstance(item, dict) else (item,)))
        for one in plain
    ]


@given(st.text(max_size=40))
def test_any_text_is_values_or_an_error_of_ours(text):
    try:
        (axis,) = sweeping.axes({"k": text})
    except CommandError:
        return
    assert axis.count >= 1
    assert next(iter(axis), None) is not None or axis.count


def test_more_than_anybody_can_run_is_counted_at_once():
    began = time.monotonic()
    axes = sweeping.axes({"a": "1..1000000000", "b": "0.0..1.0:0.000000000001", "c": range(10**12)})
    assert sweeping.count(axes, 10) == 10**9 * (10**12 + 1) * 10**12 * 10
    assert next(sweeping.combinations(axes)) == {"a": "1", "b": "0.0", "c": 0}
    assert time.monotonic() - began < 1


def test_a_value_twice_is_told_after_typing():
    (axis,) = sweeping.axes({"lr": "0.1,0.10"})
    assert sweeping.typed(axis, lambda _name, value: value).count == 2
    with pytest.raises(CommandError, match=r"the sweep of lr has 0\.1 twice"):
        sweeping.typed(axis, lambda _name, value: float(value))


def test_digest_tells_types_apart_and_not_the_order_of_names():
    assert sweeping.digest({"a": 1, "b": 2}) == sweeping.digest({"b": 2, "a": 1})
    kinds = [1, 1.0, True, "1", [1], None, math.nan]
    assert len({sweeping.digest({"a": one}) for one in kinds}) == len(kinds)


def test_names_of_combinations():
    assert sweeping.named({"lr": 0.1, "depth": 3, "kind": "a b", "on": True}) == "lr=0.1 depth=3 kind=a b on=true"
    assert len(sweeping.named({f"k{place}": "x" * 100 for place in range(20)})) == 200
    assert sweeping.named({}) == ""


# --- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("a.csv", "lr,depth\n0.1,3\n\n0.2,\n", [{"lr": "0.1", "depth": "3"}, {"lr": "0.2"}]),
        ("bom.csv", "\ufefflr\r\n0.1\r\n", [{"lr": "0.1"}]),
        ("quoted.csv", 'note,lr\n"a, ""b""\nc", 1\n', [{"note": 'a, "b"\nc', "lr": "1"}]),
        ("a.json", '[{"lr": 0.1, "on": true}, {}]', [{"lr": 0.1, "on": True}, {}]),
        ("a.yaml", "- lr: 0.1\n  layers: [1, 2]\n- {on: true}\n", [{"lr": 0.1, "layers": [1, 2]}, {"on": True}]),
        ("a.YML", "[{lr: 1e-3}]", [{"lr": "1e-3"}]),
    ],
)
def test_files(tmp_path, name, content, rows):
    (tmp_path / name).write_bytes(content.encode())
    assert parameter_files.read(tmp_path / name) == rows


HOSTILE = {
    "empty.csv": ("", "it has no combinations"),
    "head.csv": ("lr,depth\n", "it has no combinations"),
    "short.csv": ("lr,depth\n1,2\n0.1\n", "line 3 has 1 cell, and the first line 2 names"),
    "long.csv": ("lr\n1,2\n", "line 2 has 2 cells, and the first line 1 names"),
    "twice.csv": ("a,a\n1,2\n", "line 1 has the name a twice"),
    "unnamed.csv": ("a,\n1,2\n", "line 1 has no name for column 2"),
    "open.csv": ('lr\n"abc\n', "line 2: unexpected end of data"),
    "same.csv": ("lr\n1\n2\n1\n", "line 4 is the same combination as line 2"),
    "object.json": ('{"a": 1}', "line 1: it is no list, but an object"),
    "comma.json": ('[{"lr": 1},\n{"lr":}]', "line 2, column 7: Expecting value"),
    "number.json": ("[{}, 3]", "entry 2 is no object, but a number"),
    "same.json": ('[{"a": 1}, {"a": 2}, {"a": 1}]', "entry 3 is the same combination as entry 1"),
    "twice.json": ('[{"a": 1, "a": 2}]', "an object has the name a twice"),
    "deep.json": ("[" * 100_000, "it is nested too deeply"),
    "empty.yaml": ("", "it is empty"),
    "text.yaml": ("hello", "line 1: it is no list"),
    "open.yaml": ("- a: 1\n- [\n", "line 3: did not find expected node content"),
    "twice.yaml": ("- a: 1\n- lr: 1\n  lr: 2\n", "line 3 has the name lr twice"),
    "number.yaml": ("- a: 1\n- 3\n", "line 2 is no mapping"),
    "key.yaml": ("- 1: 2\n", "line 1: a name must be a word"),
    "bomb.yaml": ("- &a {x: 1}\n- &b {y: *a}\n", "line 2: aliases are not read"),
    "code.yaml": ("- !!python/object/apply:os.system {x: 1}\n", "line 1 is no mapping"),
    "inner.yaml": ("- {x: !!python/object/apply:os.system [id]}\n", None),
    "deep.yaml": ("[" * 100_000, None),
    "date.yaml": ("- a: 2026-13-45\n", "month must be in 1..12"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files(tmp_path, name):
    content, what = HOSTILE[name]
    (tmp_path / name).write_text(content)
    with pytest.raises(ConfigurationError) as raised:
        parameter_files.read(tmp_path / name)
    assert what is None or raised.value.message == f"{name} cannot be used: {what}"
    assert raised.value.exit_code == 3
    assert len(raised.value.lines()) == 2


def test_no_such_file_or_no_such_kind(tmp_path):
    with pytest.raises(NotFound):
        parameter_files.read(tmp_path / "nothing.csv")
    with pytest.raises(CommandError, match="must end in"):
        parameter_files.read(tmp_path / "grid.txt")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ConfigurationError, match="Is a directory"):
        parameter_files.read(tmp_path / "folder.csv")
    (tmp_path / "latin.csv").write_bytes(b"a\n\xe9\n")
    with pytest.raises(ConfigurationError, match="not UTF-8 text \\(byte 2\\)"):
        parameter_files.read(tmp_path / "latin.csv")


@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)), kind=st.sampled_from("cjy"))
def test_any_bytes_are_rows_or_an_error_of_ours(tmp_path_factory, content, kind):
    file = tmp_path_factory.getbasetemp() / f"any.{ {'c': 'csv', 'j': 'json', 'y': 'yaml'}[kind] }"
    file.write_bytes(content)
    try:
        rows = parameter_files.read(file)
    except MlopsError:
        return
    assert all(isinstance(name, str) for row in rows for name in row)


def test_ten_thousand_rows_are_read_in_no_time(tmp_path: Path):
    rows = [{"lr": place / 7, "depth": place, "kind": "tree"} for place in range(10_000)]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    (tmp_path / "a.yaml").write_text("\n".join(f"- {json.dumps(row)}" for row in rows))
    (tmp_path / "a.csv").write_text("lr,depth,kind\n" + "\n".join(f"{row['lr']},{row['depth']},tree" for row in rows))
    began = time.monotonic()
    assert parameter_files.read(tmp_path / "a.json") == rows == parameter_files.read(tmp_path / "a.yaml")
    assert [Decimal(str(row["lr"])) for row in parameter_files.read(tmp_path / "a.csv")][1] == Decimal(str(1 / 7))
    assert time.monotonic() - began < 15
