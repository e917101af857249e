"""What of an MLflow model runs code of its own when it is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...capabilities.models.skops_types import strange

_PICKLES = {".pkl", ".pickle", ".joblib", ".dill", ".pth", ".pt", ".cloudpickle"}
# MLflow's modules that read data; of any other nobody can tell.
_READERS = {"mlflow.catboost", "mlflow.lightgbm", "mlflow.onnx", "mlflow.sklearn", "mlflow.xgboost"}
_SHOWN = 5

_Flavor = Mapping[str, Any]


def executes(path: Path, flavors: Mapping[str, _Flavor], *, trusted: bool = False) -> str | None:
    """Say what of a model runs code when it is loaded, ``None`` when nothing does.

    Only what is known to be data counts as such: a flavour that is not known here is taken to run code. Of a model that
    is trusted, files are not looked into: they hold what its MLmodel says.
    """
    for file in sorted(path.rglob("*")):
        if file.suffix.lower() in _PICKLES:
            return f"{file.relative_to(path)} is a pickle"
    for flavor in flavors.values():
        if flavor.get("code") or flavor.get("model_code_path"):
            return f"it brings Python code of its own ({flavor.get('code') or flavor.get('model_code_path')})"
    # What the flavours say is more than the name of MLflow's module that reads them.
    for name, flavor in sorted(flavors.items(), key=lambda one: one[0] == "python_function"):
        reason = _of_flavor(name, flavor, None if trusted else path)
        if reason is not None:
            return reason
    return None if flavors else "it names no flavour"


def _of_flavor(name: str, flavor: _Flavor, path: Path | None) -> str | None:
    look = _LOOKS.get(name)
    return f"the flavour {name} is not known to be data alone" if look is None else look(flavor, path)


def _python_function(flavor: _Flavor, _: Path | None) -> str | None:
    reader = str(flavor.get("loader_module"))
    return None if reader in _READERS else f"{reader} loads it"


def _skops(flavor: _Flavor, path: Path | None) -> str | None:
    file = str(flavor.get("pickled_model") or flavor.get("data") or "the estimator")
    if flavor.get("serialization_format") != "skops":
        return f"{file} is a pickle"
    held: list[str] = []
    if path is not None:
        import skops.io  # noqa: PLC0415 -- it imports scikit-learn, which takes as long as MLflow

        try:
            held = skops.io.get_untrusted_types(file=path / file)
        except Exception as error:  # noqa: BLE001 -- what is wrong with others' files it says in many ways
            return f"{file} cannot be looked into ({type(error).__name__})"
    # The list beside the file is its maker's word alone; what the file holds is looked up, too.
    found = strange(map(str, dict.fromkeys([*(flavor.get("skops_trusted_types") or ()), *held])))
    return f"it wants types loaded that skops does not know: {', '.join(found[:_SHOWN])}" if found else None


def _lightgbm(flavor: _Flavor, path: Path | None) -> str | None:
    # The native format is text; an estimator of the scikit-learn interface is kept as scikit-learn's are.
    return None if flavor.get("model_class") == "lightgbm.basic.Booster" else _skops(flavor, path)


def _xgboost(flavor: _Flavor, _: Path | None) -> str | None:
    # Its class is looked up by name and called.
    kind = str(flavor.get("model_class", "xgboost.core.Booster"))
    return None if kind.startswith("xgboost.") else f"it makes an object of {kind}"


_LOOKS: dict[str, Callable[[_Flavor, Path | None], str | None]] = {
    "catboost": lambda *_: None,
    "keras": lambda *_: "Keras makes objects of the classes that the file names",
    "lightgbm": _lightgbm,
    "onnx": lambda *_: None,
    "python_function": _python_function,
    "pytorch": lambda *_: "PyTorch unpickles what lies in it",
    "sklearn": _skops,
    "xgboost": _xgboost,
}
