"""What `doctor` says of the servers of metrics and alerts that the settings name."""

from __future__ import annotations

from collections.abc import Iterator

from ..capabilities.endpoints import scraping
from ..capabilities.monitoring import clocks
from ..errors import MlopsError
from ..records import Check
from ..settings import Settings
from . import monitoring_servers

# A scrape or two; what differs by more is no delay of the network.
_MOST_APART_S = 30.0
_OURS = "Mlops"


def checks(current: Settings) -> Iterator[Check]:
    """Yield a check for each server that is named: whether it answers, and of Prometheus, whether it is of use."""
    for name, look in (("prometheus", _metrics), ("alertmanager", _alerts), ("pushgateway", _batches)):
        try:
            yield from look(name, current)
        except MlopsError as error:
            yield Check(name, "failed", error.message, error.hint)


def _metrics(name: str, current: Settings) -> Iterator[Check]:
    server = monitoring_servers.metrics(current)
    if server is None:
        return
    apart = clocks.ahead_s(server, _MOST_APART_S)
    if apart:
        said = f"its clock is {abs(apart):.0f} s {'ahead' if apart > 0 else 'behind'}"
        yield Check(name, "warning", f"answers, and {said}", "set the clock of either machine")
    else:
        yield Check(name, "ok", "answers")
    folder = scraping.targets(current.state)
    wanted = {file.stem for file in folder.glob("*.json")} if folder.is_dir() else set()
    seen = {one.labels.get("endpoint", "") for one in server.query(f'up{{job="{scraping.JOB}"}}')}
    if unknown := sorted(wanted - seen):
        words = "what mlops export prometheus writes into its configuration makes it"
        yield Check(name, "warning", f"it does not scrape {', '.join(unknown)}", words)


def _alerts(name: str, current: Settings) -> Iterator[Check]:
    server = monitoring_servers.alerts(current)
    if server is None:
        return
    # Those of other teams are none of this project's.
    count = sum(one.name.startswith(_OURS) for one in server.firing({}))
    fire = "1 alert fires" if count == 1 else f"{count} alerts fire"
    yield Check(name, "ok", f"answers; {fire}" if count else "answers")


def _batches(name: str, current: Settings) -> Iterator[Check]:
    server = monitoring_servers.batch_metrics(current)
    if server is not None:
        server.reach()
        yield Check(name, "ok", "answers")
