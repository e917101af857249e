"""Fresh and forked kernels: until they answer, their imports and their end; and the memory of many warm ones."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager

from mlops_jupyter.capabilities.forking import ForkServer, proportional_bytes
from mlops_jupyter.commands.warm import KERNEL, KERNEL_NAME, SERVER_VARIABLE, install_kernelspec

from . import milliseconds, number, progress, ratio, table, verdict

MODULES = ("pandas", "sklearn.ensemble", "mlflow")
IMPORTS = "import pandas, sklearn.ensemble, mlflow"
TIMEOUT_S = 60
MEGA = 1_000_000
# What the memory of n kernels is held against: one import, and so much for each.
EACH_MB = 90
COUNTS = (1, 2, 4, 8)
WORDS = {"python3": "fresh", KERNEL_NAME: "forked"}


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


def _one(name: str, folder: Path) -> tuple[float, float, float]:
    with kernel(name, folder) as (manager, client, ready):
        began = time.perf_counter()
        client.execute(IMPORTS, reply=True, timeout=TIMEOUT_S)
        imported = time.perf_counter() - began
        began = time.perf_counter()
        manager.shutdown_kernel()
        return ready * 1000, imported * 1000, (time.perf_counter() - began) * 1000


def _memory(server: ForkServer, folder: Path, count: int) -> float:
    """Return the memory of a server and its kernels, in MB."""
    with kernel(KERNEL_NAME, folder) as (_, client, _):
        client.execute(IMPORTS, reply=True, timeout=TIMEOUT_S)
        if count > 1:
            return _memory(server, folder, count - 1)
        state = server.state()
        assert state is not None
        pids = [state["pid"]]
        for family in state["families"]:
            pids += [family["pid"], *family["children"]]
        return sum(map(proportional_bytes, pids)) / MEGA


def measure(rounds: int) -> dict[str, Any]:
    """Return of each kind of kernel the milliseconds of each round, and the memory of so many warm kernels."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "mlops.toml").write_text(f"[warm]\nimports = {list(MODULES)}\n")
        os.environ["JUPYTER_PATH"] = str(Path(install_kernelspec(folder)).parents[1])
        server = ForkServer.start()
        os.environ[SERVER_VARIABLE] = str(server.path)
        server.prepare(KERNEL, MODULES, wait=True)
        found: dict[str, list[tuple[float, float, float]]] = {"python3": [], KERNEL_NAME: []}
        for turn in range(rounds):
            progress(f"kernels: round {turn + 1} of {rounds}")
            for kind, figures in found.items():
                figures.append(_one(kind, folder))
        with kernel("python3", folder) as (manager, client, _):
            client.execute(IMPORTS, reply=True, timeout=TIMEOUT_S)
            alone = proportional_bytes(manager.provisioner.pid) / MEGA
        pools = {str(count): _memory(server, folder, count) for count in COUNTS}
        server.stop()
    return {"ms": found, "alone_mb": alone, "pool_mb": pools}


def report(values: dict[str, Any]) -> str:
    """Return the two tables."""
    columns = {kind: list(zip(*figures, strict=True)) for kind, figures in values["ms"].items()}
    fresh = columns["python3"]
    rows = [
        (WORDS[kind], *(part for at in range(3) for part in (milliseconds(one[at]), ratio(one[at], fresh[at]))))
        for kind, one in columns.items()
    ]
    heads = ("kernel", "ready ms", "ratio", "imports ms", "ratio", "shutdown ms", "ratio")
    pools = [
        (
            count,
            number(size),
            number(values["alone_mb"] + int(count) * EACH_MB),
            number(int(count) * values["alone_mb"]),
        )
        for count, size in values["pool_mb"].items()
    ]
    return "\n\n".join(
        [
            table(heads, rows),
            table(("warm kernels", "MB together", "one import and 90 MB each", "as many fresh ones"), pools, words=0),
        ]
    )


def targets(values: dict[str, Any]) -> list[str]:
    """Return the issue's target beside what was measured."""
    most = max(COUNTS)
    limit = values["alone_mb"] + most * EACH_MB
    return [verdict(f"memory of {most} warm kernels", values["pool_mb"][str(most)], limit, "MB")]
