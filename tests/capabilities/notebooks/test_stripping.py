import copy
import io
import json
import subprocess
import sys

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_jupyter.capabilities.notebooks.reading import read
from mlops_jupyter.capabilities.notebooks.stripping import dumps, strip

PNG = "iVBORw0KGgo="


def code(source="x = 1", ident="a", metadata=None, outputs=(), **more):
    return {
        "cell_type": "code",
        "id": ident,
        "metadata": metadata or {},
        "source": source,
        "outputs": list(outputs),
        "execution_count": 7,
        **more,
    }


def markdown(source="# Title", ident="m", **more):
    return {"cell_type": "markdown", "id": ident, "metadata": {}, "source": source, **more}


def notebook(*cells, metadata=None, minor=5):
    return {"nbformat": 4, "nbformat_minor": minor, "metadata": metadata or {}, "cells": list(cells)}


def stream(text="done\n"):
    return {"output_type": "stream", "name": "stdout", "text": text}


def result(data=None):
    return {"output_type": "execute_result", "execution_count": 7, "metadata": {}, "data": data or {"text/plain": "1"}}


def error():
    return {"output_type": "error", "ename": "E", "evalue": "no", "traceback": ["a", "b"]}


def by_nbstripout(content: bytes) -> bytes:
    done = subprocess.run(
        [sys.executable, "-m", "nbstripout", "--keep-id"], input=content, capture_output=True, check=True
    )
    return done.stdout


def as_nbstripout(told):
    """Do in this process what nbstripout's command does with its own defaults."""
    from nbstripout._nbstripout import strip_output

    keys = ["collapsed", "ExecuteTime", "execution", "heading_collapsed", "hidden", "scrolled"]
    stripped = strip_output(
        nbformat.reads(json.dumps(told), as_version=nbformat.NO_CONVERT),
        keep_output=None,
        keep_count=False,
        keep_id=True,
        extra_keys=["metadata.signature", "metadata.widgets", *(f"cell.metadata.{key}" for key in keys)],
    )
    return as_nbformat(stripped)


def as_nbformat(told):
    file = io.StringIO()
    nbformat.write(told, file)
    return file.getvalue().encode()


EVERYTHING = notebook(
    code("x = 1\ny = 2\n", "one", outputs=[stream(), error()]),
    code(["a\n", "b"], "two", outputs=[result({"text/html": "<b>\n</b>", "application/json": {"a": [1]}})]),
    code(ident="tag", metadata={"tags": ["keep_output"]}, outputs=[result({"image/png": [PNG, PNG]}), stream(["a\n"])]),
    code(ident="meta", metadata={"keep_output": True}, outputs=[result({"image/svg+xml": "<svg>\n</svg>"})]),
    code(ident="drop", metadata={"keep_output": False}, outputs=[stream()]),
    code(ident="init", metadata={"init_cell": True}, outputs=[stream()]),
    code(ident="noinit", metadata={"init_cell": False, "keep_output": True}, outputs=[stream()]),
    code(
        ident="noise",
        metadata={
            "collapsed": True,
            "ExecuteTime": {},
            "execution": {"iopub.execute_input": "2026"},
            "heading_collapsed": True,
            "hidden": True,
            "scrolled": True,
            "trusted": True,
            "mlops_jupyter": {"kept": 1},
        },
    ),
    markdown("é \u2028 ü\x0b x", attachments={"a.png": {"image/png": PNG, "text/plain": "a\nb"}}),
    {"cell_type": "raw", "id": "raw", "metadata": {"format": "text/x"}, "source": ""},
    metadata={
        "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {}}},
        "signature": "x",
        "orig_nbformat": 4,
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
        "papermill": {"parameters": {"alpha": 1e-07, "big": 2**70, "nan": float("nan")}},
    },
)


def test_every_rule_is_nbstripouts():
    content = json.dumps(EVERYTHING).encode()
    assert dumps(strip(json.loads(content))) == by_nbstripout(content)


@pytest.mark.parametrize("keep", [True, False])
def test_a_notebook_says_for_all_its_cells(keep):
    told = notebook(
        code(outputs=[stream(), result()]),
        code(ident="b", metadata={"keep_output": not keep}, outputs=[result()]),
        metadata={"keep_output": keep},
    )
    assert dumps(strip(told)) == as_nbstripout(told)
    assert bool(strip(told)["cells"][0]["outputs"]) is keep


