"""One process that answers: ``python -m mlops_jupyter.serving.worker STATE LISTEN_FD CONTROL_FD``.

It is started by the supervisor, which gives it a listening socket and one end of a pair of sockets, and each of them
writes one JSON object a line there. When the supervisor is gone, the worker finishes what it has begun, and ends.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import uvloop
from uvicorn.server import ServerState

from ..capabilities.endpoints import EndpointPlan
from ..capabilities.endpoints.folder import EndpointFolder
from ..errors import MlopsError
from .accepting import ALONE, AMONG_OTHERS, Door
from .app import App
from .endpoint import Endpoint
from .http import EndpointProtocol, listen_config
from .routing import Router
from .telemetry import Telemetry
from .watching import Watching

_LOG = logging.getLogger(__name__)
_PULSE_S = 0.5
_KEEP_ALIVE_S = 75
# What is open after so long while draining is given up.
_DRAIN_S = 30.0
# Whoever is about to connect is there after so many looks; whoever is let in all the same is not waited for.
_LOOKS, _LOOK_S, _EMPTY_S = 3, 0.02, 5.0
_FAILED_EXIT = 3
_HUNG_EXIT = 4
# A model that hangs cannot be waited for; its neighbours' requests can, a little.
_HUNG_DRAIN_S = 2.0


class Worker:
    """The process.

    Parameters
    ----------
    state
        The endpoint's folder.
    listening
        The socket that requests come to.
    control
        The end of the pair to the supervisor.
    """

    def __init__(self, state: Path, listening: socket.socket, control: socket.socket) -> None:
        self._state = state
        self._listening = listening
        self._control = control
        self._server_state = ServerState()
        self._draining = asyncio.Event()
        self._telemetry = Telemetry()
        self._router = Router(self._telemetry)
        self._router.on_hung = self._hung
        self._tasks: set[asyncio.Task[None]] = set()
        self._counted_at = 0.0
        self._code = 0
        self._last = False

    async def run(self) -> int:
        """Serve until told to stop; return the exit code."""
        loop = asyncio.get_running_loop()
        reader, self._writer = await asyncio.open_connection(sock=self._control)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._draining.set)
        try:
            plan = self._plan()
            self._endpoint = Endpoint(plan, self._telemetry, self._router)
            self._watching = Watching(EndpointFolder(self._state).rows_socket, self._telemetry)
            await self._router.follow(plan)
            self._watch(plan)
        except (MlopsError, OSError, ValueError) as error:
            await self._say({"failed": str(error)})
            return _FAILED_EXIT
        except Exception as error:  # noqa: BLE001 -- a model raises what it likes when it is loaded
            _LOG.exception("the model cannot be loaded")
            await self._say({"failed": f"the model cannot be loaded: {type(error).__name__}: {error}"})
            return _FAILED_EXIT
        config = listen_config(App(self._endpoint, self._state / "control.sock"), _KEEP_ALIVE_S)
        self._door = Door(
            self._listening,
            lambda: EndpointProtocol(self._endpoint, config, self._server_state, loop),
            at_once=_at_once(plan),
        )
        self._door.open()
        _set_aside()
        await self._say({"ready": True})
        for task in (self._listen(reader), self._beat()):
            self._begin(task)
        await self._draining.wait()
        await self._drain()
        return self._code

    def _plan(self) -> EndpointPlan:
        return EndpointPlan.from_json((self._state / "plan.json").read_bytes())

    def _watch(self, plan: EndpointPlan) -> None:
        self._watching.told(plan.monitoring)
        self._router.observe(*([self._watching.observe] if plan.monitoring.enabled else []))

    def _hung(self) -> None:
        """End: the supervisor starts another, in which the model can be called again."""
        _LOG.error("a model has not come back from a call, so this process ends")
        self._code = _HUNG_EXIT
        self._draining.set()

    def _begin(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _say(self, words: dict[str, Any]) -> None:
        try:
            self._writer.write(json.dumps(words).encode() + b"\n")
            await self._writer.drain()
        except (ConnectionError, RuntimeError):
            self._draining.set()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        """Do what the supervisor says; when it is gone, drain."""
        try:
            while line := await reader.readline():
                told = json.loads(line)
                if told.get("do") == "plan":
                    await self._swap()
                elif told.get("do") == "snapshot":
                    await self._say_counted()
                elif told.get("do") == "drain":
                    self._last = bool(told.get("last"))
                    break
        except (ConnectionError, ValueError) as error:
            _LOG.warning("the supervisor cannot be understood: %s", error)
        self._draining.set()

    async def _swap(self) -> None:
        """Put the plan as it is now in force."""
        try:
            plan = self._plan()
            await self._router.follow(plan)
        except (MlopsError, OSError, ValueError) as error:
            await self._say({"swapped": False, "error": str(error)})
        except Exception as error:  # noqa: BLE001 -- as above; the plan in force stays
            _LOG.exception("the new plan cannot be served")
            await self._say({"swapped": False, "error": f"{type(error).__name__}: {error}"})
        else:
            self._endpoint.told(plan)
            self._door.at_once = _at_once(plan)
            self._watch(plan)
            _set_aside()
            await self._say({"swapped": True})

    async def _beat(self) -> None:
        """Tell the supervisor that the loop is alive, and what has been counted; close what nobody speaks on."""
        loop = asyncio.get_running_loop()
        beats = 0
        while True:
            start = loop.time()
            await asyncio.sleep(_PULSE_S)
            beats += 1
            await self._say({"pulse": round(loop.time() - start, 3)})
            if beats % 2 == 0:
                self._endpoint.tick()
                self._sweep()
                # The watcher asks for it every second, too.
                if loop.time() - self._counted_at > _PULSE_S:
                    await self._say_counted()

    async def _say_counted(self) -> None:
        self._counted_at = asyncio.get_running_loop().time()
        await self._say({"snapshot": self._telemetry.snapshot()})

    def _sweep(self) -> None:
        now = asyncio.get_running_loop().time()
        for connection in list(self._server_state.connections):
            if isinstance(connection, EndpointProtocol):
                connection.sweep(now, draining=self._endpoint.draining)

    async def _empty(self) -> None:
        """Let the server accept whoever has connected already: nobody else will, and nobody is let in any more."""
        waiting = select.poll()
        waiting.register(self._listening, select.POLLIN)
        loop = asyncio.get_running_loop()
        end, empty = loop.time() + _EMPTY_S, 0
        while empty < _LOOKS and loop.time() < end:
            empty = 0 if waiting.poll(0) else empty + 1
            await asyncio.sleep(_LOOK_S)

    async def _drain(self) -> None:
        """Take no new connection; answer what comes on open ones, each time as the last."""
        self._endpoint.draining = True
        if self._last:
            await self._empty()
        await self._door.close()
        loop = asyncio.get_running_loop()
        end = loop.time() + (_HUNG_DRAIN_S if self._code else _DRAIN_S)
        while self._server_state.connections and loop.time() < end:
            self._sweep()
            await asyncio.sleep(0.05)
        await asyncio.wait([asyncio.ensure_future(self._router.drained())], timeout=max(end - loop.time(), 0.0))
        await self._watching.close()
        await self._say_counted()
        for task in self._tasks:
            task.cancel()


def _at_once(plan: EndpointPlan) -> int:
    return ALONE if plan.workers == 1 else AMONG_OTHERS


def _set_aside() -> None:
    """Have the garbage collector no longer look through what is loaded, models and libraries, between requests."""
    # Set free first: what the last plan had loaded is garbage by now.
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def main(arguments: list[str]) -> int:
    """Run a worker; the arguments are the endpoint's folder and the two sockets' numbers."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # A model may want modules of the project, in which this runs; they come after all that is installed.
    sys.path.append(str(Path.cwd()))
    state, listening, control = Path(arguments[0]), int(arguments[1]), int(arguments[2])

    async def serve() -> int:
        return await Worker(state, socket.socket(fileno=listening), socket.socket(fileno=control)).run()

    return uvloop.run(serve())


if __name__ == "__main__":
    code = main(sys.argv[1:])
    logging.shutdown()
    # A model's call that never ends runs in a thread, which an orderly exit would wait for.
    os._exit(code)
