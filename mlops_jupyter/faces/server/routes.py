"""The routes: what verbs there are, one at work, its end, and where the project stands."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar, cast

from jupyter_server.auth.decorator import authorized
from jupyter_server.auth.identity import IdentityProvider, PasswordIdentityProvider
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado.iostream import StreamClosedError
from tornado.web import authenticated

from ... import grammar, settings
from ...commands.declared import declared
from ...commands.kept import kept_sources
from ...commands.overview import around, overview
from ...errors import CommandError, ConfirmationRequired, Conflict, MlopsError, NotFound
from ...verbs import VERBS
from .. import render
from .job_events import Follower
from .jobs import Job, Jobs, Wanted
from .worker import said

NAMESPACE = "mlops-jupyter"
JOBS = "mlops_jupyter_jobs"
JSON_LINES = "application/x-ndjson"
# What lies between a browser and this server may close a connection on which nothing is said for a minute.
_SILENCE_S = 20.0
_WORDS = {"arguments", "yes", "notebook", "content", "form", "wait"}
_OF_THE_EVENT = {"event", "job", "n"}
_FORMS = ("shown", "data")
_OF_A_CELL = {"source": "", "kernel": "python3", "language": "python"}
_TELL_NOBODY_APART = (IdentityProvider, PasswordIdentityProvider)


_Method = TypeVar("_Method", bound=Callable[..., object])


def executing(method: _Method) -> _Method:
    """Refuse who may not execute anything here."""
    return cast("_Method", authorized("execute")(method))


def root_of(application: Mapping[str, Any]) -> Path:
    """Return the directory that a server shows, by its web application's settings."""
    return Path(application["server_root_dir"]).expanduser().absolute()


class Route(APIHandler):
    """What all routes share: one resource to be authorized for, and errors as `errors` has them."""

    auth_resource = "mlops"

    def refuse(self, error: MlopsError) -> None:
        """Answer with an error of ours."""
        self.set_status(error.http_status)
        self.finish(json.dumps(said(error)))

    def jobs(self) -> Jobs:
        """Return the verbs at work on this server."""
        return cast("Jobs", self.settings[JOBS])

    def owner(self) -> str:
        """Return who calls, as far as the server tells people apart.

        Who shows its token or password is somebody new at each login, and with a token at each request: they are one.
        """
        return "" if type(self.identity_provider) in _TELL_NOBODY_APART else str(self.current_user.username)

    def folder(self, notebook: str | None = None) -> Path:
        """Return the folder of a notebook, of the one that the request names or of none: the server's."""
        path = self.get_query_argument("notebook", "") if notebook is None else notebook
        return self.notebook_file(path).parent if path else root_of(self.settings)

    async def relay(self, kind: str, following: Callable[[], Awaitable[bytes | None]], alive: bytes) -> None:
        """Send what comes, as it comes, until there is no more.

        Parameters
        ----------
        kind
            Its content type.
        following
            Returns what comes next, ``None`` after the last.
        alive
            What is sent after a while in which nothing has come, and says nothing.
        """
        self.set_header("Content-Type", kind)
        # A proxy that collects an answer before it passes it on would keep all back.
        self.set_header("X-Accel-Buffering", "no")
        self.set_header("Cache-Control", "no-store")
        # The answer begins before there is anything to say.
        await self.flush()
        asked = asyncio.ensure_future(following())
        try:
            while True:
                done, _ = await asyncio.wait({asked}, timeout=_SILENCE_S)
                told = asked.result() if done else alive
                if told is None:
                    return
                self.write(told)
                await self.flush()
                if done:
                    # To ask for what follows says that this is on its way.
                    asked = asyncio.ensure_future(following())
        finally:
            asked.cancel()

    def notebook_file(self, path: str) -> Path:
        """Return the file of a notebook, by the path that the front end calls it.

        Raises
        ------
        CommandError
            When the path leads out of the server's directory.
        """
        # A real-time collaboration's drive is the same files under another name.
        parts = PurePosixPath(path.partition(":")[2] if path.startswith("RTC:") else path)
        if parts.is_absolute() or ".." in parts.parts or "\0" in path:
            raise CommandError(f"{path!r} is no path below the server's directory", "send the notebook's own path")
        return root_of(self.settings) / parts


class VerbsRoute(Route):
    """``GET verbs``: the verbs and their parameters; with ``?parameters=0`` no more than the verb table."""

    @authenticated
    @authorized
    async def get(self) -> None:
        if self.get_query_argument("parameters", "1") != "0":
            self.finish(await asyncio.to_thread(_described))
            return
        self.finish(_table())
        # A page was opened. Where there are runs, it will ask for them.
        if await asyncio.to_thread(_in_use, root_of(self.settings)):
            await self.jobs().forks.prepare()


