"""Forked kernels: they are kernels like any other, and where they cannot be, a normal one starts and says why."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jupyter_kernel_test
import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager

from mlops_jupyter.capabilities.forking import ForkServer, supported
from mlops_jupyter.commands import warm
from mlops_jupyter.commands.warm import KERNEL, KERNEL_NAME, SERVER_VARIABLE, install_kernelspec
from tests.fakes.notebooks import write_notebook
from tests.fakes.waiting import wait_for

pytestmark = pytest.mark.skipif(not supported(), reason="needs Linux")

TIMEOUT_S = 60


class Kernel:
    """A kernel, its manager and its client."""

    def __init__(self, name: str = KERNEL_NAME, **options: Any) -> None:
        self.manager = KernelManager(kernel_name=name)
        self.manager.start_kernel(**options)
        self.client: BlockingKernelClient = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(TIMEOUT_S)

    @property
    def why_normal(self) -> str | None:
        return self.manager.provisioner.why_normal

    @property
    def pid(self) -> int:
        return self.manager.provisioner.pid

    def run(self, code: str) -> tuple[str, list[dict[str, Any]]]:
        """Run a cell; return what it printed, and what it displayed."""
        printed, shown = [], []

        def hear(message: dict[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] == "stream":
                printed.append(content["text"])
            elif message["msg_type"] in {"display_data", "execute_result"}:
                shown.append(content["data"])
            elif message["msg_type"] == "error":
                printed.append(content["ename"])

        self.client.execute_interactive(textwrap.dedent(code), timeout=TIMEOUT_S, output_hook=hear)
        return "".join(printed), shown

    def tell(self, expression: str) -> Any:
        printed, _ = self.run(f"import json; print(json.dumps({expression}))")
        return json.loads(printed)

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel()


@pytest.fixture
def kernelspec(clean_environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_kernelspec(tmp_path / "prefix")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "prefix" / "share" / "jupyter"))


@pytest.fixture
def server(kernelspec: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[ForkServer]:
    started = ForkServer.start()
    monkeypatch.setenv(SERVER_VARIABLE, str(started.path))
    yield started
    started.stop()


@pytest.fixture
def start() -> Iterator[Callable[..., Kernel]]:
    kernels = []

    def start_one(*words: Any, **options: Any) -> Kernel:
        kernels.append(Kernel(*words, **options))
        return kernels[-1]

    yield start_one
    for kernel in kernels:
        if kernel.manager.has_kernel:
            kernel.stop()


class Suite(jupyter_kernel_test.KernelTests):
    """The suite that a kernel's author runs, for a fresh and a forked kernel alike."""

    __test__ = False

    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('test', file=sys.stderr)"
    completion_samples = ({"text": "zi", "matches": {"zip"}},)
    complete_code_samples = ("1", "print('hello, world')", "def f(x):\n  return x*2\n\n")
    incomplete_code_samples = ("print('''hello", "def f(x):\n  x*2")
    invalid_code_samples = ("import = 7q",)
    code_page_something = "zip?"
    code_generate_error = "raise ValueError('no')"
    code_execute_result = ({"code": "6*7", "result": "42"},)
    code_display_data = (
        {"code": "from IPython.display import HTML, display; display(HTML('<b>x</b>'))", "mime": "text/html"},
    )
    code_inspect_sample = "zip"
    code_clear_output = "from IPython.display import clear_output; clear_output()"
    code_history_pattern = "1?2*"
    # What else there is, IPython writes to its database at its leisure.
    supported_history_operations = ("tail",)


class TestFreshKernel(Suite):
    __test__ = True
    kernel_name = "python3"


class TestForkedKernel(Suite):
    __test__ = True
    kernel_name = KERNEL_NAME

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        cls.patch = pytest.MonkeyPatch()
        install_kernelspec(Path(cls.folder.name))
        cls.patch.setenv("JUPYTER_PATH", str(Path(cls.folder.name) / "share" / "jupyter"))
        cls.server = ForkServer.start()
        cls.patch.setenv(SERVER_VARIABLE, str(cls.server.path))
        super().setUpClass()
        assert cls.km.provisioner.why_normal is None

    @classmethod
    def tearDownClass(cls) -> None:
        super().tearDownClass()
        cls.server.stop()
        cls.patch.undo()
        cls.folder.cleanup()