def test_what_the_caller_says_comes_before_the_notebook():
    told = notebook(code(outputs=[result()]), metadata={"keep_output": False})
    kept = strip(told, keep_output=True)["cells"][0]
    assert kept["outputs"] == [{**result(), "execution_count": None}]
    assert kept["execution_count"] is None
    assert strip({**told, "metadata": {"keep_output": True}}, keep_output=False)["cells"][0]["outputs"] == []


def test_a_cell_that_contradicts_itself_is_stripped():
    told = notebook(code(metadata={"keep_output": False, "tags": ["keep_output"]}, outputs=[stream()]))
    assert strip(told)["cells"][0]["outputs"] == []


def test_missing_and_doubled_ids_stay():
    bare = {key: value for key, value in code().items() if key != "id"}
    cells = json.loads(dumps(strip(notebook(bare, code(ident="a"), code(ident="a")))))["cells"]
    assert [cell.get("id") for cell in cells] == [None, "a", "a"]


def test_what_the_schema_misses_is_no_reason_to_fail():
    sparse = {"nbformat": 4, "cells": [{"cell_type": "code", "source": "x"}, {"cell_type": "raw", "source": ["y"]}]}
    told = json.loads(dumps(strip(sparse)))
    assert [cell["source"] for cell in told["cells"]] == [["x"], ["y"]]
    odd = notebook(code(metadata={"tags": 3}, outputs=[{"output_type": "display_data"}, {"output_type": "odd"}]))
    assert json.loads(dumps(odd))["cells"][0]["outputs"] == odd["cells"][0]["outputs"]


def test_half_a_surrogate_pair_can_be_written():
    told = read(b'{"nbformat": 4, "metadata": {}, "cells": [{"cell_type": "raw", "source": "\\ud800"}]}', "n")
    assert json.loads(dumps(told)) == {**told, "cells": [{"cell_type": "raw", "source": ["\ud800"]}]}


texts = st.text(st.characters(codec="utf-8"), max_size=20)
sources = texts | st.lists(texts, max_size=3)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
bundles = st.dictionaries(
    st.sampled_from(["text/plain", "text/html", "image/png", "image/svg+xml", "application/javascript"]), sources
) | st.fixed_dictionaries({"application/json": values, "application/vnd.x+json": values})
outputs = st.one_of(
    st.builds(stream, sources),
    st.builds(result, bundles),
    st.builds(lambda data: {"output_type": "display_data", "metadata": {}, "data": data}, bundles),
    st.builds(error),
)
cell_metadata = st.fixed_dictionaries(
    {},
    optional={
        "tags": st.lists(st.sampled_from(["keep_output", "parameters", "other"]), unique=True),
        "init_cell": st.booleans(),
        "collapsed": st.booleans(),
        "execution": st.just({"iopub.status.busy": "2026-01-01"}),
        "hidden": st.booleans(),
        "trusted": st.booleans(),
        "jupyter": st.dictionaries(st.sampled_from(["source_hidden", "outputs_hidden"]), st.booleans()),
        "own": values,
    },
)
# With the tag a `keep_output` of False would be the contradiction that nbstripout refuses.
kept_metadata = st.builds(
    lambda metadata, keep: metadata if "keep_output" in metadata.get("tags", []) else {**metadata, "keep_output": keep},
    cell_metadata,
    st.booleans(),
)
cells = st.one_of(
    st.builds(code, sources, metadata=cell_metadata | kept_metadata, outputs=st.lists(outputs, max_size=3)),
    st.builds(markdown, sources, metadata=cell_metadata),
    st.builds(markdown, sources, attachments=st.dictionaries(texts, bundles, max_size=2)),
)


@st.composite
def notebooks(draw):
    told = draw(st.lists(cells, max_size=5))
    metadata = draw(
        st.fixed_dictionaries(
            {}, optional={"keep_output": st.booleans(), "widgets": values, "signature": texts, "own": values}
        )
    )
    return notebook(*({**cell, "id": f"c{place}"} for place, cell in enumerate(told)), metadata=metadata)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(notebooks())
def test_stripped_is_what_nbstripout_makes_of_it(told):
    before = copy.deepcopy(told)
    stripped = strip(told)
    assert dumps(stripped) == as_nbstripout(told)
    assert told == before
    assert dumps(strip(stripped)) == dumps(stripped)
    assert dumps(strip(json.loads(dumps(stripped)))) == dumps(stripped)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(notebooks())
def test_written_is_what_nbformat_writes(told):
    content = dumps(told)
    assert content == as_nbformat(nbformat.reads(json.dumps(told), as_version=nbformat.NO_CONVERT))
    assert dumps(json.loads(content)) == content
