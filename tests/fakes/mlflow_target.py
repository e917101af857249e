"""A deployment plugin as a stranger writes one for MLflow: it keeps what it is told in this process."""

from __future__ import annotations

from typing import Any

import pandas as pd
from mlflow.deployments import BaseDeploymentClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

kept: dict[str, dict[str, Any]] = {}


class Stranger(BaseDeploymentClient):
    def create_deployment(self, name, model_uri, flavor=None, config=None, endpoint=None):
        if config and "size" not in config:
            raise MlflowException("only a size can be chosen", error_code=INVALID_PARAMETER_VALUE)
        kept[name] = {"name": name, "model_uri": model_uri, "config": config, "flavor": "python_function"}
        return kept[name]

    def update_deployment(self, name, model_uri=None, flavor=None, config=None, endpoint=None):
        return self.create_deployment(name, model_uri, config=config)

    def delete_deployment(self, name, config=None, endpoint=None):
        del kept[name]

    def list_deployments(self, endpoint=None):
        return list(kept.values())

    def get_deployment(self, name, endpoint=None):
        return kept[name]

    def predict(self, deployment_name=None, inputs=None, endpoint=None):
        return pd.DataFrame({"sum": inputs.sum(axis=1)})


def run_local(name, model_uri, flavor=None, config=None):
    raise NotImplementedError


def target_help():
    return "size=N"
