"""Tickets: links that open a page once, for a short while, and say nothing afterwards.

A link ends up in a saved notebook, so it must not carry a lasting secret. A ticket is an expiry, a nonce, and
the keyed digest (HMAC-SHA-256, RFC 2104) of both; who holds the secret makes and checks them.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets


def issue(secret: str, now: float, life_s: int = 300) -> str:
    """Make a ticket that is good once until ``now + life_s`` (seconds of the epoch)."""
    claim = f"{int(now) + life_s}.{secrets.token_urlsafe(9)}"
    return f"{claim}.{proof(secret, claim)}"


def proof(secret: str, claim: str) -> str:
    """Return the keyed digest of a claim."""
    return hmac.new(secret.encode(), claim.encode(), hashlib.sha256).hexdigest()


def same(shown: str, expected: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(shown.encode(), expected.encode())


class Tickets:
    """Checks tickets, each of them once."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._spent: dict[str, int] = {}

    def spend(self, ticket: str, now: float) -> bool:
        """Tell whether a ticket is genuine, fresh and unspent; it is spent now."""
        claim, _, shown = ticket.rpartition(".")
        if not same(shown, proof(self._secret, claim)):
            return False
        expiry = int(claim.partition(".")[0])
        self._spent = {old: until for old, until in self._spent.items() if until >= now}
        if expiry < now or claim in self._spent:
            return False
        self._spent[claim] = expiry
        return True
