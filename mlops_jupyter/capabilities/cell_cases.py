"""A notebook that was run headless as test cases: one a cell, one a gate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..protocols import ReportedCase, ReportedSuite
from ..records import CellFailure, Execution, GateResult
from .notebooks.reading import joined, source
from .plain_text import Clean, one_line, tail

INJECTED_TAG, ERROR_TAG = "injected-parameters", "papermill-error-cell-tag"
_NAME, _MESSAGE, _VALUE = 80, 500, 300
# Of what a cell printed and of a traceback, so many letters: the end says most.
_STREAM, _TRACEBACK = 10_000, 20_000


def suite(execution: Execution, notebook: Mapping[str, Any], *, name: str, file: str, clean: Clean) -> ReportedSuite:
    """Return a notebook's cells and gates as cases.

    Parameters
    ----------
    execution
        How it went.
    notebook
        The notebook as it was executed, or where there is none, as it was to be.
    name
        What the suite is called, and the group of its cases: the same every time, so that a CI system tells which case
        has failed before.
    file
        The notebook's path as the CI system shows files.
    clean
        Takes secrets out of a text.
    """
    cases = [*_cells(execution, notebook, name, file, clean), *_gates(execution.gates, name, file, clean)]
    said = {f"parameter {key}": one_line(str(value), _VALUE, clean) for key, value in execution.parameters.items()}
    run = execution.run
    facts = {"run": run.run_id, "status": run.status, "page": run.link or ""}
    facts = {key: clean(value) for key, value in facts.items() if value} | said
    return ReportedSuite(name, cases, run.started, {one_line(key, _NAME, clean): value for key, value in facts.items()})


def names(executions: Sequence[Execution], shown: Sequence[str]) -> list[str]:
    """Return a name for each execution: its notebook's path, with parameters where that alone fits several.

    Parameters
    ----------
    executions
        The notebooks that were run.
    shown
        Their paths.
    """
    found = []
    for execution, path in zip(executions, shown, strict=True):
        alike = [one for one, other in zip(executions, shown, strict=True) if other == path]
        differing = [
            f"{name}={value}"
            for name, value in execution.parameters.items()
            if any(one.parameters.get(name) != value for one in alike)
        ]
        found.append(f"{path} [{', '.join(differing)[:_VALUE]}]" if differing else path)
    return found


def _cells(
    execution: Execution, notebook: Mapping[str, Any], name: str, file: str, clean: Clean
) -> Iterator[ReportedCase]:
    failure = execution.failure
    reported = False
    for place, cell in _written(notebook):
        if cell["cell_type"] != "code" or not source(cell).strip():
            continue
        first = next(line for line in source(cell).splitlines() if line.strip())
        case = ReportedCase(
            f"cell {place}: {one_line(first, _NAME, clean)}",
            name,
            file,
            time_s=_duration(cell),
            stdout=tail(_stream(cell, "stdout"), _STREAM, clean),
            stderr=tail(_stream(cell, "stderr"), _STREAM, clean),
        )
        if failure is None or (failure.cell is not None and place < failure.cell):
            yield case
        elif place == failure.cell:
            reported = True
            yield _failed(case, failure, clean)
        else:
            yield case._replace(outcome="skipped", message="not reached")
    if failure is not None and not reported:
        # The kernel did not start, or died between two cells.
        yield _failed(ReportedCase("the notebook", name, file), failure, clean)


def _failed(case: ReportedCase, failure: CellFailure, clean: Clean) -> ReportedCase:
    said = f"{failure.ename}: {failure.evalue}" if failure.evalue else failure.ename
    text = failure.traceback or f"{said}\n\n{failure.source}"
    return case._replace(
        outcome="failed",
        message=one_line(said, _MESSAGE, clean),
        kind=one_line(failure.ename, _NAME, clean),
        text=tail(text, _TRACEBACK, clean),
    )


def _gates(gates: Sequence[GateResult], name: str, file: str, clean: Clean) -> Iterator[ReportedCase]:
    outcomes: dict[str, Any] = {
        "met": "passed",
        "not met": "failed",
        "not judged": "skipped",
        "no such metric": "error",
    }
    for gate in gates:
        detail = one_line(gate.detail, _MESSAGE, clean)
        text = detail if gate.verdict in {"not met", "no such metric"} else ""
        yield ReportedCase(
            f"gate: {one_line(gate.text, _NAME, clean)}",
            name,
            file,
            outcomes[gate.verdict],
            message="" if gate.passed else detail,
            kind="" if gate.passed else gate.verdict,
            text=text,
            stdout=detail if gate.passed else "",
        )


def _written(notebook: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Return the cells of the user's own with their places, without what was put between them for the execution."""
    place = 0
    for cell in notebook["cells"]:
        metadata = cell.get("metadata")
        tags = metadata.get("tags") if isinstance(metadata, dict) else None
        if not isinstance(tags, list) or not {INJECTED_TAG, ERROR_TAG}.intersection(map(str, tags)):
            yield place, cell
            place += 1


def _duration(cell: Mapping[str, Any]) -> float:
    metadata = cell.get("metadata")
    timed = metadata.get("papermill") if isinstance(metadata, dict) else None
    seconds = timed.get("duration") if isinstance(timed, dict) else None
    return float(seconds) if isinstance(seconds, int | float) and seconds >= 0 else 0.0


def _stream(cell: Mapping[str, Any], name: str) -> str:
    outputs = cell.get("outputs")
    return "".join(
        str(joined(one.get("text", "")))
        for one in (outputs if isinstance(outputs, list) else ())
        if one.get("output_type") == "stream" and one.get("name") == name
    )
