"""``predict``: ask an endpoint."""

from __future__ import annotations

import json
import math
import time
from typing import Any

from .. import settings
from ..capabilities import rollouts
from ..capabilities.prediction_bodies import asked
from ..errors import CommandError, Rejected, Unavailable
from ..protocols import Answer, DeploymentName, Object
from ..records import Deployment, Prediction
from . import targets


def predict(name: DeploymentName, data: Object, *, target: str = targets.LOCAL, timeout: float = 60.0) -> Prediction:
    """Ask an endpoint for predictions.

    Parameters
    ----------
    name
        The deployment.
    data
        JSON text, a file of CSV, JSON or Parquet; in Python and a magic also a DataFrame, an array, a Series or a dict.
    target
        Where it runs.
    timeout
        Seconds that an answer may take.

    Returns
    -------
    Prediction
        The predictions, in `result` as the same kind that the data was, with the requests' ids.

    Raises
    ------
    CommandError
        When the time is none.
    NotFound
        When there is no such deployment, or no such file.
    ConfigurationError
        When the file is empty or cannot be read.
    Unavailable
        When it does not answer.
    Rejected
        When it refuses the data, with its words.
    """
    if not 0 < timeout < math.inf:
        raise CommandError(f"--timeout takes seconds above 0, not {timeout:g}", "--timeout 60")
    place = targets.target(settings.current(), target)
    wanted = asked(data, _columns(place.get(name)))
    began = time.perf_counter()
    answers = [place.ask(name, body.content, body.content_type, timeout) for body in wanted.bodies]
    took = time.perf_counter() - began
    parts = [_predictions(name, answer) for answer in answers]
    values = [one for part in parts for one in part]
    result = wanted.like(values)
    ids = tuple(answer.request_id for answer in answers)
    if hasattr(result, "attrs"):
        result.attrs["request_ids"] = list(ids)
    return Prediction(
        name=name,
        predictions=tuple(values),
        request_ids=ids,
        versions=tuple(dict.fromkeys(answer.version for answer in answers)),
        duration_s=took,
        rows=tuple(map(len, parts)),
        result=result,
    )


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


def _columns(found: Deployment) -> tuple[str, ...]:
    """Return the names of the columns that what is served takes."""
    if found.status != "ready":
        said = f": {found.error}" if found.error else ""
        stopped = found.status == "stopped"
        hint = rollouts.again(found) if stopped else f"mlops logs {found.name}"
        raise Unavailable("endpoint", f"{found.name} is {found.status}{said}", hint)
    signature = found.versions[0].signature if found.versions else None
    try:
        inputs = json.loads((signature or {}).get("inputs") or "[]")
        return tuple(str(one["name"]) for one in inputs)
    except (ValueError, TypeError, KeyError):
        # A tensor has no names.
        return ()
