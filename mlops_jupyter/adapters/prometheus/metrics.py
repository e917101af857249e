"""Metrics of a Prometheus, or of what speaks its HTTP API, such as Thanos, Mimir and VictoriaMetrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...errors import Rejected, Unavailable
from ...protocols import QueriedSeries, ServerAccess
from .http import Server

_LIMIT_S = 10.0
# Prometheus refuses a range of more.
_MOST_STEPS = 11_000
_MS = 1000
# Error types of the API by which the server says that it could not, rather than that it would not.
_UNABLE = {"timeout", "canceled", "unavailable", "internal"}


class PrometheusMetrics:
    """The metrics of a Prometheus server.

    Parameters
    ----------
    access
        Where it is, and how one gets in.
    limit_s
        Seconds that a request may take.
    """

    def __init__(self, access: ServerAccess, limit_s: float = _LIMIT_S) -> None:
        self._server = Server("Prometheus", access, limit_s)

    def query(self, expression: str, at_s: float | None = None) -> tuple[QueriedSeries, ...]:
        """Return what an expression gives at one instant."""
        form = {"query": expression}
        if at_s is not None:
            form["time"] = _written(round(at_s * _MS))
        return tuple(self._series(self._ask("query", form)))

    def query_range(self, expression: str, start_s: float, end_s: float, step_s: float) -> tuple[QueriedSeries, ...]:
        """Return what an expression gives over a time, in as many requests as the server's limit needs."""
        start, end, step = round(start_s * _MS), round(end_s * _MS), max(1, round(step_s * _MS))
        found: dict[tuple[tuple[str, str], ...], tuple[list[float], list[float]]] = {}
        for first in range(start, max(end, start) + 1, step * _MOST_STEPS):
            last = min(end, first + step * (_MOST_STEPS - 1))
            form = {"query": expression, "start": _written(first), "end": _written(last), "step": _written(step)}
            for one in self._series(self._ask("query_range", form)):
                times, values = found.setdefault(tuple(sorted(one.labels.items())), ([], []))
                times += one.times
                values += one.values
        return tuple(QueriedSeries(dict(key), tuple(times), tuple(values)) for key, (times, values) in found.items())

    def clock_s(self) -> float:
        """Return the server's present."""
        (present,) = self.query("time()")
        return present.values[0]

    def close(self) -> None:
        """Let go of the connections."""
        self._server.close()

    def _ask(self, what: str, form: Mapping[str, str]) -> Mapping[str, Any]:
        # By POST, as a form: an expression may be longer than an address.
        limit = f"{self._server.limit_s:g}s"
        answer = self._server.request("POST", f"/api/v1/{what}", form={**form, "timeout": limit})
        try:
            told = answer.json()
            if told["status"] == "success":
                return dict(told["data"])
        except (ValueError, TypeError, KeyError) as error:
            raise self._server.stranger(answer) from error
        said = str(told.get("error") or told.get("errorType") or "no reason")
        if told.get("errorType") in _UNABLE:
            raise Unavailable("Prometheus", f"Prometheus at {self._server.shown} could not answer: {said}", None)
        raise self._server.error(answer, said)

    def _series(self, data: Mapping[str, Any]) -> Iterable[QueriedSeries]:
        kind, result = data.get("resultType"), data.get("result", [])
        if kind == "scalar":
            yield _of({}, [result])
        elif kind in {"vector", "matrix"}:
            for one in result:
                # A native histogram has no number of its own.
                if points := one["values"] if "values" in one else [one["value"]] if "value" in one else []:
                    yield _of(one["metric"], points)
        else:
            raise Rejected("Prometheus", f"the expression gives a {kind}, not numbers", None)


def _of(labels: Mapping[str, str], points: Iterable[Any]) -> QueriedSeries:
    # Values come as text, for JSON knows neither NaN nor infinity.
    pairs = [(float(at), float(value)) for at, value in points]
    return QueriedSeries(dict(labels), tuple(at for at, _ in pairs), tuple(value for _, value in pairs))


def _written(ms: int) -> str:
    return f"{ms / _MS:.3f}"
