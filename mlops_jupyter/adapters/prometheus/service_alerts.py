"""Alerts on how an endpoint answers: there, in time, without errors.

Errors and slow answers are alerted on by the rate at which they use up the error budget, over a long window that says
it matters and a short one that says it still goes on (Beyer et al., "The Site Reliability Workbook", 2018, ch. 5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from ...capabilities.endpoints.bounds import bound_for
from ...capabilities.monitoring.expressions import selector
from . import recording
from .alert import AlertRule, Example

# With fewer requests in a window, one that fails is a large share of them.
LEAST_REQUESTS = 100
_SURE = 0.9
# What ends the alert's name, the severity, both windows, how often the budget, and for how long.
_PAIRS: tuple[tuple[str, Literal["page", "ticket"], str, str, float, str], ...] = (
    ("BurnsFast", "page", "1h", "5m", 14.4, "2m"),
    ("Burns", "page", "6h", "30m", 6.0, "15m"),
    ("Leaks", "ticket", "1d", "2h", 3.0, "1h"),
)
_MANY_RESTARTS, _MANY_REFUSED = 3, 0.2


def alerts(endpoint: str, slow_s: float, objective: float) -> Iterator[AlertRule]:
    """Yield the rules.

    Parameters
    ----------
    endpoint
        The deployment's name.
    slow_s
        From how many seconds on an answer is slow.
    objective
        The share of requests that are to be answered, and in time.
    """
    yield from _presence(endpoint)
    yield _traffic(endpoint)
    yield _refusals(endpoint)
    yield from _burning(
        "MlopsErrorBudget",
        endpoint,
        1 - objective,
        share=recording.failed,
        words=f"of the requests to {endpoint} failed",
        series={"failed": "0+600x{n}"},
    )
    yield from _burning(
        "MlopsLatencyBudget",
        endpoint,
        1 - objective,
        share=recording.slow,
        words=f"of the requests to {endpoint} took longer than {bound_for(slow_s):g} s",
        series={"fast": "0+300x{n}"},
    )


def _presence(endpoint: str) -> Iterator[AlertRule]:
    picked = selector(endpoint)
    yield AlertRule(
        name="MlopsEndpointDown",
        expression=f"max by (endpoint) (up{{{picked}}}) == 0",
        lasts="2m",
        severity="page",
        summary=f"{endpoint} does not answer",
        advice=f"mlops deployments {endpoint} says how it is, mlops logs {endpoint} what happened.",
        example=Example({"up": "0x{n}"}),
    )
    yield AlertRule(
        name="MlopsEndpointGone",
        # A Prometheus that has only been started has not scraped anything yet.
        expression=f'absent(up{{{picked}}})\nand on () {recording.EVALUATED}{{endpoint="{endpoint}"}} offset 1m',
        lasts="10m",
        severity="ticket",
        summary=f"{endpoint} is not scraped any more",
        advice="Its entry among the targets is gone. After mlops undeploy, remove its rules too.",
        example=Example({"up": None}, labels={"job": "mlops"}),
    )
    yield AlertRule(
        name="MlopsNoWorker",
        expression=f"max by (endpoint) (mlops_workers_ready{{{picked}}}) == 0",
        lasts="1m",
        severity="page",
        summary=f"no worker of {endpoint} answers",
        advice=f"mlops logs {endpoint} says why they end, mlops rollback {endpoint} serves what was served before.",
        example=Example({"workers": "0x{n}"}),
    )
    yield AlertRule(
        name="MlopsWorkersRestart",
        expression=(f"sum by (endpoint) (increase(mlops_worker_restarts_total{{{picked}}}[15m])) > {_MANY_RESTARTS}"),
        lasts="0m",
        severity="ticket",
        summary=f'workers of {endpoint} were started again {{{{ $value | printf "%.0f" }}}} times in 15 minutes',
        advice=f"mlops logs {endpoint} says why they end.",
        example=Example({"restarts": "0+1x{n}"}, value="15"),
    )


def _traffic(endpoint: str) -> AlertRule:
    picked = selector(endpoint)
    return AlertRule(
        name="MlopsNoTraffic",
        expression=(
            f'{recording.requests("30m")}{{endpoint="{endpoint}"}} == 0\n'
            f"and sum by (endpoint) (increase(mlops_requests_total{{{picked}}}[1d] offset 30m)) >= {LEAST_REQUESTS}"
        ),
        lasts="15m",
        severity="ticket",
        summary=f"nobody has asked {endpoint} for half an hour",
        advice="It was asked in the day before: look at its callers.",
        example=Example({"answered": "0+600x60 36000+0x60"}, minutes=120),
    )


def _refusals(endpoint: str) -> AlertRule:
    return AlertRule(
        name="MlopsRequestsRefused",
        expression=(
            f'{recording.refused("30m")}{{endpoint="{endpoint}"}} > {_MANY_REFUSED}\n{_enough(endpoint, "30m")}'
        ),
        lasts="15m",
        severity="ticket",
        summary=f"{{{{ $value | humanizePercentage }}}} of the requests to {endpoint} were refused",
        advice=f"Their data do not fit the model's signature: mlops monitor {endpoint} shows the errors by class.",
        example=Example({"refused": "0+600x{n}"}, value="50%"),
    )


def _burning(
    name: str,
    endpoint: str,
    budget: float,
    *,
    share: Callable[[str], str],
    words: str,
    series: Mapping[str, str | None],
) -> Iterator[AlertRule]:
    for ending, severity, long, short, factor, lasts in _PAIRS:
        bound = f"{min(factor * budget, _SURE):.6g}"
        yield AlertRule(
            name=name + ending,
            expression=(
                f'{share(long)}{{endpoint="{endpoint}"}} > {bound}\n'
                f'and {share(short)}{{endpoint="{endpoint}"}} > {bound}\n{_enough(endpoint, long)}'
            ),
            lasts=lasts,
            severity=severity,
            summary=f"{{{{ $value | humanizePercentage }}}} {words} within {long}",
            advice=(
                f"The objective leaves {budget:.3%}. mlops monitor {endpoint} shows since when and of which version; "
                f"mlops rollback {endpoint} serves what was served before."
            ),
            example=Example(series, value="50%", minutes=120),
        )


def _enough(endpoint: str, window: str) -> str:
    rate = f'{recording.requests(window)}{{endpoint="{endpoint}"}}'
    return f"and {rate} * {recording.SECONDS[window]} >= {LEAST_REQUESTS}"
