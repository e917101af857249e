"""Which runner calls a model, by what is known of it without loading it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

_RUNNERS = "mlops_jupyter.serving.runners"
KERAS = f"{_RUNNERS}.keras:load"
LIGHTGBM = f"{_RUNNERS}.lightgbm:load"
PYFUNC = f"{_RUNNERS}.pyfunc:PyfuncRunner"
SKLEARN = f"{_RUNNERS}.sklearn:SklearnRunner"
XGBOOST = f"{_RUNNERS}.xgboost:load"

_NATIVE = {"keras": KERAS, "lightgbm": LIGHTGBM, "sklearn": SKLEARN, "xgboost": XGBOOST}
# Of XGBoost's classes those on this machine; others call a cluster.
_XGBOOST = ("xgboost.core.Booster", "xgboost.sklearn.")


def choose(flavors: Iterable[str], path: Path, signature: Mapping[str, str] | None) -> str:
    """Return the runner of a model as ``module:function``, a function or class that takes the planned version.

    Parameters
    ----------
    flavors
        The names of the model's flavours.
    path
        Its folder.
    signature
        Its signature; a model with parameters of a call is called by MLflow, which hands them on.

    Returns
    -------
    str
        The native runner of the first flavour that has one and would answer as MLflow does, else MLflow's own.
    """
    names = list(flavors)
    file = path / "MLmodel"
    if "python_function" not in names or (signature or {}).get("params") or not file.is_file():
        return PYFUNC
    told = yaml.safe_load(file.read_text(encoding="utf-8"))["flavors"]
    return next((_NATIVE[name] for name in names if name in _NATIVE and _is_plain(name, told)), PYFUNC)


def _is_plain(name: str, told: Mapping[str, Mapping[str, Any]]) -> bool:
    """Tell whether MLflow reads a model by this flavour's own module, without a module that the model brings."""
    flavor, function = told.get(name, {}), told["python_function"]
    if function.get("loader_module") != f"mlflow.{name}" or flavor.get("code") or function.get("code"):
        return False
    return name != "xgboost" or str(flavor.get("model_class", _XGBOOST[0])).startswith(_XGBOOST)
