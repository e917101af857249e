"""Which notebook a kernel belongs to: asked of the environment first, then of real Jupyter servers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_server.auth.security import passwd

from mlops_jupyter.adapters import jupyter_notebook
from mlops_jupyter.adapters.jupyter_notebook import JupyterNotebook
from mlops_jupyter.capabilities.endpoints.addresses import key_of
from mlops_jupyter.protocols import Opened
from tests.conftest import Kernel
from tests.fakes.notebooks import write_notebook

ASK = (
    "from mlops_jupyter.adapters.jupyter_notebook import JupyterNotebook\n"
    "print(JupyterNotebook().notebook(), JupyterNotebook().server_url(), sep='|')"
)


def told(kernel: Kernel) -> list[str]:
    reply = kernel.run(ASK)
    assert reply.status == "ok", reply.traceback
    assert reply.stderr == ""
    return reply.stdout.strip().split("|")


# --- from the environment ----------------------------------------------------------------------------------------


def test_no_kernel_has_no_notebook(project, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", str(write_notebook(project / "a.ipynb")))
    code = ASK.replace("sep", "end='', sep")
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout == "None|None"


def test_a_headless_run_names_its_notebook_also_outside_of_a_kernel(project, monkeypatch):
    monkeypatch.setenv("MLOPS_JUPYTER_NOTEBOOK", "a.ipynb")
    assert JupyterNotebook().notebook() == project / "a.ipynb"


def test_a_kernel_of_a_console_belongs_to_no_notebook(start_kernel):
    assert told(start_kernel(load=False)) == ["None", "None"]


def test_the_order_of_those_who_tell(start_kernel, project, monkeypatch):
    session, explicit, code = (write_notebook(project / f"{name}.ipynb") for name in ("session", "explicit", "code"))
    monkeypatch.setenv("JPY_SESSION_NAME", str(session))
    kernel = start_kernel(load=False)
    assert told(kernel)[0] == str(session)
    kernel.run(f"__vsc_ipynb_file__ = {str(code)!r}")
    assert told(kernel)[0] == str(code)
    kernel.run(f"import os\nos.environ['MLOPS_JUPYTER_NOTEBOOK'] = {str(explicit)!r}")
    assert told(kernel)[0] == str(explicit)


@pytest.mark.parametrize("name", ["gone.ipynb", "console-1", "notes.py", ""])
def test_a_session_name_that_is_no_notebook_is_passed_over(name, start_kernel, project, monkeypatch):
    (project / "notes.py").touch()
    monkeypatch.setenv("JPY_SESSION_NAME", name and str(project / name))
    assert told(start_kernel(load=False))[0] == "None"


def test_server_files_that_are_half_written_or_foreign_are_passed_over(start_kernel, monkeypatch):
    runtime = Path(os.environ["JUPYTER_RUNTIME_DIR"])
    runtime.mkdir(parents=True)
    for number, text in enumerate(("", "{", "[]", "{}", '{"url": "http://127.0.0.1:1/"}', '"text"', "\udcff")):
        (runtime / f"jpserver-{number}.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert told(start_kernel(load=False)) == ["None", "None"]


@pytest.mark.parametrize("answer", ["[]", "{}", '{"a": 1}', "3", "[1]", '[{"kernel": null}]', "no JSON"])
def test_another_program_at_a_server_s_old_port_is_passed_over(answer, monkeypatch):
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        known = jupyter_notebook._Server(url, "/", "hush", Path("/"), 1)
        monkeypatch.setattr(jupyter_notebook, "_servers", lambda: iter([known]))
        monkeypatch.setattr(jupyter_notebook, "_kernel_id", lambda: "k")
        assert jupyter_notebook._ask_servers() is None
        server.shutdown()


@pytest.mark.parametrize(("status", "told"), [(401, True), (403, True), (302, True), (404, False)])
def test_a_server_that_refuses_its_own_token_is_told(status, told, project, monkeypatch):
    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        known = jupyter_notebook._Server(url, "/", "hush", project, 1)
        monkeypatch.setattr(jupyter_notebook, "_servers", lambda: iter([known]))
        assert JupyterNotebook().opened(project / "train.ipynb") == Opened(here=False, not_asked=(url,) if told else ())
        server.shutdown()


def test_a_server_s_way_to_the_endpoints_of_a_project(monkeypatch):
    host = jupyter_notebook.JupyterNotebook()
    for variable in ("MLOPS_JUPYTER_SERVER_URL", "MLOPS_JUPYTER_SERVER_ROOT", "MLOPS_JUPYTER_SERVER_PROJECT"):
        monkeypatch.delenv(variable, raising=False)
    assert (host.server_url(), host.endpoints_url(Path("/home/ana/churn"))) == (None, None)
    monkeypatch.setenv("MLOPS_JUPYTER_SERVER_URL", "/user/ana/")
    monkeypatch.setenv("MLOPS_JUPYTER_SERVER_ROOT", "/home/ana/churn/notebooks")
    monkeypatch.setenv("MLOPS_JUPYTER_SERVER_PROJECT", "/home/ana/churn")
    assert host.server_url() == "/user/ana/"
    assert host.endpoints_url(Path("/home/ana/churn")) == "/user/ana/mlops-jupyter/endpoints/"
    key = key_of(Path("/home/ana/churn/notebooks/sub"), Path("/home/ana/churn/notebooks"))
    below = host.endpoints_url(Path("/home/ana/churn/notebooks/sub"))
    assert below == f"/user/ana/mlops-jupyter/projects/{key}/endpoints/"
    assert host.endpoints_url(Path("/home/ana/other")) is None


# --- from real servers -------------------------------------------------------------------------------------------


class Server:
    """A real Jupyter server on loopback."""

    def __init__(self, root: Path, *options: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.process = subprocess.Popen(
            [
                *(
                    sys.executable,
                    "-m",
                    "jupyter_server",
                    "--no-browser",
                    "--allow-root",
                    f"--ServerApp.root_dir={root}",
                ),
                *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0", *options),
            ],
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.url = f"http://127.0.0.1:{port}"
        self._up = threading.Event()
        self._said: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()
        assert self._up.wait(60), self._said

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._said.append(line)
            if " is running at:" in line:
                self._up.set()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


@pytest.fixture
def serve(project) -> Iterator[Callable[..., Server]]:
    started: list[Server] = []

    def start(*options: str) -> Server:
        started.append(Server(project, *options))
        return started[-1]

    yield start
    for server in started:
        server.stop()


class Session(Kernel):
    """A kernel that a Jupyter server has started for a notebook."""

    def __init__(self, server: Server, prefix: str, path: str) -> None:
        self._sessions = httpx.Client(
            base_url=f"{server.url}{prefix}api", headers={"Authorization": "token hush"}, timeout=30
        )
        answer = self._sessions.post(
            "/sessions",
            json={"path": path, "name": Path(path).name, "type": "notebook", "kernel": {"name": "python3"}},
        )
        assert answer.status_code == 201, answer.text
        self.told: dict[str, Any] = answer.json()
        self.client = BlockingKernelClient()
        self.client.load_connection_file(
            str(Path(os.environ["JUPYTER_RUNTIME_DIR"]) / f"kernel-{self.told['kernel']['id']}.json")
        )
        self.client.start_channels()
        self.client.wait_for_ready(timeout=30)

    def rename(self, path: str) -> None:
        answer = self._sessions.patch(f"/sessions/{self.told['id']}", json={"path": path, "name": Path(path).name})
        assert answer.status_code == 200, answer.text

    def stop(self) -> None:
        self.client.stop_channels()
        self._sessions.close()


def test_a_notebook_is_known_to_its_server_also_after_a_rename(serve, project):
    serve(f"--PasswordIdentityProvider.hashed_password={passwd('pw', 'sha1')}", "--IdentityProvider.token=")
    server = serve("--IdentityProvider.token=hush", "--ServerApp.base_url=/user/ana/")
    (project / "sub").mkdir()
    write_notebook(project / "sub" / "train.ipynb")
    other = write_notebook(project / "other.ipynb")
    kernel = Session(server, "/user/ana/", "sub/train.ipynb")
    bystander = Session(server, "/user/ana/", "other.ipynb")
    try:
        assert told(kernel) == [str(project / "sub" / "train.ipynb"), "/user/ana/"]
        assert told(bystander) == [str(other), "/user/ana/"]
        (project / "link.ipynb").symlink_to(other.name)
        (project.parent / "way").symlink_to(project.name)
        for name in ("other.ipynb", "link.ipynb", "../way/other.ipynb"):
            opened = JupyterNotebook().opened(project / name)
            # The one with a password does not tell.
            assert (opened.here, len(opened.not_asked)) == (True, 1), name
        assert not JupyterNotebook().opened(project / "closed.ipynb").here
        assert JupyterNotebook().opened(project.parent / "closed.ipynb") == Opened(here=False)

        (project / "sub" / "train.ipynb").rename(project / "größe 2.ipynb")
        kernel.rename("größe 2.ipynb")
        assert told(kernel) == [str(project / "größe 2.ipynb"), "/user/ana/"]

        # The kernel outlives its server: what the server knew is gone, and nothing hangs or complains.
        kernel.run("import os\nos.environ['JUPYTER_RUNTIME_DIR'] = '/nowhere'")
        assert told(kernel)[0] == "None"
    finally:
        kernel.stop()
        bystander.stop()
