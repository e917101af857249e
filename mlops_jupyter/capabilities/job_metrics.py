"""What is told of a notebook that has run, as metrics: whether and when, how long, its gates, its own metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ..protocols import BatchMetric
from ..records import Execution, Run

JOB = "mlops_notebook"
# More series than these of one notebook are of no use to anybody, and cost the server.
_MOST = 200


class JobMetrics(NamedTuple):
    """Metrics that take the place of those before them.

    Attributes
    ----------
    labels
        What tells them from other metrics of the same notebook.
    metrics
        The metrics.
    """

    labels: Mapping[str, str]
    metrics: Sequence[BatchMetric]


def of_notebook(executions: Sequence[Execution], judged: Execution, ended_s: float) -> list[JobMetrics]:
    """Return the metrics of one notebook: of its last run, and where that is one, of its last success.

    Parameters
    ----------
    executions
        Its executions: one, or those of all combinations of a batch.
    judged
        The one by which it is judged, whose metrics are told.
    ended_s
        When they had ended, in seconds since the epoch.
    """
    # A gate that was not met counts as no success, for so it does where a pipeline runs the notebook.
    success = all(one.run.status == "FINISHED" for one in executions) and all(gate.passed for gate in judged.gates)
    duration = sum(one.run.duration_s or 0.0 for one in executions)
    found = [
        BatchMetric("mlops_notebook_success", "Whether it ran to its end and met its gates.", [({}, float(success))]),
        BatchMetric("mlops_notebook_duration_seconds", "How long it ran.", [({}, duration)]),
        BatchMetric("mlops_notebook_last_run_timestamp_seconds", "When it had run.", [({}, ended_s)]),
    ]
    told = (
        ("mlops_notebook_gate_met", "Whether a gate was met.", "gate", {one.text: one.passed for one in judged.gates}),
        (
            "mlops_notebook_metric",
            "The last value of a metric of its runs.",
            "metric",
            last_values((judged.run, *judged.children)),
        ),
    )
    for name, words, label, values in told:
        if values:
            found.append(
                BatchMetric(name, words, [({label: one}, float(values[one])) for one in sorted(values)[:_MOST]])
            )
    # By itself, so that of a run that fails the last success before it stays, and nothing else.
    when = BatchMetric("mlops_notebook_last_success_timestamp_seconds", "When it last did.", [({}, ended_s)])
    return [JobMetrics({}, found), *([JobMetrics({"outcome": "success"}, [when])] if success else [])]


def last_values(runs: Iterable[Run]) -> dict[str, float]:
    """Return each metric's value in the last run that has it, as gates read them."""
    return {name: value for run in runs for name, value in run.metrics.items()}
