"""A disk that is soon full."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fakes.missing import cannot

_SYS_ADMIN = 21


@contextmanager
def small_disk(root: Path, size: str) -> Iterator[Path]:
    """Make a folder a disk of its own, of so many bytes (``4M``); skip the test where that is not allowed."""
    root.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(root)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        # A machine that lets nobody mount cannot do better.
        cannot(f"a small disk cannot be mounted: {mounted.stderr.strip()}", mended=_may_mount())
    try:
        yield root
    finally:
        subprocess.run(["umount", "--lazy", str(root)], check=True, timeout=30)


def _may_mount() -> bool:
    status = Path("/proc/self/status").read_text()
    able = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(able, 16) >> _SYS_ADMIN & 1)
