"""``warm``: a process that has imported what notebooks need, from which kernels are forked."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .. import registry, settings
from ..capabilities.forking import ForkServer, Refusal, proportional_bytes, supported
from ..capabilities.notebook_imports import imports_of_file
from ..errors import CommandError, ConfigurationError
from ..protocols import Names, Reporter, Silent
from ..records import WarmImports, WarmProcess
from .arguments import names, notebook_file

# What a forked kernel runs, and the variable that names the socket of a server to fork it from.
KERNEL = "mlops_jupyter.faces.warm.kernel:main"
# The terminal's `mlops run`, and what it imports.
COMMAND = ("mlops_jupyter.faces.terminal:forked", ("mlops_jupyter.faces.warm.command",))
KERNEL_NAME = PROVISIONER = "mlops-warm"
SERVER_VARIABLE = "MLOPS_JUPYTER_WARM"
_NOTEBOOK_VARIABLES = ("MLOPS_JUPYTER_NOTEBOOK", "JPY_SESSION_NAME")


class Source(NamedTuple):
    """Where a kernel may be forked from: which server, with which imports, and whether it must not wait for them."""

    server: ForkServer
    imports: tuple[str, ...]
    at_once: bool


def socket_of(root: Path) -> Path:
    """Return the socket of a project's warm process."""
    return root / settings.STATE_DIRECTORY / "warm" / "socket"


def source_of_forks(
    environment: Mapping[str, str], cwd: Path, options: Sequence[str], *, owning: bool
) -> Source | Refusal:
    """Return what a kernel can be forked from.

    Parameters
    ----------
    environment, cwd, options
        The kernel's variables and working directory, and its interpreter's options.
    owning
        Whether this process lives long enough to have a server of its own.
    """
    notebook = _notebook(environment)
    root = settings.find_root(cwd if notebook is None else notebook.parent, environment)
    told = environment.get(SERVER_VARIABLE)
    server = ForkServer.connect(Path(told) if told else socket_of(root))
    imports = wanted_imports(root, notebook)
    if server is not None:
        return Source(server, imports, at_once=False)
    if not owning:
        return Refusal("no warm process is there; mlops warm starts one")
    return Source(_own_server(tuple(options), imports), imports, at_once=True)


def wanted_imports(root: Path, notebook: Path | None) -> tuple[str, ...]:
    """Return what is to be imported for a notebook: what the settings say, else what its code imports."""
    said = settings.load(root, os.environ).warm_imports
    if said is not None:
        return said
    return () if notebook is None else imports_of_file(notebook)


def _notebook(environment: Mapping[str, str]) -> Path | None:
    for variable in _NOTEBOOK_VARIABLES:
        told = environment.get(variable, "")
        if told.endswith(".ipynb") and Path(told).is_file():
            return Path(told).absolute()
    return None


# This process's own servers by their interpreter's options; kernels may be started in several threads at once.
_own: dict[tuple[str, ...], ForkServer] = {}
_owning = threading.Lock()


def _own_server(options: tuple[str, ...], imports: tuple[str, ...]) -> ForkServer:
    """Return this process's own server, which has begun to import; one that has ended is replaced."""
    with _owning:
        server = _own.get(options)
        if server is None or not server.prepare(KERNEL, imports):
            if server is not None:
                server.stop()
            server = _own[options] = ForkServer.start(options=options)
            server.prepare(KERNEL, imports)
        return server


def end_own_servers() -> None:
    """End this process's own servers, and the kernels that were forked from them."""
    with _owning:
        while _own:
            _own.popitem()[1].stop()