def test_a_kernel_is_forked_where_and_as_it_was_asked_for(server, start, tmp_path):
    (tmp_path / "here").mkdir()
    kernel = start(env=os.environ | {"COLOUR": "blue"}, cwd=str(tmp_path / "here"))
    assert kernel.why_normal is None
    told = kernel.tell("[__import__('os').getcwd(), __import__('os').environ['COLOUR'], __import__('os').getppid()]")
    assert told == [str(tmp_path / "here"), "blue", server.state()["families"][0]["pid"]]
    assert kernel.tell("[__name__, __import__('sys').argv[1], '' in __import__('sys').path]") == [
        "__main__",
        "-f",
        True,
    ]
    assert kernel.tell("__import__('os').environ['JPY_PARENT_PID']") == str(os.getpid())


def test_two_kernels_draw_different_numbers(server, start):
    first, second = (
        start().tell("[__import__('random').random(), float(__import__('numpy').random.rand())]") for _ in range(2)
    )
    assert not set(first) & set(second)


def test_interrupt_and_restart(server, start):
    kernel = start()
    message = kernel.client.execute("print('in', flush=True)\nimport time\ntime.sleep(600)")
    while "in" not in kernel.client.get_iopub_msg(timeout=TIMEOUT_S)["content"].get("text", ""):
        pass
    kernel.manager.interrupt_kernel()
    reply = kernel.client.get_shell_msg(timeout=TIMEOUT_S)
    assert reply["parent_header"]["msg_id"] == message
    assert reply["content"]["ename"] == "KeyboardInterrupt"

    kernel.run("x = 1")
    before = kernel.pid
    kernel.manager.restart_kernel(now=False)
    kernel.client.wait_for_ready(TIMEOUT_S)
    assert kernel.pid != before
    assert not psutil.pid_exists(before)
    assert kernel.why_normal is None
    assert kernel.run("x") == ("NameError", [])


def test_shutdown_leaves_nothing(server, start):
    kernel = start()
    pid = kernel.pid
    connection = Path(kernel.manager.connection_file)
    kernel.stop()
    assert not psutil.pid_exists(pid)
    assert not kernel.manager.has_kernel
    assert not connection.exists()


def test_a_kernel_that_dies_is_noticed(server, start):
    kernel = start()
    kernel.client.execute("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    wait_for(lambda: not kernel.manager.is_alive())
    assert kernel.manager.provisioner.process.returncode == -signal.SIGKILL


def test_modules_that_look_for_a_notebook_find_it(server, start, tmp_path):
    pytest.importorskip("matplotlib")
    server_imports = ["matplotlib.pyplot", "ipywidgets", "pandas"]
    (tmp_path / "mlops.toml").write_text(f"[warm]\nimports = {json.dumps(server_imports)}\n")
    kernel = start(cwd=str(tmp_path))
    assert (kernel.why_normal, kernel.manager.provisioner.left_out) == (None, {})
    assert kernel.tell("'matplotlib.pyplot' in __import__('sys').modules") is True
    _, (picture,) = kernel.run("from matplotlib import pyplot\npyplot.plot([1, 2]);")
    assert "image/png" in picture
    _, (widget,) = kernel.run("import ipywidgets\nipywidgets.IntSlider()")
    assert "application/vnd.jupyter.widget-view+json" in widget
    kernel.run("get_ipython().kernel.comm_manager.targets")
    assert kernel.tell("'jupyter.widget' in get_ipython().kernel.comm_manager.targets") is True


def test_a_module_that_decides_at_its_import_is_left_to_the_kernel(server, start, tmp_path, monkeypatch):
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "decides.py").write_text("from IPython import get_ipython\nshell = get_ipython()\n")
    (tmp_path / "mlops.toml").write_text('[warm]\nimports = ["decides", "polars", "wave"]\n')
    monkeypatch.setenv("PYTHONPATH", str(folder))
    lasting = ForkServer.start()
    try:
        kernel = start(env=os.environ | {SERVER_VARIABLE: str(lasting.path)}, cwd=str(tmp_path))
        assert kernel.why_normal is None
        assert kernel.manager.provisioner.left_out == {
            "decides": "decides looks for its notebook when it is imported",
            "polars": "it leaves a thread behind (polars-ooc-cleanup)",
        }
        assert kernel.tell("[name in __import__('sys').modules for name in ('decides', 'polars', 'wave')]") == [
            False,
            False,
            True,
        ]
        assert kernel.run("import decides; decides.shell is get_ipython()")[1][0]["text/plain"] == "True"
        kernel.stop()
    finally:
        lasting.stop()


