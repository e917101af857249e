"""Whether VS Code is this kernel's front end, which does some things otherwise than Jupyter."""

from __future__ import annotations

import sys

# Its Jupyter extension puts the notebook's path under this name into the kernel.
NOTEBOOK_NAME = "__vsc_ipynb_file__"


def in_vscode() -> bool:
    """Tell whether this process is a kernel of a notebook that is open in VS Code."""
    return NOTEBOOK_NAME in vars(sys.modules["__main__"])
