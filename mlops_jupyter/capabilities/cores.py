"""How many cores this process may keep busy.

A container sees all cores of its machine and is slowed down beyond its share of them, on Binder one of dozens. joblib
knows the same, but is imported in the time in which a small notebook runs.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

# A container's own control group, of the two versions that Linux has: quota and period in microseconds.
_QUOTA, _OLD_QUOTA, _OLD_PERIOD = "cpu.max", "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"
_GROUPS = Path("/sys/fs/cgroup")


def usable(groups: Path = _GROUPS) -> int:
    """Return how many processes at most can compute at once: cores that this one is bound to, or its container's share.

    Parameters
    ----------
    groups
        Where Linux shows control groups.
    """
    cores = len(os.sched_getaffinity(0))
    share = _share(groups)
    return cores if share is None else max(1, min(cores, math.ceil(share)))


def _share(groups: Path) -> float | None:
    """Return a container's share in cores, ``None`` where it is not limited or nobody tells."""
    try:
        if (groups / _QUOTA).is_file():
            quota, period = (groups / _QUOTA).read_text(encoding="ascii").split()
        else:
            quota, period = ((groups / name).read_text(encoding="ascii").strip() for name in (_OLD_QUOTA, _OLD_PERIOD))
        # No limit is "max", and was -1.
        return int(quota) / int(period) if quota not in {"max", "-1"} else None
    except (OSError, ValueError, ZeroDivisionError):
        return None