def warm(
    *notebooks: Path,
    import_: Names = (),
    kernelspec: bool = False,
    stop: bool = False,
    idle: int = 3600,
    reporter: Reporter = Silent(),  # noqa: B008 -- stateless
) -> WarmProcess:
    """Keep a process that has imported what notebooks need, so that their kernels start at once.

    It works in the background, one for a project, and kernels are forked from it: those of ``mlops run``, and those of
    the kernelspec ``mlops-warm``, in JupyterLab as under Papermill. A kernel starts normally where a fork would not be
    what a fresh start is. What a module leaves behind that no fork survives, the kernel imports itself. Linux only.

    Parameters
    ----------
    notebooks
        Import what these import; else what the settings name under [warm] imports.
    import_
        More modules to import, as a,b.
    kernelspec
        Install the kernelspec "Python 3 (warm)" into this environment.
    stop
        End the process, and the kernels forked from it.
    idle
        Seconds without a kernel and without a request after which it ends by itself.
    reporter
        Where progress is told.

    Returns
    -------
    WarmProcess
        Its id, what it has imported, its memory, and what it cannot fork.

    Raises
    ------
    NotFound
        When there is no such notebook.
    ConfigurationError
        When this system cannot fork, or the state folder cannot be written.
    """
    if not supported():
        raise ConfigurationError("a warm process needs Linux", "start kernels normally")
    if idle <= 0:
        raise CommandError(f"--idle must be more than 0 seconds, not {idle}", "leave it out for an hour")
    current = settings.current()
    path = socket_of(current.root)
    if stop:
        return _stop(current.root, path)
    wanted = _wanted(current, [notebook_file(one) for one in notebooks], names(import_))
    if wanted == [()] and ForkServer.connect(path) is not None:
        # Nothing is asked for: what is there is shown.
        wanted = []
    current.prepare_state()
    log = path.with_name("warm.log")
    server = ForkServer.start_lasting(path, idle_s=idle, log=log)
    for done, imports in enumerate(wanted):
        reporter.progress(f"import {', '.join(imports) or 'the kernel'}", done, len(wanted))
        server.prepare(KERNEL, imports, wait=True)
    # What drives the kernels of headless notebooks is forked too, and so is the command itself.
    for entry, imports in ((registry.load("notebook_runner", "papermill").entry, ()), COMMAND):
        server.prepare(entry, imports, wait=True)
    reporter.progress("imported", 1, 1)
    state = server.state() or {"pid": None, "families": []}
    return WarmProcess(
        root=str(current.root),
        pid=state["pid"],
        imports=tuple(_imports(family) for family in state["families"] if family["entry"] == KERNEL),
        log=str(log),
        kernelspec=install_kernelspec(Path(sys.prefix)) if kernelspec else None,
    )


def _stop(root: Path, path: Path) -> WarmProcess:
    server = ForkServer.connect(path)
    if server is None:
        return WarmProcess(str(root), None, notes=("there was none",))
    state = server.state()
    server.stop()
    ended = "the warm process" if state is None else f"process {state['pid']}"
    return WarmProcess(str(root), None, notes=(f"{ended} has ended, and the kernels forked from it",))


def _wanted(current: settings.Settings, notebooks: Sequence[Path], more: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the sets of imports to prepare, none of them twice."""
    said = current.warm_imports
    of_each = [imports_of_file(one) if said is None else said for one in notebooks] or [said or ()]
    return list(dict.fromkeys(tuple(sorted({*imports, *more})) for imports in of_each))


def _imports(family: Mapping[str, Any]) -> WarmImports:
    pid = family["pid"]
    memory = None
    if pid is not None:
        with contextlib.suppress(OSError):
            memory = proportional_bytes(pid)
    return WarmImports(
        modules=tuple(family["imports"]),
        pid=pid,
        memory_bytes=memory,
        children=len(family["children"]),
        left_out=family["left_out"],
        refused=family["refused"],
    )


def install_kernelspec(prefix: Path) -> str:
    """Write the kernelspec of warm kernels below a prefix, and return its folder.

    Raises
    ------
    ConfigurationError
        When it cannot be written, or there is no ordinary kernelspec to make it from.
    """
    kernels = Path("share", "jupyter", "kernels")
    folder = prefix / kernels / KERNEL_NAME
    try:
        # What a kernel of this environment is, its own kernelspec says: this one only has another provisioner.
        shutil.copytree(Path(sys.prefix) / kernels / "python3", folder, dirs_exist_ok=True)
        file = folder / "kernel.json"
        spec = json.loads(file.read_text(encoding="utf-8"))
        spec["display_name"] = "Python 3 (warm)"
        spec.setdefault("metadata", {})["kernel_provisioner"] = {"provisioner_name": PROVISIONER}
        file.write_text(json.dumps(spec, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"cannot install the kernelspec {KERNEL_NAME}: {error}", "python -m ipykernel install --sys-prefix"
        ) from error
    return str(folder)
