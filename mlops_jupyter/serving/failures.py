"""What a request is refused with: never a value of the caller's."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Literal

import orjson


class Failure(Exception):
    """A request that gets no prediction.

    Parameters
    ----------
    status
        The HTTP status.
    code
        MLflow's ``error_code``.
    message
        What is wrong, with names of columns and numbers of rows, without values.
    verbose
        The same with values, for endpoints that say them.
    retry_after_s
        After how many seconds the caller may try again.
    columns
        The names of the columns that are to blame.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        verbose: str | None = None,
        retry_after_s: int | None = None,
        columns: Iterable[str] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.verbose = verbose
        self.retry_after_s = retry_after_s
        self.columns = tuple(columns)


def body(failure: Failure, protocol: Literal["scoring", "inference"], *, verbose: bool = False) -> bytes:
    """Return what the caller is answered, in the words of the protocol that it speaks."""
    text = failure.verbose if verbose and failure.verbose else failure.message
    if protocol == "inference":
        return _json({"error": text})
    return _json({"error_code": failure.code, "message": text})


def _json(answer: dict[str, str]) -> bytes:
    try:
        return orjson.dumps(answer)
    except orjson.JSONEncodeError:  # a lone surrogate in a name that a table came with
        return json.dumps(answer).encode()


# What MLflow calls these.
INVALID = "INVALID_PARAMETER_VALUE"
BAD = "BAD_REQUEST"
TOO_MUCH = "REQUEST_LIMIT_EXCEEDED"
INTERNAL = "INTERNAL_ERROR"

_NAMES_SAID = 10
_NAME_LENGTH = 80


def named(names: Iterable[object]) -> str:
    """Return names as a message says them: not more than fit."""
    said = [_short(name) for name in names]
    more = len(said) - _NAMES_SAID
    return ", ".join(said[:_NAMES_SAID]) + (f" and {more} more" if more > 0 else "")


def _short(name: object) -> str:
    text = str(name)
    return f"'{text}'" if len(text) <= _NAME_LENGTH else f"'{text[:_NAME_LENGTH]}…'"


def malformed(message: str, *, verbose: str | None = None) -> Failure:
    """Say that a request is not in the form that its protocol has."""
    return Failure(400, BAD, message, verbose=verbose)


def unfit(message: str, *, value: object = None, row: int | None = None, columns: Iterable[str] = ()) -> Failure:
    """Say that a request does not fit the model's signature, for these columns; ``row`` counts from 0."""
    if row is None:
        return Failure(400, INVALID, message, columns=columns)
    where = f"row {row}, {message}"
    return Failure(400, INVALID, where, verbose=f"{where}; it is {str(value)[:200]!r}", columns=columns)


def too_much(message: str) -> Failure:
    """Say that a request is larger than this endpoint takes."""
    return Failure(413, TOO_MUCH, message)
