"""Which notebooks were found to hold no secrets a short while ago, so that a run of the same need not look again."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

# Rules get better: what they passed is looked at again the next day.
_LASTS_S = 24 * 3600.0
_MOST = 500


class CleanNotebooks:
    """A file of digests, each with its time; losing it costs a scan.

    Parameters
    ----------
    file
        Where they are kept.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    @staticmethod
    def key(notebook: Mapping[str, Any], allowed: Collection[str]) -> str:
        """Return the digest of a notebook and of what its project allows."""
        told = json.dumps([notebook, sorted(allowed)], sort_keys=True, ensure_ascii=True, default=str)
        return hashlib.sha256(told.encode()).hexdigest()

    def holds(self, key: str) -> bool:
        """Tell whether a notebook was found clean within the last day."""
        return time.time() - self._read().get(key, 0.0) < _LASTS_S

    def add(self, key: str) -> None:
        """Note that a notebook was found clean."""
        now = time.time()
        known = {one: at for one, at in self._read().items() if now - at < _LASTS_S} | {key: now}
        kept = dict(sorted(known.items(), key=lambda one: one[1])[-_MOST:])
        new = self._file.with_name(f"{self._file.name}.{os.getpid()}.new")
        # A folder that cannot be written is told of elsewhere.
        with suppress(OSError):
            new.write_text(json.dumps(kept), encoding="utf-8")
            new.rename(self._file)

    def _read(self) -> dict[str, float]:
        with suppress(OSError, ValueError):
            found = json.loads(self._file.read_text(encoding="utf-8"))
            return {str(one): float(at) for one, at in found.items()}
        return {}
