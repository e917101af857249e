"""The clean filter as git drives it, and what it does with everything that is not a notebook."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlops_jupyter.capabilities.notebooks.reading import read
from mlops_jupyter.capabilities.notebooks.stripping import dumps, strip
from mlops_jupyter.faces import git_filter
from tests.fakes.git import git, new_repository

COMMAND = [sys.executable, "-P", "-m", "mlops_jupyter.faces.git_filter"]
OPENING = [[b"git-filter-client\n", b"version=2\n"], [b"capability=clean\n", b"capability=smudge\n"]]


def notebook(text="1", size=0) -> dict:
    output = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "A" * size, "text/plain": ["x"]}}
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": [text], "outputs": [output], "execution_count": 3}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}


def packed(*lists: list[bytes]) -> bytes:
    return b"".join(b"".join(b"%04x" % (len(one) + 4) + one for one in packets) + b"0000" for packets in lists)


def unpacked(content: bytes) -> list[list[bytes]]:
    told, packets, at = [], [], 0
    while at < len(content):
        size = int(content[at : at + 4], 16)
        if size == 0:
            told.append(packets)
            packets = []
        else:
            packets.append(content[at + 4 : at + size])
        at += size or 4
    assert not packets, "the last list has no end"
    return told


def in_packets(content: bytes, most: int = 65516) -> list[bytes]:
    return [content[at : at + most] for at in range(0, len(content), most)]


def asked(*requests: tuple[bytes, bytes], most: int = 65516) -> bytes:
    lists = []
    for path, content in requests:
        lists += [[b"command=clean\n", b"pathname=" + path + b"\n"], in_packets(content, most)]
    return packed(*OPENING, *lists)


def answered(source: bytes) -> list[tuple[list[bytes], bytes]]:
    """Serve what git would have sent, and return of each request the status and the content."""
    sink = io.BytesIO()
    git_filter.serve(io.BytesIO(source), sink)
    lists = unpacked(sink.getvalue())
    assert lists[:2] == [[b"git-filter-server\n", b"version=2\n"], [b"capability=clean\n"]]
    rest = lists[2:]
    assert len(rest) % 3 == 0
    assert all(closing == [] for closing in rest[2::3])
    return [(status, b"".join(content)) for status, content in zip(rest[::3], rest[1::3], strict=True)]


@given(st.lists(st.integers(0, 200_000), max_size=3), st.sampled_from([65516, 1000]))
def test_each_notebook_comes_back_stripped(sizes, most):
    contents = [json.dumps(notebook(str(size), size)).encode() for size in sizes]
    told = answered(asked(*((b"n.ipynb", content) for content in contents), most=most))
    assert told == [([b"status=success\n"], dumps(strip(read(content, "n")))) for content in contents]


def test_a_large_result_goes_in_packets_that_git_takes():
    told = notebook("é" * 300_000)
    sink = io.BytesIO()
    git_filter.serve(io.BytesIO(asked((b"n.ipynb", json.dumps(told).encode()))), sink)
    packets = unpacked(sink.getvalue())[3]
    assert max(map(len, packets)) == 65516
    assert b"".join(packets) == dumps(strip(told))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "nbformat",
                    "metadata",
                    "cells",
                    "cell_type",
                    "source",
                    "outputs",
                    "output_type",
                    "data",
                    "text",
                    "tags",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)
odd_outputs = st.fixed_dictionaries(
    {"output_type": st.sampled_from(["stream", "display_data", "error", "?"]) | json_values},
    optional={"data": json_values, "text": json_values, "execution_count": json_values},
)
odd_cells = st.fixed_dictionaries(
    {"cell_type": st.sampled_from(["code", "markdown", "raw"]), "source": st.text(max_size=5)},
    optional={
        "id": json_values,
        "metadata": json_values | st.fixed_dictionaries({"keep_output": json_values, "tags": json_values}),
        "outputs": json_values | st.lists(odd_outputs, max_size=2),
        "attachments": json_values,
        "execution_count": json_values,
    },
)
odd_notebooks = st.fixed_dictionaries(
    {"nbformat": st.just(4), "cells": st.lists(odd_cells, max_size=3)}, optional={"metadata": json_values}
)


@given(
    st.binary()
    | json_values.map(lambda value: json.dumps(value).encode())
    | odd_notebooks.map(lambda told: json.dumps(told).encode())
)
@example(b'{"nbformat": 4, "cells": [{"cell_type": [], "source": ""}]}')
@example(b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "", "outputs": [{"output_type": {}}]}]}')
@example(
    b'{"nbformat": 4, "metadata": {"keep_output": 1}, "cells": '
    b'[{"cell_type": "code", "source": "", "outputs": [{"output_type": []}]}]}'
)
def test_whatever_it_is_it_is_answered_and_never_lost(content):
    cleaned, unchanged_because = git_filter.clean(content, "n.ipynb")
    if unchanged_because is not None:
        assert cleaned == content
    else:
        assert [cell["source"] for cell in read(cleaned, "n")["cells"]] == [
            cell["source"].splitlines(keepends=True) for cell in read(content, "n")["cells"]
        ]
        assert git_filter.clean(cleaned, "n.ipynb") == (cleaned, None)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "not valid JSON"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b'{"nbformat": 3, "worksheets": []}', "format 3"),
        (b'{"nbformat": 4, "cells": [\n<<<<<<< HEAD\n', "conflict markers"),
        (b"[" * 200_000, "nested too deeply"),
    ],
)
def test_what_is_no_notebook_passes_and_is_named(content, said, capfd):
    path = "données/\udcff.ipynb"
    assert answered(asked((os.fsencode(path), content))) == [([b"status=success\n"], content)]
    told = capfd.readouterr().err
    assert said in told
    assert told.startswith("mlops: données/")
    assert told.count("\n") == 1


@pytest.mark.parametrize("depth", range(800, 1100, 20))
def test_nesting_that_can_be_read_but_not_written_passes(depth):
    content = b'{"nbformat": 4, "metadata": ' + b"[" * depth + b"]" * depth + b', "cells": []}'
    cleaned, unchanged_because = git_filter.clean(content, "n")
    assert cleaned == content if unchanged_because else json.loads(cleaned) == json.loads(content)


def test_numbers_that_are_not_json_or_past_64_bits_stay():
    told = {**notebook(), "metadata": {"big": 2**70, "none": float("nan"), "float": 1e-07}}
    cleaned, _ = git_filter.clean(json.dumps(told).encode(), "n")
    assert b'"big": 1180591620717411303424' in cleaned
    assert b'"none": NaN' in cleaned


def test_a_command_it_has_not_offered_is_refused_and_the_next_answered():
    content = json.dumps(notebook()).encode()
    source = packed(*OPENING, [b"command=smudge\n", b"pathname=a\n"], [content])
    source += packed([b"command=clean\n", b"pathname=a\n"], [content])
    sink = io.BytesIO()
    git_filter.serve(io.BytesIO(source), sink)
    assert unpacked(sink.getvalue())[2:4] == [[b"status=error\n"], [b"status=success\n"]]


@pytest.mark.parametrize("cut", [0, 3, 30, 60, 75, 100, 140, 390])
def test_git_may_go_at_any_moment(cut):
    whole = asked((b"n.ipynb", json.dumps(notebook()).encode()))
    assert cut < len(whole)
    done = subprocess.run(COMMAND, input=whole[:cut], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_nobody_need_read_the_answer():
    process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    _, told = process.communicate(asked((b"n.ipynb", json.dumps(notebook("x" * 500_000)).encode())))
    assert (process.returncode, told) == (0, b"")


@pytest.mark.parametrize("said", [b"{}  {} ", packed([b"hello\n"]), packed([b"git-filter-client\n", b"version=3\n"])])
def test_another_protocol_ends_it_with_a_word(said):
    done = subprocess.run(COMMAND, input=said, capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(b"mlops: git's filter protocol was not kept")
    assert b"Traceback" not in done.stderr


def test_one_notebook_without_the_protocol():
    done = subprocess.run([*COMMAND, "clean"], input=json.dumps(notebook()).encode(), capture_output=True, check=True)
    assert done.stdout == dumps(strip(notebook()))
    done = subprocess.run([*COMMAND, "clean"], input=b"text", capture_output=True, check=True)
    assert done.stdout == b"text"
    assert b"not valid JSON" in done.stderr


def test_it_imports_only_what_it_needs():
    heavy = {"click", "mlflow", "IPython", "nbformat", "nbdime", "numpy", "jupyter_core", "httpx"}
    code = "import sys, mlops_jupyter.faces.git_filter; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert heavy.isdisjoint(done.stdout.split())


@pytest.fixture
def repository(tmp_path, clean_environment) -> Path:
    root = new_repository(tmp_path / "my project")
    git(root, "config", "filter.mlops-notebook.process", f'"{sys.executable}" -P -m mlops_jupyter.faces.git_filter')
    (root / ".gitattributes").write_text("*.ipynb filter=mlops-notebook\n")
    return root


def committed(root: Path, name: str) -> str:
    return git(root, "cat-file", "blob", f":{name}").stdout


def test_git_adds_stripped_and_checks_out_what_was_added(repository):
    content = json.dumps(notebook("x = 'é'", 3_000_000))
    for name in ("a.ipynb", "b with space.ipynb", "sub/ü.ipynb"):
        (repository / name).parent.mkdir(exist_ok=True)
        (repository / name).write_text(content)
    (repository / "broken.ipynb").write_text("{ nothing")
    (repository / "empty.ipynb").write_text("")
    done = git(repository, "add", ".")
    assert "broken.ipynb is not valid JSON" in done.stderr
    stripped = dumps(strip(notebook("x = 'é'"))).decode()
    for name in ("a.ipynb", "b with space.ipynb", "sub/ü.ipynb"):
        assert committed(repository, name) == stripped
        assert (repository / name).read_text() == content
    assert committed(repository, "broken.ipynb") == "{ nothing"
    assert committed(repository, "empty.ipynb") == ""
    git(repository, "commit", "-q", "-m", "all")
    (repository / "a.ipynb").unlink()
    git(repository, "checkout", "--", "a.ipynb")
    assert (repository / "a.ipynb").read_text() == stripped
    assert git(repository, "status", "--porcelain").stdout == ""


def test_a_notebook_only_run_again_is_no_change(repository):
    file = repository / "a.ipynb"
    file.write_text(json.dumps(notebook("x", 10)))
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "first")
    file.write_text(json.dumps(notebook("x", 5000)))
    git(repository, "add", ".")
    assert git(repository, "status", "--porcelain").stdout == ""
    file.write_text(json.dumps(notebook("y", 5000)))
    assert git(repository, "diff", "--numstat").stdout == "1\t1\ta.ipynb\n"


def test_the_project_cannot_put_its_own_modules_in_the_way(repository):
    (repository / "json.py").write_text("raise SystemExit('this is not the json module')")
    (repository / "a.ipynb").write_text(json.dumps(notebook()))
    assert git(repository, "add", "a.ipynb").stderr == ""
    assert committed(repository, "a.ipynb") == dumps(strip(notebook())).decode()
