"""MLflow's errors as ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
from sqlalchemy.exc import SQLAlchemyError

from ...capabilities.redaction import redacted
from ...errors import ConfigurationError, Conflict, MlopsError, NotFound, Rejected, Unauthorized, Unavailable

SERVICE = "MLflow"

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
        return Unavailable(SERVICE, f"MLflow's database failed: {first_line(error)}", "mlops doctor")
    if isinstance(error, MlflowException):
        code = ErrorCode.Value(error.error_code) if isinstance(error.error_code, str) else error.error_code
        kind = _CODES.get(code, Rejected)
        # MLflow reports a connection that failed as its own INTERNAL_ERROR raised from the client's OSError.
        if kind is Rejected and isinstance(error.__cause__ or error.__context__, OSError | SQLAlchemyError):
            kind = Unavailable
        if issubclass(kind, Unauthorized):
            return kind(
                SERVICE, f"MLflow refused: {first_line(error)}", "set MLFLOW_TRACKING_TOKEN or _USERNAME/_PASSWORD"
            )
        if issubclass(kind, Unavailable | Rejected):
            return kind(SERVICE, f"MLflow failed: {first_line(error)}", "mlops doctor")
        return kind(first_line(error), "mlops runs")
    return Unavailable(SERVICE, f"MLflow failed: {type(error).__name__}: {first_line(error)}", "mlops doctor")


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
