"""What most tests need: a project of their own, a real kernel in it, a real terminal, and the runs it made."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import mlflow
import psutil
import pytest
from jupyter_client.manager import start_new_kernel

import mlops_jupyter
from mlops_jupyter import settings
from mlops_jupyter.capabilities import tracking
from mlops_jupyter.capabilities.forking import ForkServer, supported
from mlops_jupyter.capabilities.journal import Journals
from mlops_jupyter.commands.project import plain, start_shipper
from mlops_jupyter.records import Run
from tests.fakes.environments import REPOSITORY, passes_beside
from tests.fakes.waiting import ended

# A machine that does other work too is no failure.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

NURSERY = REPOSITORY / "tests" / "fakes" / "nursery"
# What has been told to end may take so long for it.
_LEAVING_S = 20.0
_OURS = ("MLFLOW_", "MLOPS_JUPYTER_", "JPY_", "JUPYTERHUB_", "GIT_")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "beside(module, *requirements): where the module is missing, run the test in an environment with it"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run what is marked so in another environment."""
    marker = pyfuncitem.get_closest_marker("beside")
    if marker is None or importlib.util.find_spec(marker.args[0]) is not None:
        return None
    passes_beside(pyfuncitem.nodeid, *marker.args[1:])
    return True


@pytest.fixture(scope="session")
def template_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow sqlite file with its tables made, which takes seconds: each project gets a copy."""
    directory = tmp_path_factory.mktemp("template")
    file = directory / "mlflow.db"
    making = "import mlflow, sys; mlflow.MlflowClient(sys.argv[1]).search_experiments()"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    environment["MLFLOW_DISABLE_TELEMETRY"] = "true"
    subprocess.run(
        [sys.executable, "-c", making, f"sqlite:///{file}"], check=True, cwd=directory, env=environment, timeout=120
    )
    return file


@pytest.fixture(scope="session")
def nursery() -> Iterator[Path | None]:
    """The socket of a process that has imported MLflow, from which shippers and terminals are forked, where one can be.

    See ``tests/fakes/nursery``; ``MLOPS_TESTS_NURSERY=`` (empty) does without.
    """
    if not supported() or os.environ.get("MLOPS_TESTS_NURSERY") == "":
        yield None
        return
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    server = ForkServer.start(
        environment={**environment, "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONPATH": _with_nursery(environment)}
    )
    yield server.path
    server.stop()


def _with_nursery(environment: Mapping[str, str]) -> str:
    return os.pathsep.join(filter(None, (str(NURSERY), environment.get("PYTHONPATH"))))


@pytest.fixture
def as_a_user_starts_it(clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is forked from the nursery: for tests that look at the processes themselves."""
    monkeypatch.delenv("MLOPS_TESTS_NURSERY", raising=False)


