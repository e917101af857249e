"""The base process of a fork server: ``python -m mlops_jupyter.capabilities.forking.server LISTENING …``.

It imports nothing for anybody: families do. It takes requests, hands them to the family they are for, and passes on
what becomes of the children. It has one thread and waits in one place.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import time
import traceback
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from .family import Family, Wanted, close_inherited
from .request import differences, installed_stamp
from .wire import Channel, Closed, Message, close_all

_MOST_FAMILIES = 6
_FAMILY_IDLE_S = 1800.0
# A family that turns out unfit is made again without what made it so; one round finds all, another makes sure.
_MOST_ROUNDS = 4
_STOP_WAIT_S = 5.0
_FULL_WAIT_S = 0.1


@dataclass
class _Client:
    """A connection; once a child was forked for it, it lives as long as the child."""

    channel: Channel
    family: _Family | None = None
    number: int | None = None
    child: int | None = None


@dataclass
class _Family:
    """A family as the base sees it; ``waiting`` holds the requests that came before it was ready."""

    wanted: Wanted
    stamp: tuple[int, ...]
    pid: int = 0
    channel: Channel | None = None
    ready: bool = False
    refused: str | None = None
    rounds: int = 0
    left_out: dict[str, str] = field(default_factory=dict)
    waiting: deque[tuple[_Client, Message]] = field(default_factory=deque)
    clients: dict[int, _Client] = field(default_factory=dict)
    children: dict[int, _Client] = field(default_factory=dict)
    used: float = field(default_factory=time.monotonic)

    @property
    def busy(self) -> bool:
        """Whether anybody waits for it or lives of it."""
        return bool(self.waiting or self.clients or self.children)


class Server:
    """The base.

    Parameters
    ----------
    listening
        The socket that clients come to.
    owner
        The number of a file that ends when the owner does, ``None`` when nobody owns this server.
    idle_s
        After how long without a request or a child it ends by itself, ``None`` for never.
    """

    def __init__(self, listening: socket.socket, owner: int | None, idle_s: float | None) -> None:
        self._listening = listening
        self._owner = owner
        self._idle_s = idle_s
        self._selector = selectors.DefaultSelector()
        self._selector.register(listening, selectors.EVENT_READ, self._accept)
        if owner is not None:
            self._selector.register(owner, selectors.EVENT_READ, self.stop)
        self._families: dict[Wanted, _Family] = {}
        # Families that take no more requests, and end with their last child.
        self._retired: list[_Family] = []
        self._clients: set[int] = set()
        self._numbers = itertools.count()
        self._used = time.monotonic()
        self._stopping = False

    def run(self) -> None:
        """Serve until told to stop, until the owner is gone, or until nobody has come for long."""
        while not self._stopping:
            for key, _ in self._selector.select(self._patience()):
                # What came before it may have closed it, and its number may be another's by now.
                if self._selector.get_map().get(key.fd) is key:
                    key.data()
            self._tidy()
        self._listening.close()
        for family in [*self._families.values(), *self._retired]:
            self._dismiss(family)
        self._await_families()

    def stop(self) -> None:
        """End after this turn."""
        self._stopping = True

    def _patience(self) -> float | None:
        limits = [self._idle_s] if self._idle_s is not None else []
        limits += [_FAMILY_IDLE_S] if self._families else []
        return min(limits) if limits else None

    def _tidy(self) -> None:
        now = time.monotonic()
        busy = self._clients or any(family.busy for family in self._every())
        if busy:
            self._used = now
        elif self._idle_s is not None and now - self._used >= self._idle_s:
            self.stop()
        for family in list(self._families.values()):
            if not family.busy and now - family.used >= _FAMILY_IDLE_S:
                self._retire(family)

    def _every(self) -> list[_Family]:
        return [*self._families.values(), *self._retired]

    # Clients.

    def _accept(self) -> None:
        try:
            connection, _ = self._listening.accept()
        except OSError:
            # No more files can be opened: whoever has come waits until others have gone.
            time.sleep(_FULL_WAIT_S)
            return
        client = _Client(Channel(connection))
        self._clients.add(client.channel.fileno())
        self._selector.register(client.channel, selectors.EVENT_READ, lambda: self._hear(client))

    def _hear(self, client: _Client) -> None:
        try:
            messages = client.channel.receive()
            for message in messages:
                self._answer(client, message)
        except Closed:
            self._leave(client)

    def _answer(self, client: _Client, message: Message) -> None:
        asked = message.body.get("do")
        if asked == "fork":
            self._fork(client, message)
            return
        close_all(message.files)
        if asked == "prepare":
            family = self._family(Wanted(message.body["entry"], tuple(message.body["imports"])))
            if message.body["wait"] and not family.ready and family.refused is None:
                client.family = family
                family.waiting.append((client, message))
                return
        elif asked == "stop":
            self.stop()
        client.channel.send(self._state())

    def _leave(self, client: _Client) -> None:
        """Forget a client; a child of its that still runs is ended."""
        if client.channel.fileno() < 0:
            return
        self._clients.discard(client.channel.fileno())
        self._selector.unregister(client.channel)
        client.channel.close()
        family = client.family
        if family is None:
            return
        for waiting in [one for one in family.waiting if one[0] is client]:
            family.waiting.remove(waiting)
            close_all(waiting[1].files)
        if client.child in family.children:
            self._tell(family, {"end": client.child})

    def _say(self, client: _Client, body: dict[str, Any]) -> None:
        if client.channel.fileno() < 0:
            return
        try:
            client.channel.send(body)
        except Closed:
            self._leave(client)

    def _refuse(self, client: _Client, message: Message, reason: str) -> None:
        close_all(message.files)
        self._say(client, {"refused": reason})

    # Families.

    def _fork(self, client: _Client, message: Message) -> None:
        body = message.body
        if (reason := differences(body, dict(os.environ))) is not None:
            self._refuse(client, message, reason)
            return
        family = self._family(Wanted(body["entry"], tuple(body["imports"])))
        client.family = family
        if family.refused is not None:
            self._refuse(client, message, family.refused)
        elif family.ready:
            self._hand_over(family, client, message)
        elif body["at_once"]:
            self._refuse(client, message, "the warm process is still importing")
        else:
            family.waiting.append((client, message))

    def _hand_over(self, family: _Family, client: _Client, message: Message) -> None:
        if message.body["do"] == "prepare":
            self._say(client, self._state())
            return
        client.number = next(self._numbers)
        family.clients[client.number] = client
        told = {name: message.body[name] for name in ("arguments", "environment", "cwd", "mask")}
        self._tell(family, {"fork": client.number, **told}, message.files)
        close_all(message.files)

    def _family(self, wanted: Wanted) -> _Family:
        stamp = installed_stamp()
        family = self._families.get(wanted)
        if family is not None and family.stamp != stamp:
            # Something was installed or removed: what it has imported may be no longer what an import would find.
            self._retire(family)
            family = None
        if family is None:
            family = self._families[wanted] = _Family(wanted, stamp)
            self._start(family)
            if len(self._families) > _MOST_FAMILIES:
                self._retire(min(self._families.values(), key=lambda one: (one is family, one.used)))
        family.used = time.monotonic()
        return family

    def _start(self, family: _Family) -> None:
        base = os.getpid()
        family.rounds += 1
        pair: tuple[socket.socket, ...] = ()
        try:
            pair = ours, theirs = socket.socketpair()
            family.pid = os.fork()
        except OSError as error:
            for end in pair:
                end.close()
            self._not_started(family, error)
            return
        if family.pid == 0:
            self._become_family(theirs, family, base)
        theirs.close()
        family.channel = Channel(ours)
        self._selector.register(family.channel, selectors.EVENT_READ, lambda: self._hear_family(family))

    def _not_started(self, family: _Family, error: OSError) -> None:
        """Refuse who waits for a family that the system has no process or file for; the next request tries again."""
        self._give_up(family, f"no process can be started: {error.strerror}")
        if self._families.get(family.wanted) is family:
            del self._families[family.wanted]

    def _become_family(self, stream: socket.socket, family: _Family, base: int) -> NoReturn:
        try:
            self._selector.close()
            # Of the sockets, Python must not close numbers that are another file's by then.
            held = stream.detach()
            close_inherited([held])
            Family(socket.socket(fileno=held), family.wanted, family.left_out).run(base)
        except BaseException:  # noqa: BLE001 -- the base is told by the end of the family; the log says why
            traceback.print_exc()
        os._exit(1)

    def _tell(self, family: _Family, body: dict[str, Any], files: tuple[int, ...] = ()) -> None:
        # That it is gone, the selector says next, and what then is to be done.
        if family.channel is not None:
            with contextlib.suppress(Closed):
                family.channel.send(body, files)

    def _hear_family(self, family: _Family) -> None:
        try:
            messages = family.channel.receive() if family.channel is not None else []
        except Closed:
            self._lost(family)
            return
        for message in messages:
            self._heed(family, message.body)

    def _heed(self, family: _Family, body: dict[str, Any]) -> None:
        if "ready" in body:
            family.ready = True
            family.left_out = body["left_out"]
            while family.waiting:
                self._hand_over(family, *family.waiting.popleft())
        elif "unfit" in body:
            self._again(family, body["unfit"])
        elif "forked" in body:
            client = family.clients.pop(body["forked"])
            client.child = body["pid"]
            family.children[body["pid"]] = client
            if client.channel.fileno() < 0:
                self._tell(family, {"end": client.child})
            self._say(client, {"forked": client.child, "left_out": family.left_out})
        elif "failed" in body:
            self._say(family.clients.pop(body["failed"]), {"refused": body["reason"]})
        elif "ended" in body:
            client = family.children.pop(body["ended"])
            self._say(client, {"ended": body["status"]})
            self._leave(client)
            family.used = time.monotonic()
            if family in self._retired and not family.busy:
                self._dismiss(family)

    def _again(self, family: _Family, unfit: dict[str, str]) -> None:
        """Make a family anew without what made it unfit."""
        self._forget_process(family)
        family.left_out |= unfit
        if "" in unfit or family.rounds >= _MOST_ROUNDS:
            self._give_up(family, "; ".join(f"{name} {reason}".strip() for name, reason in unfit.items()))
        else:
            self._start(family)

    def _give_up(self, family: _Family, reason: str) -> None:
        family.refused = reason
        while family.waiting:
            self._refuse(*family.waiting.popleft(), reason)

    def _lost(self, family: _Family) -> None:
        """Tell the clients of a family that ended unasked; its children ended with it."""
        self._forget_process(family)
        for client in [*family.clients.values(), *family.children.values()]:
            self._leave(client)
        family.clients.clear()
        family.children.clear()
        if family in self._retired:
            self._retired.remove(family)
            return
        if not family.ready:
            self._give_up(family, f"the process that imports {', '.join(family.wanted.imports) or 'nothing'} ended")
        # The next request may have better luck.
        self._families.pop(family.wanted, None)

    def _forget_process(self, family: _Family) -> None:
        if family.channel is not None:
            self._selector.unregister(family.channel)
            family.channel.close()
            family.channel = None
        with contextlib.suppress(ChildProcessError):
            os.waitpid(family.pid, 0)

    def _retire(self, family: _Family) -> None:
        self._families.pop(family.wanted, None)
        if family.busy:
            self._retired.append(family)
        else:
            self._dismiss(family)

    def _dismiss(self, family: _Family) -> None:
        """Close a family's channel: it ends its children, and itself."""
        if family in self._retired:
            self._retired.remove(family)
        if family.channel is not None:
            self._selector.unregister(family.channel)
            family.channel.close()
            family.channel = None

    def _await_families(self) -> None:
        end = time.monotonic() + _STOP_WAIT_S
        while time.monotonic() < end:
            try:
                if os.waitpid(-1, os.WNOHANG) == (0, 0):
                    time.sleep(0.01)
            except ChildProcessError:
                return

    def _state(self) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "families": [
                {
                    "entry": family.wanted.entry,
                    "imports": family.wanted.imports,
                    "pid": family.pid if family.channel is not None else None,
                    "ready": family.ready,
                    "refused": family.refused,
                    "left_out": family.left_out,
                    "children": sorted(family.children),
                }
                for family in self._every()
            ],
        }


def main(words: list[str]) -> None:
    """Serve on the socket that this process was started with."""
    told = json.loads(words[0])
    # ``python -m`` put the folder there that it was started in; nothing is to be imported from it.
    del sys.path[0]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Whatever it was started with; a fork is another program's process all the same.
    close_inherited([told["listening"], *([told["owner"]] if told["owner"] is not None else [])])
    listening = socket.socket(fileno=told["listening"])
    server = Server(listening, told["owner"], told["idle_s"])
    signal.signal(signal.SIGTERM, lambda *_: server.stop())
    server.run()
    path = Path(told["path"])
    path.unlink(missing_ok=True)
    if told["owner"] is not None:
        # The folder was made for this server alone.
        shutil.rmtree(path.parent)


if __name__ == "__main__":
    main(sys.argv[1:])
