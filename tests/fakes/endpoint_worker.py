"""A worker without a model: it speaks the supervisor's protocol, and answers HTTP by the standard library.

``python -m tests.fakes.endpoint_worker STATE LISTEN_FD CONTROL_FD``. What a version's source says, it does:
``broken:words`` fails to load, ``deaf`` stops its pulse when it is asked, ``slow:seconds`` takes so long for an answer;
``alone:file`` does not start once there is that file; of those of ``first:file`` the first makes it and fails, and the
others load for long.
A row's prediction is its first value.
"""

from __future__ import annotations

import hmac
import json
import os
import signal
import socket
import sys
import threading
import time
import uuid
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import ThreadingMixIn

from mlops_jupyter.capabilities.endpoints import EndpointPlan


class Worker:
    def __init__(self, state: Path, control: socket.socket) -> None:
        self.state = state
        self.control = control
        self.sending = threading.Lock()
        self.answered = 0
        self.open = 0
        self.deaf = threading.Event()
        self.load()
        kind, _, file = self.plan.versions[0].source.partition(":")
        if kind == "alone" and Path(file).exists():
            raise ValueError("there is room for one")
        if kind == "first":
            try:
                Path(file).touch(exist_ok=False)
            except FileExistsError:
                time.sleep(60)
            raise ValueError("I was the first")

    def load(self) -> None:
        plan = EndpointPlan.from_json((self.state / "plan.json").read_bytes())
        for version in plan.versions:
            if version.source.startswith("broken:"):
                raise ValueError(version.source.removeprefix("broken:"))
        self.plan = plan

    def misbehave(self, source: str, body: bytes) -> None:
        kind, _, word = source.partition(":")
        if kind == "slow":
            time.sleep(float(word))
        elif kind == "deaf":
            self.deaf.set()
        if b'"die"' in body:
            os.kill(os.getpid(), signal.SIGKILL)

    def say(self, **message: object) -> None:
        with self.sending:
            self.control.sendall(json.dumps(message).encode() + b"\n")

    def snapshot(self) -> dict[str, object]:
        return {
            "gauges": {"in_flight": self.open},
            "counters": {"requests": [[["churn", "1"], self.answered]]},
            "histograms": {},
            "versions": [],
        }

    def pulse(self) -> None:
        while not self.deaf.wait(0.1):
            self.say(pulse=0.0)

    def listen(self, server: HTTPServer) -> None:
        for line in self.control.makefile("rb"):
            do = json.loads(line)["do"]
            if do == "snapshot":
                self.say(snapshot=self.snapshot())
            elif do == "plan":
                try:
                    self.load()
                except ValueError as error:
                    self.say(swapped=False, error=str(error))
                else:
                    self.say(swapped=True)
            elif do == "drain":
                break
        server.shutdown()


class Server(ThreadingMixIn, HTTPServer):
    daemon_threads = False
    block_on_close = True


def handler(worker: Worker) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def address_string(self) -> str:
            return "-"

        def log_message(self, *_: object) -> None: ...

        def do_POST(self) -> None:
            worker.open += 1
            try:
                self.answer()
            finally:
                worker.open -= 1

        def answer(self) -> None:
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if not hmac.compare_digest(sha256(token.encode()).hexdigest(), worker.plan.token_sha256):
                self.send(401, {"error_code": "UNAUTHENTICATED", "message": "a token is needed"})
                return
            version = worker.plan.versions[0]
            worker.misbehave(version.source, body)
            told = json.loads(body)
            if "refuse" in told:
                self.send(400, {"error_code": "BAD_REQUEST", "message": "the column a is missing"})
                return
            rows = told["dataframe_split"]["data"] if "dataframe_split" in told else told["inputs"]
            worker.answered += 1
            self.send(200, {"predictions": [row[0] for row in rows]}, version.version)

        def send(self, status: int, message: object, version: str = "") -> None:
            data = json.dumps(message).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Content-Type", "application/json")
            self.send_header("x-request-id", self.headers.get("x-request-id") or uuid.uuid4().hex)
            self.send_header("x-mlops-version", version)
            self.send_header("x-process", str(os.getpid()))
            self.end_headers()
            self.wfile.write(data)

    return Handler


def main() -> None:
    state, listening, control = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stream = socket.socket(fileno=control)
    try:
        worker = Worker(state, stream)
    except ValueError as error:
        stream.sendall(json.dumps({"failed": f"ValueError: {error}"}).encode() + b"\n")
        sys.exit(3)
    server = Server(("", 0), handler(worker), bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=listening)
    threading.Thread(target=worker.listen, args=(server,), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    worker.say(ready=True)
    threading.Thread(target=worker.pulse, daemon=True).start()
    print(f"worker {os.getpid()} serves {worker.plan.name}")
    server.serve_forever(poll_interval=0.05)
    server.server_close()


if __name__ == "__main__":
    main()
