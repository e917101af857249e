"""What lies in a model's folder, read without MLflow."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ...capabilities.endpoints import PlannedVersion
from ...capabilities.models.skops_types import strange
from ...errors import ConfigurationError

_TRUST_HINT = "deploy it with --trust if you know where it comes from"


@dataclass(frozen=True)
class Stored:
    """A model's folder, what its MLmodel says of one flavour, and what it says of MLflow's way of calling it."""

    folder: Path
    flavor: Mapping[str, Any]
    function: Mapping[str, Any]


def stored(version: PlannedVersion, flavor: str) -> Stored:
    """Return what is stored of a model.

    Parameters
    ----------
    version
        What the plan says of it.
    flavor
        The name of a flavour that it has.
    """
    folder = Path(version.path)
    flavors = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))["flavors"]
    return Stored(folder, flavors[flavor], flavors.get("python_function", {}))


def estimator(file: Path, form: str, version: PlannedVersion) -> Any:
    """Return an estimator that was stored by skops or as a pickle.

    Parameters
    ----------
    file
        The file.
    form
        ``skops``, or what kind of pickle.
    version
        What the plan says of it.

    Raises
    ------
    ConfigurationError
        When it is not to be trusted.
    """
    # A model that was fitted on an array, with a signature that has names, gets a DataFrame, as it does in MLflow.
    warnings.filterwarnings("ignore", message="X (has|does not have) (valid )?feature names", category=UserWarning)
    if form == "skops":
        import skops.io  # noqa: PLC0415 -- it imports scikit-learn, which native models do without

        # The model's own list of types is not asked: a crafted one lists anything.
        unknown: list[str] = skops.io.get_untrusted_types(file=file)
        if (found := strange(unknown)) and not version.trusted:
            raise ConfigurationError(
                f"version {version.version} holds objects of types that are not known to be harmless: "
                f"{', '.join(found[:5])}",
                _TRUST_HINT,
            )
        return skops.io.load(file, trusted=unknown)
    if not version.trusted:
        raise ConfigurationError(
            f"version {version.version} is stored by {form}, which runs the file's own code to load it", _TRUST_HINT
        )
    with file.open("rb") as content:
        # cloudpickle's files are pickle's, which import cloudpickle where they need it.
        return pickle.load(content)  # noqa: S301 -- trusted by whoever deployed it
