"""Fresh and forked kernels: how long until they answer and until they have ended, and the memory of many.

``python benchmarks/measuring/warm_kernel.py [ROUNDS]``; rounds of both kinds alternate, figures are medians.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from jupyter_client.manager import KernelManager

from mlops_jupyter.capabilities.forking import ForkServer, proportional_bytes
from mlops_jupyter.commands.warm import KERNEL, KERNEL_NAME, SERVER_VARIABLE, install_kernelspec

MODULES = ("pandas", "sklearn.ensemble", "mlflow")
IMPORTS = "import pandas, sklearn.ensemble, mlflow"
TIMEOUT_S = 60
MEGA = 1_000_000
# What the memory of n kernels is held against: one import, and so much for each.
EACH_MB = 90


@contextmanager
def kernel(name: str, folder: Path) -> Iterator[tuple[KernelManager, object, float]]:
    began = time.perf_counter()
    manager = KernelManager(kernel_name=name)
    manager.start_kernel(cwd=str(folder))
    client = manager.client()
    # Not `wait_for_ready`, which goes on to wait 200 ms for silence.
    client.start_channels(hb=False)
    client.kernel_info(reply=True, timeout=TIMEOUT_S)
    try:
        yield manager, client, time.perf_counter() - began
    finally:
        client.stop_channels()
        if manager.has_kernel:
            manager.shutdown_kernel()


def measure(name: str, folder: Path) -> tuple[float, float, float]:
    with kernel(name, folder) as (manager, client, ready):
        began = time.perf_counter()
        client.execute(IMPORTS, reply=True, timeout=TIMEOUT_S)
        imported = time.perf_counter() - began
        began = time.perf_counter()
        manager.shutdown_kernel()
        return ready * 1000, imported * 1000, (time.perf_counter() - began) * 1000


def memory(server: ForkServer, folder: Path, count: int) -> float:
    """Return the memory of a server and its kernels, in MB."""
    with kernel(KERNEL_NAME, folder) as (_, client, _):
        client.execute(IMPORTS, reply=True, timeout=TIMEOUT_S)
        if count > 1:
            return memory(server, folder, count - 1)
        state = server.state()
        assert state is not None
        pids = [state["pid"]]
        for family in state["families"]:
            pids += [family["pid"], *family["children"]]
        return sum(map(proportional_bytes, pids)) / MEGA


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "mlops.toml").write_text(f"[warm]\nimports = {list(MODULES)}\n")
        os.environ["JUPYTER_PATH"] = str(Path(install_kernelspec(folder)).parents[1])
        server = ForkServer.start()
        os.environ[SERVER_VARIABLE] = str(server.path)
        server.prepare(KERNEL, MODULES, wait=True)
        found: dict[str, list[tuple[float, float, float]]] = {"python3": [], KERNEL_NAME: []}
        for _ in range(rounds):
            for kind, figures in found.items():
                figures.append(measure(kind, folder))
        print(f"{'':12} {'ready ms':>9} {'imports ms':>11} {'shutdown ms':>12}")
        for kind, figures in found.items():
            ready, imported, ended = (median(column) for column in zip(*figures, strict=True))
            print(f"{kind:12} {ready:9.0f} {imported:11.0f} {ended:12.0f}")
        with kernel("python3", folder) as (manager, client, _):
            client.execute(IMPORTS, reply=True, timeout=TIMEOUT_S)
            alone = proportional_bytes(manager.provisioner.pid) / MEGA
        print(f"\na fresh kernel that has imported them: {alone:.0f} MB\n{'n':>3} {'MB':>6} {'at most':>8}")
        for count in (1, 2, 4, 8):
            print(f"{count:3} {memory(server, folder, count):6.0f} {alone + count * EACH_MB:8.0f}")
        server.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
