"""What a CI system is given stays whole, whatever a notebook printed or is called; and no secret is in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from junitparser import JUnitXml

from mlops_jupyter import registry
from mlops_jupyter.capabilities import cell_cases, markdown, plain_text, run_summary
from mlops_jupyter.capabilities.notebooks import diffing
from mlops_jupyter.capabilities.redaction import scrubbed
from mlops_jupyter.capabilities.run_summary import Change, Told
from mlops_jupyter.records import CellFailure, Execution, GateResult, Run, Version

EVIL = "</failure>]]>\x00\x1b[31m\ud800\ufffe | `` ```\n/close\n@all <script> ![x](http://e.example/p.png)\u202e"


def keep(text: str) -> str:
    return text


def cell(source: str, *outputs: dict[str, Any], kind: str = "code", **metadata: Any) -> dict[str, Any]:
    return {"cell_type": kind, "source": source, "metadata": metadata, "outputs": list(outputs)}


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def execution(*, failure: CellFailure | None = None, **more: Any) -> Execution:
    run = Run("0123456789abcdef", "train", "churn", "FAILED" if failure else "FINISHED", duration_s=61.0)
    given = {"parameters": {"lr": 0.1}, "run": run, "failure": failure, "cells": 3} | more
    return Execution(notebook="/p/train.ipynb", output="/p/out.ipynb", html=None, **given)


def suite(done: Execution, *cells: dict[str, Any], clean: Any = keep) -> Any:
    return cell_cases.suite(done, {"cells": cells}, name="train.ipynb", file="train.ipynb", clean=clean)


def written(folder: Path, *suites: Any) -> JUnitXml:
    file = folder / "junit.xml"
    registry.load("case_report", "junit")().write(suites, file)
    return JUnitXml.fromfile(str(file))


# --- text -------------------------------------------------------------------------------------------------------------


@given(st.text() | st.text(st.sampled_from("\x1b[31m]0;\x07\r\nab"), max_size=60))
@example(EVIL)
@example("\x1b]0;never closed")
def test_plain_text_is_what_xml_and_a_page_can_hold(text):
    found = plain_text.plain(text)
    assert all(letter.isprintable() or letter in "\n\t" for letter in found)
    ET.fromstring(ET.tostring(_element(found), encoding="utf-8"))  # noqa: S314 -- ours
    assert plain_text.plain(found) == found


def _element(text: str) -> ET.Element:
    element = ET.Element("x", {"a": text})
    element.text = text
    return element


def test_a_line_that_was_written_over_is_told_as_it_ended():
    assert plain_text.plain("10%\r50%\r\x1b[32m100%\x1b[0m\ndone\r\nend") == "100%\ndone\nend"


@pytest.mark.parametrize("before", [0, 9_990, 9_999, 10_000, 29_995, 30_000, 50_000])
def test_a_cut_leaves_no_half_of_a_secret(before):
    secret = "s3cret-token-of-churn"

    def clean(text: str) -> str:
        return scrubbed(text, {"CHURN_TOKEN": secret})

    text = "x" * 40_000 + secret + "y" * before
    found = plain_text.tail(text, 10_000, clean)
    assert len(found) <= 10_002
    assert found.startswith("… ")
    assert not any(part in found for part in (secret[:6], secret[-6:]))
    assert not any(part in plain_text.one_line("z" * (before % 500) + secret, 500, clean) for part in (secret[:6],))


# --- JUnit ------------------------------------------------------------------------------------------------------------


def test_cells_are_counted_as_the_user_wrote_them(tmp_path):
    failure = CellFailure(4, "1 / 0", "ZeroDivisionError", "division by zero", "Traceback …\nZeroDivisionError")
    found = suite(
        execution(failure=failure),
        cell("# an error occurred", kind="markdown", tags=["papermill-error-cell-tag"]),
        cell("# Title", kind="markdown"),
        cell("lr = 1", tags=["parameters"], papermill={"duration": 0.25}),
        cell("lr = 0.1", tags=["injected-parameters"]),
        cell("\n  \n"),
        cell(
            "\nfit(lr)\nmore", stream("a\n"), stream("b\n"), stream("warned\n", "stderr"), papermill={"duration": None}
        ),
        cell("# an error occurred", kind="markdown", tags=["papermill-error-cell-tag"]),
        cell("1 / 0"),
        cell("after"),
    )
    (read,) = written(tmp_path, found)
    assert [(case.name, [type(one).__name__ for one in case.result]) for case in read] == [
        ("cell 1: lr = 1", []), ("cell 3: fit(lr)", []), ("cell 4: 1 / 0", ["Failure"]), ("cell 5: after", ["Skipped"]),
    ]  # fmt: skip
    cases = list(read)
    assert (cases[0].time, cases[1].system_out, cases[1].system_err) == (0.25, "a\nb\n", "warned\n")
    assert cases[2].result[0].text == "Traceback …\nZeroDivisionError"
    assert (read.tests, read.failures, read.skipped) == (4, 1, 1)
    assert {one.name: one.value for one in read.properties()} == {
        "run": "0123456789abcdef", "status": "FAILED", "parameter lr": "0.1",
    }  # fmt: skip


def test_a_notebook_that_failed_before_its_first_cell_has_a_failed_case(tmp_path):
    failure = CellFailure(None, "", "DeadKernelError", "Kernel died", "")
    (read,) = written(tmp_path, suite(execution(failure=failure), cell("1")))
    assert [(case.name, case.is_failure, case.is_skipped) for case in read] == [
        ("cell 0: 1", False, True), ("the notebook", True, False),
    ]  # fmt: skip


@pytest.mark.parametrize("text", [EVIL, "x" * 3_000_000, "", "\n\n"], ids=["evil", "long", "empty", "lines"])
def test_any_text_leaves_the_file_whole_and_small(tmp_path, text):
    failure = CellFailure(0, text, text or "E", text, text)
    gates = tuple(
        GateResult(text, verdict, detail=text) for verdict in ("met", "not met", "no such metric", "not judged")
    )
    done = execution(failure=failure, parameters={text: text}, gates=gates)
    found = suite(done, cell(text + "x", stream(text), stream(text, "stderr")), cell("after"))
    read = written(tmp_path, found)
    assert (read.tests, read.failures, read.errors, read.skipped) == (6, 2, 1, 2)
    assert (tmp_path / "junit.xml").stat().st_size < 200_000


def test_one_notebook_several_times_is_told_by_what_differs():
    runs = [execution(parameters={"lr": lr, "depth": 3}) for lr in (0.1, 0.2)]
    assert cell_cases.names([*runs, execution()], ["a.ipynb", "a.ipynb", "b.ipynb"]) == [
        "a.ipynb [lr=0.1]", "a.ipynb [lr=0.2]", "b.ipynb",
    ]  # fmt: skip


# --- Markdown ---------------------------------------------------------------------------------------------------------


def outside_code(text: str) -> str:
    """Return what of a Markdown text stands in no block and in no span of code, as CommonMark reads them."""
    lines, fence = [], ""
    for line in text.splitlines():
        ticks = re.match(r"`{3,}", line)
        if fence:
            if ticks and len(ticks[0]) >= len(fence) and not line[len(ticks[0]) :].strip():
                fence = ""
        elif ticks and "`" not in line[len(ticks[0]) :]:
            fence = ticks[0]
        else:
            lines.append(re.sub(r"(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)", "", line))
    assert not fence, "a block is open at the end"
    return "\n".join(lines)


@given(st.text() | st.text(st.sampled_from("`|\\ a\n@/"), max_size=30))
@example(EVIL)
def test_a_span_and_a_block_of_code_hold_what_they_are_given(text):
    assert outside_code(markdown.code(text)) in {"", "–"}
    assert re.sub(r"\\\|", "", markdown.code(text, cell=True)).count("|") == 0
    assert outside_code(markdown.fenced(text)) == ""


def told(text: str, count: int = 1) -> list[Told]:
    notebook = {"cells": [{"cell_type": "code", "id": text, "source": text + "\n1", "metadata": {text: 1}, "outputs": [
        {"output_type": "error", "ename": text, "evalue": text, "traceback": [text]}]}], "metadata": {text: 1},
    }  # fmt: skip
    versions = Version("commit", text, text), Version("commit", "now", text)
    diff = diffing.diff({"cells": [], "metadata": {}}, notebook, versions, lambda *_: [])
    run = Run("0" * 32, text, text, "FAILED", metrics={text: 1.0}, link=f"https://mlflow.example.org/{text}")
    done = execution(
        failure=CellFailure(1, text, text, text, text),
        parameters={text: text},
        run=run,
        gates=(GateResult(text, "not met", 1.0, 2.0, text, "0" * 32, text),),
        notes=(text,),
    )
    return [Told(done, text, Change(text, diff))] * count


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("text", [EVIL, "`" * 30, "x" * 300_000, "`|\n" * 9_000], ids=["evil", "ticks", "long", "many"])
def test_any_text_leaves_the_summary_whole_and_short(text, count):
    found = run_summary.markdown(told(text, count), keep)
    assert len(found) <= run_summary.LONGEST
    seen = outside_code(found)
    assert not any(word in seen for word in ("/close", "@all", "<script>", "e.example", "\x1b", "\u202e"))
    assert not re.search(r"^/", found, re.MULTILINE) or "/close" not in seen
    assert seen.startswith("## ✗ ")


def test_a_summary_of_many_notebooks_has_a_table_and_what_failed():
    failure = CellFailure(1, "1 / 0", "ZeroDivisionError", "division by zero", "Traceback")
    gates = (GateResult("accuracy >= 0.9", "met", 0.95, 0.9, "train", "0123456789abcdef", "accuracy is 0.95"),)
    passed, failed = execution(gates=gates), execution(failure=failure)
    found = run_summary.markdown([Told(passed, "a [lr=1]"), Told(failed, "a [lr=2]")], keep)
    assert found.startswith("## ✗ 1 of 2 notebooks passed\n\n| notebook |  | took | run | `accuracy >= 0.9` |\n")
    assert "| `a [lr=1]` | ✓ passed | 1 min 1 s | `01234567` | 0.95 |" in found
    assert "| `a [lr=2]` | ✗ failed | 1 min 1 s | `01234567` | – |" in found
    assert "### `a [lr=2]`\n\n#### Failed at cell 1\n\n`ZeroDivisionError: division by zero`" in found
    assert "### `a [lr=1]`" not in found
    many = run_summary.markdown([Told(passed, f"a [lr={number}]") for number in range(5_000)], keep)
    assert "… and 4900 more" in many
    assert len(many) <= run_summary.LONGEST


def test_a_link_is_one_only_where_it_is_an_address():
    def shown(link: str) -> str:
        run = Run("0123456789abcdef", "train", "churn", "FINISHED", link=link)
        return run_summary.markdown([Told(execution(run=run), "a")], keep)

    assert "[`01234567`](https://mlflow.example.org/#/runs/1)" in shown("https://mlflow.example.org/#/runs/1")
    for link in ("javascript:alert(1)", "https://x.example/) [y](z", "https://x.example/`"):
        assert "](" not in shown(link)


def test_outcomes_in_a_word():
    def of(*verdicts: Any, **more: Any) -> str:
        return run_summary.outcome(execution(gates=tuple(GateResult("a > 1", one) for one in verdicts), **more))

    assert [of(), of("met"), of("met", "not met"), of("not met", "no such metric"), of("not judged")] == [
        "passed", "passed", "gate not met", "gate without its metric", "gate not judged",
    ]  # fmt: skip
    failure = CellFailure(0, "", "KeyboardInterrupt", "", "")
    killed: Mapping[str, Any] = {"run": Run("1", "train", "churn", "KILLED")}
    assert of("not judged", failure=failure) == "failed"
    assert of("not judged", failure=failure, **killed) == "stopped"
