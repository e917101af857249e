"""``warm``: a process that has imported what notebooks need, from which kernels are forked."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from .. import settings
from ..capabilities.forking import ForkServer, Refusal
from ..capabilities.notebook_imports import imports_of_file

# What a forked kernel runs, and the variable that names the socket of a server to fork it from.
KERNEL = "mlops_jupyter.faces.warm.kernel:main"
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
    server = _own_server(tuple(options))
    server.prepare(KERNEL, imports)
    return Source(server, imports, at_once=True)


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


@cache
def _own_server(options: tuple[str, ...]) -> ForkServer:
    return ForkServer.start(options=options)
