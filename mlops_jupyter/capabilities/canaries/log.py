"""What was decided about canaries, a line of JSON each, and what the one who decides remembers."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from ...records import Decision
from ..private_files import write_private
from .windows import RolloutState

_DECISIONS, _STATE = "decisions.jsonl", "rollout.json"
_READ_BYTES = 64 * 1024


def note(watch: Path, decision: Decision) -> None:
    """Add a decision."""
    watch.mkdir(mode=0o700, exist_ok=True)
    told = {**asdict(decision), "at": decision.at.isoformat()}
    handle = os.open(watch / _DECISIONS, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(handle, json.dumps(told, ensure_ascii=False).encode() + b"\n")
    finally:
        os.close(handle)


def decisions(watch: Path, most: int) -> tuple[Decision, ...]:
    """Return the last decisions, oldest first; a line that is not whole is passed over."""
    try:
        with (watch / _DECISIONS).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _READ_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return ()
    found = []
    for line in lines[-most:]:
        try:
            told = json.loads(line)
            found.append(Decision(**{**told, "at": datetime.fromisoformat(told["at"])}))
        except (ValueError, TypeError, KeyError):
            continue
    return tuple(found)


def write_state(watch: Path, version: str, percent: float, state: RolloutState) -> None:
    """Keep what is remembered of a canary with a share."""
    watch.mkdir(mode=0o700, exist_ok=True)
    told = {"version": version, "percent": percent, "state": asdict(state)}
    write_private(watch / _STATE, json.dumps(told, allow_nan=False))


def forget(watch: Path) -> None:
    """Forget what is remembered."""
    (watch / _STATE).unlink(missing_ok=True)


def read_state(watch: Path, version: str, percent: float) -> RolloutState | None:
    """Return what is remembered of a canary with this share, ``None`` when that is nothing."""
    try:
        told = json.loads((watch / _STATE).read_bytes())
        if (told["version"], told["percent"]) != (version, percent):
            return None
        return RolloutState.from_dict(told["state"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
