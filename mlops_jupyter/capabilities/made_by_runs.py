"""Which tracked run made a live object: the one whose body last bound it, or trained it where it was.

Objects are held weakly: to be known here keeps none alive.
"""

from __future__ import annotations

import re
import time
import weakref
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import NamedTuple

# Methods that make another model of the object that they are called on.
_TRAINED = re.compile(
    r"\b([A-Za-z_]\w*)(?:\.\w+(?:\([^()\n]{0,200}\))?|\[[^\]\n]{0,80}\]){0,8}"
    r"\.(?:fit\w*|partial_fit|load_state_dict|train)\s*\("
)
_MOST_RUNS = 200


class _Made(NamedTuple):
    known: weakref.ref[object]
    run_id: str
    at: float


# By the objects' addresses; another object may have one's address afterwards, and its reference says so.
_made: dict[int, _Made] = {}
# Of each run the data that its body named.
_data: dict[str, dict[str, weakref.ref[object]]] = {}


def addresses(variables: Mapping[str, object]) -> dict[str, int]:
    """Return where each variable's object is, to tell later which were bound anew."""
    return {name: id(value) for name, value in variables.items()}


def note(
    run_id: str, before: Mapping[str, int], variables: Mapping[str, object], source: str = "", data: Sequence[str] = ()
) -> None:
    """Note what a body has bound.

    Parameters
    ----------
    run_id
        Its run's id here.
    before
        The `addresses` from before.
    variables
        The names as they are now.
    source
        The body's source, if it is known: what is trained in place is not bound.
    data
        The names of the data that went in.
    """
    trained = set(_TRAINED.findall(source))
    for name, value in list(variables.items()):
        if name.startswith("_") or isinstance(value, ModuleType):
            continue
        if (before.get(name) != id(value) or name in trained) and (known := _weak(value)) is not None:
            _made[id(value)] = _Made(known, run_id, time.monotonic())
    kept = {name: known for name in data if (known := _weak(variables.get(name))) is not None}
    if kept:
        _data[run_id] = kept
        while len(_data) > _MOST_RUNS:
            del _data[next(iter(_data))]
    for address in [address for address, made in _made.items() if made.known() is None]:
        del _made[address]


def forget_trained(source: str, variables: Mapping[str, object], since: float) -> None:
    """Forget who made the objects that a cell has trained in place since a moment (``time.monotonic``), untracked."""
    for name in set(_TRAINED.findall(source)) if _made else ():
        address = id(variables.get(name))
        if (made := _made.get(address)) is not None and made.at < since:
            del _made[address]


def run_of(value: object) -> str | None:
    """Return the id here of the run that made an object, ``None`` when none did."""
    made = _made.get(id(value))
    return made.run_id if made is not None and made.known() is value else None


def data_of(run_id: str) -> dict[str, object]:
    """Return the data that a run's body named, as far as it is still there."""
    found = {name: known() for name, known in _data.get(run_id, {}).items()}
    return {name: value for name, value in found.items() if value is not None}


def _weak(value: object) -> weakref.ref[object] | None:
    try:
        return weakref.ref(value)
    except TypeError:
        # Numbers, texts, lists: no models.
        return None
