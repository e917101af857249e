"""Metrics of notebooks that have run, pushed to where Prometheus finds them: what has ended cannot be scraped."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from .. import registry
from ..capabilities import job_metrics
from ..errors import MlopsError
from ..protocols import BatchMetrics
from ..records import Execution
from ..settings import MonitoringServer, Settings
from . import monitoring_servers, project


class PushedMetrics:
    """Where metrics are pushed to, if anywhere.

    Parameters
    ----------
    current
        The project's settings.
    url
        Where to, as asked; else where the settings say.

    Raises
    ------
    ConfigurationError
        When the address or the credentials cannot be used.
    """

    def __init__(self, current: Settings, url: str | None = None) -> None:
        self._current = current
        server = current.pushgateway
        if url is not None and (server is None or server.url != url):
            # The file of credentials is for the server that the settings name.
            server = MonitoringServer("pushgateway", url)
        self._sink: BatchMetrics | None = None
        if server is not None:
            access = monitoring_servers.access(server, os.environ)
            self._sink = cast("BatchMetrics", registry.load("batch_metrics", "pushgateway")(access))

    def push(self, executions: Sequence[Execution], judged: Mapping[str, Execution] | None = None) -> tuple[str, ...]:
        """Push the metrics of what has run; say in sentences what could not be: a run is as good as it was.

        Parameters
        ----------
        executions
            The notebooks that were run, judged.
        judged
            Of each notebook that ran several times, the execution by which it is judged.
        """
        if self._sink is None:
            return ()
        by_notebook: dict[str, list[Execution]] = {}
        for one in executions:
            by_notebook.setdefault(one.notebook, []).append(one)
        for notebook, ran in by_notebook.items():
            shown = project.shown_path(self._current, Path(notebook))
            group = {"project": self._current.project_name, "notebook": shown}
            try:
                for told in job_metrics.of_notebook(ran, (judged or {}).get(notebook, ran[0]), time.time()):
                    self._sink.push(job_metrics.JOB, {**group, **told.labels}, told.metrics)
            except MlopsError as error:
                return (f"its metrics were not pushed: {error.message}",)
        return ()
