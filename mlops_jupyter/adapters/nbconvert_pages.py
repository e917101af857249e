"""nbconvert as the maker of pages beside other work: its import takes a second and memory, which the shipper spares."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_NICE = 10


class NbconvertPages:
    """Renders notebooks, each in a process of its own."""

    def start(self, notebook: Path, output: Path) -> subprocess.Popen[bytes]:
        """Begin to write the HTML file."""
        return subprocess.Popen(
            [sys.executable, "-m", "mlops_jupyter.adapters.nbconvert_export", str(notebook), str(output)],
            stdin=subprocess.DEVNULL,
            cwd=output.parent,
            preexec_fn=lambda: os.nice(_NICE),  # noqa: PLW1509 -- the shipper has no other thread
        )
