"""Each exception and each error code that MLflow has becomes one of ours; a new one of MLflow's fails here."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import httpx
import pytest
import requests
import sqlalchemy.exc
from mlflow import exceptions
from mlflow.exceptions import ERROR_CODE_TO_HTTP_STATUS, MlflowException, RestException
from mlflow.protos.databricks_pb2 import INVALID_STATE, NOT_FOUND, ErrorCode

from mlops_jupyter.adapters.mlflow.errors import translate
from mlops_jupyter.errors import (
    ConfigurationError,
    Conflict,
    MlopsError,
    NotFound,
    Rejected,
    ServiceError,
    Unauthorized,
    Unavailable,
)

CODES: dict[str, type[MlopsError]] = {
    "ABORTED": Rejected,
    "ALREADY_EXISTS": Conflict,
    "BAD_REQUEST": Rejected,
    "CANCELLED": Unavailable,
    "CUSTOMER_UNAUTHORIZED": Unauthorized,
    "DATA_LOSS": Rejected,
    "DEADLINE_EXCEEDED": Unavailable,
    "ENDPOINT_NOT_FOUND": Unavailable,
    "INTERNAL_ERROR": Rejected,
    "INVALID_PARAMETER_VALUE": Rejected,
    "INVALID_STATE": Rejected,
    "NOT_FOUND": NotFound,
    "NOT_IMPLEMENTED": Rejected,
    "PERMISSION_DENIED": Unauthorized,
    "REQUEST_LIMIT_EXCEEDED": Unavailable,
    "RESOURCE_ALREADY_EXISTS": Conflict,
    "RESOURCE_CONFLICT": Conflict,
    "RESOURCE_DOES_NOT_EXIST": NotFound,
    "RESOURCE_EXHAUSTED": Unavailable,
    "TEMPORARILY_UNAVAILABLE": Unavailable,
    "UNAUTHENTICATED": Unauthorized,
}

# Each class of `mlflow.exceptions`: one of it, and what becomes of it.
CLASSES: dict[str, tuple[Callable[[type], Exception], type[MlopsError]]] = {
    "MlflowException": (lambda kind: kind("no"), Rejected),
    "RestException": (lambda kind: kind({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no"}), NotFound),
    "ExecutionException": (lambda kind: kind("no"), Rejected),
    "MissingConfigException": (lambda kind: kind("no"), ConfigurationError),
    "InvalidUrlException": (lambda kind: kind("no"), Rejected),
    "_UnsupportedMultipartUploadException": (lambda kind: kind(), Rejected),
    "_UnsupportedMultipartDownloadException": (lambda kind: kind(), Rejected),
    "_UnsupportedPresignedUploadException": (lambda kind: kind(), Rejected),
    "_UnsupportedPresignedDownloadException": (lambda kind: kind(), Rejected),
    "MlflowTracingException": (lambda kind: kind("no"), Rejected),
    "MlflowTraceDataException": (lambda kind: kind(INVALID_STATE, request_id="r"), Rejected),
    "MlflowTraceDataNotFound": (lambda kind: kind(request_id="r"), NotFound),
    "MlflowTraceDataCorrupted": (lambda kind: kind(request_id="r"), Rejected),
    "MlflowTraceArchivalMalformedTrace": (lambda kind: kind("no"), Rejected),
    "MlflowNotImplementedException": (lambda kind: kind("no"), Rejected),
}


def check(error: Exception, kind: type[MlopsError]) -> MlopsError:
    ours = translate(error)
    assert type(ours) is kind
    assert ours.message
    assert "\n" not in ours.message
    assert ours.hint
    if isinstance(ours, ServiceError):
        assert ours.service == "MLflow"
    return ours


def test_no_class_of_mlflow_s_is_forgotten():
    found = {
        name
        for name, kind in vars(exceptions).items()
        if inspect.isclass(kind) and issubclass(kind, Exception) and kind.__module__ == exceptions.__name__
    }
    assert found == set(CLASSES)


@pytest.mark.parametrize("name", CLASSES)
def test_classes(name):
    make, kind = CLASSES[name]
    check(make(getattr(exceptions, name)), kind)


def test_no_code_of_mlflow_s_is_forgotten():
    assert set(ERROR_CODE_TO_HTTP_STATUS) == set(CODES)


@pytest.mark.parametrize("name", CODES)
def test_codes(name):
    check(MlflowException("no such thing", error_code=ErrorCode.Value(name)), CODES[name])
    check(RestException({"error_code": name, "message": "no such thing"}), CODES[name])


@pytest.mark.parametrize("name", sorted(set(ErrorCode.keys()) - set(CODES)))
def test_codes_that_only_a_databricks_server_sends(name):
    assert issubclass(type(translate(RestException({"error_code": name, "message": "no"}))), ServiceError)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        *((code, Rejected) for code in (400, 404, 411, 413)),
        *((code, Unauthorized) for code in (401, 403, 407)),
        *((code, Unavailable) for code in (408, 425, 429, 500, 502, 503, 504)),
    ],
)
def test_what_an_artifact_store_answers_by_http(code, kind):
    response = requests.Response()
    response.status_code = code
    with pytest.raises(requests.HTTPError) as raised:
        raise requests.HTTPError("no", response=response)
    check(raised.value, kind)
    wrapped = MlflowException("no")
    wrapped.__cause__ = raised.value
    check(wrapped, kind)


def test_what_a_database_does_not_take_is_not_taken_for_one_that_is_away():
    class TooLong(Exception):
        pass

    refused = sqlalchemy.exc.DataError("insert", {}, TooLong("value too long for type character varying(250)"))
    check(refused, Rejected)
    check(sqlalchemy.exc.OperationalError("select", {}, TooLong("no connection")), Unavailable)
    wrapped = MlflowException("no")
    wrapped.__cause__ = refused
    check(wrapped, Rejected)


@pytest.mark.parametrize("code", [None, "", 0, 999999, "SOMETHING_NEW"])
def test_codes_that_nobody_knows(code):
    check(RestException({"error_code": code, "message": "no"}), Rejected)


@pytest.mark.parametrize(
    "error",
    [
        kind("statement", {}, Exception("no")) if issubclass(kind, sqlalchemy.exc.DBAPIError) else kind("no")
        for kind in (
            sqlalchemy.exc.OperationalError,
            sqlalchemy.exc.DatabaseError,
            sqlalchemy.exc.IntegrityError,
            sqlalchemy.exc.InterfaceError,
            sqlalchemy.exc.TimeoutError,
            sqlalchemy.exc.ArgumentError,
            sqlalchemy.exc.NoSuchModuleError,
        )
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_database_layer_s(error):
    assert check(error, Unavailable).message.startswith("MLflow's database failed: ")


@pytest.mark.parametrize(
    "error",
    [
        requests.ConnectionError("no"),
        requests.Timeout("no"),
        httpx.ConnectError("no"),
        OSError(28, "No space left"),
        OSError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_http_client_s_and_the_system_s(error):
    assert check(error, Unavailable).message.startswith(f"MLflow failed: {type(error).__name__}: ")


@pytest.mark.parametrize(
    "cause", [requests.ConnectionError("refused"), sqlalchemy.exc.OperationalError("s", {}, Exception("x"))]
)
def test_a_connection_that_failed_is_known_by_its_cause(cause):
    error = MlflowException("API request failed")
    error.__cause__ = cause
    check(error, Unavailable)
    error.__cause__, error.__context__ = None, cause
    check(error, Unavailable)


def test_what_is_not_there_is_not_there_whatever_caused_it():
    error = MlflowException("no such run", error_code=NOT_FOUND)
    error.__cause__ = OSError("x")
    check(error, NotFound)


@pytest.mark.parametrize("message", ["", "one\ntwo", "\n\nafter empty lines"])
def test_messages_are_one_line(message):
    check(MlflowException(message), Rejected)
    check(MlflowException(message, error_code=NOT_FOUND), NotFound)


def test_credentials_in_mlflow_s_message_are_left_out():
    error = MlflowException("API request to http://ana:hunter2@h:1/api/2.0 failed")
    error.__cause__ = requests.ConnectionError("x")
    assert "hunter2" not in str(check(error, Unavailable))
