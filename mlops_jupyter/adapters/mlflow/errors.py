"""MLflow's errors as ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import requests
from mlflow.exceptions import MissingConfigException, MlflowException
from mlflow.protos.databricks_pb2 import (
    ALREADY_EXISTS,
    CANCELLED,
    CUSTOMER_UNAUTHORIZED,
    DEADLINE_EXCEEDED,
    ENDPOINT_NOT_FOUND,
    NOT_FOUND,
    PERMISSION_DENIED,
    REQUEST_LIMIT_EXCEEDED,
    RESOURCE_ALREADY_EXISTS,
    RESOURCE_CONFLICT,
    RESOURCE_DOES_NOT_EXIST,
    RESOURCE_EXHAUSTED,
    TEMPORARILY_UNAVAILABLE,
    UNAUTHENTICATED,
    ErrorCode,
)
from sqlalchemy.exc import DataError, SQLAlchemyError

from ...capabilities.redaction import redacted
from ...errors import (
    ConfigurationError,
    Conflict,
    MlopsError,
    NotFound,
    Rejected,
    ServiceError,
    Unauthorized,
    Unavailable,
)

SERVICE = "MLflow"

# What a server that answers says of itself, and not of the request.
_ITS_OWN = {408, 425, 429}
_LOGIN = {401, 403, 407}
_CODES: dict[int, type[MlopsError]] = {
    RESOURCE_DOES_NOT_EXIST: NotFound,
    NOT_FOUND: NotFound,
    RESOURCE_ALREADY_EXISTS: Conflict,
    ALREADY_EXISTS: Conflict,
    RESOURCE_CONFLICT: Conflict,
    RESOURCE_EXHAUSTED: Unavailable,
    UNAUTHENTICATED: Unauthorized,
    CUSTOMER_UNAUTHORIZED: Unauthorized,
    PERMISSION_DENIED: Unauthorized,
    TEMPORARILY_UNAVAILABLE: Unavailable,
    REQUEST_LIMIT_EXCEEDED: Unavailable,
    DEADLINE_EXCEEDED: Unavailable,
    CANCELLED: Unavailable,
    ENDPOINT_NOT_FOUND: Unavailable,
}


def translate(error: Exception) -> MlopsError:
    """Turn an error of MLflow's, of its database layer or of its HTTP client into one of ours."""
    if isinstance(error, MissingConfigException):
        return ConfigurationError(first_line(error), "mlops doctor")
    if isinstance(error, SQLAlchemyError):
        return _failed(error)(SERVICE, f"MLflow's database failed: {first_line(error)}", "mlops doctor")
    if isinstance(error, MlflowException):
        code = ErrorCode.Value(error.error_code) if isinstance(error.error_code, str) else error.error_code
        kind = _CODES.get(code, Rejected)
        # MLflow reports a connection that failed as its own INTERNAL_ERROR raised from the client's OSError.
        below = error.__cause__ or error.__context__
        if kind is Rejected and isinstance(below, OSError | SQLAlchemyError):
            kind = _failed(below)
        if issubclass(kind, Unauthorized):
            return kind(
                SERVICE, f"MLflow refused: {first_line(error)}", "set MLFLOW_TRACKING_TOKEN or _USERNAME/_PASSWORD"
            )
        if issubclass(kind, Unavailable | Rejected):
            return kind(SERVICE, f"MLflow failed: {first_line(error)}", "mlops doctor")
        return kind(first_line(error), "mlops runs")
    return _failed(error)(SERVICE, f"MLflow failed: {type(error).__name__}: {first_line(error)}", "mlops doctor")


def _failed(error: BaseException) -> type[ServiceError]:
    """Return what an error of a connection or a database says: of the request, or of the service."""
    if isinstance(error, DataError):
        # A value that the column does not take.
        return Rejected
    if isinstance(error, requests.HTTPError) and error.response is not None:
        code = error.response.status_code
        if code in _LOGIN:
            return Unauthorized
        if 400 <= code < 500 and code not in _ITS_OWN:  # noqa: PLR2004 -- what HTTP calls the client's fault
            return Rejected
    return Unavailable


@contextmanager
def as_ours() -> Iterator[None]:
    """Raise what MLflow raises within as one of our errors."""
    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise translate(error) from error


def first_line(error: Exception) -> str:
    """Return the first line of what an error says, without credentials."""
    # MLflow's messages quote the address that it was given.
    return redacted((str(error).strip() or type(error).__name__).splitlines()[0])
