"""Why what an alias points to is not served: written by who follows it, read by who shows the deployment."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ..private_files import write_private

_FILE = "following.json"


@dataclass(frozen=True)
class NotFollowed:
    """Why an endpoint does not serve what its alias points to.

    Attributes
    ----------
    follows
        The alias, as a URI.
    version
        What it points to; ``None`` where that could not be asked.
    why
        What is the matter.
    hint
        The next command.
    """

    follows: str
    version: str | None
    why: str
    hint: str | None = None

    def words(self, served: str) -> str:
        """Say it in one line, with the versions that are served meanwhile."""
        said = "cannot be looked up" if self.version is None else f"is version {self.version}"
        return f"{self.follows} {said}, {served} is served: {self.why}" + (f" → {self.hint}" if self.hint else "")


def write(endpoint: Path, told: NotFollowed | None) -> None:
    """Leave in an endpoint's folder why its alias is not followed; ``None`` for nothing is the matter."""
    if told is None:
        (endpoint / _FILE).unlink(missing_ok=True)
    else:
        write_private(endpoint / _FILE, json.dumps(asdict(told)))


def read(endpoint: Path) -> NotFollowed | None:
    """Return what was left; ``None`` for nothing, or nothing that is whole."""
    try:
        return NotFollowed(**json.loads((endpoint / _FILE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
