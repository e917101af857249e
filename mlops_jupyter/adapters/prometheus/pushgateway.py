"""Metrics of what has ended, kept by a Pushgateway until Prometheus scrapes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import push_to_gateway

from ...protocols import BatchMetric, ServerAccess
from .http import Server

_LIMIT_S = 5.0


class PushgatewayMetrics:
    """The groups of metrics of a Pushgateway.

    Parameters
    ----------
    access
        Where it is, and how one gets in.
    limit_s
        Seconds that a request may take.
    """

    def __init__(self, access: ServerAccess, limit_s: float = _LIMIT_S) -> None:
        self._server = Server("Pushgateway", access, limit_s)

    def reach(self) -> None:
        """Find out whether it answers."""
        answer = self._server.request("GET", "/api/v1/status")
        try:
            told = answer.json()["status"]
        except (ValueError, TypeError, KeyError) as error:
            raise self._server.stranger(answer) from error
        if told != "success":
            raise self._server.error(answer)

    def push(self, job: str, group: Mapping[str, str], metrics: Sequence[BatchMetric]) -> None:
        """Put metrics in the place of all that a group has."""
        registry = CollectorRegistry()
        for metric in metrics:
            names = sorted({name for labels, _ in metric.values for name in labels})
            gauge = Gauge(metric.name, metric.words, names, registry=registry)
            for labels, value in metric.values:
                (gauge.labels(**labels) if names else gauge).set(value)
        # The library writes the group's address; the address before it is the server's, which sends the request.
        push_to_gateway("http://gateway", job, registry, dict(group), handler=self._send)

    def close(self) -> None:
        """Let go of the connections."""
        self._server.close()

    def _send(
        self, url: str, method: str, timeout: float | None, headers: Sequence[tuple[str, str]], data: bytes
    ) -> Callable[[], None]:
        def send() -> None:
            path = url.removeprefix("http://gateway")
            answer = self._server.request(method, path, content=data, headers=dict(headers))
            if not answer.is_success:
                raise self._server.error(answer)

        return send
