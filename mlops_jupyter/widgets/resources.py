"""What this process takes of the machine: CPU, memory, and the GPUs where there are any."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

_STATM = Path("/proc/self/statm")
_MEGABYTE = 1e6
_GPU_QUERY = ("--query-gpu=index,utilization.gpu,memory.used", "--format=csv,noheader,nounits", "--loop=1")


class Resources:
    """Samples this process; a GPU's figures are the whole device's, and ``nvidia-smi`` keeps telling them."""

    def __init__(self) -> None:
        self._cpu_s, self._when_s = _cpu_s(), time.monotonic()
        self._gpus: dict[str, float] = {}
        tool = shutil.which("nvidia-smi")
        self._teller = None if tool is None else _started(tool)
        if self._teller is not None:
            Thread(target=self._listen, args=(self._teller,), name="mlops-gpu", daemon=True).start()

    def sample(self) -> dict[str, float]:
        """Return the figures by name; CPU is of one core, since the sample before."""
        cpu_s, when_s = _cpu_s(), time.monotonic()
        passed_s = max(when_s - self._when_s, 1e-3)
        told = {"CPU %": 100 * (cpu_s - self._cpu_s) / passed_s, "memory MB": _memory_mb(), **self._gpus}
        self._cpu_s, self._when_s = cpu_s, when_s
        return told

    def stop(self) -> None:
        """End what tells of the GPUs."""
        if self._teller is not None:
            self._teller.kill()
            self._teller.wait()

    def _listen(self, teller: subprocess.Popen[str]) -> None:
        for line in teller.stdout or ():
            index, *figures = (word.strip() for word in line.split(","))
            for name, figure in zip(("%", "MB"), figures, strict=False):
                # "[N/A]" on a device that does not say.
                if figure.replace(".", "", 1).isdigit():
                    # A new dictionary each time: the sampling thread may be reading the old one.
                    self._gpus = {**self._gpus, f"GPU {index} {name}": float(figure)}


def _started(tool: str) -> subprocess.Popen[str] | None:
    try:
        return subprocess.Popen([tool, *_GPU_QUERY], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except OSError:  # a tool that cannot be started tells of no GPU
        return None


def _cpu_s() -> float:
    """Return the processor seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])


def _memory_mb() -> float:
    try:
        return int(_STATM.read_text(encoding="ascii").split()[1]) * resource.getpagesize() / _MEGABYTE
    except OSError:  # no /proc: the peak so far is the next best
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / _MEGABYTE if sys.platform == "darwin" else peak * 1024 / _MEGABYTE
