"""The routes to jobs: which verbs are at work or have ended, what they tell, and to cancel one."""

from __future__ import annotations

import json
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.utils import url_path_join
from tornado.iostream import StreamClosedError
from tornado.web import authenticated

from ...errors import CommandError, MlopsError, NotFound
from .job_events import Follower, Told
from .jobs import Job
from .routes import JSON_LINES, NAMESPACE, Route, executing
from .worker import said

# More than may be at work at a time, and no longer an address than servers take.
_MOST_FOLLOWED = 100
_MOST_DIGITS = 9


class FollowingRoute(Route):
    """What the routes share that tell what jobs tell."""

    # A page that listens is no sign of anybody's work; the job itself is one.
    _track_activity = False
    follower: Follower | None = None
    _left = False

    def known(self, ident: str) -> Job:
        """Return a job of the caller's; raises `NotFound` when there is none."""
        job = self.jobs().find(ident, self.owner())
        if job is None:
            raise NotFound(f"there is no job {ident} any more: it ended with the server, or long ago", "mlops runs")
        return job

    async def follow(self, wanted: dict[Told, int], first: bytes = b"") -> None:
        """Tell what jobs tell, each from an event on, until all have ended or nobody listens."""
        self.follower = Follower(wanted)
        try:
            if self._left:
                return
            self.write(first)
            await self.relay(JSON_LINES, self.follower.next, b"\n")
        except StreamClosedError:
            # Nobody listens any more.
            return
        finally:
            self.follower.leave()

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self._left = True
        if self.follower is not None:
            self.follower.leave()


class JobsRoute(Route):
    """``GET jobs``: the caller's verbs at work, and for a while those that have ended, the oldest first."""

    _track_activity = False

    @authenticated
    @authorized
    def get(self) -> None:
        self.finish(json.dumps({"jobs": [one.described() for one in self.jobs().of(self.owner())]}))


class JobsEventsRoute(FollowingRoute):
    """``GET jobs/events?job=ID:N&job=…``: what several jobs tell after their events N, on one connection.

    It is JSON lines, each of which names its job. Of one that is not there any more the line is an error that ends it.
    """

    @authenticated
    @authorized
    async def get(self) -> None:
        try:
            asked = self._asked()
        except MlopsError as error:
            self.refuse(error)
            return
        wanted: dict[Told, int] = {}
        lost = []
        for ident, number in asked.items():
            try:
                wanted[self.known(ident).told] = number
            except NotFound as error:
                lost.append(
                    {"job": ident, "n": number + 1, "event": "error", "status": error.http_status, **said(error)}
                )
        await self.follow(wanted, b"".join(json.dumps(one).encode() + b"\n" for one in lost))

    def _asked(self) -> dict[str, int]:
        words = self.get_query_arguments("job")
        if not 1 <= len(words) <= _MOST_FOLLOWED:
            raise CommandError(f"1 to {_MOST_FOLLOWED} jobs must be named", "jobs/events?job=ID:0")
        return {ident: _number(number) for ident, _, number in (word.partition(":") for word in words)}


class JobRoute(FollowingRoute):
    """``GET jobs/ID?after=N``: what a job tells after its event N, as JSON lines. ``DELETE jobs/ID``: cancel it."""

    @authenticated
    @authorized
    async def get(self, ident: str) -> None:
        try:
            wanted = {self.known(ident).told: _number(self.get_query_argument("after", "0"))}
        except MlopsError as error:
            self.refuse(error)
            return
        await self.follow(wanted)

    @authenticated
    @executing
    def delete(self, ident: str) -> None:
        job = self.jobs().find(ident, self.owner())
        if job is None or job.told.ended:
            self.refuse(NotFound(f"there is no job {ident}, or it has ended"))
            return
        job.cancel()
        self.set_status(204)
        self.finish()


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > _MOST_DIGITS:
        raise CommandError(f"{text!r} is no number of an event", "events are numbered from 1 on; 0 is before the first")
    return int(text)


def job_routes(base_url: str) -> list[tuple[str, type[Any]]]:
    """Return the routes below a base URL."""
    found: dict[str, type[Any]] = {
        "jobs": JobsRoute,
        "jobs/events": JobsEventsRoute,
        r"jobs/([0-9a-f]+)": JobRoute,
    }
    return [(url_path_join(base_url, NAMESPACE, path), handler) for path, handler in found.items()]
