"""A whole endpoint from a plan: supervisor, workers and attendants, without MLflow in sight."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import psutil

from mlops_jupyter.adapters.local_deployments import starting
from mlops_jupyter.capabilities import processes
from mlops_jupyter.capabilities.endpoints import EndpointPlan, control
from mlops_jupyter.capabilities.endpoints.folder import EndpointFolder
from mlops_jupyter.capabilities.endpoints.state import EndpointState, read_state

from .waiting import wait_for
from .workers import ROOT, Answer, Client, request, scoring


class RunningEndpoint:
    """An endpoint below a folder, with real workers and a real watcher."""

    def __init__(self, folder: Path, plan: EndpointPlan) -> None:
        self.folder = EndpointFolder(folder / ".mlops" / "endpoints" / plan.name)
        self.watch = self.folder.watch
        self._clients: list[Client] = []
        self.folder.make()
        self.folder.write_plan(plan)
        with mock.patch.dict(os.environ, {"PYTHONPATH": str(ROOT)}):
            self.state = starting.start(self.folder, lambda *_: None)

    def change(self, plan: EndpointPlan) -> None:
        """Have it serve another plan."""
        self.folder.write_plan(plan)
        assert self.told("plan") == {"swapped": True, "error": None}

    def client(self) -> Client:
        """Return a new connection, which any of its workers may take."""
        client = Client(("127.0.0.1", self.state.port))
        self._clients.append(client)
        return client

    def ask(self, rows: list[list[float]], *more: str) -> Answer:
        """Return the answer to rows, sent on a connection of their own."""
        client = self.client()
        answer = client.ask(request(scoring(rows), *more))
        client.close()
        return answer

    def told(self, do: str, **more: Any) -> dict[str, Any]:
        """Return what its supervisor answers."""
        return control.ask(self.folder.control, {"do": do, **more}, 30)

    def level(self, name: str) -> dict[str, float]:
        """Return a level by the third of its labels: the feature, or what stands in its place."""
        levels = self.told("snapshot")["snapshot"]["levels"]
        return {labels[2]: value for labels, value in levels.get(name, ())}

    def counted(self, name: str) -> float:
        """Return the sum of a counter or level of versions."""
        snapshot = self.told("snapshot")["snapshot"]
        series = [*snapshot["counters"].get(name, ()), *snapshot["levels"].get(name, ())]
        return sum(value for _, value in series)

    def processes(self, module: str) -> list[psutil.Process]:
        """Return its processes of a module."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return [one for one in psutil.Process(self.state.pid).children() if module in one.cmdline()]
        return []

    def watcher(self, other_than: int = 0) -> psutil.Process:
        """Wait for its watcher, and return it."""

        def found() -> psutil.Process | None:
            there = self.processes("mlops_jupyter.serving.watcher")
            return next((one for one in there if one.pid != other_than and self.folder.rows_socket.exists()), None)

        return wait_for(found, 60, self.log())

    def now(self) -> EndpointState:
        """Return its state."""
        return wait_for(lambda: read_state(self.folder.state_file))

    def log(self) -> str:
        """Return what it has said."""
        return self.folder.log.read_text(errors="replace")

    def wait(self, happened: Callable[[], Any]) -> Any:
        """Wait until something is so, and say what the endpoint said when it never is."""
        try:
            return wait_for(happened)
        except AssertionError as error:
            raise AssertionError(self.log()[-4000:]) from error

    def close(self) -> None:
        """End it in good order."""
        for client in self._clients:
            client.close()
        for one in (self.state.guard, self.state.supervisor):
            if processes.lives(one):
                processes.end(one, 20)
