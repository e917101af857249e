"""What is logged to: project folders with a store that has its tables, an MLflow server, and the end of shipping."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from measuring import environment
from measuring.peers import python_of

EXPERIMENT = "bench"
_SLOW_S = 600


class Unmeasured(Exception):
    """Something did not happen without which there is nothing to measure."""


def make_template(folder: Path) -> Path:
    """Make a store with its tables and an experiment, which takes seconds; return the file."""
    file = folder / "template.db"
    code = f"import mlflow; mlflow.set_tracking_uri('sqlite:///{file}'); mlflow.create_experiment('{EXPERIMENT}')"
    subprocess.run([python_of("mlflow"), "-c", code], env=environment(folder), check=True, capture_output=True)
    return file


@dataclass
class Project:
    """A project folder of its own, for one process that is measured; `uri` is where its runs go."""

    folder: Path
    uri: str

    @classmethod
    def make(cls, folder: Path, template: Path, server: str = "") -> Project:
        store = folder / ".mlops" / "mlflow.db"
        store.parent.mkdir(parents=True)
        shutil.copy(template, store)
        (folder / "mlops.toml").write_text(f'experiment = "{EXPERIMENT}"\n', encoding="utf-8")
        return cls(folder, server or f"sqlite:///{store}")

    @property
    def environment(self) -> dict[str, str]:
        quiet = {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}
        where = {"MLFLOW_TRACKING_URI": self.uri, "MLFLOW_EXPERIMENT_NAME": EXPERIMENT}
        return environment(self.folder / "home", **quiet, **where)

    def stored(self) -> int:
        """Count the points in the project's own sqlite."""
        with closing(sqlite3.connect(f"file:{self.folder}/.mlops/mlflow.db?mode=ro", uri=True)) as database:
            return int(database.execute("SELECT count(*) FROM metrics").fetchone()[0])

    def shipper(self) -> int | None:
        """Return the process id of the project's shipper, ``None`` when it has none."""
        with suppress(OSError, ValueError, KeyError):
            pid = int(json.loads((self.folder / ".mlops" / "journal" / "shipper.json").read_text("utf-8"))["pid"])
            if b"mlops_jupyter" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        return None

    def ship(self) -> None:
        """Let everything reach the store."""
        command = [Path(sys.executable).with_name("mlops"), "doctor", "--ship"]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=_SLOW_S, check=False
        )
        if done.returncode not in {0, 1}:  # 1: doctor found something else that could be better
            raise Unmeasured(f"mlops doctor --ship: {done.stderr.strip()}")

    def discard(self) -> None:
        """End the shipper, so that it takes nothing from whoever is measured next, and remove the folder."""
        if (pid := self.shipper()) is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            end = time.monotonic() + 10
            while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
                time.sleep(0.02)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def server(folder: Path, template: Path) -> Iterator[str]:
    """Run an MLflow server, which is MLflow's alone; give its address."""
    folder.mkdir()
    shutil.copy(template, folder / "mlflow.db")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [
        *(python_of("mlflow"), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--workers", "1"),
        *("--artifacts-destination", folder / "artifacts"),
    ]
    env = environment(folder, MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false")
    env["PATH"] = f"{python_of('mlflow').parent}{os.pathsep}{env['PATH']}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            words, cwd=folder, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(address, process, folder / "log")
        yield address
    finally:
        # A session of its own: the server's worker goes with it.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < end:
        try:
            if httpx.get(f"{address}/health", timeout=2).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise Unmeasured(f"the MLflow server did not start: {log.read_text('utf-8')[-500:]}")
