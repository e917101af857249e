"""What an endpoint has served, plan after plan: a line of JSON each."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from ..private_files import write_private
from .plan import EndpointPlan, PlannedVersion

# So many changes are kept: as far back can be gone.
KEPT = 20


class Entry(NamedTuple):
    """One plan that came into force.

    Attributes
    ----------
    number
        Its place among all that was served for the first time; a return to an earlier plan has that one's number.
    at, who, why
        When, whose doing it was, and what led to it.
    versions, follows
        What was served, and which alias was followed.
    """

    number: int
    at: datetime
    who: str
    why: str
    versions: tuple[PlannedVersion, ...]
    follows: str | None


def note(file: Path, plan: EndpointPlan, who: str, why: str, number: int | None = None) -> None:
    """Add a plan that has come into force; ``number`` is that of the entry that it goes back to.

    Of changes longer ago than `KEPT` nothing is kept.
    """
    known = entries(file)
    told: Mapping[str, Any] = {
        "number": max((one.number for one in known), default=-1) + 1 if number is None else number,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "who": who,
        "why": why,
        "versions": [asdict(version) for version in plan.versions],
        "follows": plan.follows,
    }
    if len(lines := _lines(file)) >= KEPT:
        last = [*lines[1 - KEPT :], json.dumps(told).encode()]
        write_private(file, "".join(f"{one.decode(errors='replace')}\n" for one in last))
        return
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(handle, json.dumps(told).encode() + b"\n")
    finally:
        os.close(handle)


def entries(file: Path) -> list[Entry]:
    """Return all entries, the oldest first; a line that is not whole is passed over."""
    found = []
    for line in _lines(file):
        try:
            told = json.loads(line)
            versions = tuple(
                PlannedVersion(**{**one, "flavors": tuple(one.get("flavors", ()))}) for one in told["versions"]
            )
            at = datetime.fromisoformat(told["at"])
            found.append(Entry(int(told["number"]), at, told["who"], told["why"], versions, told["follows"]))
        except (ValueError, TypeError, KeyError):
            continue
    return found


def before(file: Path) -> Entry | None:
    """Return the plan before the present one: after a return that is the one that came before what was returned to.

    That may itself have been a return: what was left by it is not come back to. A plan that served the same is none.
    """
    every = entries(file)
    if not every:
        return None
    now = every[-1]
    first = next(at for at, one in enumerate(every) if one.number == now.number)
    # Of a return to what is not in the list any more, what stands before it came later.
    earlier = (one for one in reversed(every[:first]) if one.number < now.number)
    return next((one for one in earlier if (one.versions, one.follows) != (now.versions, now.follows)), None)


def _lines(file: Path) -> list[bytes]:
    try:
        return file.read_bytes().splitlines()
    except FileNotFoundError:
        return []
