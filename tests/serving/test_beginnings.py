"""A body that begins as an earlier one is read as any other: rows, refusals and types are the same."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mlops_jupyter.capabilities.endpoints import Limits
from mlops_jupyter.serving import scoring
from mlops_jupyter.serving.failures import Failure
from mlops_jupyter.serving.schema import Schema

LIMITS = Limits(body_bytes=20_000, rows=40, depth=6)
KINDS = ("double", "float", "long", "integer")
NAMES = ["a", "data", 'b"data":']
USUAL = b'{"dataframe_split": {"columns": %b, "data": ' % json.dumps(NAMES).encode()


def schema(kind: str) -> Schema:
    return Schema.from_signature({"inputs": json.dumps([{"type": kind, "name": name} for name in NAMES])})


def told(body: bytes, wanted: Schema) -> object:
    try:
        rows = scoring.decode(body, "application/json", wanted, LIMITS)
    except Failure as failure:
        return failure.status, failure.message, failure.code
    assert rows.matrix is not None
    assert rows.matrix.flags.c_contiguous
    return rows.count, rows.names, rows.matrix.dtype, rows.matrix.shape, rows.matrix.tobytes()


def having_met(kind: str) -> Schema:
    """Return a schema that has seen a usual body."""
    known = schema(kind)
    scoring.decode(USUAL + b"[[1, 2, 3]]}}", "application/json", known, LIMITS)
    assert known.beginnings == (USUAL,)
    return known


# Once for all: a schema remembers what it has seen.
FRESH, MET = {kind: schema(kind) for kind in KINDS}, {kind: having_met(kind) for kind in KINDS}

scalars = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**70), 2**70),
    st.integers(-5, 5),
    st.sampled_from([None, True, False, "1", [1], {"a": 1}, 1e300, -0.0, 2**31, 2**63, 10**400]),
)
ENDS = (b"}}", b" } }", b'}, "x": 1}', b', "index": [0]}}', b"}}}", b"}")
numbers = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**31), 2**31 - 1))
tables = st.one_of(
    st.lists(st.lists(numbers, min_size=3, max_size=3), max_size=45),
    st.lists(st.lists(scalars, min_size=2, max_size=4), max_size=4),
    st.lists(scalars, max_size=4),
    scalars,
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(
    tables, st.sampled_from(KINDS), st.sampled_from([b"}}", b" } }", b'}, "x": 1}', b', "index": [0]}}', b"}}}", b"}"])
)
@example([[1, 2, 3]], "double", b"}}")
@example([[[[[[[[1]]]]]]]], "double", b"}}")
def test_it_is_read_as_by_who_has_met_nobody(rows, kind, end):
    FRESH[kind].beginnings = ()
    body = USUAL + json.dumps(rows).encode() + end
    assert told(body, MET[kind]) == told(body, FRESH[kind])


@settings(max_examples=300)
@given(st.binary(max_size=12), st.sampled_from(KINDS))
def test_whatever_follows_a_known_beginning(data, kind):
    FRESH[kind].beginnings = ()
    body = USUAL + data + b"}}"
    assert told(body, MET[kind]) == told(body, FRESH[kind])


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b'{"dataframe_split":{"columns":["x","y"],"data":[[1,2]]}}', 1),
        (b' {"dataframe_split" :\n{"columns": ["x", "y"], "data":[[1,2]]}}', 1),
        (b'{"dataframe_split":{"data":[[1,2]],"columns":["x","y"]}}', 0),
        (b'{"dataframe_split":{"columns":["x","y"],"data":[[1,2]]}} ', 0),
        (b'{"dataframe_split":{"columns":["x","y"],"index":[0],"data":[[1,2]]}}', 0),
    ],
)
def test_which_beginnings_are_kept(body, kept):
    wanted = Schema.from_signature({"inputs": json.dumps([{"type": "double", "name": name} for name in "xy"])})
    for _ in range(3):
        rows = scoring.decode(body, "application/json", wanted, LIMITS)
        assert np.array_equal(rows.matrix, [[1, 2]])
    assert len(wanted.beginnings) == kept


def test_of_many_forms_a_few_are_kept():
    wanted = schema("double")
    for spaces in range(20):
        body = b" " * spaces + USUAL + b"[[1, 2, 3]]}}"
        assert scoring.decode(body, "application/json", wanted, LIMITS).count == 1
    assert len(wanted.beginnings) == 4
