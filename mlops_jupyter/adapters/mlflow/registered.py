"""What MLflow's registry holds, read page by page; and how MLflow says that something is not in it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import mlflow
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST, ErrorCode

from ...errors import MlopsError, NotFound
from .errors import as_ours

# A name, an alias or a number that is none is to MLflow a wrong parameter.
_NO_SUCH = {ErrorCode.Name(INVALID_PARAMETER_VALUE), ErrorCode.Name(RESOURCE_DOES_NOT_EXIST)}


@contextmanager
def none_as(ours: Callable[[MlopsError], MlopsError]) -> Iterator[None]:
    """Raise what MLflow raises within as one of our errors: as the given one where there is no such thing."""
    try:
        with as_ours():
            yield
    except MlopsError as error:
        if not is_none(error):
            raise
        raise ours(error) from error


def is_none(error: BaseException) -> bool:
    """Tell whether an error of ours says that there is no such thing."""
    cause = error.__cause__
    return isinstance(cause, MlflowException) and cause.error_code in _NO_SUCH


def models(client: mlflow.MlflowClient) -> Iterator[RegisteredModel]:
    """Give all registered models."""
    return _all(lambda token: client.search_registered_models(page_token=token))


def versions(client: mlflow.MlflowClient, model: str) -> Iterator[ModelVersion]:
    """Give all versions of a model."""
    mark = '"' if "'" in model else "'"
    return _all(lambda token: client.search_model_versions(f"name = {mark}{model}{mark}", page_token=token))


def check_known(model: str, names: Collection[str]) -> None:
    """Raise `NotFound` for a name that no registered model has; the nearest one is suggested."""
    if model not in names:
        near = difflib.get_close_matches(model, names, n=1)
        raise NotFound(f"there is no model {model}", f"did you mean {near[0]}?" if near else "mlops models")


def _all(page_after: Callable[[str | None], Any]) -> Iterator[Any]:
    token: str | None = None
    while True:
        page = page_after(token)
        yield from page
        token = page.token
        if not token:
            return
