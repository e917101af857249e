"""What a request is refused with: never a value of the caller's."""

from __future__ import annotations


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
    """

    def __init__(
        self, status: int, code: str, message: str, *, verbose: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.verbose = verbose
        self.retry_after_s = retry_after_s
