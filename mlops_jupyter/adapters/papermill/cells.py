"""The cells of one notebook, executed one after the other in one kernel."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import Empty
from typing import Any

import nbformat
import zmq
from jupyter_core.utils import ensure_async, run_sync
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from traitlets import Float

from ...capabilities.widget_pictures import add_pictures
from .kept_cells import KeptCells
from .kernel_end import KernelProcess
from .long_output import Shortened
from .saving import Saving

# After an interrupt, so long for the cell to say where it stood.
_LAST_WORDS_S = 5.0
_LOOK_S, _LAST_OUTPUT_S, _WORD_S = 1.0, 0.1, 2.0
_END_RUNS = """__import__("json").dumps(
    {"ended": [one.end_run() for one in [__import__("sys").modules.get("mlflow")] if one and one.active_run()]}
)"""
_RECONNECT_MS, _TOLD_S = 10, 0.05


class LostKernel(DeadKernelError):
    """A kernel that died with the warm process it was forked from: no fault of the notebook's."""


def _origin(provisioner: Any) -> str:
    """Say where a kernel came from, as far as what started it knows of warm processes."""
    why = getattr(provisioner, "why_normal", "no warm process is there; mlops warm starts one")
    if why is not None:
        return f"the kernel was started normally: {why}"
    left_out = [f"{name} ({reason})" for name, reason in provisioner.left_out.items()]
    return "the kernel was forked from the warm process" + (
        f", and imports itself: {', '.join(left_out)}" if left_out else ""
    )


