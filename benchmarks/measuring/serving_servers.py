"""Model servers, each in an environment of its own, started, waited for and ended."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from . import CACHE, HERE, environment, progress

# Not under build/: these environments are large, and outlive `make clean`.
ENVIRONMENTS = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mlops-jupyter" / "serving-peers"
_UV = Path(sys.executable).with_name("uv")
_START_S = 120
HEADERS = {"content-type": "application/json", "authorization": "Bearer token"}


@dataclass(frozen=True)
class Server:
    """A model server.

    Attributes
    ----------
    needs
        What is installed into its environment; empty for ours.
    command
        How it is started: ``{python}``, ``{bin}``, ``{model}`` (MLflow's folder), ``{joblib}``, ``{port}``, ``{here}``.
    path
        Where it is asked.
    more
        Of its environment's variables.
    """

    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    path: str = "/invocations"
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_v2(self) -> bool:
        """Whether it is asked in the words of the Open Inference Protocol."""
        return self.path.startswith("/v2")


_MLFLOW = ("models", "serve", "--env-manager", "local", "--workers", "1", "-m", "{model}", "-p", "{port}")
_WITH_MODEL = ("scikit-learn", "joblib", "pandas")
SERVERS: Mapping[str, Server] = {
    "ours": Server(("{python}", "{here}/serving_ours.py", "{model}", "{port}")),
    "ours, no model": Server(("{python}", "{here}/serving_ours.py", "{model}", "{port}", "nothing")),
    "mlflow models serve": Server(
        ("{bin}/mlflow", *_MLFLOW),
        more={"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "true"},
    ),
    "FastAPI + uvicorn": Server(
        ("{python}", "{here}/serving_fastapi.py", "{joblib}", "{port}"), ("fastapi", "uvicorn[standard]", *_WITH_MODEL)
    ),
    "LitServe, batch 64": Server(
        ("{python}", "{here}/serving_litserve.py", "{joblib}", "{port}"), ("litserve", *_WITH_MODEL)
    ),
    "BentoML": Server(
        ("{bin}/bentoml", "serve", "serving_bentoml:Served", "--working-dir", "{here}", "--port", "{port}"),
        ("bentoml", *_WITH_MODEL),
        more={"BENCH_MODEL": "{joblib}", "BENTOML_DO_NOT_TRACK": "True"},
    ),
    "MLServer": Server(
        ("{bin}/mlserver", "start", "{folder}"),
        ("mlserver", "mlserver-sklearn", *_WITH_MODEL),
        "/v2/models/bench/infer",
    ),
    "Ray Serve": Server(
        ("{python}", "{here}/serving_ray.py", "{joblib}", "{port}"),
        ("ray[serve]", *_WITH_MODEL),
        more={"RAY_USAGE_STATS_ENABLED": "0"},
    ),
}


@dataclass
class Running:
    """A server that answers."""

    server: Server
    port: int
    process: psutil.Process
    start_s: float

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{self.port}{self.server.path}"

    def pss_mb(self) -> float:
        """Return the memory of its processes, shared pages shared out."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(each.memory_full_info().pss for each in family) / 1e6


def install(name: str) -> bool:
    """Make a peer's environment where it is missing; tell whether it is there."""
    server = SERVERS[name]
    folder = ENVIRONMENTS / _slug(name)
    if not server.needs or (folder / "done").exists():
        return True
    progress(f"installing {name} into {folder} (once)")
    python = folder / "bin" / "python"
    shutil.rmtree(folder, ignore_errors=True)
    make = [_UV, "--quiet", "venv", "--python", sys.executable, folder]
    fill = [_UV, "--quiet", "pip", "install", "--python", python, "--compile-bytecode", *server.needs]
    for command in (make, fill):
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=900)
        if done.returncode:
            print(f"{name} could not be installed, so its row is missing: {done.stderr.strip()[-300:]}")
            return False
    (folder / "done").touch()
    return True


def body(about: Mapping[str, Any], rows: int, *, is_v2: bool) -> bytes:
    """Return a request for so many rows."""
    data = about["rows"][:rows]
    if is_v2:
        flat = [value for row in data for value in row]
        tensor = {"name": "x", "shape": [rows, len(data[0])], "datatype": "FP64", "data": flat}
        return json.dumps({"inputs": [tensor]}).encode()
    return json.dumps({"dataframe_split": {"columns": about["columns"], "data": data}}).encode()


@contextmanager
def running(name: str, place: Path, about: Mapping[str, Any]) -> Iterator[Running | None]:
    """Start a server, wait until it answers as the model does, and end it; ``None`` when it does not."""
    server = SERVERS[name]
    port = _free_port()
    binaries = ENVIRONMENTS / _slug(name) / "bin" if server.needs else Path(sys.executable).parent
    folder = place / "mlserver"
    if name == "MLServer":
        _mlserver_settings(folder, place / "model.joblib", port)
    words = {
        "python": str(binaries / "python"), "bin": str(binaries), "model": str(place / "model"), "folder": str(folder),
        "joblib": str(place / "model.joblib"), "port": str(port), "here": str(HERE),
    }  # fmt: skip
    home = CACHE / "serving-home"
    home.mkdir(parents=True, exist_ok=True)
    more = {key: value.format(**words) for key, value in server.more.items()}
    path = f"{binaries}{os.pathsep}{os.environ['PATH']}"
    env = environment(home, PATH=path, PYTHONPATH=str(HERE.parents[1]) if not server.needs else "", **more)
    log = (home / f"{_slug(name)}.log").open("wb")
    begun = time.perf_counter()
    process = subprocess.Popen(
        [word.format(**words) for word in server.command],
        env=env, cwd=home, stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip
    try:
        found = Running(server, port, psutil.Process(process.pid), 0.0)
        if _answers(found, about, process, is_empty="no model" in name):
            found.start_s = time.perf_counter() - begun
            yield found
        else:
            print(f"{name} does not answer, so its row is missing: see {log.name}")
            yield None
    finally:
        # BentoML's workers are in a session of their own.
        family = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        log.close()


def _answers(found: Running, about: Mapping[str, Any], process: subprocess.Popen[bytes], *, is_empty: bool) -> bool:
    end = time.monotonic() + _START_S
    asked = body(about, 1, is_v2=found.server.is_v2)
    while time.monotonic() < end and process.poll() is None:
        try:
            answer = httpx.post(found.url, content=asked, headers=HEADERS, timeout=5)
            told = answer.json()
        except (httpx.HTTPError, ValueError):
            time.sleep(0.02)
            continue
        if answer.is_success:
            said = told["outputs"][0]["data"] if found.server.is_v2 else told["predictions"]
            return is_empty or list(map(int, said)) == about["answers"]["1"]
        time.sleep(0.02)
    return False


def _mlserver_settings(folder: Path, model: Path, port: int) -> None:
    folder.mkdir(exist_ok=True)
    settings = {
        "http_port": port,
        "grpc_port": _free_port(),
        "metrics_port": _free_port(),
        "debug": False,
        "parallel_workers": 0,
    }
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    served = {"name": "bench", "implementation": "mlserver_sklearn.SKLearnModel", "parameters": {"uri": str(model)}}
    (folder / "model-settings.json").write_text(json.dumps(served), encoding="utf-8")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _slug(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name.lower())
