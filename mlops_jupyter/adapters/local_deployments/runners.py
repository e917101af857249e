"""Which runner calls a model."""

from __future__ import annotations

from ...records import ServedVersion

_OF_FLAVOUR = {
    "sklearn": "mlops_jupyter.serving.runners.sklearn:SklearnRunner",
}
_ANY = "mlops_jupyter.serving.runners.pyfunc:PyfuncRunner"


def runner_of(version: ServedVersion) -> str:
    """Return the runner of a model as ``module:class``: that of its own flavour where there is one."""
    return next((runner for flavour, runner in _OF_FLAVOUR.items() if flavour in version.flavors), _ANY)
