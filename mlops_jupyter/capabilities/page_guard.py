"""Who may see web pages served on this machine: who shows a fresh ticket, the cookie that it bought, or the secret.

A port of the loopback is open to every user of a shared machine, and a lasting secret in an address would end up in a
saved notebook.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from . import tickets

# A cookie for a ticket; the pages, which the cookie opens; onwards to them without the spent ticket; nothing.
Answer = Literal["enter", "pass", "onwards", "refuse"]


class PageGuard:
    """Decides on requests.

    Parameters
    ----------
    secret
        What tickets and the cookie are made of.
    cookie
        The cookie's name.
    command
        What makes a fresh link.
    """

    def __init__(self, secret: str, cookie: str, command: str) -> None:
        self.cookie = cookie
        self.refusal = f"This page needs a fresh link. Run: {command}\n"
        self.session = tickets.proof(secret, "session")
        self.last_used = time.monotonic()
        self._secret = secret
        self._tickets = tickets.Tickets(secret)

    def decide(self, headers: Mapping[str, str], query: str, *, http: bool = True) -> Answer:
        """Say how a request is answered.

        Parameters
        ----------
        headers
            Its headers; they are looked up by names in lower case.
        query
            The address's query.
        http
            Whether it is a plain request, not a WebSocket.
        """
        ticket = parse_qs(query).get("ticket", [""])[0]
        if http and ticket:
            if self._tickets.spend(ticket, time.time()):
                return "enter"
            # A notebook that is opened again shows its old link; the cookie may still be good.
            return "onwards" if self._knows(headers) else "refuse"
        if self._knows(headers) and _same_origin(headers):
            self.last_used = time.monotonic()
            return "pass"
        return "refuse"

    def _knows(self, headers: Mapping[str, str]) -> bool:
        # Not by `http.cookies`, which drops what follows a cookie that is not as the standard has it: cookies of other
        # programs on this host come along.
        pairs = (one.strip().partition("=") for one in headers.get("cookie", "").split(";"))
        shown = next((value for name, _, value in pairs if name == self.cookie), "")
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        return tickets.same(shown, self.session) or tickets.same(bearer, self._secret)


def cookie_path(headers: Mapping[str, str]) -> str:
    """Return where the cookie holds: below a Jupyter server other programs share its origin, but not this path."""
    return headers.get("x-forwarded-context") or "/"


def _same_origin(headers: Mapping[str, str]) -> bool:
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc in {headers.get("host"), headers.get("x-forwarded-host")}
