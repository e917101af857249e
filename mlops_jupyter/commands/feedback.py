"""``feedback``: what was true, and how right the answers were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from .. import settings
from ..capabilities.endpoints.folder import endpoint_folder
from ..capabilities.monitoring import stretches
from ..capabilities.quality import assessing, given, giving, segments
from ..errors import CommandError
from ..protocols import DeploymentName, Object
from ..records import Feedback, Prediction, Quality
from . import targets

# An endpoint writes its answers down every few seconds.
_WRITTEN_S = 10.0


def feedback(
    name: DeploymentName,
    data: Object = None,
    *,
    of: Object = None,
    request_id: str = "request_id",
    label: str = "label",
    row: str = "row",
    segment: str = "",
    by: str = "",
    since: str = "",
    task: Literal["classification", "regression"] | None = None,
) -> Feedback:
    """Give labels that came late, and see how right the answers were; without labels, see it.

    Labels join the answers by request id, in any order and also before the answers are written down; of a row that is
    labelled twice the last label counts. Accuracy, precision, recall, F1 and AUC, or RMSE and MAE, come with 95 %
    confidence intervals. The endpoint need not run; while it does, it takes labels by POST to /feedback too.

    Parameters
    ----------
    name
        The deployment.
    data
        A file of CSV, JSON, JSON lines or Parquet, or JSON text; in Python and a magic also a DataFrame ($labels), an
        Arrow table, a list of objects or a dict of columns.
    of
        What was predicted ($prediction): the data is then its labels alone, one for each row in its order.
    request_id
        The column of the request's id, which each answer has.
    label
        The column of what was true.
    row
        The column that tells the rows of one request apart, from 0.
    segment
        Look only at logged rows whose value is so: plan=premium, age>=30.
    by
        Look apart at each value of this column of the logged rows.
    since
        Look only at answers of the last time: 15m, 1h, 7d.
    task
        What the model does, where the labels do not show it.

    Returns
    -------
    Feedback
        How many labels joined, came twice or are of unknown requests, and the measures of each version.

    Raises
    ------
    NotFound
        When there is no such deployment, file, or column of the logged rows.
    CommandError
        When the data holds no labels.
    ConfigurationError
        When the file is empty or cannot be read.
    """
    current = settings.current()
    deployment = targets.target(current).get(name)
    watch = endpoint_folder(current.state, name).watch
    start = datetime.now(UTC) - timedelta(seconds=stretches.seconds(since, "--since")) if since else None
    wanted = assessing.Wanted(since=start, segment=segments.parsed(segment) if segment else None, by=by or None)
    if data is None and of is not None:
        raise CommandError("there are no labels for the prediction", f"mlops_jupyter.feedback({name!r}, labels, of=…)")
    if data is None:
        found = Feedback(name, 0, 0, 0, 0)
    else:
        labels = given.batches(data, given.Columns(request_id, label, row)) if of is None else _of(of, data)
        if isinstance(of, Prediction) and deployment.status == "ready":
            # Its answers may have been given a moment ago.
            giving.await_answers(watch, of.request_ids, _WRITTEN_S)
        found = giving.give(watch, name, labels)
    quality = assessing.assess(watch, wanted, task)
    notes = (*found.notes, *_remarks(quality, task))
    if found.foreign and not any(one.foreign for one in quality):
        notes += (f"{found.foreign} of the labels cannot be answers of the model, and do not count",)
    if wanted.segment is not None and not quality:
        notes += (f"no logged rows with a label have {wanted.segment}",)
    return replace(found, quality=quality, notes=notes)


def _remarks(quality: tuple[Quality, ...], task: str | None) -> Iterator[str]:
    """Say which labels do not count, and why there are no measures."""
    for one in quality:
        of = f"version {one.version}" if one.segment is None else f"version {one.version}, {one.segment}"
        if one.foreign:
            said = f"{one.foreign} label{'' if one.foreign == 1 else 's'} such as {one.foreign_label!r}"
            yield f"{of}: {said} cannot be answers of the model, and do not count"
        if one.unsaid:
            said = "1 label does" if one.unsaid == 1 else f"{one.unsaid} labels do"
            yield f"{of}: {said} not say of which row of the request, and so not count: give a column row"
        if one.labelled and not one.metrics:
            why = "the answers are text, which has no RMSE or MAE" if task == "regression" else "there are many classes"
            yield f"{of}: no measures, as {why}"


def _of(predicted: object, data: Any) -> Iterator[pa.Table]:
    """Yield the labels of a prediction's rows."""
    if not isinstance(predicted, Prediction):
        said = f"a {type(predicted).__name__} is no prediction"
        raise CommandError(said, "predicted = mlops_jupyter.predict(…), then of=predicted")
    labels = data.tolist() if hasattr(data, "tolist") else data
    if not isinstance(labels, list | tuple) or len(labels) != sum(predicted.rows):
        said = f"{len(labels)} labels" if isinstance(labels, list | tuple) else f"a {type(data).__name__}"
        hint = "give a list, an array or a Series with one label a row"
        raise CommandError(f"{said} cannot be of the {sum(predicted.rows)} rows that were predicted", hint)
    if not all(predicted.request_ids):
        raise CommandError("the prediction has no request ids", "labels join those of an endpoint on this machine")
    numbers = np.concatenate([np.arange(count) for count in predicted.rows])
    ids = np.repeat(np.asarray(predicted.request_ids, dtype=object), predicted.rows)
    return given.batches({"request_id": ids.tolist(), "row": numbers.tolist(), "label": list(labels)})
