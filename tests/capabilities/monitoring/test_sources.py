"""A metrics server that knows nothing of an endpoint yet: what is to be done depends on why."""

from __future__ import annotations

import pytest

from mlops_jupyter.capabilities.monitoring.sources import AskedServer
from mlops_jupyter.errors import NotFound
from mlops_jupyter.protocols import QueriedSeries


class Beginning:
    """A server that has scraped the endpoint once at most."""

    def __init__(self, *up: float) -> None:
        self.up = up

    def clock_s(self) -> float:
        return 1_700_000_000.0

    def query(self, expression: str, at_s: float | None = None) -> tuple[QueriedSeries, ...]:
        assert expression == 'up{job="mlops",endpoint="churn"}'
        return tuple(QueriedSeries({}, (self.clock_s(),), (value,)) for value in self.up)

    def query_range(self, expression: str, start_s: float, end_s: float, step_s: float) -> tuple[QueriedSeries, ...]:
        return tuple(QueriedSeries({}, (self.clock_s(),), (self.clock_s(),)) for value in self.up if value)


@pytest.mark.parametrize(
    ("up", "said", "hint"),
    [
        ((1.0,), "has scraped churn only once so far", "wait for its next scrape"),
        ((0.0,), "cannot scrape churn", "its page /targets says why"),
        ((), "has not scraped churn in the last minutes", "mlops export prometheus churn"),
    ],
)
def test_why_nothing_is_known_is_told(up, said, hint):
    with pytest.raises(NotFound, match=said) as told:
        AskedServer(Beginning(*up), "churn").curves(60, None)
    assert hint in told.value.hint
