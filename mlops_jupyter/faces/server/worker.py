"""The process that runs one verb for the Jupyter server: ``python -m mlops_jupyter.faces.server.worker``.

It reads one line of JSON and writes lines of JSON; the last says how it ended. Its input's end, as when the server is
gone, interrupts the verb as Ctrl-C would in a terminal.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NoReturn

from ... import grammar
from ...capabilities import live_documents
from ...capabilities.redaction import redacted
from ...errors import CheckFailed, ExecutionFailed, MlopsError
from .. import render

# Faster than anybody reads.
_BETWEEN_S = 0.1


class LineReporter:
    """Tells as lines of JSON.

    Parameters
    ----------
    channel
        Where the lines go.
    """

    def __init__(self, channel: IO[str]) -> None:
        self._channel = channel
        self._next = 0.0
        # Verbs may tell from threads of theirs.
        self._lock = threading.Lock()

    def tell(self, event: str, **more: object) -> None:
        """Write one line."""
        line = json.dumps({"event": event, **more}, allow_nan=False)
        with self._lock:
            self._channel.write(f"{line}\n")
            self._channel.flush()

    def progress(self, message: str, done: float, total: float) -> None:
        """Tell how far it is, not too often."""
        now = time.monotonic()
        if now >= self._next or done >= total:
            self._next = now + _BETWEEN_S
            self.tell("progress", message=redacted(message), share=min(1.0, done / total) if total else 1.0)

    def show(self, record: object) -> None:
        """Tell a record on the way."""
        self.tell("shown", data=_bundle(record))

    def part(self, record: object) -> None:
        """Tell a part of the result."""
        self.tell("part", data=_bundle(record))

    def live(self, record: object | None) -> None:
        """Tell the record as it is so far."""
        now = time.monotonic()
        if record is None or now >= self._next:
            self._next = now + _BETWEEN_S
            self.tell("live", data=_bundle(record))

    def cancelled(self) -> bool:
        """Answer no: an interrupt is how the server stops a verb."""
        return False


def main() -> NoReturn:
    """Run the verb that the first line names."""
    # A server that a shell started in the background ignores interrupts, and so would its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    told, reporter = _pipes()
    try:
        request = json.loads(told.readline())
        # A number of its own: the file is closed while this thread still reads, or has not begun to.
        threading.Thread(target=_interrupt_at_end, args=(os.dup(told.fileno()),), daemon=True).start()
        _run(request, reporter)
    except KeyboardInterrupt:
        reporter.tell("cancelled")
    sys.exit(0)


def _pipes() -> tuple[IO[bytes], LineReporter]:
    """Take input and output for the server alone: what libraries and children print goes to the log."""
    # Both stay open as long as the process lives.
    told = os.fdopen(os.dup(0), "rb")
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return told, LineReporter(channel)


def _interrupt_at_end(told: int) -> None:
    # Past the file object, whose lock a thread that waits would hold when the process ends.
    os.read(told, 1)
    os.kill(os.getpid(), signal.SIGINT)


def _run(request: Mapping[str, Any], reporter: LineReporter) -> None:
    form = request["form"]
    try:
        document = request.get("document")
        if document is not None:
            live_documents.tell(document["path"], document["content"].encode("utf-8", errors="surrogatepass"))
        call = grammar.call_with(request["verb"], request["arguments"], yes=request["yes"])
        if call.wants_reporter:
            call.arguments[grammar.REPORTER] = reporter
        record = call.function(**call.arguments)
    except (CheckFailed, ExecutionFailed) as answer:
        reporter.tell("result", failed=True, data=_bundle(getattr(answer, "record", None), form), **said(answer))
    except MlopsError as error:
        reporter.tell("error", status=error.http_status, **said(error))
    except Exception:
        reporter.tell("error", status=500, error="Unexpected", message=_BUG, hint=None)
        # The whole of it stands in the server's log, where its traceback goes.
        raise
    else:
        reporter.tell("result", failed=False, data=_bundle(record, form))


_BUG = "something went wrong that is a bug in mlops-jupyter; the Jupyter server's log has the whole of it"


def said(error: MlopsError) -> dict[str, Any]:
    """Return an error as JSON values: its class, what happened, and the next command."""
    hint = None if error.hint is None else redacted(error.hint)
    return {"error": type(error).__name__, "message": redacted(error.message), "hint": hint}


def _bundle(record: object | None, form: str = "shown") -> dict[str, Any]:
    """Return every form of a record, or its data alone; the verb may return a path, and nothing."""
    if record is None:
        return {}
    if form == "data":
        return {render.mime_type(record): render.data(record)}
    if render.view(record) is None:
        return {"text/plain": str(record) if isinstance(record, Path) else render.text(record)}
    return render.mime_bundle(record)


if __name__ == "__main__":
    main()
