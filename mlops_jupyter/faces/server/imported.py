"""What verbs of the Jupyter server import, for the process that their workers are forked from."""

from __future__ import annotations

from importlib import import_module

from ... import registry
from ...verbs import VERBS
from .. import render
from ..views import columns

__all__ = ["columns"]

# Of MLflow's adapters those that a verb loads which only looks or names something.
_KINDS = ("tracking", "model_registry", "datasets")
# What MLflow and SQLAlchemy import when a store is opened and searched: found by comparing ``sys.modules``.
_ALSO: tuple[str, ...] = ()

for _verb in VERBS.values():
    import_module(_verb.target.partition(":")[0])
for _kind in _KINDS:
    registry.load(_kind, "mlflow")
for _, _view in render.VIEWS.values():
    import_module(f"{render.__package__}.views.{_view}")
for _name in _ALSO:
    import_module(_name)
