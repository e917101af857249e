"""The routes to deployments: which there are, and each as it is from one second to the next."""

from __future__ import annotations

import asyncio
import json
import math
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.utils import url_path_join
from tornado.iostream import StreamClosedError
from tornado.web import authenticated

from ...commands.overview import around, deployed
from ...errors import CommandError, MlopsError, NotFound
from .. import render
from .routes import NAMESPACE, Route, executing

if TYPE_CHECKING:
    from .watching import Listener, Reader, Watches

EVENTS = "text/event-stream"
_HOUR_S = "3600"
_WATCHING = "mlops_jupyter.faces.server.watching"


class DeploymentRoute(Route):
    """What the routes share: they look, and find who looks already."""

    # Neither a page that asks again and again nor one that listens is a sign of anybody's work.
    _track_activity = False

    async def reader(self, name: str) -> Reader:
        """Return the reader of a deployment that is looked at; raises `NotFound` when it is not."""
        current = await asyncio.to_thread(around, self.folder())
        found = _watches().find(str(current.root), name)
        if found is None:
            raise NotFound(f"nobody looks at {name} now", f"mlops monitor {name}")
        return found


class DeploymentsRoute(DeploymentRoute):
    """``GET deployments?notebook=PATH``: the endpoints of the project around a notebook."""

    @authenticated
    @authorized
    async def get(self) -> None:
        try:
            found = await asyncio.to_thread(deployed, self.folder())
        except MlopsError as error:
            self.refuse(error)
            return
        self.finish(json.dumps(render.as_json(found)))


class MonitorRoute(DeploymentRoute):
    """``GET monitor/NAME?range=SECONDS&notebook=PATH``: how a deployment is, as server-sent events, until one leaves.

    The first event has all series of the time range; the numbers are base64 of what a dashboard in a notebook is sent.
    """

    listener: Listener | None = None
    _left = False

    @authenticated
    @authorized
    async def get(self, name: str) -> None:
        try:
            await asyncio.to_thread(import_module, _WATCHING)
            current = await asyncio.to_thread(around, self.folder())
            reader, self.listener = await _watches().join(current, name, self._range_s())
        except MlopsError as error:
            self.refuse(error)
            return
        try:
            if not self._left:
                await self.relay(EVENTS, self.listener.next, b":\n\n")
        except StreamClosedError:
            # Nobody listens any more.
            return
        finally:
            reader.leave(self.listener)

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self._left = True
        if self.listener is not None:
            self.listener.leave()

    def _range_s(self) -> float:
        try:
            return float(self.get_query_argument("range", _HOUR_S))
        except ValueError:
            return math.nan


class DistributionRoute(DeploymentRoute):
    """``GET monitor/NAME/distribution?version=V&feature=F&output=0``: a feature's distributions, then and now."""

    @authenticated
    @authorized
    async def get(self, name: str) -> None:
        version, feature = self.get_query_argument("version", ""), self.get_query_argument("feature", "")
        output = self.get_query_argument("output", "0") == "1"
        try:
            spread = (await self.reader(name)).distribution(version, feature, output=output)
        except MlopsError as error:
            self.refuse(error)
            return
        self.finish(json.dumps({"version": version, "feature": feature, "output": output, "spread": spread}))


class AcknowledgeRoute(DeploymentRoute):
    """``POST monitor/NAME/acknowledge`` with ``{"alert": ID}``: silence an alert that fires, for an hour."""

    _track_activity = True

    @authenticated
    @executing
    async def post(self, name: str) -> None:
        try:
            words = await (await self.reader(name)).acknowledge(self._alert())
        except MlopsError as error:
            self.refuse(error)
            return
        self.finish(json.dumps({"words": words}))

    def _alert(self) -> str:
        try:
            body = json.loads(self.request.body)
        except (ValueError, RecursionError):
            body = None
        alert = body.get("alert") if isinstance(body, dict) else None
        if not isinstance(alert, str):
            raise CommandError("the body must be an object that names an alert", 'send {"alert": "MlopsSlow"}')
        return alert


@cache
def _watches() -> Watches:
    # What it needs of numpy would cost the start of every Jupyter server a tenth of a second.
    found: Watches = import_module(_WATCHING).Watches()
    return found


def live_routes(base_url: str) -> list[tuple[str, type[Any]]]:
    """Return the routes below a base URL."""
    found: dict[str, type[Any]] = {
        "deployments": DeploymentsRoute,
        "monitor/([^/]+)": MonitorRoute,
        "monitor/([^/]+)/distribution": DistributionRoute,
        "monitor/([^/]+)/acknowledge": AcknowledgeRoute,
    }
    return [(url_path_join(base_url, NAMESPACE, path), handler) for path, handler in found.items()]
