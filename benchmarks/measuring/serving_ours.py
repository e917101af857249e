"""Our endpoint as it is deployed, or its worker without a model: ``serving_ours.py MODEL PORT [nothing]``.

The whole endpoint is a supervisor, a worker and a watcher, which sketches what is asked, compares it with the baseline
and keeps answers; nothing is left out that a user has. Without a model there is nothing to watch.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path

from mlops_jupyter.adapters.local_deployments import starting
from mlops_jupyter.capabilities.endpoints import EndpointPlan, MonitoringPlan, PlannedVersion, runners
from mlops_jupyter.capabilities.endpoints.folder import EndpointFolder
from mlops_jupyter.serving import worker
from mlops_jupyter.serving.endpoint import ScoringRoute
from mlops_jupyter.serving.exchange import Exchange


def plan(model: Path, port: int = 0, *, watched: bool = True) -> EndpointPlan:
    """Return the plan of an endpoint of one of the two models, with its baseline."""
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
        baseline=str(model.parent / "baseline.json"),
    )
    token = hashlib.sha256(b"token").hexdigest()
    return EndpointPlan("bench", (version,), port=port, token_sha256=token, monitoring=MonitoringPlan(enabled=watched))


def written(base: Path, told: EndpointPlan) -> EndpointFolder:
    """Return the folder of an endpoint with a plan, which nobody has started yet."""
    folder = EndpointFolder(base / ".mlops" / "endpoints" / "bench")
    folder.path.mkdir(parents=True, mode=0o700)
    folder.make()
    folder.write_plan(told)
    return folder


def answer_nothing(told: EndpointPlan, port: int) -> int:
    """Be a worker by which every request is answered before its rows are looked at."""

    def submit(self: ScoringRoute, exchange: Exchange) -> None:
        exchange.version = self.endpoint.table().only
        exchange.answer(None)

    ScoringRoute.submit = submit  # type: ignore[method-assign]
    ScoringRoute.encode = lambda *_: (b'{"predictions":[1]}', b"")  # type: ignore[method-assign]
    state = Path(tempfile.mkdtemp(prefix="bench-"))
    (state / "plan.json").write_text(told.to_json(), encoding="utf-8")
    listening = socket.create_server(("127.0.0.1", port), backlog=1024)
    _, control = socket.socketpair()
    return worker.main([str(state), str(listening.fileno()), str(control.fileno())])


if __name__ == "__main__":
    if sys.argv[3:] == ["nothing"]:
        sys.exit(answer_nothing(plan(Path(sys.argv[1]), watched=False), int(sys.argv[2])))
    # The benchmark ends it by force, so that what it leaves is removed the next time.
    shutil.rmtree(Path("ours"), ignore_errors=True)
    place = written(Path("ours").absolute(), plan(Path(sys.argv[1]), int(sys.argv[2])))
    os.execv(sys.executable, starting.command(place))  # noqa: S606 -- ours
