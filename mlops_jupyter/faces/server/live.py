"""The routes to deployments: which there are, and each as it is from one second to the next."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from jupyter_server.auth.decorator import authorized
from jupyter_server.utils import url_path_join
from tornado.iostream import StreamClosedError
from tornado.web import authenticated

from ...commands.overview import around, deployed
from ...errors import CommandError, MlopsError, NotFound
from .. import render
from .routes import NAMESPACE, Route, executing
from .worker import said

if TYPE_CHECKING:
    from .watching import Listener, Page, Reader, Watches

EVENTS = "text/event-stream"
_HOUR_S = "3600"
# Each is read once a second.
_MOST_WATCHED = 50
_WATCHING = "mlops_jupyter.faces.server.watching"


class Asked(NamedTuple):
    """A deployment that is to be looked at."""

    name: str
    range_s: float
    notebook: str


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


class WatchingRoute(DeploymentRoute):
    """What the routes share that tell how deployments are, as server-sent events, until one leaves."""

    page: Page | None = None
    _left = False

    async def watch(self, wanted: Sequence[Asked], *, several: bool) -> None:
        """Tell how deployments are; raises, of one alone, what keeps it from being looked at."""
        watching = await asyncio.to_thread(import_module, _WATCHING)
        page: Page = watching.Page()
        self.page = page
        looks: list[tuple[Reader, Listener]] = []
        try:
            for number, (name, range_s, notebook) in enumerate(wanted):
                listener = page.listen(number if several else None)
                try:
                    current = await asyncio.to_thread(around, self.folder(notebook))
                    looks.append((await _watches().join(current, name, range_s, listener), listener))
                except MlopsError as error:
                    if not several:
                        raise
                    listener.refuse({"status": error.http_status, **said(error)})
            if not looks:
                page.finish()
            if not self._left:
                await self.relay(EVENTS, page.next, b":\n\n")
        except StreamClosedError:
            # Nobody listens any more.
            return
        finally:
            for reader, listener in looks:
                reader.leave(listener)

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self._left = True
        if self.page is not None:
            self.page.leave()


class MonitorRoute(WatchingRoute):
    """``GET monitor/NAME?range=SECONDS&notebook=PATH``: how a deployment is, as server-sent events, until one leaves.

    The first event has all series of the time range; the numbers are base64 of what a dashboard in a notebook is sent.
    """

    @authenticated
    @authorized
    async def get(self, name: str) -> None:
        wanted = Asked(
            name, _range_s(self.get_query_argument("range", _HOUR_S)), self.get_query_argument("notebook", "")
        )
        try:
            await self.watch([wanted], several=False)
        except MlopsError as error:
            self.refuse(error)


class MonitorsRoute(WatchingRoute):
    """``GET monitors?name=A&range=SECONDS&notebook=PATH&name=B&…``: the same of several deployments, on one connection.

    Each is named with a range and a notebook, which may be empty. The ``event`` of an event is the deployment's place
    among those named, from 0 on. One that cannot be looked at is told once as ``refused``, and the others go on.
    """

    @authenticated
    @authorized
    async def get(self) -> None:
        names, ranges, notebooks = (self.get_query_arguments(one) for one in ("name", "range", "notebook"))
        if not len(names) == len(ranges) == len(notebooks) or not 1 <= len(names) <= _MOST_WATCHED:
            message = f"1 to {_MOST_WATCHED} deployments must be named, each with a range and a notebook"
            self.refuse(CommandError(message, "monitors?name=NAME&range=3600&notebook="))
            return
        wanted = [Asked(*one) for one in zip(names, map(_range_s, ranges), notebooks, strict=True)]
        await self.watch(wanted, several=True)


def _range_s(text: str) -> float:
    try:
        return float(text)
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
        "monitors": MonitorsRoute,
        "monitor/([^/]+)": MonitorRoute,
        "monitor/([^/]+)/distribution": DistributionRoute,
        "monitor/([^/]+)/acknowledge": AcknowledgeRoute,
    }
    return [(url_path_join(base_url, NAMESPACE, path), handler) for path, handler in found.items()]
