"""MLflow's watch over imports, without the lock that two threads can wait for in turn.

``mlflow.autolog`` imports frameworks while it holds a lock, and MLflow's finder wants that lock for whatever another
thread imports, which the interpreter's own lock holds up meanwhile. MLflow's telemetry imports in a thread of its own
when MLflow has been imported, so that ``mlops.track()`` as a script's first word could wait for ever.
docs/decisions/0005 says why this reaches into MLflow.
"""

from __future__ import annotations

from typing import Any

from mlflow.utils import import_hooks


def look_without_the_lock() -> None:
    """Let MLflow's finder pass over modules that no hook waits for before it takes its lock; once is enough."""
    finder = import_hooks.ImportHookFinder
    locked = finder.find_spec
    if getattr(locked, "looks_first", False):
        return

    def find_spec(self: Any, fullname: str, path: Any, target: Any = None) -> Any:
        # To read a dictionary needs no lock, and hooks are never taken out of it.
        if fullname not in import_hooks._post_import_hooks and fullname not in import_hooks._import_error_hooks:  # noqa: SLF001
            return None
        return locked(self, fullname, path, target)

    find_spec.looks_first = True  # type: ignore[attr-defined]
    setattr(finder, "find_spec", find_spec)  # noqa: B010 -- no subclass would do: the finder is MLflow's own