class Cells(PapermillNotebookClient):  # type: ignore[misc]
    """Papermill's client, with limits of time, output that stays bounded, and an eye on the kernel's process.

    Parameters
    ----------
    manager
        Papermill's account of the notebook.
    environment
        The complete environment of the kernel.
    deadline
        When the whole notebook has to be done, by `time.monotonic`.
    total_s
        The seconds that it was given.
    kept
        Where the state is left between cells, for a notebook that is resumed.
    came
        Told in words where the kernel came from, and what went wrong before.
    """

    # nbclient's own takes whole seconds only.
    timeout = Float(None, allow_none=True)

    def __init__(
        self,
        manager: Saving,
        *,
        environment: Mapping[str, str],
        deadline: float | None = None,
        total_s: float | None = None,
        kept: KeptCells | None = None,
        came: Callable[[str, str], None] = lambda *_: None,
        **options: Any,
    ) -> None:
        super().__init__(manager, **options)
        self._environment = environment
        self._deadline = deadline
        self._total_s = total_s
        self._kept = kept
        self._came = came
        self._process = KernelProcess(None)
        self._shortened = Shortened()
        self._idle = asyncio.Event()
        self.died: str | None = None

    def execute(self, **options: Any) -> nbformat.NotebookNode:
        """Execute all cells."""
        try:
            done: nbformat.NotebookNode = super().execute(env=dict(self._environment), **options)
        finally:
            self._process.close()
        return done

    async def _async_cleanup_kernel(self) -> None:
        """End the kernel, and whatever its cells have started and left in its process group."""
        group = self._process.group
        try:
            await super()._async_cleanup_kernel()
        finally:
            if group is not None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(group, signal.SIGKILL)

    _cleanup_kernel = run_sync(_async_cleanup_kernel)

    async def async_start_new_kernel_client(self) -> Any:
        """Connect to the kernel, and return as soon as it answers.

        jupyter_client's own waiting ends with 0.2 s in which nothing more arrives; here it ends with the message that
        says that the question has been dealt with.
        """
        try:
            try:
                await self._connect()
            except LostKernel:
                raise
            except DeadKernelError as error:
                await self._start_again()
                await self._connect(f"the kernel was started twice: the first time {error}")
        except BaseException:
            await self._async_cleanup_kernel()
            raise
        if self.on_notebook_start is not None:
            await ensure_async(self.on_notebook_start(notebook=self.nb))
        return self.kc

    start_new_kernel_client = run_sync(async_start_new_kernel_client)

    async def _connect(self, note: str = "") -> None:
        self._process = KernelProcess(getattr(getattr(self.km.provisioner, "process", None), "pid", None))
        self._came(_origin(self.km.provisioner), note)
        self.kc = self.km.client()
        # It is asked before it listens; ZeroMQ would look again after 100 ms.
        self.kc.context.setsockopt(zmq.RECONNECT_IVL, _RECONNECT_MS)
        self.kc.start_channels()
        self.kc.allow_stdin = False
        await self._ready(time.monotonic() + self.startup_timeout)

    async def _start_again(self) -> None:
        """Start a kernel that has died before it answered once more, as a Jupyter server does.

        Its ports are chosen before it starts, and another process may take one of them meanwhile; now it gets others.
        """
        self.kc.stop_channels()
        self._process.close()
        self.died = None
        await ensure_async(self.km.restart_kernel(now=True, newports=True))

    async def _ready(self, deadline: float) -> None:
        gone = asyncio.ensure_future(self._process.ended())
        answer = asyncio.ensure_future(self._answered())
        try:
            while True:
                done, _ = await asyncio.wait({gone, answer}, timeout=_LOOK_S, return_when=asyncio.FIRST_COMPLETED)
                if answer in done:
                    answer.result()
                    return
                if gone in done or not await ensure_async(self.kc.is_alive()):
                    raise await self._dead(" ".join(("before it was ready", *self._process.last_words())))
                if time.monotonic() > deadline:
                    raise RuntimeError(f"the kernel did not answer within {self.startup_timeout} s")
        finally:
            answer.cancel()
            gone.cancel()

    async def _answered(self) -> None:
        """Wait until a question is answered, and the other channel has said that all about it has been told.

        What a kernel tells before that channel is connected is lost, so that the question is then put again.
        """
        self.kc.kernel_info()
        # Waits for the kernel, however long it takes to start.
        await self.kc.shell_channel.get_msg(timeout=None)
        while True:
            try:
                message = await self.kc.iopub_channel.get_msg(timeout=_TOLD_S)
            except Empty:
                self.kc.kernel_info()
                continue
            if message["content"].get("execution_state") == "idle":
                return

    async def _async_poll_kernel_alive(self) -> None:
        """Cancel the wait for a cell's reply when the kernel is gone; nbclient starts one for each cell.

        As long as the kernel lives, what the file does not show yet is written.
        """
        gone = asyncio.ensure_future(self._process.ended())
        try:
            while True:
                await asyncio.wait({gone}, timeout=_LOOK_S)
                self.nb_man.save_owed()
                if gone.done() or not await ensure_async(self.kc.is_alive()):
                    self.died = await self._end()
                    # What it said before may still be on its way.
                    await asyncio.sleep(_LAST_OUTPUT_S)
                    self.task_poll_for_reply.cancel()
                    return
        finally:
            gone.cancel()

    async def _async_check_alive(self) -> None:
        if not await ensure_async(self.kc.is_alive()):
            raise await self._dead("")

    async def _dead(self, when: str) -> DeadKernelError:
        self.died = " ".join(filter(None, (await self._end(), when)))
        return self._death(self.died)

    def _death(self, said: str) -> DeadKernelError:
        lost = getattr(self.km.provisioner.process, "lost", False)
        return LostKernel(f"{said}, with the warm process") if lost else DeadKernelError(said)

    async def _end(self) -> str:
        until = time.monotonic() + _WORD_S
        # A forked kernel's end is told by its server, a moment after the process is gone.
        while (code := await ensure_async(self.km.provisioner.poll())) is None and time.monotonic() < until:  # noqa: ASYNC110 -- nothing tells
            await asyncio.sleep(_LAST_OUTPUT_S / 10)
        return self._process.told(code)

    def _get_timeout(self, cell: nbformat.NotebookNode | None) -> float | None:
        own: float | None = super()._get_timeout(cell)
        if self._deadline is None:
            return own
        left = max(0.001, self._deadline - time.monotonic())
        return left if own is None else min(own, left)

    async def _async_handle_timeout(
        self,
        timeout: float,  # noqa: ASYNC109 -- nbclient's name
        cell: nbformat.NotebookNode | None = None,
    ) -> None:
        """Interrupt the cell, so that its traceback says where it stood, and end the notebook."""
        await ensure_async(self.km.interrupt_kernel())
        until = time.monotonic() + _LAST_WORDS_S
        while (left := until - time.monotonic()) > 0:
            try:
                reply = await self.kc.shell_channel.get_msg(timeout=left)
            except Empty:
                break
            if reply["msg_type"] == "execute_reply":
                await asyncio.wait({asyncio.ensure_future(self._idle.wait())}, timeout=_LAST_WORDS_S)
                break
        if self._deadline is not None and time.monotonic() >= self._deadline:
            raise CellTimeoutError(f"the notebook ran longer than {self._total_s:g} s")
        raise CellTimeoutError(f"the cell ran longer than {timeout:g} s")

    def papermill_execute_cells(self) -> None:
        """Execute each cell, as Papermill's client does; a cell that is cut short is marked as failed too."""
        first = 0 if self._kept is None else self._kept.begin(self.nb, self._ask, self._environment)
        for index, cell in enumerate(self.nb.cells[first:], first):
            if self._kept is not None:
                self._kept.before(index)
            self.nb_man.cell_start(cell, index)
            try:
                self.execute_cell(cell, index)
            except CellExecutionError as error:
                self._failed(index, error)
                return
            except DeadKernelError as error:
                self._failed(index, error)
                # What follows the last cell in nbclient's own order is not reached from here.
                self.set_widgets_metadata()
                # nbclient itself does not know how.
                raise self._death(self.died or str(error)) from error
            except (CellTimeoutError, KeyboardInterrupt) as error:
                self._failed(index, error)
                self.set_widgets_metadata()
                raise
            finally:
                self.nb_man.cell_complete(self.nb.cells[index], cell_index=index)
        if self._kept is not None:
            self._kept.done()
        # A run that plain MLflow code has left open is not one whose process was killed. Without MLflow there is none.
        self._ask(_END_RUNS)

    def set_widgets_metadata(self) -> None:
        """Save the widgets' state, and a picture of each for whoever reads the notebook without a kernel."""
        super().set_widgets_metadata()
        add_pictures(self.nb)

    def _failed(self, index: int, error: BaseException) -> None:
        self.nb_man.cell_exception(self.nb.cells[index], cell_index=index, exception=error)
        if self._kept is not None:
            self._kept.failed(self.nb, index)

    async def _asked(self, code: str) -> dict[str, Any]:
        """Have the kernel evaluate an expression that returns JSON text, silently, and return what that says."""
        question = self.kc.execute("", silent=True, store_history=False, user_expressions={"said": code})
        reply = await self.async_wait_for_reply(question)
        said = (reply or {}).get("content", {}).get("user_expressions", {}).get("said", {})
        if said.get("status") != "ok":
            return {"why": f"{said.get('ename', 'no answer')}: {said.get('evalue', 'the kernel did not answer')}"}
        answer: dict[str, Any] = json.loads(ast.literal_eval(said["data"]["text/plain"]))
        return answer

    _ask = run_sync(_asked)

    def process_message(self, message: dict[str, Any], cell: nbformat.NotebookNode, cell_index: int) -> Any:
        """Take a message about the running cell; of a stream without end the beginning and the last is kept."""
        if message["msg_type"] == "status":
            if message["content"]["execution_state"] == "idle":
                self._shortened.finish(cell)
                self._idle.set()
            else:
                self._idle.clear()
        if message["msg_type"] == "clear_output":
            self._shortened.forget()
        if message["msg_type"] == "stream" and not self._shortened.takes(cell, message["content"]):
            return None
        return super().process_message(message, cell, cell_index)
