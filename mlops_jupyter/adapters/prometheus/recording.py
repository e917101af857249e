"""Recording rules of one endpoint: rates and shares over the windows that alerts look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...capabilities.endpoints.bounds import bound_for
from ...capabilities.monitoring.expressions import selector

# The windows of the burn-rate pairs, and in between those of other alerts.
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d")
SECONDS: Mapping[str, int] = {"5m": 300, "30m": 1_800, "1h": 3_600, "2h": 7_200, "6h": 21_600, "1d": 86_400}
# Not answered, although the caller did nothing wrong; and what the caller did wrong.
_FAILED, _REFUSED = "429|5..", "400|404|413|415|422"
_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


EVALUATED = "endpoint:mlops_rules_evaluated:time"
"""The name of the time at which these rules were evaluated last."""


def requests(window: str) -> str:
    """Return the name of the rate of requests."""
    return f"endpoint:mlops_requests:rate{window}"


def failed(window: str) -> str:
    """Return the name of the share of requests that were not answered."""
    return f"endpoint:mlops_requests_failed:ratio_rate{window}"


def refused(window: str) -> str:
    """Return the name of the share of requests that were refused for what was in them."""
    return f"endpoint:mlops_requests_refused:ratio_rate{window}"


def slow(window: str) -> str:
    """Return the name of the share of requests that took too long."""
    return f"endpoint:mlops_requests_slow:ratio_rate{window}"


def rules(endpoint: str, slow_s: float) -> list[dict[str, Any]]:
    """Return the rules.

    Parameters
    ----------
    endpoint
        The deployment's name.
    slow_s
        From how many seconds on an answer is slow; counted by the next bucket.
    """
    picked = selector(endpoint)
    found: list[dict[str, Any]] = [{"record": EVALUATED, "expr": "time()", "labels": {"endpoint": endpoint}}]
    for window in WINDOWS:
        rate = f"sum by (endpoint) (rate(mlops_requests_total{{{picked}}}[{window}]))"
        found.append({"record": requests(window), "expr": rate})
        all_of_them = f'{requests(window)}{{endpoint="{endpoint}"}}'
        for name, codes in ((failed(window), _FAILED), (refused(window), _REFUSED)):
            some = f'sum by (endpoint) (rate(mlops_requests_total{{{picked},code=~"{codes}"}}[{window}]))'
            # As long as none of them came there is no such series, and the share is none all the same.
            found.append({"record": name, "expr": f"({some} or 0 * {all_of_them})\n/ ({all_of_them} > 0)"})
        seconds = "mlops_request_duration_seconds"
        fast = f'sum by (endpoint) (rate({seconds}_bucket{{{picked},le="{bound_for(slow_s)!r}"}}[{window}]))'
        every = f"sum by (endpoint) (rate({seconds}_count{{{picked}}}[{window}]))"
        found.append({"record": slow(window), "expr": f"1 - {fast}\n/ ({every} > 0)"})
    for name, share in _QUANTILES.items():
        buckets = f"sum by (endpoint, model, version, le) (rate(mlops_request_duration_seconds_bucket{{{picked}}}[5m]))"
        quantile = f"histogram_quantile({share}, {buckets})"
        found.append({"record": f"endpoint_version:mlops_request_duration_seconds:{name}_rate5m", "expr": quantile})
    return found
