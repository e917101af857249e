"""Which runner calls a model, by what is known of it without loading it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

_RUNNERS = "mlops_jupyter.serving.runners"
PYFUNC = f"{_RUNNERS}.pyfunc:PyfuncRunner"
SKLEARN = f"{_RUNNERS}.sklearn:SklearnRunner"


def choose(flavors: Iterable[str], path: Path, signature: Mapping[str, str] | None) -> str:
    """Return the runner of a model as ``module:class``.

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
    native = "sklearn" in flavors and "python_function" in flavors and (path / "MLmodel").is_file()
    if native and not (signature or {}).get("params"):
        return SKLEARN
    return PYFUNC