def test_mlflow_knows_polars_as_soon_as_it_is_imported(server, start, tmp_path):
    (tmp_path / "mlops.toml").write_text('[warm]\nimports = ["mlflow", "mlflow.data"]\n')
    kernel = start(cwd=str(tmp_path))
    assert (kernel.why_normal, kernel.manager.provisioner.left_out) == (None, {})
    printed, _ = kernel.run(
        "import mlflow, polars\nprint(type(mlflow.data.from_polars(polars.DataFrame({'a': [1]}))).__name__)"
    )
    assert printed == "PolarsDataset\n"


def test_the_debugger_answers(server, start):
    kernel = start()
    content = {"type": "request", "seq": 1, "command": "initialize", "arguments": {"clientID": "t", "adapterID": ""}}
    message = kernel.client.session.msg("debug_request", content)
    kernel.client.control_channel.send(message)
    reply = kernel.client.get_control_msg(timeout=TIMEOUT_S)
    assert (reply["msg_type"], reply["content"]["success"]) == ("debug_reply", True)


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"OMP_NUM_THREADS": "3"}, "OMP_NUM_THREADS is '3', and not set in the warm process"),
        ({"PYTHONHASHSEED": "7"}, "PYTHONHASHSEED is '7', and not set in the warm process"),
        ({SERVER_VARIABLE: "/nowhere/socket"}, "no warm process is there; mlops warm starts one"),
    ],
)
def test_a_normal_start_says_why(server, start, variables, why):
    kernel = start(env=os.environ | variables)
    assert kernel.why_normal == why
    assert kernel.run("print(6 * 7)")[0] == "42\n"


def test_the_servers_end_ends_its_kernels_and_the_next_starts_normally(server, start):
    kernel = start()
    os.kill(server.state()["pid"], signal.SIGKILL)
    wait_for(lambda: not kernel.manager.is_alive())
    assert start().why_normal == "no warm process is there; mlops warm starts one"


def test_a_jupyter_server_has_a_warm_process_of_its_own(kernelspec, tmp_path, monkeypatch):
    """Its first kernel starts normally, while the process imports; the next is forked."""
    notebook = write_notebook(tmp_path / "train.ipynb", "import numpy")
    environment = os.environ | {"JPY_SESSION_NAME": str(notebook)}

    async def start_two() -> list[str | None]:
        kernels = AsyncMappingKernelManager()
        first = await kernels.start_kernel(kernel_name=KERNEL_NAME, env=environment)
        (own,) = warm._own.values()
        await asyncio.to_thread(own.prepare, KERNEL, ["numpy"], wait=True)
        second = await kernels.start_kernel(kernel_name=KERNEL_NAME, env=environment)
        why = [kernels.get_kernel(one).provisioner.why_normal for one in (first, second)]
        await kernels.shutdown_all()
        # One that has ended is replaced.
        os.kill(own.state()["pid"], signal.SIGKILL)
        wait_for(lambda: own.state() is None)
        third = await kernels.start_kernel(kernel_name=KERNEL_NAME, env=environment)
        why.append(kernels.get_kernel(third).provisioner.why_normal)
        await kernels.shutdown_all()
        return why

    try:
        importing = "the warm process is still importing"
        assert asyncio.run(start_two()) == [importing, None, importing]
    finally:
        warm.end_own_servers()


def test_kill_9_of_the_manager_ends_its_kernels(server):
    program = (
        "import signal\nfrom jupyter_client.manager import KernelManager\n"
        f"manager = KernelManager(kernel_name={KERNEL_NAME!r})\nmanager.start_kernel()\n"
        "print(manager.provisioner.pid, manager.provisioner.why_normal, flush=True)\nsignal.pause()\n"
    )
    manager = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    pid, why = manager.stdout.readline().split(maxsplit=1)
    assert (why, psutil.pid_exists(int(pid))) == ("None\n", True)
    manager.kill()
    manager.wait()
    manager.stdout.close()
    wait_for(lambda: not psutil.pid_exists(int(pid)))
    assert server.state()["families"][0]["children"] == []


def test_a_notebooks_imports_are_there_before_its_first_cell(server, start, tmp_path):
    notebook = write_notebook(tmp_path / "train.ipynb", "import numpy as np", "print(np)")
    kernel = start(env=os.environ | {"JPY_SESSION_NAME": str(notebook)})
    assert kernel.tell("'numpy' in __import__('sys').modules") is True
    assert [one["imports"] for one in server.state()["families"] if one["entry"] == KERNEL] == [["numpy"]]