@pytest.fixture
def clean_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, nursery: Path | None
) -> Iterator[None]:
    """No variable, no home directory and no MLflow state of the machine or of another test."""
    for name in list(os.environ):
        if name.startswith(_OURS):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("IPYTHONDIR", str(home / ".ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(home / "runtime"))
    # Compiled once for all tests: each has a home of its own, and it takes seconds.
    rules = tmp_path_factory.getbasetemp().parent / "rules-of-secrets"
    monkeypatch.setenv("KF_RULE_CACHE_DIR", str(rules))
    if not any(rules.glob("*")):
        subprocess.run([sys.executable, "-m", "mlops_jupyter.adapters.kingfisher_secrets"], check=True, timeout=120)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    # Children started by name (mlops, papermill, jupyter) are those of this environment.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if nursery is not None:
        monkeypatch.setenv("PYTHONPATH", _with_nursery(os.environ))
        monkeypatch.setenv("MLOPS_TESTS_NURSERY", str(nursery))
    settings.forget_root()
    yield
    while mlflow.active_run() is not None:
        mlflow.end_run()
    mlflow.set_tracking_uri(None)
    # What set_experiment chose outlives its environment variable.
    mlflow.tracking.fluent._active_experiment_id = None
    for name in list(os.environ):
        if name.startswith(_OURS):
            del os.environ[name]
    settings.forget_root()
    close_mlflow_stores()
    # A test that tracked here leaves MLflow's stores to the next one as MLflow made them, and none of its runs.
    tracking.known.clear()
    plain.cache_clear()
    mlops_jupyter.journaling = False


def close_mlflow_stores() -> None:
    """Close and forget the stores that MLflow keeps for as long as the process lives.

    Each test has databases of its own, and a test process with more than 1,024 open files is one in which whatever
    calls ``select`` fails. A server outlives a test that has tracked runs on it: who asks it next must not be given the
    store that journaled these.
    """
    service = sys.modules.get("mlflow.tracking._tracking_service.utils")
    if service is not None:
        service._tracking_store_registry._get_store_with_resolved_uri.cache_clear()
    for kind in ("tracking", "model_registry", "jobs"):
        module = sys.modules.get(f"mlflow.store.{kind}.sqlalchemy_store")
        for store in vars(module).values() if module is not None else ():
            engines = vars(store).get("_engine_map") if isinstance(store, type) else None
            while engines:
                engines.popitem()[1].dispose()


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean_environment: None, template_store: Path
) -> Iterator[Path]:
    """An empty project directory, which is the working directory, with a store that is ready."""
    root = tmp_path / "churn"
    (root / ".mlops").mkdir(parents=True)
    shutil.copy(template_store, root / ".mlops" / "mlflow.db")
    (root / "mlops.toml").write_text('experiment = "churn"\n')
    monkeypatch.chdir(root)
    settings.forget_root()
    yield root
    end_shipper(root)


def end_shipper(root: Path) -> None:
    """End a project's shipper, if there is one: nobody will ask it for anything any more."""
    state = root / ".mlops" / "journal" / "shipper.json"
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        os.kill(json.loads(state.read_text())["pid"], signal.SIGTERM)


def ship(root: Path, timeout_s: float = 60) -> dict[str, str | None]:
    """Wait until everything that was logged in a project is in the store; return what is held up, and why."""
    folder = root / ".mlops" / "journal"
    return Journals(folder, "", lambda: start_shipper(folder, root)).flush(timeout_s, hurry=True)


@pytest.fixture
def stored_runs(project: Path) -> Callable[[], list[Run]]:
    """Read all runs of the project, oldest first, from another process, as they are in the store."""

    def read() -> list[Run]:
        from mlops_jupyter.adapters.mlflow.tracking import MlflowTracking

        assert ship(project) == {}
        store = MlflowTracking(f"sqlite:///{project}/.mlops/mlflow.db")
        return list(store.find_runs(None, "", "attributes.start_time ASC", 1000))

    return read


@dataclass(frozen=True)
class Finished:
    """A terminal command that has ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def terminal(clean_environment: None) -> Callable[..., Finished]:
    """Run ``mlops`` as a user does: terminal("runs", "--json", cwd=…, MLFLOW_TRACKING_URI=…)."""

    def run(*words: str, cwd: Path | None = None, timeout: float = 120, **environment: str) -> Finished:
        done = subprocess.run(
            [str(Path(sys.executable).parent / "mlops"), *words],
            cwd=cwd,
            env={**os.environ, "MLOPS_TESTS_TERMINAL": "", **environment},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def no_process_left(tmp_path: Path) -> Iterator[None]:
    """After the test, and after all else that it uses is put away, no process works below its folder.

    Those are commands, workers, warm processes, kernels, shippers and what cells have started; a process that was
    forked has its forebear's environment and command line, but its own folder.
    """
    yield
    # Most tests end without any, and none of the machine's others is looked at closely.
    left = _working_below(tmp_path)
    end = time.monotonic() + _LEAVING_S
    while left and time.monotonic() < end:
        psutil.wait_procs(left, timeout=0.2)
        left = _working_below(tmp_path)
    told = []
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            told.append(f"{process.pid}: {' '.join(process.cmdline())[:200]}")
            process.kill()
    assert told == [], "a process is left"


def _working_below(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if Path(process.cwd()).is_relative_to(folder) and process.pid != os.getpid() and not ended(process):
                found.append(process)
    return found


@dataclass
class Reply:
    """What a kernel answered to one cell."""

    status: str
    outputs: list[dict[str, Any]] = field(default_factory=list)
    ename: str = ""
    evalue: str = ""
    traceback: list[str] = field(default_factory=list)

    @property
    def errors(self) -> list[dict[str, Any]]:
        return [one for one in self.outputs if one["msg_type"] == "error"]

    @property
    def stdout(self) -> str:
        return self._stream("stdout")

    @property
    def stderr(self) -> str:
        return self._stream("stderr")

    @property
    def displayed(self) -> list[dict[str, Any]]:
        """The mime bundles of results and displays, in order."""
        return [one["content"]["data"] for one in self.outputs if "data" in one["content"]]

    def records(self, kind: str) -> list[dict[str, Any]]:
        """The JSON of all records of a kind that were shown: reply.records("run")."""
        mime = f"application/vnd.mlops-jupyter.{kind}+json"
        return [bundle[mime] for bundle in self.displayed if mime in bundle]

    def _stream(self, name: str) -> str:
        return "".join(
            one["content"]["text"]
            for one in self.outputs
            if one["msg_type"] == "stream" and one["content"]["name"] == name
        )


class Kernel:
    """A real IPython kernel, driven over its protocol."""

    def __init__(self, directory: Path) -> None:
        self.manager, self.client = start_new_kernel(kernel_name="python3", cwd=str(directory))

    def run(
        self, code: str, *, cell_id: str | None = None, timeout: float = 60, interrupt_when: str | None = None
    ) -> Reply:
        """Run a cell; ``interrupt_when`` sends an interrupt as soon as the cell has printed that text."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            # Nothing is queued behind a cell here, and a next one sent at once would be dropped after an error.
            "stop_on_error": False,
        }
        message = self.client.session.msg("execute_request", content, metadata={"cellId": cell_id} if cell_id else {})
        self.client.shell_channel.send(message)
        ident, outputs = message["header"]["msg_id"], []
        while True:
            heard = self.client.get_iopub_msg(timeout=timeout)
            if heard["parent_header"].get("msg_id") != ident:
                continue
            if heard["msg_type"] == "status" and heard["content"]["execution_state"] == "idle":
                break
            outputs.append(heard)
            if interrupt_when is not None and interrupt_when in str(heard["content"].get("text", "")):
                self.manager.interrupt_kernel()
                interrupt_when = None
        answer = self._reply(ident, timeout)
        return Reply(
            answer["status"],
            [one for one in outputs if one["msg_type"] not in {"status", "execute_input"}],
            answer.get("ename", ""),
            answer.get("evalue", ""),
            answer.get("traceback", []),
        )

    def complete(self, code: str) -> list[str]:
        ident = self.client.complete(code, len(code))
        return self._reply(ident, 30)["matches"]

    def is_complete(self, code: str) -> str:
        return self._reply(self.client.is_complete(code), 30)["status"]

    def inspect(self, code: str) -> str:
        return self._reply(self.client.inspect(code, len(code)), 30)["data"].get("text/plain", "")

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def _reply(self, ident: str, timeout: float) -> dict[str, Any]:
        while True:
            answer = self.client.get_shell_msg(timeout=timeout)
            if answer["parent_header"].get("msg_id") == ident:
                return answer["content"]


