"""Which notebook and which Jupyter server this kernel belongs to.

The order is: what a headless run or the user says, VS Code's variable, the session's name that the Jupyter
server put into the kernel's environment, and last the server's sessions API, which also knows of a rename.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from jupyter_core.paths import jupyter_runtime_dir

from ..capabilities.endpoints.addresses import key_of
from ..capabilities.vscode import NOTEBOOK_NAME, in_vscode
from ..protocols import Opened

NOTEBOOK_VARIABLE = "MLOPS_JUPYTER_NOTEBOOK"
# What our server extension tells to all that its server starts: kernels, terminals and verbs.
SERVER_URL_VARIABLE, SERVER_ROOT_VARIABLE = "MLOPS_JUPYTER_SERVER_URL", "MLOPS_JUPYTER_SERVER_ROOT"
SERVER_PROJECT_VARIABLE = "MLOPS_JUPYTER_SERVER_PROJECT"
_TIMEOUT_S = 0.5
# The last is to the page that asks for a password.
_REFUSALS = {http.client.UNAUTHORIZED, http.client.FORBIDDEN, http.client.FOUND}
_KERNEL_ID = re.compile(r"kernel-(.+)\.json$")


@dataclass(frozen=True)
class _Server:
    url: str
    base_url: str
    token: str
    root: Path
    pid: int


class JupyterNotebook:
    """A kernel's front end, as far as the kernel can see it."""

    def is_kernel(self) -> bool:
        """Tell whether this process is an IPython kernel."""
        return in_kernel()

    def notebook(self) -> Path | None:
        """Return the absolute path of the notebook, ``None`` when no kernel runs here or nobody tells."""
        if told := os.environ.get(NOTEBOOK_VARIABLE):
            return Path(told).absolute()
        if not in_kernel():
            return None
        if told := vars(sys.modules["__main__"]).get(NOTEBOOK_NAME):
            return Path(str(told)).absolute()
        session = os.environ.get("JPY_SESSION_NAME", "")
        if session.endswith(".ipynb") and Path(session).is_file():
            return Path(session).absolute()
        return _ask_servers()

    def opened(self, notebook: Path) -> Opened:
        """Tell whether a server of this user has a session of a notebook, links followed."""
        real, own = notebook.resolve(), self.notebook()
        if own is not None and own.resolve() == real:
            return Opened(here=True)
        silent: list[_Server] = []
        here = any(path.resolve() == real for path, _ in _open_notebooks(silent))
        # What lies outside a server's root cannot be open in it.
        return Opened(here, tuple(server.url for server in silent if real.is_relative_to(server.root.resolve())))

    def shows_widgets(self) -> bool:
        """Tell whether somebody looks at this kernel who can be shown a live widget.

        A kernel that papermill, nbclient or nbconvert has started has no session of a Jupyter server; one that was
        started from a notebook inherits that notebook's, but not its server as its parent.
        """
        if not in_kernel() or NOTEBOOK_VARIABLE in os.environ:
            return False
        if in_vscode():
            return True
        parent = os.environ.get("JPY_PARENT_PID", "")
        return "JPY_SESSION_NAME" in os.environ and any(str(server.pid) == parent for server in _servers())

    def server_url(self) -> str | None:
        """Return the base path of the Jupyter server that started this process: a kernel, a terminal or a verb.

        VS Code's page is no page of the server: from there no path leads to it.
        """
        if in_vscode():
            return None
        if in_kernel():
            parent = os.environ.get("JPY_PARENT_PID", "")
            for server in _servers():
                if str(server.pid) == parent:
                    return server.base_url
        if told := os.environ.get(SERVER_URL_VARIABLE):
            return told
        return os.environ.get("JUPYTERHUB_SERVICE_PREFIX") if in_kernel() else None

    def endpoints_url(self, project: Path) -> str | None:
        """Return the path of our server extension's route to a project's endpoints, if there is one.

        There is one to the project around the server's directory, and to each below it.
        """
        base, root = os.environ.get(SERVER_URL_VARIABLE), os.environ.get(SERVER_ROOT_VARIABLE)
        if not base or not root or in_vscode():
            return None
        if os.environ.get(SERVER_PROJECT_VARIABLE) == str(project):
            return f"{base}mlops-jupyter/endpoints/"
        key = key_of(project, Path(root))
        return None if key is None else f"{base}mlops-jupyter/projects/{key}/endpoints/"


def in_kernel() -> bool:
    """Tell whether this process is an IPython kernel."""
    return "ipykernel.zmqshell" in sys.modules


def _servers() -> Iterator[_Server]:
    for file in sorted(Path(jupyter_runtime_dir()).glob("jpserver-*.json")):
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
            yield _Server(told["url"], told["base_url"], told.get("token", ""), Path(told["root_dir"]), told["pid"])
        except (OSError, ValueError, KeyError, TypeError):
            # A server that is just starting or stopping, or one of another version.
            continue


def _ask_servers() -> Path | None:
    """Ask each running server which notebook this kernel serves."""
    mine = _kernel_id()
    return None if mine is None else next((path for path, kernel in _open_notebooks() if kernel == mine), None)


def _open_notebooks(silent: list[_Server] | None = None) -> Iterator[tuple[Path, str]]:
    """Yield the notebooks that servers have open, with their kernels' ids; add to `silent` those that do not tell."""
    for server in _servers():
        try:
            told = [(str(session["path"]), str(session["kernel"]["id"])) for session in _sessions(server)]
        except (PermissionError, TimeoutError):
            # It wants a password, or another token than it has noted; or is busy.
            if silent is not None:
                silent.append(server)
            continue
        except (http.client.HTTPException, OSError, ValueError, KeyError, TypeError):
            # It is gone, or another program has its port by now.
            continue
        yield from ((server.root / path, kernel) for path, kernel in told if path.endswith(".ipynb"))


def _sessions(server: _Server) -> Any:
    # An HTTP library would cost the first tracked cell more than all the rest of it.
    address = urlsplit(urljoin(server.url, "api/sessions"))
    host, port = address.hostname or "localhost", address.port
    connection = (
        http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_S, context=ssl.create_default_context())
        if address.scheme == "https"
        else http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
    )
    try:
        headers = {"Authorization": f"token {server.token}"} if server.token else {}
        connection.request("GET", address.path, headers=headers)
        answer = connection.getresponse()
        if answer.status in _REFUSALS:
            raise PermissionError(server.url)
        return json.loads(answer.read()) if answer.status == http.client.OK else []
    finally:
        connection.close()


def _kernel_id() -> str | None:
    # The kernel's command line names its connection file: ... -f /run/user/1000/jupyter/kernel-<id>.json
    for argument in reversed(sys.argv if sys.argv[1:] else sys.orig_argv):
        if found := _KERNEL_ID.search(argument):
            return found[1]
    return None
