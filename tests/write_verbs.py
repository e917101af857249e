"""Write docs/verbs.md from the real help: ``make docs``. A test holds the file equal to it."""

from __future__ import annotations

import sys
from pathlib import Path

from mlops_jupyter import grammar
from mlops_jupyter.verbs import VERBS

TARGET = Path(__file__).parents[1] / "docs" / "verbs.md"
_PLACES = {
    "anywhere": "magic, terminal, Python",
    "kernel": "above a cell, or around Python code",
    "code": "Python only",
}


def page() -> str:
    """Return the whole page."""
    parts = [
        "# Verbs\n",
        "Made by `make docs` from the help that `mlops VERB --help` and `%mlops VERB --help` print.\n",
    ]
    for name, verb in VERBS.items():
        parts.append(f"## {name}\n\n{verb.line} ({_PLACES[verb.place]}; {verb.effect})\n")
        parts.append(f"```text\n{grammar.help_text(grammar.command(name))}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
    print(f"wrote {TARGET.relative_to(Path.cwd())}", file=sys.stderr)
