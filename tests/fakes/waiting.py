"""Waiting for what another process does and announces to nobody."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psutil


def wait_for(happened: Callable[[], Any], limit_s: float = 60, what: str = "it never happened") -> Any:
    """Wait until something is so, and return what it then is; fail with ``what`` after so many seconds."""
    end = time.monotonic() + limit_s
    while not (found := happened()):
        assert time.monotonic() < end, what
        time.sleep(0.02)
    return found


def ended(process: psutil.Process) -> bool:
    """Say whether a process has ended; where nobody collects orphans, they stay zombies."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
