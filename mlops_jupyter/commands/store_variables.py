"""Which environment variables stores of runs and their artifacts are spoken to with."""

from __future__ import annotations

import os

from ..capabilities.journal import Surroundings
from ..capabilities.shipping import StoreEnvironment
from ..settings import Settings

WORKSPACE = "MLFLOW_WORKSPACE"
# The shipper's own back-off is kinder to a server, and to the runs that wait for others, than retries within a call.
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}

# What a run is, and where it goes, is said by the run.
_OF_RUNS = {
    *("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"),
    WORKSPACE,
}
_OF_CLOUDS = ("AWS_", "AZURE_", "GOOGLE_", "DATABRICKS_")
_OF_CONNECTIONS = {
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"),
}
_OF_POSTGRESQL = ("PGPASS", "PGSSL", "PGSERVICE")


def concerns(name: str) -> bool:
    """Tell whether a variable is one that stores are spoken to with."""
    return (name.startswith("MLFLOW_") and name not in _OF_RUNS) or name.upper() in _OF_CONNECTIONS or read_once(name)


def read_once(name: str) -> bool:
    """Tell whether it is read by a client that keeps what it has read."""
    return name.startswith((*_OF_CLOUDS, *_OF_POSTGRESQL))


def here() -> tuple[str | None, dict[str, str]]:
    """Return the workspace that runs opened here go to, and the variables that this process speaks to stores with."""
    return os.environ.get(WORKSPACE) or None, {name: value for name, value in os.environ.items() if concerns(name)}


def environment(settings: Settings) -> StoreEnvironment:
    """Return what gives the shipper the environment of each store."""
    return StoreEnvironment(
        Surroundings(settings.journal), concerns=concerns, read_once=read_once, workspace=WORKSPACE, defaults=PATIENCE
    )
