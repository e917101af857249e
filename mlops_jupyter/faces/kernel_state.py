"""What our Papermill engine asks of the kernel that it drives: keep the state of the notebook, and bring it back.

The engine executes these between cells, silently; each returns JSON text, which the engine reads from the reply.
"""

from __future__ import annotations

import json
from pathlib import Path

from ..capabilities import kept_state
from .render import shell

_copies: list[kept_state.Copy] = []


def hold(folder: str, before: dict[str, str]) -> str:
    """Have a copy of this kernel wait, in place of the one before; ``before`` are digests of its first environment."""
    end()
    _copies.append(kept_state.hold(lambda: kept_state.write(_names(), Path(folder), shell().execution_count, before)))
    return json.dumps({"pid": _copies[0].pid})


def end() -> str:
    """Have the copy that waits end."""
    while _copies:
        _copies.pop().end()
    return "{}"


def bring_back(folder: str, extensions: list[str]) -> str:
    """Bring the state back; a sentence says why that cannot be."""
    running = shell()
    try:
        for extension in extensions:
            running.extension_manager.load_extension(extension)
        running.execution_count = kept_state.read(running.user_ns, Path(folder))
    except Exception as error:  # noqa: BLE001 -- the values' own classes are executed
        return json.dumps({"why": f"{type(error).__name__}: {error}"})
    return "{}"


def extensions() -> str:
    """Name the extensions that are loaded."""
    return json.dumps({"extensions": sorted(shell().extension_manager.loaded)})


def _names() -> dict[str, object]:
    """Return the notebook's own names: what IPython itself has put there is left out."""
    running = shell()
    hidden = running.user_ns_hidden
    return {
        name: value
        for name, value in running.user_ns.items()
        if not (name in hidden and hidden[name] is value) and not name.startswith("_") and name not in {"In", "Out"}
    }
