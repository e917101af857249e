"""The magic face behind its stub: parse a line, call the verb, show the record."""

from __future__ import annotations

import asyncio
import functools
import html
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from IPython.core.completer import SimpleCompletion
from IPython.core.error import StdinNotImplementedError
from IPython.core.getipython import get_ipython
from IPython.display import display

from .. import grammar, settings
from ..capabilities import interrupts
from ..capabilities.redaction import scrubbed
from ..errors import CheckFailed, CommandError, MlopsError
from ..grammar import Call, HelpAsked
from ..verbs import VERBS
from . import render
from .captured import CapturedOutput
from .earlier_runs import EarlierRuns
from .live import LiveView
from .places import Place

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionResult, InteractiveShell

    from ..capabilities.executed_cells import ExecutedCell, ExecutedCells
    from ..commands.track import Tracked
    from ..protocols import Watched
    from .magic import Cell

_STATUS = "status"
# Of the cells that ran before the extension was loaded, so many are looked at.
_EARLIER = 2000


class NotebookReporter:
    """Shows records and one progress bar below the cell; the bar updates in place."""

    def __init__(self) -> None:
        self._begun_s = time.monotonic()
        self._bar, self._live = Place(self._begun_s), Place(self._begun_s)

    def progress(self, message: str, done: float, total: float) -> None:
        """Draw the bar anew."""
        self._bar.put(_bar(message, done, total), raw=True)
        if done >= total:
            self._bar = Place(self._begun_s)

    def show(self, record: object) -> None:
        """Show a record below the cell."""
        display(record)

    def part(self, record: object) -> None:
        """Show it below the cell, as what comes on the way."""
        self.show(record)

    def live(self, record: object | None) -> None:
        """Show the record in one place below the cell; when it is taken away, nothing of it is saved."""
        if record is None:
            self._live.clear()
        else:
            self._live.put(record)

    def watch(self, watched: Watched) -> None:
        """Show a deployment live below the cell, until the kernel ends or the dashboard is closed."""
        import_module("mlops_jupyter.faces.live_monitor").show(watched)

    def page(self, record: object) -> str:
        """Return it as a page that needs nothing but a browser."""
        return render.page(record)

    def cancelled(self) -> bool:
        """Answer no: an interrupt is how a notebook stops a verb."""
        return False


def _bar(message: str, done: float, total: float) -> dict[str, str]:
    share = min(1.0, done / total) if total else 1.0
    drawn = (
        f'<div style="font-size:0.9em"><progress value="{share:.3f}" max="1" style="width:16em;vertical-align:middle">'
        f"</progress> {share:.0%} {html.escape(message)}</div>"
    )
    return {"text/html": drawn, "text/plain": f"{share:.0%} {message}"}


def run_line(shell: InteractiveShell, line: str) -> Any:
    """Run ``%mlops …``."""
    words = _words(shell, line)
    call = _parse(words or [_STATUS])
    if call is None:
        return None
    if call.name == "track":
        raise CommandError(
            "%mlops track tracks nothing: it works on a whole cell",
            "write %%mlops track as the cell's first line and move what stands above it below",
        )
    return _run(call)


def run_cell(shell: InteractiveShell, line: str, cell: str) -> Any:
    """Run ``%%mlops …``: the body is the verb's source."""
    call = _parse(_words(shell, line) or [_STATUS])
    if call is None:
        return None
    if call.name == "track":
        return _run_tracked(shell, " ".join(line.split(None, 1)[1:]), cell)
    source = grammar.source_parameter(call)
    if source is None:
        raise CommandError(f"{call.name} takes no cell body", f"write it with one percent sign: %mlops {line}")
    call.arguments[source] = cell
    return _run(call)


def open_cell(shell: InteractiveShell | None, options: str, cell: Cell | None) -> None:
    """Open the run of the cell that is starting; an interrupt is held back meanwhile."""
    if shell is None or cell is None or cell.tracked is not None:
        raise CommandError("only a whole cell can be tracked", "run it as an ordinary cell")
    call = _parse(["track", *_words(shell, options)])
    if call is None:
        raise CommandError("the cell was not run, because --help was asked", "take --help out of the first line")
    tracked = _tracked(call)
    try:
        _with_debug(call, lambda: tracked.open(lambda: shell.user_ns, cell.cell_id, source=cell.source))
        cell.tracked = TrackedCell(tracked)
    except BaseException as error:
        # A second interrupt, for one: the cell does not run, and the next one must not log to its run.
        if tracked.is_open:
            tracked.close(error)
        if tracked.record is not None:
            display(tracked.record)
        raise


class TrackedCell:
    """A tracked cell that runs: its run, what it prints, and what is shown below it meanwhile."""

    def __init__(self, tracked: Tracked) -> None:
        self.tracked = tracked
        group = tracked.parent or tracked.cell_id
        earlier = EarlierRuns(settings.current().state / "charted", group) if group else None
        self._live = LiveView(tracked.name, tracked.follow(), earlier) if tracked.live else None
        self._output = CapturedOutput()
        self._output.start()

    def close(self, error: BaseException | None, traceback_text: str | None, source: str, executed: str) -> None:
        """Close the run, with the cell's source and output and the cells executed so far on it; show its card."""
        printed = self._output.stop().text
        self.tracked.keep({"mlops/cell.py": source, "mlops/output.txt": printed}, {"mlops/cells.json": executed})
        run = self.tracked.close(error, traceback_text)
        if self._live is not None:
            self._live.finish(run)
        else:
            display(run)


