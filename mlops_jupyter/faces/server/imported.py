"""What verbs of the Jupyter server import, for the process that their workers are forked from."""

from __future__ import annotations

import contextlib
from importlib import import_module

from ... import registry
from ...verbs import VERBS
from .. import render
from ..warm import mlflow_in_forks

# The adapters of what a sidebar shows; others are loaded by the verbs that want them, which take longer anyhow.
_ADAPTERS = (
    ("tracking", "mlflow"),
    ("model_registry", "mlflow"),
    ("deployments", "local"),
    ("snapshots", "git"),
    ("snapshots", "folder"),
    ("source_control", "git"),
    ("notebook_host", "jupyter"),
    ("notebook_differ", "nbdime"),
)
# What MLflow imports when a store in a database is opened and searched: found by comparing ``sys.modules``.
_ALSO = """
    alembic.command cryptography.fernet docstring_parser sqlalchemy.dialects.sqlite timeit
    mlflow.store.model_registry.sqlalchemy_workspace_store mlflow.store.tracking.sqlalchemy_workspace_store
    mlflow.store.workspace.utils
""".split()  # noqa: SIM905 -- a list of names

for _verb in VERBS.values():
    import_module(_verb.target.partition(":")[0])
for _kind, _product in _ADAPTERS:
    registry.load(_kind, _product)
for _, _view in render.VIEWS.values():
    import_module(f"{render.__package__}.views.{_view}")
for _name in _ALSO:
    # Some are other versions' own.
    with contextlib.suppress(ImportError):
        import_module(_name)
mlflow_in_forks.know_tables()
