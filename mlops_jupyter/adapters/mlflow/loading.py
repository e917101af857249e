"""What of an MLflow model runs code of its own when it is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_PICKLES = {".pkl", ".pickle", ".joblib", ".dill", ".pth", ".pt", ".cloudpickle"}
# MLflow's modules that read data; of any other nobody can tell.
_READERS = {"mlflow.catboost", "mlflow.lightgbm", "mlflow.onnx", "mlflow.sklearn", "mlflow.xgboost"}


def executes(path: Path, flavors: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Say what of a model runs code when it is loaded, ``None`` when nothing does.

    Only what is known to be data counts as such: a flavour that is not known here is taken to run code.
    """
    for file in sorted(path.rglob("*")):
        if file.suffix.lower() in _PICKLES:
            return f"{file.relative_to(path)} is a pickle"
    for name, flavor in flavors.items():
        if flavor.get("code") or flavor.get("model_code_path"):
            return f"it brings Python code of its own ({flavor.get('code') or flavor.get('model_code_path')})"
        reason = _of_flavor(name, flavor)
        if reason is not None:
            return reason
    return None if flavors else "it names no flavour"


def _of_flavor(name: str, flavor: Mapping[str, Any]) -> str | None:
    look = _LOOKS.get(name)
    return f"the flavour {name} is not known to be data alone" if look is None else look(flavor)


def _python_function(flavor: Mapping[str, Any]) -> str | None:
    reader = str(flavor.get("loader_module"))
    return None if reader in _READERS else f"{reader} loads it"


def _skops(flavor: Mapping[str, Any]) -> str | None:
    if flavor.get("serialization_format") != "skops":
        return f"{flavor.get('pickled_model', 'the estimator')} is a pickle"
    trusted = flavor.get("skops_trusted_types")
    return f"it wants types loaded that skops does not know: {', '.join(map(str, trusted))}" if trusted else None


def _lightgbm(flavor: Mapping[str, Any]) -> str | None:
    # The native format is text; an estimator of the scikit-learn interface is kept as scikit-learn's are.
    return None if flavor.get("model_class") == "lightgbm.basic.Booster" else _skops(flavor)


def _xgboost(flavor: Mapping[str, Any]) -> str | None:
    # Its class is looked up by name and called.
    kind = str(flavor.get("model_class", "xgboost.core.Booster"))
    return None if kind.startswith("xgboost.") else f"it makes an object of {kind}"


_LOOKS: dict[str, Callable[[Mapping[str, Any]], str | None]] = {
    "catboost": lambda _: None,
    "lightgbm": _lightgbm,
    "onnx": lambda _: None,
    "python_function": _python_function,
    "sklearn": _skops,
    "xgboost": _xgboost,
}
