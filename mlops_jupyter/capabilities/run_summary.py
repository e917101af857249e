"""Notebooks that were run headless, told in Markdown: for the page of a CI job, and as a note on a merge request.

Each part is whole or left out: a text that is cut somewhere would leave a block of code open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ..records import Execution, GateResult, NotebookDiff
from .markdown import code, fenced, table
from .notebooks import told
from .plain_text import Clean, one_line, tail

# GitLab takes a million letters in a note and GitHub a megabyte on a job's page, but in a comment 65,536 letters.
LONGEST = 60_000
_ROWS, _EXECUTIONS, _FAILING = 40, 100, 5
_VALUE, _NAME, _SOURCE, _TRACEBACK = 200, 120, 3_000, 6_000
# What a cut itself takes.
_ROOM = 200
_LESS = "*More would not fit here; the executed notebook has it.*"
_MARKS = {"met": "✓ met", "not met": "✗ not met", "no such metric": "✗ no such metric", "not judged": "– not judged"}


class Change(NamedTuple):
    """How a notebook differs from a branch, or in a sentence why that is not told."""

    against: str
    diff: NotebookDiff | None
    reason: str = ""


class Told(NamedTuple):
    """An execution, what it is called, and how its notebook differs."""

    execution: Execution
    name: str
    change: Change | None = None


def markdown(told_: Sequence[Told], clean: Clean, most: int = LONGEST) -> str:
    """Return Markdown about notebooks that were run, no longer than so many letters.

    Parameters
    ----------
    told_
        What was run.
    clean
        Takes secrets out of a text.
    most
        How many letters.
    """
    writer = _Writer(clean, most)
    writer.add(_title(told_, writer))
    if len(told_) == 1:
        for part in _one(told_[0], writer, heading="###"):
            writer.add(part)
    else:
        writer.add(_overview(told_, writer))
        for one in [one for one in told_ if outcome(one.execution) != "passed"][:_FAILING]:
            writer.add(f"### {writer.code(one.name)}")
            for part in _problems(one.execution, writer, heading="####"):
                writer.add(part)
    seen: set[str] = set()
    for one in told_:
        # Of a sweep, one notebook is told once.
        if one.change is not None and one.execution.notebook not in seen:
            seen.add(one.execution.notebook)
            writer.add(_changed(one.change, writer, len(told_)))
    return writer.text()


def outcome(execution: Execution) -> str:
    """Say in a word how a notebook went: ``passed``, ``failed``, ``stopped`` or ``gate not met``."""
    if execution.failure is not None:
        return "stopped" if execution.run.status == "KILLED" else "failed"
    if any(gate.verdict == "no such metric" for gate in execution.gates):
        return "gate without its metric"
    if any(gate.verdict == "not judged" for gate in execution.gates):
        return "gate not judged"
    return "passed" if all(gate.passed for gate in execution.gates) else "gate not met"


class _Writer:
    """Collects parts as long as there is room."""

    def __init__(self, clean: Clean, most: int) -> None:
        self._clean = clean
        self.left = most - _ROOM
        self._parts: list[str] = []
        self._full = False

    def add(self, part: str) -> None:
        """Take a part, or say once that something is left out."""
        if not part:
            return
        if len(part) + 2 <= self.left:
            self._parts.append(part)
            self.left -= len(part) + 2
        elif not self._full:
            self._full = True
            self._parts.append(_LESS)

    def code(self, text: str, most: int = _NAME, *, cell: bool = False) -> str:
        """Return the beginning of a text as a span of code."""
        return code(one_line(text, most, self._clean), cell=cell)

    def fenced(self, text: str, most: int, language: str = "") -> str:
        """Return the end of a text as a block of code."""
        return fenced(tail(text, most, self._clean), language)

    def changed(self, diff: NotebookDiff, most: int) -> str:
        """Return a diff, no longer than so many letters; to take a secret out may make it longer."""
        found = self._clean(told.markdown(diff, most))
        return found if len(found) <= most + _ROOM else told.summary(diff)

    def text(self) -> str:
        """Return all parts."""
        return "\n\n".join(self._parts) + "\n"


def _title(told_: Sequence[Told], writer: _Writer) -> str:
    if len(told_) == 1:
        word = outcome(told_[0].execution)
        return f"## {'✓' if word == 'passed' else '✗'} {writer.code(told_[0].name)}: {word}"
    passed = sum(outcome(one.execution) == "passed" for one in told_)
    return f"## {'✓' if passed == len(told_) else '✗'} {passed} of {len(told_)} notebooks passed"


def _one(one: Told, writer: _Writer, heading: str) -> Iterator[str]:
    execution = one.execution
    yield _facts(execution, writer)
    yield from _problems(execution, writer, heading)
    metrics = {name: run.metrics[name] for run in (execution.run, *execution.children) for name in run.metrics}
    yield _values("metrics", {name: f"{value:.6g}" for name, value in metrics.items()}, writer, heading)
    yield _values("parameters", execution.parameters, writer, heading)


def _facts(execution: Execution, writer: _Writer) -> str:
    run = execution.run
    page = _link(run.run_id[:8], run.link, writer)
    experiment = f" in {writer.code(run.experiment)}" if run.experiment else ""
    return f"{run.status} after {_length(run.duration_s)} · run {page}{experiment} · {execution.cells} cells"


def _problems(execution: Execution, writer: _Writer, heading: str) -> Iterator[str]:
    failure = execution.failure
    if failure is not None:
        where = "before its first cell" if failure.cell is None else f"at cell {failure.cell}"
        said = f"{failure.ename}: {failure.evalue}" if failure.evalue else failure.ename
        yield f"{heading} Failed {where}\n\n{writer.code(said, 500)}"
        if failure.source:
            yield writer.fenced(failure.source, _SOURCE, "python")
        if failure.traceback:
            yield writer.fenced(failure.traceback, _TRACEBACK)
    if execution.gates:
        yield f"{heading} Gates\n\n{_gates(execution, writer)}"
    for note in execution.notes:
        yield f"Note: {writer.code(note, 500)}"


def _gates(execution: Execution, writer: _Writer) -> str:
    pages = {run.run_id: run.link for run in (execution.run, *execution.children)}
    rows = [
        (
            _MARKS[gate.verdict],
            writer.code(gate.text, cell=True),
            _number(gate.value),
            _number(gate.bound),
            _run_of(gate, pages.get(gate.run_id), writer),
            writer.code(gate.detail, 300, cell=True) if gate.detail else "",
        )
        for gate in execution.gates[:_ROWS]
    ]
    return _more(table(("", "gate", "value", "bound", "run", ""), rows), len(execution.gates))


def _run_of(gate: GateResult, page: str | None, writer: _Writer) -> str:
    return "–" if not gate.run_id else f"{writer.code(gate.run, cell=True)} {_link(gate.run_id[:8], page, writer)}"


def _values(title: str, values: Mapping[str, object], writer: _Writer, heading: str) -> str:
    if not values:
        return ""
    rows = [
        (writer.code(name, cell=True), writer.code(str(value), _VALUE, cell=True))
        for name, value in list(values.items())[:_ROWS]
    ]
    return f"{heading} {title.capitalize()}\n\n{_more(table((title, 'value'), rows), len(values))}"


def _overview(told_: Sequence[Told], writer: _Writer) -> str:
    shown = told_[:_EXECUTIONS]
    gated = list(dict.fromkeys(gate.text for one in shown for gate in one.execution.gates))[:3]
    rows = []
    for one in shown:
        word = outcome(one.execution)
        run = one.execution.run
        values = [next((_number(g.value) for g in one.execution.gates if g.text == text), "–") for text in gated]
        mark = "✓" if word == "passed" else "✗"
        facts = f"{mark} {word}", _length(run.duration_s), _link(run.run_id[:8], run.link, writer)
        rows.append((writer.code(one.name, cell=True), *facts, *values))
    head = ("notebook", "", "took", "run", *(writer.code(text, cell=True) for text in gated))
    return _more(table(head, rows), len(told_))


def _changed(change: Change, writer: _Writer, notebooks: int) -> str:
    title = f"### Notebook against {writer.code(change.against)}\n\n" if change.against else ""
    if change.diff is None:
        return f"{title}{writer.code(change.reason, 500)}" if title else f"Notebook diff: {change.reason}"
    return title + writer.changed(change.diff, max(1_000, (writer.left - len(title) - 2 * _ROOM) // notebooks))


def _more(shown: str, count: int) -> str:
    rows = shown.count("\n") - 1
    return shown if count <= rows else f"{shown}\n\n… and {count - rows} more"


def _link(words: str, page: str | None, writer: _Writer) -> str:
    # An address that could end the link, or hold more than an address, is not made one.
    whole = page is not None and page.startswith(("http://", "https://")) and not set(page) & set("()<>[]\\ \"'`|")
    return f"[{writer.code(words)}]({page})" if whole else writer.code(words)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.6g}"


def _length(seconds: float | None) -> str:
    if seconds is None:
        return "an unknown time"
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)} min {int(rest)} s" if minutes else f"{rest:.1f} s"
