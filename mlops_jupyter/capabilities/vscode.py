"""Whether VS Code is this kernel's front end, which does some things otherwise than Jupyter."""

from __future__ import annotations

import sys

# Its Jupyter extension puts the notebook's path under this name into the kernel.
NOTEBOOK_NAME = "__vsc_ipynb_file__"
_ADDRESS = "vscode-notebook-cell:"


def in_vscode() -> bool:
    """Tell whether this process is a kernel of a notebook that is open in VS Code."""
    return NOTEBOOK_NAME in vars(sys.modules["__main__"])


def own_id(told: str | None) -> str | None:
    """Return the id that a front end tells of a cell, unless it is VS Code's address of it.

    That holds a host, a path, and the cell's place when the notebook was opened: it means nothing to anybody else, and
    another cell another day.
    """
    return None if told is None or told.startswith(_ADDRESS) else told
