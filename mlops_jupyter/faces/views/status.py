"""Where the user stands."""

from __future__ import annotations

from ...records import Status
from .columns import CARD, notes_html, pairs

_HELP = "mlops --help lists the verbs, %mlops? in a notebook"


def text(status: Status) -> str:
    """Return one line a fact."""
    facts = _facts(status)
    width = max(map(len, facts))
    lines = [f"{name:<{width}}  {value}" for name, value in facts.items()]
    return "\n".join([*lines, *(f"note: {note}" for note in status.notes), _HELP])


def html(status: Status) -> str:
    """Return the same as a table."""
    return f'<div style="{CARD}">{pairs("where you stand", _facts(status))}{notes_html(status.notes)}</div>'


def _facts(status: Status) -> dict[str, str]:
    facts = {
        "project": status.root,
        "settings": status.settings_file or "none; mlops init writes them",
        "store": status.tracking_uri,
        "store named by": status.tracking_uri_from,
        "experiment": status.experiment,
        "notebook": status.notebook or "none known here",
    }
    if status.git_dirty is not None:
        commit = status.git_commit[:10] if status.git_commit else "no commit yet"
        branch = status.git_branch or "no branch"
        facts["git"] = f"{commit} on {branch}" + (", with changes not committed" if status.git_dirty else "")
    if status.open_run is not None:
        facts["open run"] = f"{status.open_run.name} {status.open_run.run_id}".strip()
    return facts
