"""What ``jupyter_client`` starts and ends kernels with: forks where it can, starts normally where it cannot."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from ...capabilities.forking import Forked, Refusal, supported
from ...commands.warm import KERNEL, source_of_forks

_LAUNCHER = ["-m", "ipykernel_launcher"]
_SHUTDOWN_S = 1.0


class WarmProvisioner(LocalProvisioner):
    """A kernel's life, as `LocalProvisioner` has it, but that its process may be a fork.

    Attributes
    ----------
    why_normal
        Why the kernel was started normally, ``None`` when it was forked.
    left_out
        Of a forked kernel, the imports that it makes itself, and why.
    """

    why_normal: str | None = None
    left_out: Mapping[str, str] = {}

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Fork the kernel, or start it."""
        made = await self._fork(cmd, kwargs)
        if isinstance(made, Refusal):
            self.why_normal, self.left_out, self._forked = made.reason, {}, None
            self.log.info("The kernel is started, not forked: %s", made.reason)
            return await super().launch_kernel(cmd, **kwargs)
        self.why_normal, self.left_out = None, made.left_out
        for name, reason in made.left_out.items():
            self.log.info("The kernel is forked without %s: %s", name, reason)
        # All that is done with it, is done as with a `subprocess.Popen`.
        self.process = cast("subprocess.Popen[bytes]", made)
        self._forked = made
        self.pid = self.pgid = made.pid
        self.cwd = kwargs.get("cwd") or Path.cwd()
        return self.connection_info

    async def _fork(self, cmd: Sequence[str], kwargs: Mapping[str, Any]) -> Forked | Refusal:
        if not supported():
            return Refusal("this system cannot fork kernels")
        command = _launched(cmd)
        if command is None:
            return Refusal(f"{cmd[0]} {' '.join(cmd[1:3])} is not this Python's own kernel")
        streams = _streams(kwargs)
        if streams is None:
            return Refusal("its output goes to a pipe")
        environment = {**(kwargs.get("env") or os.environ)}
        if not kwargs.get("independent"):
            environment["JPY_PARENT_PID"] = str(os.getpid())
        cwd = Path(kwargs.get("cwd") or Path.cwd())
        options, arguments = command
        owning = _is_server(self.parent)

        def fork() -> Forked | Refusal:
            found = source_of_forks(environment, cwd, options, owning=owning)
            if isinstance(found, Refusal):
                return found
            return found.server.fork(
                KERNEL,
                imports=found.imports,
                arguments=[_launcher(), *arguments],
                environment=environment,
                cwd=cwd,
                fds=streams,
                options=options,
                at_once=found.at_once,
            )

        # A server that starts, and imports that are waited for, must not keep other kernels' messages.
        return await asyncio.get_running_loop().run_in_executor(None, fork)

    async def shutdown_requested(self, restart: bool = False) -> None:  # noqa: FBT001, FBT002 -- jupyter_client's own
        """Wait for the end that was asked for: the manager would look only ten times a second."""
        await super().shutdown_requested(restart)
        await self._ended(_SHUTDOWN_S)

    async def wait(self) -> int | None:
        """Wait for the kernel's end."""
        await self._ended(None)
        return await super().wait()

    async def _ended(self, timeout_s: float | None) -> None:
        """Wait for the end of a kernel that was forked, which can be told without looking again and again."""
        process = self._forked
        if process is None or process.poll() is not None:
            return
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        # The manager's own polling may hear of the end first; a number of our own is nobody else's to watch.
        watched = os.dup(process.fileno())
        loop.add_reader(watched, ended.set)
        try:
            await asyncio.wait_for(ended.wait(), timeout_s)
        except TimeoutError:
            pass
        finally:
            loop.remove_reader(watched)
            os.close(watched)


def _launcher() -> str:
    """Return the file that a kernel started normally has as its program."""
    spec = find_spec("ipykernel_launcher")
    return "ipykernel_launcher" if spec is None or spec.origin is None else spec.origin


def _is_server(parent: Any) -> bool:
    """Tell whether a kernel's manager belongs to a Jupyter server, which lives long enough to own a warm process."""
    kernels = getattr(parent, "parent", None)
    return any(one.__module__.partition(".")[0] == "jupyter_server" for one in type(kernels).__mro__)


def _launched(cmd: Sequence[str]) -> tuple[tuple[str, ...], list[str]] | None:
    """Return the interpreter's options and the kernel's arguments, if a command is this Python's kernel."""
    for at in range(1, len(cmd) - 1):
        if list(cmd[at : at + 2]) == _LAUNCHER:
            return (tuple(cmd[1:at]), list(cmd[at + 2 :])) if _is_this_python(cmd[0]) else None
    return None


def _is_this_python(executable: str) -> bool:
    # A virtual environment's python is a link to one that others link to as well: the folder tells them apart.
    ours, theirs = Path(sys.executable), Path(executable)
    return theirs == ours or (theirs.parent == ours.parent and theirs.exists() and theirs.samefile(ours))


def _streams(kwargs: Mapping[str, Any]) -> tuple[int | None, int | None, int | None] | None:
    """Return the kernel's standard streams as numbers of files, ``None`` where one is to be made for it."""
    numbers: list[int | None] = []
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        given = kwargs.get(name)
        if given is None:
            # A kernel's input is empty; what it writes goes where its manager's goes.
            numbers.append(number if number and _is_open(number) else None)
        elif given == subprocess.DEVNULL:
            numbers.append(None)
        elif isinstance(given, int):
            if given < 0:
                return None
            numbers.append(given)
        else:
            numbers.append(given.fileno())
    return numbers[0], numbers[1], numbers[2]


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
