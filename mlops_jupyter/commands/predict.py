"""``predict``: ask an endpoint."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any, cast

from .. import registry, settings
from ..capabilities import rollouts
from ..capabilities.predictions import answered
from ..capabilities.predictions.bodies import asked
from ..capabilities.predictions.cutting import Portion
from ..capabilities.predictions.documents import Takes
from ..capabilities.whole_files import replacing
from ..errors import CommandError, Rejected, Unavailable
from ..protocols import Answer, DeploymentName, Object, Reporter, Silent, TableFiles
from ..records import Deployment, Prediction
from . import targets

_SCALARS = {"boolean", "integer", "long", "float", "double", "string", "binary", "datetime"}
# Of a target that does not say how long it takes; and for the words of one that has given up.
_TIMEOUT_S, _WORDS_S = 60.0, 5.0


def predict(
    name: DeploymentName,
    data: Object,
    *,
    target: str = targets.LOCAL,
    timeout: float | None = None,
    output: Path | None = None,
    reporter: Reporter = Silent(),  # noqa: B008 -- stateless
) -> Prediction:
    """Ask an endpoint for predictions.

    What is too much for one request is sent in several, with the same answers; the rows are numbered through.

    Parameters
    ----------
    name
        The deployment.
    data
        JSON text, a file of CSV, JSON or Parquet; in Python and a magic also a DataFrame, an array, a Series or a dict.
    target
        Where it runs.
    timeout
        Seconds to wait for an answer; else as long as the endpoint gives it, which is 60 s unless timeout_s under
        [serving] in mlops.toml said otherwise when it was deployed. It gives up then, however long this waits.
    output
        A file of CSV, Parquet or JSON, by its name, for the answers: a line a row, with the id of its request and its
        number within it, as `feedback` wants labels.
    reporter
        Where progress is told.

    Returns
    -------
    Prediction
        The predictions, in `result` as the same kind that the data was, with the requests' ids.

    Raises
    ------
    CommandError
        When the time is none, or the output's name says no format.
    NotFound
        When there is no such deployment, or no such file.
    ConfigurationError
        When the file is empty or cannot be read, or the output cannot be written.
    Unavailable
        When it does not answer.
    Rejected
        When it refuses the data, with its words.
    """
    if timeout is not None and not 0 < timeout < math.inf:
        raise CommandError(f"--timeout takes seconds above 0, not {timeout:g}", "--timeout 60")
    if output is not None and output.suffix.lower() not in answered.FORMATS:
        raise CommandError(f"{output} is no CSV, Parquet or JSON by its name", "--output answers.csv")
    place = targets.target(settings.current(), target)
    found = place.get(name)
    wanted = asked(data, _takes(found), _tables)
    if timeout is None:
        # A little longer: the endpoint says why it has given up.
        timeout = _TIMEOUT_S if found.limits is None else found.limits.timeout_s + _WORDS_S
    began = time.perf_counter()
    answers, values, rows = [], [], []
    for body in wanted.bodies:
        answer = place.ask(name, body, timeout)
        part = _predictions(name, answer)
        answers.append(answer._replace(body=b""))
        values += part
        rows.append(len(part))
        if body.done < 1 or len(answers) > 1:
            reporter.progress(f"{name}: {len(values):,} answers", body.done, 1)
    took = time.perf_counter() - began
    ids = tuple(answer.request_id for answer in answers)
    if output is not None:
        _write(output, answered.table(values, ids, rows))
    result = wanted.like(values)
    if hasattr(result, "attrs"):
        result.attrs["request_ids"] = list(ids)
    return Prediction(
        name=name,
        predictions=tuple(values),
        request_ids=ids,
        versions=tuple(dict.fromkeys(answer.version for answer in answers)),
        duration_s=took,
        rows=tuple(rows),
        result=result,
        output=None if output is None else str(output),
    )


def _tables() -> TableFiles:
    return cast("TableFiles", registry.load("table_files", "arrow")())


def _write(output: Path, columns: dict[str, list[Any]]) -> None:
    kind = output.suffix.lower()
    write = {".csv": answered.write_csv, ".json": answered.write_json}.get(kind)
    try:
        with replacing(output.expanduser()) as unfinished:
            (write or _tables().write)(unfinished, columns)
    except OSError as error:
        raise answered.unwritable(output, error) from error


def _predictions(name: str, answer: Answer) -> list[Any]:
    try:
        told = json.loads(answer.body)["predictions"]
    except (ValueError, KeyError, TypeError) as error:
        raise Rejected("endpoint", f"{name} answered something that is no prediction", f"mlops logs {name}") from error
    if isinstance(told, list):
        return told
    columns = list(told.values()) if isinstance(told, dict) else []
    if not columns or not all(isinstance(one, list) and len(one) == len(columns[0]) for one in columns):
        return [told]
    # Columns, as a model answers that says them in a dict.
    return [dict(zip(told, row, strict=True)) for row in zip(*columns, strict=True)]


def _takes(found: Deployment) -> Takes:
    """Return what is known of what is served takes."""
    if found.status != "ready":
        said = f": {found.error}" if found.error else ""
        stopped = found.status == "stopped"
        hint = rollouts.again(found) if stopped else f"mlops logs {found.name}"
        raise Unavailable("endpoint", f"{found.name} is {found.status}{said}", hint)
    limits = found.limits
    portion = Portion() if limits is None else Portion().within(limits.rows, limits.body_mb)
    signature = found.versions[0].signature if found.versions else None
    try:
        inputs = json.loads((signature or {}).get("inputs") or "[]")
        shapes = [one["tensor-spec"]["shape"] for one in inputs if one["type"] == "tensor"]
        if shapes:
            names = tuple(str(one["name"]) for one in inputs if "name" in one)
            return Takes(names, rows=all(shape[:1] == [-1] for shape in shapes), portion=portion)
        nested = any(one["type"] not in _SCALARS for one in inputs)
        names = tuple(str(one["name"]) for one in inputs)
        return Takes(names, rows=True if inputs else None, nested=nested, portion=portion)
    except (ValueError, TypeError, KeyError):
        # Columns without names.
        return Takes(portion=portion)
