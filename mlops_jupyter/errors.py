"""Every error a user can meet.

::

    MlopsError(message, hint=None)                                   exit  HTTP
    ├─ CommandError            bad verb, option, variable               2   400
    ├─ ConfigurationError      a setting, a path, a notebook            3   422
    │  └─ MissingDependency    says: pip install 'mlops-jupyter[x]'     3   422
    ├─ NotFound                run, notebook, experiment, alias         4   404
    ├─ Conflict                exists already, two projects, no run     4   409
    ├─ ConfirmationRequired    destroys without a yes                   4   409
    ├─ ServiceError(service)   Unavailable | Unauthorized | Rejected    5   502
    ├─ ExecutionFailed(cell, ename, evalue)  a notebook's own error     6   200
    └─ CheckFailed(record)     a check answered no                      1   200

A message says what happened to what; the hint says the next command.
"""

from __future__ import annotations

import traceback
from typing import ClassVar

UNEXPECTED_EXIT = 70
INTERRUPTED_EXIT = 130


class MlopsError(Exception):
    """The root of all errors raised on purpose.

    Parameters
    ----------
    message
        What happened to what, one sentence.
    hint
        The next command to type, or ``None``.
    """

    exit_code: ClassVar[int] = UNEXPECTED_EXIT
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.debug = False

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message} ({self.hint})"

    def lines(self) -> list[str]:
        """Return the one or two lines that a person reads."""
        first = f"{type(self).__name__}: {self.message}"
        return [first] if self.hint is None else [first, f"  → {self.hint}"]

    def _render_traceback_(self) -> list[str]:
        """Tell IPython what to print: the lines, or with ``--debug`` everything."""
        if self.debug:
            return "".join(traceback.format_exception(self)).splitlines()
        return self.lines()


class CommandError(MlopsError):
    """A verb, an option or a variable that does not exist or does not fit."""

    exit_code = 2
    http_status = 400


class ConfigurationError(MlopsError):
    """A setting, a directory or a file that cannot be used as it is."""

    exit_code = 3
    http_status = 422


class MissingDependency(ConfigurationError):
    """A package that this feature needs is not installed.

    Parameters
    ----------
    what
        What was asked for, in words.
    requirement
        What ``pip install`` takes, for instance ``mlops-jupyter[ray]``.
    """

    def __init__(self, what: str, requirement: str) -> None:
        super().__init__(f"{what} needs a package that is not installed", f"pip install '{requirement}'")


class NotFound(MlopsError):
    """A run, notebook, experiment, model version or alias that is not there."""

    exit_code = 4
    http_status = 404


class Conflict(MlopsError):
    """The present state forbids it: something exists, is open, or has moved on."""

    exit_code = 4
    http_status = 409


class ConfirmationRequired(MlopsError):
    """A destroying verb was called without a yes, and nobody could be asked."""

    exit_code = 4
    http_status = 409


class ServiceError(MlopsError):
    """Another system failed us.

    Parameters
    ----------
    service
        The system by name, for instance ``MLflow``.
    message, hint
        As in `MlopsError`.
    """

    exit_code = 5
    http_status = 502

    def __init__(self, service: str, message: str, hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.service = service


class Unavailable(ServiceError):
    """The service did not answer, or not in time."""


class Unauthorized(ServiceError):
    """The service wants a login, or a better one."""


class Rejected(ServiceError):
    """The service understood the request and refused it."""


class ExecutionFailed(MlopsError):
    """A notebook's own code raised, ran out of time, or lost its kernel.

    Parameters
    ----------
    notebook
        The notebook's path as the user gave it.
    cell
        The failing cell's index, counted from 0 over all cells; ``None`` when no cell was running.
    ename, evalue
        Class and message of the notebook's error.
    hint
        Where to look.
    """

    exit_code = 6
    http_status = 200

    def __init__(self, notebook: str, cell: int | None, ename: str, evalue: str, hint: str | None = None) -> None:
        where = "before its first cell" if cell is None else f"at cell {cell}"
        said = f"{ename}: {evalue}" if evalue else ename
        super().__init__(f"{notebook} failed {where}: {said}", hint)
        self.notebook = notebook
        self.cell = cell
        self.ename = ename
        self.evalue = evalue


class CheckFailed(MlopsError):
    """A check did its work and its answer is no; the record holds the answer.

    Parameters
    ----------
    message
        The answer in one sentence.
    record
        The whole answer, as the verb would have returned it.
    hint
        As in `MlopsError`.
    """

    exit_code = 1
    http_status = 200

    def __init__(self, message: str, record: object, hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.record = record