def _in_use(folder: Path) -> bool:
    """Tell whether anything of ours was done in the project around a folder."""
    try:
        return (settings.find_root(folder, os.environ) / settings.STATE_DIRECTORY).is_dir()
    except MlopsError:
        # Which says itself to who calls a verb.
        return False


@cache
def _described() -> str:
    return json.dumps({"verbs": grammar.describe_all()})


@cache
def _table() -> str:
    """Return what a front end needs to offer the verbs; no verb's function is imported for it."""
    lines = [
        {"name": name, "line": verb.line, "effect": verb.effect, "place": verb.place}
        for name, verb in VERBS.items()
        if verb.place != "code"
    ]
    return json.dumps({"verbs": lines})


class VerbRoute(Route):
    """``GET verbs/NAME``: one verb and its parameters. ``POST verbs/NAME``: run it.

    The body is a JSON object: ``arguments`` by parameter; ``yes`` for what destroys; ``notebook``, the path of the one
    that it is called from, and ``content``, that as its front end has it; ``form``, "shown" for every form that a
    notebook would keep of the record, or "data" for what a view of one's own is made from. To who accepts JSON lines
    the verb's progress is told as it comes, the last line is its end; to others the end alone, with its status. With
    ``"wait": false`` the answer is the job's id at once, whose events ``GET jobs/ID`` tells.

    When the connection is closed, a verb that only reads is cancelled; one that writes goes on.
    """

    job: Job | None = None
    follower: Follower | None = None
    _left = False

    @authenticated
    @authorized
    async def get(self, name: str) -> None:
        try:
            self.finish(await asyncio.to_thread(grammar.describe, _known(name)))
        except MlopsError as error:
            self.refuse(error)

    @authenticated
    @executing
    async def post(self, name: str) -> None:
        try:
            body = self._body()
            wanted = self._wanted(name, body)
            await asyncio.to_thread(_check, wanted)
            if self._left and VERBS[name].effect == "reads":
                return
            job = self.jobs().start(wanted, self.owner())
        except MlopsError as error:
            self.refuse(error)
            return
        if not body["wait"]:
            self.set_status(202)
            self.finish(json.dumps({"job": job.id}))
            return
        self.job, self.follower = job, Follower({job.told: 0})
        try:
            if JSON_LINES in self.request.headers.get("Accept", ""):
                await self._stream(job, self.follower)
            else:
                await self._answer(job, self.follower)
        except StreamClosedError:
            # Nobody listens any more.
            return
        finally:
            self._leave()

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self._left = True
        self._leave()

    def _leave(self) -> None:
        if self.job is not None and self.follower is not None:
            self.follower.leave()
            if not self.job.outlives:
                self.jobs().forget(self.job)

    def _body(self) -> dict[str, Any]:
        body = json_object(self.request.body, _WORDS)
        arguments, yes = body.setdefault("arguments", {}), body.setdefault("yes", False)
        texts = [body.get("notebook"), body.get("content")]
        if not isinstance(arguments, dict) or not isinstance(yes, bool):
            raise CommandError("arguments must be an object, and yes true or false", 'send {"arguments": {}}')
        if not isinstance(body.setdefault("wait", True), bool):
            raise CommandError("wait must be true or false", 'send {"wait": false}')
        if not all(one is None or isinstance(one, str) for one in texts):
            raise CommandError("notebook and content must be texts", 'send {"notebook": "work/train.ipynb"}')
        if body.setdefault("form", _FORMS[0]) not in _FORMS:
            raise CommandError(f"form must be one of {', '.join(_FORMS)}", 'send {"form": "data"}')
        return body

    def _wanted(self, name: str, body: Mapping[str, Any]) -> Wanted:
        verb = VERBS[_known(name)]
        if verb.place == "code":
            raise Conflict(f"{name} is for Python code", f"call mlops_jupyter.{name}(…)")
        if verb.place == "kernel":
            raise Conflict(f"{name} needs a kernel around it", f"in a notebook: %%mlops {name}")
        if not body.get("notebook"):
            return Wanted(name, body["arguments"], body["yes"], root_of(self.settings), form=body["form"])
        file = self.notebook_file(body["notebook"])
        folder = next(one for one in file.parents if one.is_dir())
        more = (file, body.get("content"), body["form"], body["notebook"])
        return Wanted(name, body["arguments"], body["yes"], folder, *more)

    async def _stream(self, job: Job, follower: Follower) -> None:
        self.write(json.dumps({"event": "started", "job": job.id}) + "\n")
        await self.relay(JSON_LINES, follower.next, b"\n")
        self.finish(set_content_type=JSON_LINES)

    async def _answer(self, job: Job, follower: Follower) -> None:
        last = b""
        while (lines := await follower.next()) is not None:
            last = lines.splitlines()[-1]
        if self._left:
            return
        end = json.loads(last)
        if end["event"] == "cancelled":
            end |= {"status": Conflict.http_status, **said(Conflict(f"{job.wanted.verb} was cancelled"))}
        self.set_status(end.pop("status", 200))
        self.finish(json.dumps({key: value for key, value in end.items() if key not in _OF_THE_EVENT}))


