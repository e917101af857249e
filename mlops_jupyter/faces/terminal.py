"""The terminal face: ``mlops VERB …``."""

from __future__ import annotations

import difflib
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

import click

from .. import grammar
from ..capabilities.redaction import redacted
from ..errors import (
    INTERRUPTED_EXIT,
    UNEXPECTED_EXIT,
    CheckFailed,
    CommandError,
    ConfigurationError,
    MlopsError,
    NotFound,
)
from ..grammar import Call
from ..verbs import VERBS
from . import render

if TYPE_CHECKING:
    from ..protocols import Watched

_STATUS = "status"
# What click asks for completion by.
_COMPLETING = "_MLOPS_COMPLETE"


class TerminalReporter:
    """Progress on standard error: a bar on a terminal, a line a step in a log file.

    Parameters
    ----------
    as_json
        Whether results are written as JSON.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self._as_json = as_json
        self._last = ""

    def progress(self, message: str, done: float, total: float) -> None:
        """Draw the bar anew, or write the step when it is a new one."""
        share = min(1.0, done / total) if total else 1.0
        if sys.stderr.isatty():
            filled = int(24 * share)
            click.echo(f"\r\x1b[K{'█' * filled}{'░' * (24 - filled)} {share:4.0%} {message}", err=True, nl=share >= 1)
        elif message != self._last:
            click.echo(f"{share:4.0%} {message}", err=True)
        self._last = message

    def show(self, record: object) -> None:
        """Write a record as text; results go to standard output, this is on the way."""
        click.echo(render.text(record), err=True)

    def part(self, record: object) -> None:
        """Write a part of the result where results go, at once."""
        _show(record, as_json=self._as_json)
        sys.stdout.flush()

    def live(self, record: object | None) -> None:
        """Show nothing: a table cannot be drawn anew in a terminal that scrolls; the bar counts."""

    def watch(self, watched: Watched) -> None:
        """Show nothing: what is returned says how it is now."""

    def page(self, record: object) -> str:
        """Return it as a page that needs nothing but a browser."""
        return render.page(record)

    def cancelled(self) -> bool:
        """Answer no: Ctrl-C is how a terminal stops a verb."""
        return False


class _Verbs(click.Group):
    """The verbs by their table; a verb's function is imported only when it is called or completed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, verb in VERBS.items() if verb.place != "code"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return grammar.command(cmd_name, _run) if cmd_name in self.list_commands(ctx) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # click would import every verb for its short help; the table has it.
        with formatter.section("Verbs"):
            formatter.write_dl([(name, VERBS[name].line) for name in self.list_commands(ctx)])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        # While completing, click passes over what it does not know.
        if not args[0].startswith("-") and not ctx.resilient_parsing:
            _check_verb(args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)


def _check_verb(name: str, names: list[str]) -> None:
    if name in names:
        return
    if name in VERBS:
        raise CommandError(f"{name} is for Python code", f"call mlops_jupyter.{name}(…)")
    near = difflib.get_close_matches(name, names, n=1)
    raise CommandError(f"there is no verb {name}", f"did you mean: mlops {near[0]}?" if near else "mlops --help")


@click.group(
    cls=_Verbs,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="mlops-jupyter", prog_name="mlops")
@click.pass_context
def mlops(ctx: click.Context) -> None:
    """Track experiments, run notebooks headless and look at the results; alone it shows where you stand."""
    if ctx.invoked_subcommand is None:
        grammar.command(_STATUS, _run).main([], standalone_mode=False)


def main() -> None:
    """Run one verb and exit as the error tree says."""
    if _COMPLETING in os.environ:
        from . import shell_completion  # noqa: PLC0415 -- no other command needs it

        shell_completion.register()
    sys.exit(run(sys.argv[1:]))


def forked() -> int:
    """Run one verb in a process that was forked for it; see `start`."""
    return run(sys.argv[1:])


def run(words: list[str]) -> int:  # noqa: PLR0911 -- one a kind of ending
    """Run one verb and return the exit code."""
    debug = "--debug" in words
    try:
        mlops.main(words, prog_name="mlops", standalone_mode=False)
    except CheckFailed as answer:
        click.echo("\n".join(answer.lines()), err=True)
        return answer.exit_code
    except MlopsError as error:
        return _complain(error, debug=debug)
    except click.UsageError as error:
        return _complain(grammar.usage_error(error, _verb_of(error, words)), debug=debug)
    except click.ClickException as error:
        return _complain(CommandError(error.format_message()), debug=debug)
    except (KeyboardInterrupt, click.Abort):
        # click has begun a new line after ^C.
        click.echo("interrupted", err=True)
        return INTERRUPTED_EXIT
    except Exception as error:  # noqa: BLE001 -- the last resort: anything that is not ours is a bug, and says so
        bug = [f"{type(error).__name__}: {error}", "  → this is a bug in mlops; run it again with --debug"]
        _say(bug, error, debug=debug)
        return UNEXPECTED_EXIT
    return 0


def _verb_of(error: click.UsageError, words: list[str]) -> str | None:
    # click's parser does not know whose option it reads.
    if error.ctx is None:
        return words[0] if words and words[0] in VERBS else None
    return error.ctx.info_name if error.ctx.parent is not None else None


def _complain(error: MlopsError, *, debug: bool) -> int:
    _say(error.lines(), error, debug=debug)
    return error.exit_code


def _say(lines: list[str], error: Exception, *, debug: bool) -> None:
    text = "".join(traceback.format_exception(error)).rstrip("\n") if debug else "\n".join(lines)
    # What MLflow or a database client says may quote the store's address as the user wrote it.
    click.echo(redacted(text), err=True)


def _run(call: Call) -> None:
    if call.verb.place == "kernel":
        raise CommandError(f"{call.name} needs a notebook around it", f"in a notebook: %%mlops {call.name}")
    grammar.confirm(call, _ask)
    source = grammar.source_parameter(call)
    if source is not None and call.arguments.get(source) is not None:
        call.arguments[source] = _read(call.arguments[source])
    if call.wants_reporter:
        call.arguments[grammar.REPORTER] = TerminalReporter(as_json=call.as_json)
    try:
        _show(grammar.answered(call, _ask), as_json=call.as_json)
    except CheckFailed as answer:
        _show(answer.record, as_json=call.as_json)
        raise


def _read(path: str) -> str:
    try:
        with click.open_file(path, encoding="utf-8") as file:
            return str(file.read())
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path}", "check the path") from error
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"it is not UTF-8 text (byte {error.start})"
        raise ConfigurationError(f"cannot read {path}: {reason}", "check the path") from error


def _show(record: Any, *, as_json: bool) -> None:
    if record is None:
        return
    for piece in render.json_pieces(record) if as_json else (render.text(record),):
        click.echo(piece, nl=False)
    click.echo()


def _ask(question: str) -> bool | None:
    # Started with its input closed, a process has no stdin at all.
    return click.confirm(question, err=True) if sys.stdin is not None and sys.stdin.isatty() else None
