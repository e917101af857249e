"""Our worker as its supervisor starts it, or without a model: ``serving_ours.py MODEL PORT [nothing]``."""

from __future__ import annotations

import hashlib
import json
import socket
import sys
import tempfile
from pathlib import Path

from mlops_jupyter.capabilities.endpoints import EndpointPlan, PlannedVersion, runners
from mlops_jupyter.serving import worker
from mlops_jupyter.serving.endpoint import ScoringRoute
from mlops_jupyter.serving.exchange import Exchange


def plan(model: Path, token: str) -> EndpointPlan:
    about = json.loads((model.parent / "about.json").read_text(encoding="utf-8"))
    signature = {name: text for name, text in about["signature"].items() if name in ("inputs", "outputs") and text}
    version = PlannedVersion(
        "1",
        str(model),
        str(model),
        runners.choose(["python_function", "sklearn"], model, signature),
        model="bench",
        signature=signature,
        example=(model / "serving_input_example.json").read_text(encoding="utf-8"),
        trusted=True,
    )
    return EndpointPlan("bench", (version,), token_sha256=hashlib.sha256(token.encode()).hexdigest())


def answer_nothing() -> None:
    """Have every request answered before its rows are looked at."""

    def submit(self: ScoringRoute, exchange: Exchange) -> None:
        exchange.version = self.endpoint.table().only
        exchange.answer(None)

    ScoringRoute.submit = submit  # type: ignore[method-assign]
    ScoringRoute.encode = lambda *_: (b'{"predictions":[1]}', b"")  # type: ignore[method-assign]


if __name__ == "__main__":
    if sys.argv[3:] == ["nothing"]:
        answer_nothing()
    state = Path(tempfile.mkdtemp(prefix="bench-"))
    (state / "plan.json").write_text(plan(Path(sys.argv[1]), "token").to_json(), encoding="utf-8")
    listening = socket.create_server(("127.0.0.1", int(sys.argv[2])), backlog=1024)
    supervisor, control = socket.socketpair()
    sys.exit(worker.main([str(state), str(listening.fileno()), str(control.fileno())]))
