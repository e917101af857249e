"""What `run` leaves for a CI system: JUnit's XML, a summary in Markdown, a note on the merge request."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from .. import registry, settings
from ..capabilities import cell_cases, run_summary
from ..capabilities.notebooks import reading
from ..capabilities.plain_text import Clean
from ..capabilities.redaction import scrubbed
from ..capabilities.run_summary import Change, Told
from ..capabilities.whole_files import replacing
from ..errors import CommandError, ConfigurationError, MlopsError, NotFound
from ..protocols import CaseReport
from ..records import Execution
from . import project
from .diff import content_in, from_branch
from .forges import TOKENS, host, merge_request, target_branch
from .snapshot import in_git

_SUMMARY = "GITHUB_STEP_SUMMARY"
_JOBS = ("CI_JOB_NAME", "GITHUB_JOB", "JOB_NAME")
_REMOTE = "origin"


@dataclass(frozen=True)
class Reports:
    """The reports that were asked for.

    Parameters
    ----------
    current
        The project's settings.
    junit, markdown
        Files.
    against
        The revision that notebooks are compared with; else the pipeline's target branch.
    note
        Whether to write on the merge request.
    """

    current: settings.Settings
    junit: Path | None = None
    markdown: Path | None = None
    against: str | None = None
    note: bool = False

    def prepare(self, notebooks: Sequence[Path]) -> None:
        """See to it that the reports can be written, before anything runs.

        Raises
        ------
        CommandError
            When a file is a directory, or nothing would show what ``against`` asks for.
        ConfigurationError
            When a file cannot be written.
        NotFound
            When there is no such revision.
        """
        for option, file in (("--junit", self.junit), ("--markdown", self.markdown)):
            if file is not None:
                _make_room(option, file)
        if self.against is None:
            return
        if self.markdown is None and not self.note:
            raise CommandError("--against changes nothing without --markdown or --note", "--markdown FILE")
        for notebook in notebooks:
            git = in_git(notebook.parent)
            if git is None or git.resolve(notebook.parent, self.against) is None:
                raise NotFound(f"there is no revision {self.against} where {notebook.name} lies", "git branch --all")

    def write(self, executions: Sequence[Execution], *, post: bool = True) -> tuple[str, ...]:
        """Write the reports, and say in sentences what was not posted.

        Parameters
        ----------
        executions
            The notebooks that were run, judged.
        post
            Whether a note may be posted too.

        Raises
        ------
        ConfigurationError
            When a file cannot be written.
        """
        if not executions or (self.junit is None and self.markdown is None and not self.note):
            return ()
        clean = partial(scrubbed, environment=os.environ)
        shown = [project.shown_path(self.current, Path(one.notebook)) for one in executions]
        names = cell_cases.names(executions, shown)
        if self.junit is not None:
            self._write_junit(self.junit, executions, list(zip(names, shown, strict=True)), clean)
        if self.markdown is None and not self.note:
            return ()
        changes = {one.notebook: self._change(Path(one.notebook)) for one in executions}
        told = [Told(one, name, changes[one.notebook]) for one, name in zip(executions, names, strict=True)]
        text = run_summary.markdown(told, clean)
        if self.markdown is not None:
            _write_summary(self.markdown, text)
        return _posted(text, shown) if self.note and post else ()

    @staticmethod
    def _write_junit(
        file: Path, executions: Sequence[Execution], names: Sequence[tuple[str, str]], clean: Clean
    ) -> None:
        suites = [
            cell_cases.suite(execution, _notebook(execution), name=clean(name), file=path, clean=clean)
            for execution, (name, path) in zip(executions, names, strict=True)
        ]
        report = cast("CaseReport", registry.load("case_report", "junit")())
        _replace(file, lambda unfinished: report.write(suites, unfinished))

    def _change(self, notebook: Path) -> Change:
        """Return how a notebook differs from the target branch, or why that is not told."""
        branch = target_branch(os.environ)
        revision = self.against or (branch and f"{_REMOTE}/{branch}")
        if not revision:
            return Change("", None, "no target branch is known; `--against REV` names one.")
        git = in_git(notebook.parent)
        top = None if git is None else git.top(notebook.parent)
        if git is None or top is None:
            return Change(revision, None, f"{notebook.name} is in no git repository")
        base = git.resolve(notebook.parent, revision)
        if base is None:
            fetch = f"git fetch {_REMOTE} {branch}:refs/remotes/{_REMOTE}/{branch}"
            return Change(revision, None, f"{revision} is not here: {fetch}")
        try:
            path = notebook.resolve().relative_to(top.resolve()).as_posix()
            old = content_in(git, notebook.parent, base.commit, path)
            return Change(revision, from_branch((revision, old), ("now", notebook.read_bytes()), path))
        except (MlopsError, OSError, ValueError) as error:
            # A report of what ran is worth more than none: what is on the branch may not even be a notebook.
            return Change(revision, None, error.message if isinstance(error, MlopsError) else str(error))


def _make_room(option: str, file: Path) -> None:
    if file.is_dir():
        raise CommandError(
            f"{option} {file} is a directory", f"{option} {file}/report{'.md' if option[2] == 'm' else '.xml'}"
        )
    try:
        file.expanduser().absolute().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(file, error) from error
    if not os.access(file if file.exists() else file.expanduser().absolute().parent, os.W_OK):
        raise _unwritable(file, PermissionError(None, "Permission denied"))


def _unwritable(file: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"cannot write {file}: {error.strerror or error}", "name another file")


def _notebook(execution: Execution) -> Mapping[str, Any]:
    """Return a notebook as it was executed; where that was not written whole, as it was to be."""
    for file in (execution.output, execution.notebook):
        try:
            return reading.read(Path(file).read_bytes(), file)
        except (OSError, ConfigurationError):
            continue
    return {"cells": []}


def _write_summary(file: Path, text: str) -> None:
    told = os.environ.get(_SUMMARY)
    if told and Path(told).absolute() == file.expanduser().absolute():
        # Each step of a job adds to the page.
        try:
            with file.open("a", encoding="utf-8") as page:
                page.write(text)
        except OSError as error:
            raise _unwritable(file, error) from error
        return
    _replace(file, lambda unfinished: unfinished.write_text(text, encoding="utf-8"))


def _replace(file: Path, write: Callable[[Path], object]) -> None:
    try:
        with replacing(file.expanduser()) as unfinished:
            write(unfinished)
    except OSError as error:
        raise _unwritable(file, error) from error


def _posted(text: str, shown: Sequence[str]) -> tuple[str, ...]:
    """Write the summary on the pipeline's merge request; say what hindered it."""
    request = merge_request(os.environ)
    if request is None:
        return ("no note was written: this is no pipeline of a merge request",)
    variable = TOKENS[request.kind]
    token = os.environ.get(variable)
    if not token:
        return (f"no note was written: set {variable} to have one on the merge request",)
    # Each job writes a note of its own, and the same one again when it runs again.
    job = next(filter(None, map(os.environ.get, _JOBS)), "")
    digest = hashlib.sha256("\0".join([job, *sorted(set(shown))]).encode()).hexdigest()[:12]
    try:
        host(request.kind, request.project).note(request.number, f"<!-- mlops run {digest} -->", text, token)
    except MlopsError as error:
        return (f"no note was written: {error.message}",)
    return ()
