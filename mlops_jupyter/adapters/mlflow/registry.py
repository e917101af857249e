"""MLflow as the registry of models: what aliases and versions point to."""

from __future__ import annotations

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST, ErrorCode

from ...errors import NotFound
from ...protocols import ModelSource
from . import hush
from .errors import as_ours

# A name, an alias or a number that is none is to MLflow a wrong parameter.
_NO_SUCH = {ErrorCode.Name(INVALID_PARAMETER_VALUE), ErrorCode.Name(RESOURCE_DOES_NOT_EXIST)}
_HINT = "mlops runs; the models are in mlops ui mlflow"


class MlflowRegistry:
    """The registry behind one MLflow tracking or registry URI.

    Parameters
    ----------
    uri
        The tracking URI, absolute.
    registry_uri
        The registry's, if it is another.
    """

    def __init__(self, uri: str, registry_uri: str | None = None) -> None:
        hush()
        with as_ours():
            self._client = mlflow.MlflowClient(uri, registry_uri)

    def aliases(self) -> dict[str, tuple[str, ...]]:
        """Return all aliases, and of each the models that have it."""
        found: dict[str, tuple[str, ...]] = {}
        token: str | None = None
        while True:
            with as_ours():
                page = self._client.search_registered_models(page_token=token)
            for model in page:
                for alias in model.aliases:
                    found[alias] = (*found.get(alias, ()), model.name)
            token = page.token
            if not token:
                return found

    def aliased(self, model: str, alias: str) -> ModelSource:
        """Return the version that an alias of a model points to."""
        try:
            with as_ours():
                found = self._client.get_model_version_by_alias(model, alias)
        except Exception as error:
            if not _is_none(error):
                raise
            raise NotFound(f"there is no model {model} with the alias {alias}", _HINT) from error
        return ModelSource(model, str(found.version), found.run_id or None)

    def version(self, model: str, version: str) -> ModelSource:
        """Return a version by its number."""
        try:
            with as_ours():
                found = self._client.get_model_version(model, version)
        except Exception as error:
            if not _is_none(error):
                raise
            raise NotFound(f"there is no model {model} with the version {version}", _HINT) from error
        return ModelSource(model, version, found.run_id or None)


def _is_none(error: BaseException) -> bool:
    cause = error.__cause__
    return isinstance(cause, MlflowException) and cause.error_code in _NO_SUCH