@pytest.fixture
def start_kernel(project: Path) -> Iterator[Callable[..., Kernel]]:
    """Start kernels; all are stopped at the end."""
    started: list[Kernel] = []

    def start(directory: Path = project, *, load: bool = True) -> Kernel:
        kernel = Kernel(directory)
        started.append(kernel)
        if load:
            assert kernel.run("%load_ext mlops_jupyter").status == "ok"
        return kernel

    yield start
    for kernel in started:
        kernel.stop()


@pytest.fixture
def kernel(start_kernel: Callable[..., Kernel]) -> Kernel:
    """A kernel in the project with the extension loaded."""
    return start_kernel()


@pytest.fixture
def as_unprivileged(clean_environment: None) -> Callable[[list[str], Path], subprocess.CompletedProcess[str]]:
    """Run a command that file permissions hold for, also when the tests run as root."""

    def run(words: list[str], directory: Path) -> subprocess.CompletedProcess[str]:
        if os.geteuid() == 0:
            tool = shutil.which("setpriv")
            if tool is None:
                pytest.skip("setpriv is missing: apt-get install util-linux")
            rights = "-dac_override,-dac_read_search"
            words = [tool, f"--inh-caps={rights}", f"--bounding-set={rights}", *words]
        return subprocess.run(words, cwd=directory, capture_output=True, text=True, check=False, timeout=120)

    return run
