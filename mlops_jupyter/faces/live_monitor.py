"""The live dashboards of a notebook: one of each deployment, where it was last asked for."""

from __future__ import annotations

import atexit
from importlib import import_module
from typing import TYPE_CHECKING, Any

from IPython.display import display

if TYPE_CHECKING:
    from ..protocols import Watched

_shown: dict[str, Any] = {}


def show(watched: Watched) -> None:
    """Show a deployment below the cell, and take its earlier dashboard away: the picture below that one comes forth."""
    earlier = _shown.pop(watched.name, None)
    if earlier is not None:
        earlier.finish()
    dashboard = _shown[watched.name] = import_module("mlops_jupyter.widgets.monitor").MonitorDashboard(watched)
    display(dashboard)


def finish_all() -> None:
    """End all dashboards, with the kernel."""
    for dashboard in _shown.values():
        dashboard.finish()
    _shown.clear()


atexit.register(finish_all)
