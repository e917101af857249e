"""Records as text, HTML and JSON, for every face.

The table names each record's module and the one of its view; a view has ``text(record) -> str`` and
``html(record) -> str``; ``excerpt(record)`` when a record may be more than a saved notebook should hold; and
``data(record)`` when a front end that makes a view of its own needs less than the whole record.
JSON is made here, from the record itself.
"""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from importlib import import_module
from typing import Any

from ..capabilities.thinning import FEWEST, thin

_VIEWS = "mlops_jupyter.faces.views."
_RECORDS = "mlops_jupyter.records."
# Of one metric, the points that JSON carries; and of all metrics together in what a notebook keeps, where each number
# of them takes a line.
_CURVE, _CURVES_KEPT = 100, 200
_POINT = ("step", "time_ms", "value")

# Of each record the module that it is from, and the module of its view.
VIEWS: dict[str, tuple[str, str]] = {
    "Run": ("runs", "run"),
    "RunTable": ("runs", "runs"),
    "Batch": ("batches", "batch"),
    "Comparison": ("comparisons", "compare"),
    "Deployment": ("deployments", "deployment"),
    "Deployments": ("deployments", "deployments"),
    "Undeployed": ("deployments", "undeployed"),
    "Prediction": ("deployments", "prediction"),
    "LogLines": ("deployments", "log_lines"),
    "Monitored": ("monitoring", "monitored"),
    "Feedback": ("monitoring", "feedback"),
    "LoggedRows": ("monitoring", "logged_rows"),
    "DriftReport": ("monitoring", "drift"),
    "Execution": ("executions", "execution"),
    "Reproduction": ("executions", "reproduction"),
    "Diagnosis": ("projects", "diagnosis"),
    "Snapshot": ("versions", "snapshot"),
    "History": ("versions", "history"),
    "NotebookDiff": ("versions", "diff"),
    "Restored": ("versions", "restored"),
    "Review": ("versions", "review"),
    "PipelineFile": ("pipelines", "pipeline"),
    "Exported": ("exports", "exported"),
    "ModelTable": ("models", "models"),
    "RegisteredVersion": ("models", "registered"),
    "Promotion": ("models", "promotion"),
    "Setup": ("projects", "setup"),
    "Status": ("projects", "status"),
    "WarmProcess": ("projects", "warm"),
    "WebPage": ("projects", "page"),
}


def view(record: object) -> Any:
    """Return the view module of a record, ``None`` for anything else."""
    home, module = VIEWS.get(type(record).__name__, ("", ""))
    return import_module(_VIEWS + module) if type(record).__module__ == _RECORDS + home else None


def text(record: object) -> str:
    """Return a record as a person reads it in a terminal."""
    found = view(record)
    return str(record) if found is None else str(found.text(record))


def as_json(record: object, *, curve: int = _CURVE) -> Any:
    """Return a record as JSON values, with the history of each metric thinned to ``curve`` points.

    Instants are ISO 8601; numbers that JSON has no words for are ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``,
    as in the JSON mapping of Protocol Buffers that MLflow's own API uses. What a record computes is included.
    """
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        names = _names(record)
        told = {name: as_json(getattr(record, name), curve=curve) for name in names if name != "history"}
        if "history" in names:
            told["history"] = _columns(record, curve)
        return told
    if isinstance(record, Mapping):
        return {str(name): as_json(value, curve=curve) for name, value in record.items()}
    if isinstance(record, Sequence) and not isinstance(record, str | bytes | bytearray | memoryview):
        return [as_json(value, curve=curve) for value in record]
    if isinstance(record, datetime):
        return record.isoformat()
    if isinstance(record, float) and not math.isfinite(record):
        return "NaN" if math.isnan(record) else "Infinity" if record > 0 else "-Infinity"
    return record if record is None or isinstance(record, str | int | float | bool) else str(record)


def json_pieces(record: object) -> Iterator[str]:
    """Write a record as indented JSON, piece by piece: of runs that are read page by page, one page is kept."""
    lazy = {name for name in _names(record) if _reads_on(getattr(record, name))}
    if not lazy:
        yield _indented(as_json(record))
        return
    between = "{\n  "
    for name in _names(record):
        yield f"{between}{json.dumps(name)}: "
        between = ",\n  "
        if name not in lazy:
            yield _indented(as_json(getattr(record, name))).replace("\n", "\n  ")
            continue
        yield "["
        start = "\n    "
        for value in getattr(record, name):
            yield start + _indented(as_json(value)).replace("\n", "\n    ")
            start = ",\n    "
        yield "]" if start == "\n    " else "\n  ]"
    yield "\n}"


def _names(record: object) -> list[str]:
    """Name what a record's JSON holds: its fields, and what it computes."""
    if not dataclasses.is_dataclass(record):
        return []
    names = [field.name for field in dataclasses.fields(record) if "unsaid" not in field.metadata]
    return names + [name for name, member in vars(type(record)).items() if isinstance(member, property)]


def _reads_on(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | list | tuple)


def _indented(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _columns(run: Any, curve: int) -> dict[str, Any]:
    """Return a run's history, column by column, in so many points a metric; none where they would draw no line."""
    if curve < FEWEST:
        return {}
    thinned = {name: thin(points, curve) for name, points in run.history.items()}
    return {
        str(name): {column: as_json([getattr(point, column) for point in points]) for column in _POINT}
        for name, points in thinned.items()
    }


def _metrics_drawn(record: object) -> int:
    """Count the histories in a record and the runs that it holds."""
    if isinstance(record, list | tuple):
        return sum(map(_metrics_drawn, record))
    if not dataclasses.is_dataclass(record) or isinstance(record, type):
        return 0
    values = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    return len(values.pop("history", ())) + sum(map(_metrics_drawn, values.values()))


def mime_type(record: object) -> str:
    """Return the JSON mime type of a record: ``application/json`` would outrank HTML in JupyterLab."""
    return f"application/vnd.mlops-jupyter.{type(record).__name__.lower()}+json"


def mime_bundle(record: object, **_: object) -> dict[str, Any]:
    """Return every form of a record, for a front end to choose from."""
    found = view(record)
    if hasattr(found, "excerpt"):
        record = found.excerpt(record)
    curve = min(_CURVE, _CURVES_KEPT // max(1, _metrics_drawn(record)))
    kept = as_json(record, curve=curve)
    return {"text/plain": found.text(record), "text/html": found.html(record), mime_type(record): kept}


def page(record: Any) -> str:
    """Return a record of something with a name as a whole page of HTML, without a script or anything from elsewhere."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(record.name)}</title></head>'
        '<body style="font:14px/1.45 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em">'
        f"{view(record).html(record)}</body></html>\n"
    )


def data(record: object) -> Any:
    """Return what a front end makes a view of its own from, as JSON values: all rows, and nothing that is drawn."""
    found = view(record)
    return found.data(record) if hasattr(found, "data") else as_json(record, curve=0)


def shell() -> Any:
    """Return this process's IPython shell, ``None`` without one; IPython is not imported for the question."""
    module = sys.modules.get("IPython.core.getipython")
    return None if module is None else module.get_ipython()


def register_all() -> None:
    """Teach this process's IPython shell, if it has one, to show records; again changes nothing."""
    running = shell()
    if running is None:
        return
    formatter = running.display_formatter.mimebundle_formatter
    for name, (home, _) in VIEWS.items():
        formatter.for_type_by_name(_RECORDS + home, name, mime_bundle)
