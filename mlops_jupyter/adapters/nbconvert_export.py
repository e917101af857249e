"""nbconvert as the maker of HTML."""

from __future__ import annotations

import sys
from pathlib import Path

from nbconvert import HTMLExporter
from traitlets.config import Config

# A widget's view needs a kernel or the network; the static form beside it needs neither.
_STATIC_FIRST = ["text/html", "image/svg+xml", "image/png", "image/jpeg", "text/markdown", "text/latex", "text/plain"]


class NbconvertExport:
    """Renders notebooks as single HTML files."""

    def html(self, notebook: Path, output: Path) -> None:
        """Write the notebook as one HTML file."""
        config = Config({"NbConvertBase": {"display_data_priority": _STATIC_FIRST}})
        body, _ = HTMLExporter(config=config, embed_images=True).from_filename(str(notebook))
        output.write_text(body, encoding="utf-8")


if __name__ == "__main__":
    # Of `NbconvertPages`.
    NbconvertExport().html(Path(sys.argv[1]), Path(sys.argv[2]))
