"""Show the dashboard of an endpoint in this process, a real kernel, and print what the kernel spent on it as JSON."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any


def main(case: str, root: str, seconds: float) -> None:
    """Spend some seconds with ``dashboard``, ``thread`` (one that only wakes once a second) or ``none``."""
    from mlops_jupyter.capabilities.endpoints.series import SeriesFile
    from mlops_jupyter.capabilities.monitoring.folder import WatchFolder
    from mlops_jupyter.capabilities.monitoring.sources import OwnHistory
    from mlops_jupyter.commands import targets
    from mlops_jupyter.commands.watched import WatchedDeployment
    from mlops_jupyter.records import Deployment, ServedVersion

    # The state of the endpoint is that of a live one; its history is written by another process.
    found = Deployment("churn", targets.LOCAL, "ready", (ServedVersion("1", "models:/churn/1"),))
    folder = WatchFolder(Path(root))
    watched: Any = WatchedDeployment(
        "churn",
        3_600.0,
        place=SimpleNamespace(get=lambda _: found),  # type: ignore[arg-type]
        folder=folder,
        source=OwnHistory(SeriesFile(folder.series)),
        source_name="endpoint",
        alerts=None,
    )
    dashboard = None
    if case == "dashboard":
        from mlops_jupyter.widgets.monitor import MonitorDashboard

        dashboard = MonitorDashboard(watched)
        for asked in ({"ask": "range", "range": 900}, {"ask": "begin"}, {"ask": "seen", "view": "one", "seen": True}):
            data = {"method": "custom", "content": asked}
            dashboard.comm.handle_msg({"content": {"data": data}, "buffers": []})
        time.sleep(2)
    before, began = time.process_time(), time.monotonic()
    messages = 0 if dashboard is None else dashboard.messages
    time.sleep(seconds)
    spent = (time.process_time() - before) / (time.monotonic() - began)
    print(json.dumps({"share": spent, "messages": 0 if dashboard is None else dashboard.messages - messages}))
    if dashboard is not None:
        dashboard.finish()
