"""The kernel that a warm process forks: ``python -m ipykernel_launcher`` without its imports.

`before_imports` and `objection` are called in the process that imports, `main` in the kernel.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import IPython
from ipykernel.kernelapp import IPKernelApp
from IPython.core import getipython

from . import mlflow_in_forks

# What a kernel imports between its start and its first answers, beyond what importing its application does: found by
# comparing ``sys.modules``. Of these some are optional, and some are other versions' own.
_ALSO = """
    IPython.core.completerlib IPython.core.debugger IPython.core.debugger_backport IPython.core.logger
    IPython.core.oinspect IPython.extensions.storemagic code encodings.idna executing faulthandler http.server
    ipykernel.debugger pdb psutil pydoc
    pygments.formatters.terminal256 pygments.lexers.python pygments.styles.default sqlite3 stack_data
    tornado.locks tornado.platform.asyncio tornado.queues xmlrpc.server
""".split()  # noqa: SIM905 -- twenty lines otherwise
_BACKEND, _INLINE = "MPLBACKEND", "module://matplotlib_inline.backend_inline"
LEFT_TO_CHILDREN = mlflow_in_forks.LEFT_TO_CHILDREN
# These ask for a shell while they are imported. The first cares only for its kind; what the others missed, they are
# told in the kernel. A module that is not named here may have decided for good that it is in no notebook.
_ASKED_BUT_FINE = {"tqdm.autonotebook", "ipywidgets", "matplotlib.pyplot", "matplotlib_inline.backend_inline"}

_real = getipython.get_ipython
_asked: set[str] = set()
_kernels_own: list[str] = []


def before_imports() -> None:
    """Take note of modules that look for a shell, and keep one from being imported by the way."""
    # As a kernel has it before its first cell: matplotlib reads it when it is imported.
    os.environ[_BACKEND] = _INLINE
    # The debugger would complain of frozen modules, which a kernel says to nobody.
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    for name in _ALSO:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    _kernels_own.extend(_files())
    _answer(_noting)
    mlflow_in_forks.set_aside()


def _files() -> Iterator[str]:
    return (file for module in sys.modules.copy().values() if (file := getattr(module, "__file__", None)))


def objection(_name: str) -> str | None:
    """Say why what was imported last must not have been, ``None`` when nothing is wrong."""
    found = _asked - _ASKED_BUT_FINE
    _asked.clear()
    return f"{', '.join(sorted(found))} looks for its notebook when it is imported" if found else None


def _noting() -> Any:
    _asked.add(str(sys._getframe(1).f_globals.get("__name__", "")))  # noqa: SLF001
    return _real()


def _answer(function: Callable[[], Any]) -> None:
    IPython.get_ipython = getipython.get_ipython = function


def main() -> None:
    """Be a kernel until it is shut down; the arguments are those of ``ipykernel_launcher``."""
    # As the launcher has it: the kernel puts the directory there itself.
    if sys.path[0] == "" or Path(sys.path[0]) == Path.cwd():
        del sys.path[0]
    _answer(_real)
    mlflow_in_forks.renew()
    application = cast("Any", IPKernelApp.instance())
    application.parent_handle = int(os.environ.get("JPY_PARENT_PID") or 0)
    # The warm process is this one's parent, and sees to its end when the manager's comes.
    application.init_poller = lambda: None
    application.initialize(sys.argv[1:])
    # The debugger passes over what a kernel is made of; a notebook's imports are none of that.
    application.kernel._kernel_modules[:] = _kernels_own  # noqa: SLF001
    _tell_modules(application.shell)
    application.start()
    # Else it may still be telling that it is idle while the thread that sends that is closed, and wait for that 10 s.
    application.control_thread.stop()
    application.control_thread.join()


def _tell_modules(shell: Any) -> None:
    """Tell modules that were imported before there was a shell what they would have seen."""
    matplotlib: Any = sys.modules.get("matplotlib")
    if matplotlib is not None and (backend := os.environ.get(_BACKEND, _INLINE)) != _INLINE:
        matplotlib.rcParams["backend"] = backend
    widgets: Any = sys.modules.get("ipywidgets")
    if widgets is not None:
        widgets.load_ipython_extension(shell)
