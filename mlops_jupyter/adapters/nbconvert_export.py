"""nbconvert as the maker of HTML."""

from __future__ import annotations

import sys
from html import escape
from pathlib import Path

from nbconvert import HTMLExporter
from pygments.formatters import HtmlFormatter
from traitlets.config import Config

# A widget's view needs a kernel or the network; the static form beside it needs neither.
_STATIC_FIRST = ["text/html", "image/svg+xml", "image/png", "image/jpeg", "text/markdown", "text/latex", "text/plain"]
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; }
.jp-Cell, .cell { margin: 0.8em 0; } pre { margin: 0; padding: 0.6em 0.8em; overflow-x: auto; }
.highlight { background: rgba(127, 127, 127, 0.1); border-radius: 6px; } .prompt, .jp-InputPrompt { opacity: 0.5; }
.anchor-link { display: none; } table { border-collapse: collapse; } td, th { padding: 1px 10px; }
@media (prefers-color-scheme: dark) { body { background: #111; color: #ddd; } }
"""


class NbconvertExport:
    """Renders notebooks as single HTML files."""

    def html(self, notebook: Path, output: Path) -> None:
        """Write the notebook as one HTML file."""
        output.write_text(_body(notebook, "lab"), encoding="utf-8")

    def light_html(self, notebook: Path, output: Path) -> None:
        """Write it without JupyterLab's own style, which takes 270 kB: every run has such a page."""
        light = HtmlFormatter().get_style_defs(".highlight")
        dark = HtmlFormatter(style="monokai", nobackground=True).get_style_defs(".highlight")
        style = f"{_STYLE}{light}\n@media (prefers-color-scheme: dark) {{ {dark} }}"
        head = f'<!doctype html><html><head><meta charset="utf-8"><title>{escape(notebook.name)}</title>'
        body = _body(notebook, "basic")
        output.write_text(f"{head}<style>{style}</style></head><body>{body}</body></html>", encoding="utf-8")


def _body(notebook: Path, template: str) -> str:
    config = Config({"NbConvertBase": {"display_data_priority": _STATIC_FIRST}})
    exporter = HTMLExporter(config=config, embed_images=True, template_name=template)
    return str(exporter.from_filename(str(notebook))[0])


if __name__ == "__main__":
    # Of `NbconvertPages`.
    NbconvertExport().light_html(Path(sys.argv[1]), Path(sys.argv[2]))
