"""Load one thing into an IPython shell that is running already, and print what it cost as JSON.

    python -P load_one.py FOLDER_OF_EXTENSIONS load_ext|load_ext_later|import NAME

The folder goes to the end of `sys.path`, where an editable install stands too: what lies further ahead is found
sooner. `load_ext_later` loads another extension before.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from time import perf_counter

from IPython.core.interactiveshell import InteractiveShell


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    _, extensions, how, name = sys.argv
    sys.path.append(extensions)
    shell = InteractiveShell.instance()
    if how == "load_ext_later":
        shell.run_line_magic("load_ext", "earlier")
    resident, modules = resident_mb(), len(sys.modules)
    began = perf_counter()
    if how == "import":
        import_module(name)
    else:
        shell.run_line_magic("load_ext", name)
    took = perf_counter() - began
    said = {
        "ms": took * 1000,
        "rss_mb": resident_mb() - resident,
        "modules": len(sys.modules) - modules,
        # IPython only warns when there is no such extension; a wandb that is loaded calls itself none.
        "loaded": name in sys.modules,
    }
    # The last line: what is loaded may print too.
    print("\n" + json.dumps(said), flush=True)


main()
