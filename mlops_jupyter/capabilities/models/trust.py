"""Which models this project has logged itself: those that run code when they are loaded may be loaded without a word.

The list holds digests over whole folders, so that a file exchanged in a store is noticed.
"""

from __future__ import annotations

import fcntl
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...errors import ConfigurationError
from .. import own_places

_FILE = "trusted.json"


def is_trusted(store: Path, digest: str) -> bool:
    """Tell whether this project has logged a model of exactly these files."""
    return digest in _read(store / _FILE)


def record(store: Path, digest: str, source: str) -> None:
    """Note that this project has logged a model."""
    store.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = store / _FILE
    # Two kernels of one project may log at the same time.
    with (store / f"{_FILE}.lock").open("a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = _read(file)
        if digest in known:
            return
        known[digest] = {"source": source, "logged": datetime.now(UTC).isoformat(timespec="seconds")}
        new = file.with_name(f"{file.name}.new")
        new.touch(mode=0o600)
        new.write_text(json.dumps(known, indent=1), encoding="utf-8")
        new.replace(file)


def _read(file: Path) -> dict[str, Any]:
    store = file.parent
    own_places.check(store.parent.parent, store, file)
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ConfigurationError(
            f"{file} cannot be read, which holds the digests of the models that this project has logged",
            f"rm {file}; models that run code then need --trust, or to be logged again",
        ) from error
    return known if isinstance(known, dict) else {}