class WordsRoute(Route):
    """``GET verbs/NAME/words?parameter=P&begun=W&notebook=PATH``: what a parameter may be, as by the tab key."""

    @authenticated
    @authorized
    async def get(self, name: str) -> None:
        parameter, begun = (self.get_query_argument(word, "") for word in ("parameter", "begun"))
        try:
            found = await asyncio.to_thread(
                lambda: grammar.suggestions(_known(name), parameter, begun, around(self.folder()))
            )
        except MlopsError as error:
            self.refuse(error)
            return
        self.finish(json.dumps({"words": [{"word": word, "about": about} for word, about in found]}))


def json_object(text: bytes, words: Collection[str]) -> dict[str, Any]:
    """Return the object that a request's body is; raises `CommandError` where it is none, or has other members."""
    try:
        body = json.loads(text or b"{}")
    except (ValueError, RecursionError) as error:
        raise CommandError("the request's body is no JSON", "send {}") from error
    if not isinstance(body, dict) or not body.keys() <= set(words):
        raise CommandError(f"the body must be an object of {', '.join(sorted(words))}", "send {}")
    return body


def _known(name: str) -> str:
    if name not in VERBS:
        raise NotFound(f"there is no verb {name}", f"verbs: {', '.join(VERBS)}")
    return name


def _check(wanted: Wanted) -> None:
    """Refuse what can be refused without a process."""
    call = grammar.call_with(wanted.verb, wanted.arguments, yes=wanted.yes)
    if call.destroys and not call.yes:
        raise ConfirmationRequired(f"{wanted.verb} destroys what it names", 'send {"yes": true}')


class StatusRoute(Route):
    """``GET status?notebook=PATH``: the project around a notebook, its open runs, its endpoints.

    ``directory`` is the server's, by which a front end knows what it calls a file of the project.
    """

    # A page that asks again and again is no sign of anybody's work: idle servers are to be culled all the same.
    _track_activity = False

    @authenticated
    @authorized
    async def get(self) -> None:
        try:
            found = await asyncio.to_thread(overview, self.folder())
        except MlopsError as error:
            self.refuse(error)
            return
        self.finish(json.dumps(render.as_json(found) | {"directory": str(root_of(self.settings).resolve())}))


class KeptRoute(Route):
    """``GET kept?notebook=PATH``: which states of a notebook's cells its snapshots hold."""

    # Asked when the notebook is saved, which may be by itself.
    _track_activity = False

    @authenticated
    @authorized
    async def get(self) -> None:
        try:
            file = self.notebook_file(self.get_query_argument("notebook"))
            found = await asyncio.to_thread(kept_sources, file)
        except MlopsError as error:
            self.refuse(error)
            return
        self.finish(json.dumps(render.as_json(found)))


class ParametersRoute(Route):
    """``POST parameters``: what the text of a ``parameters`` cell declares; nothing of it is evaluated.

    The body is a JSON object of texts: ``source``, and the notebook's ``kernel`` and ``language``.
    """

    @authenticated
    @executing
    async def post(self) -> None:
        try:
            body = json_object(self.request.body, _OF_A_CELL)
            if not all(isinstance(body.setdefault(word, default), str) for word, default in _OF_A_CELL.items()):
                raise CommandError("source, kernel and language must be texts", 'send {"source": "depth = 3"}')
            found = await asyncio.to_thread(declared, body["source"], body["kernel"], body["language"])
        except MlopsError as error:
            self.refuse(error)
            return
        self.finish(json.dumps({"parameters": [render.as_json(one) for one in found]}))


def routes(base_url: str) -> list[tuple[str, type[Any]]]:
    """Return the routes below a base URL."""
    found: dict[str, type[Any]] = {
        "verbs": VerbsRoute,
        r"verbs/([a-z]+)": VerbRoute,
        r"verbs/([a-z]+)/words": WordsRoute,
        "status": StatusRoute,
        "kept": KeptRoute,
        "parameters": ParametersRoute,
    }
    return [(url_path_join(base_url, NAMESPACE, path), handler) for path, handler in found.items()]