def close_cell(cell: TrackedCell, result: ExecutionResult | None, executed: ExecutedCells) -> None:
    """Close the run of a cell that has ended, and show its card."""
    # An interrupt that hits an asynchronous cell outside of the user's code leaves no result behind.
    error = asyncio.CancelledError() if result is None else result.error_before_exec or result.error_in_exec
    text = None if error is None else _traceback_of_cell(error)
    try:
        source = "" if result is None or result.info is None else result.info.raw_cell
        clean = functools.partial(scrubbed, environment=os.environ)
        # The cell has ended, and the first interrupt comes too late; the second one cuts what is waited for short.
        with interrupts.noted():
            try:
                _judge(cell.tracked, executed.all())
            except KeyboardInterrupt as twice:
                error = error or twice
            cell.close(error, text, source, executed.as_json(clean))
    except MlopsError as failed:
        # The cell's own outcome stands; what went wrong here must be read all the same.
        print("\n".join(failed.lines()), file=sys.stderr)  # noqa: T201


def _judge(tracked: Tracked, executed: Sequence[ExecutedCell]) -> None:
    """Have the run say whether its cell depended on anything but the notebook as it is."""
    shell = get_ipython()
    if shell is None or shell.history_manager is None or not executed:
        return
    first = executed[0][1]
    texts = shell.history_manager.input_hist_raw[:first]
    start = max(1, first - _EARLIER)
    earlier: list[ExecutedCell] = [(None, count, texts[count], False, 0.0) for count in range(start, len(texts))]
    tracked.judge((*earlier, *executed), shell.transform_cell, shell.user_ns.__contains__, start - 1)


def _traceback_of_cell(error: BaseException) -> str:
    """Format a traceback without the frames in which IPython runs the cell."""
    tb = error.__traceback__
    while tb is not None and tb.tb_frame.f_code.co_filename.endswith("interactiveshell.py"):
        tb = tb.tb_next
    return "".join(traceback.format_exception(type(error), error, tb))


def _run_tracked(shell: InteractiveShell, options: str, body: str) -> None:
    """Track a body that arrives as text: a script that nbconvert exported calls the magic with it."""
    result = shell.run_cell(f"%%mlops track {options}\n{body}")
    error = result.error_before_exec or result.error_in_exec
    if error is not None:
        # run_cell has printed the traceback; the script must stop all the same, without printing it again.
        error._render_traceback_ = list
        # sys.exit() ends a script with the code it names, not with that of a failed cell.
        shell.last_execution_succeeded = isinstance(error, SystemExit)
        raise error


def _tracked(call: Call) -> Tracked:
    render.register_all()
    tracked: Tracked = call.function(**call.arguments, reporter=NotebookReporter())
    return tracked


def _words(shell: InteractiveShell, line: str) -> list[str]:
    namespace = shell.user_ns
    return grammar.expand(
        grammar.split(line),
        lambda text: eval(text, namespace),  # noqa: S307 -- the user's own line, in the user's own kernel
        lambda: [name for name in namespace if name not in shell.user_ns_hidden],
    )


def _parse(words: list[str]) -> Call | None:
    if words[0] in {"--help", "-h"}:
        print(describe())  # noqa: T201 -- help goes where a magic's help goes
        return None
    if words[0] in VERBS and VERBS[words[0]].place == "code":
        raise CommandError(f"{words[0]} is for Python code", f"call mlops_jupyter.{words[0]}(…)")
    try:
        return grammar.parse(words)
    except HelpAsked as asked:
        print(asked)  # noqa: T201
        return None


def _run(call: Call) -> Any:
    render.register_all()
    grammar.confirm(call, _ask)
    if call.wants_reporter:
        call.arguments[grammar.REPORTER] = NotebookReporter()
    try:
        record = _with_debug(call, lambda: grammar.answered(call, _ask))
    except CheckFailed as answer:
        if call.strict:
            raise
        record = answer.record
    if call.as_json:
        print(json.dumps(render.as_json(record), indent=2, ensure_ascii=False))  # noqa: T201
        return None
    return record


def _with_debug(call: Call, act: Callable[[], Any]) -> Any:
    try:
        return act()
    except MlopsError as error:
        error.debug = call.debug
        raise
    except KeyboardInterrupt as interrupt:
        if not call.debug:
            # Where a verb of ours was just then is of no use to anybody.
            interrupt._render_traceback_ = lambda: [f"KeyboardInterrupt: {call.name} was interrupted"]  # type: ignore[attr-defined]
        raise


def _ask(question: str) -> bool | None:
    try:
        return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}
    except StdinNotImplementedError:
        return None


def describe() -> str:
    """List the verbs, for ``%mlops?``."""
    width = max(map(len, VERBS))
    lines = [f"  {name:<{width}}  {verb.line}" for name, verb in VERBS.items() if verb.place != "code"]
    return "\n".join(
        [
            "%mlops VERB …          one verb; %mlops alone shows where you stand",
            "%mlops VERB --help     its options",
            "%%mlops track [NAME]   above a cell: run it as an MLflow run",
            "",
            *lines,
            "",
            "$name and {expr} are replaced by your variables.",
        ]
    )


def matches(text: str) -> dict[str, Any]:
    """Complete the line up to the cursor, also in ``x = %mlops …``."""
    _, _, rest = text.rpartition("%mlops")
    if rest and not rest[0].isspace():
        return {"completions": []}
    words = rest.split()
    incomplete = "" if not words or rest[-1:].isspace() else words.pop()
    found = [
        SimpleCompletion(value, type="option" if value.startswith("-") else "path" if words else "verb")
        for value, _ in grammar.complete(words, incomplete)
    ]
    return {"completions": found, "suppress": bool(found), "matched_fragment": incomplete}
