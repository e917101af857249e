"""A worker of an endpoint, started as its supervisor starts it, and raw words to it."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlops_jupyter.capabilities.endpoints import EndpointPlan, PlannedVersion

from .waiting import wait_for

TOKEN = "right"
METRICS_TOKEN = "counts"
ROOT = Path(__file__).parents[2]
NAMES = ["a", "b"]
SIGNATURE = {"inputs": json.dumps([{"name": name, "type": "double"} for name in NAMES])}


def planned(kind: str, folder: Path, version: str = "1", **more: Any) -> PlannedVersion:
    """Return a version that a class of `fakes.runners` answers for."""
    more = {"signature": SIGNATURE, "example": scoring([[1.0, 2.0], [3.0, 4.0]]).decode(), "model": "m", **more}
    return PlannedVersion(version, "somewhere", str(folder), f"tests.fakes.runners:{kind}", **more)


def plan_of(*versions: PlannedVersion, **more: Any) -> EndpointPlan:
    """Return a plan for them."""
    tokens = {
        "token_sha256": hashlib.sha256(TOKEN.encode()).hexdigest(),
        "metrics_sha256": hashlib.sha256(METRICS_TOKEN.encode()).hexdigest(),
    }
    return EndpointPlan("e", versions, **{**tokens, **more})


def scoring(rows: list[list[float]]) -> bytes:
    """Return a body of MLflow's protocol."""
    return json.dumps({"dataframe_split": {"columns": NAMES, "data": rows}}).encode()


def request(body: bytes, *more: str, path: str = "/invocations", token: str = TOKEN) -> bytes:
    """Return the bytes of a request."""
    lines = [
        f"POST {path} HTTP/1.1",
        "host: test",
        f"authorization: Bearer {token}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        *more,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Answer:
    """One HTTP answer."""

    def __init__(self, head: bytes, body: bytes) -> None:
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        self.body = body

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """A connection that says bytes and reads answers."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=30)
        self._read = b""

    def say(self, data: bytes) -> None:
        self.socket.sendall(data)

    def ask(self, data: bytes) -> Answer:
        self.say(data)
        return self.answer()

    def answer(self) -> Answer:
        """Read one answer; ConnectionError when the other side has closed before."""
        while b"\r\n\r\n" not in self._read:
            self._more()
        head, _, rest = self._read.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        wanted = int(length[1]) if length else 0
        self._read = rest
        while len(self._read) < wanted:
            self._more()
        body, self._read = self._read[:wanted], self._read[wanted:]
        return Answer(head, body)

    def is_closed(self) -> bool:
        """Read until the other side closes; False when it says something."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True

    def close(self) -> None:
        self.socket.close()

    def _more(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("closed")
        self._read += data


class RunningWorker:
    """A worker process, with this test as its supervisor."""

    def __init__(self, state: Path, plan: EndpointPlan) -> None:
        self.state = state
        self.write(plan)
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.address: tuple[str, int] = self.listening.getsockname()
        self.control, theirs = socket.socketpair()
        handed = (self.listening.fileno(), theirs.fileno())
        self.log = state / "log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mlops_jupyter.serving.worker", str(state), *map(str, handed)],
                pass_fds=handed,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        theirs.close()
        self.told: list[dict[str, Any]] = []
        self._clients: list[Client] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def write(self, plan: EndpointPlan) -> None:
        """Write the plan, as the one who deploys does."""
        (self.state / "plan.json").write_text(plan.to_json())

    def order(self, do: str) -> None:
        """Tell the worker to do something."""
        self.control.sendall(json.dumps({"do": do}).encode() + b"\n")

    def says(self, key: str) -> Any:
        """Wait until the worker has said something; return what."""
        found = wait_for(
            lambda: next((one for one in list(self.told) if key in one), None), 60, f"no {key}: {self.log.read_text()}"
        )
        self.told.remove(found)
        return found[key]

    def ready(self) -> RunningWorker:
        """Wait until it answers."""
        assert self.says("ready")
        return self

    def counted(self) -> dict[str, Any]:
        """Return what it has counted until now."""
        self.told[:] = [one for one in self.told if "snapshot" not in one]
        self.order("snapshot")
        counted: dict[str, Any] = self.says("snapshot")
        return counted

    def client(self) -> Client:
        """Return a new connection."""
        client = Client(self.address)
        self._clients.append(client)
        return client

    def close(self) -> None:
        """End it."""
        for client in self._clients:
            client.close()
        self.process.kill()
        self.process.wait()
        self.control.close()
        self.listening.close()

    def _listen(self) -> None:
        with self.control.makefile() as lines:
            for told in _said(lines):
                self.told.append(told)


def _said(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    try:
        for line in lines:
            told = json.loads(line)
            if "pulse" not in told:
                yield told
    except (OSError, ValueError):
        return
