"""Keras's models, called as MLflow calls them, on the backend that they were made with and without a line a request."""

from __future__ import annotations

import os
import sys

from ...capabilities.endpoints import PlannedVersion
from ...errors import ConfigurationError
from .pyfunc import PyfuncRunner
from .stored import stored

_BACKEND = "KERAS_BACKEND"


def load(version: PlannedVersion) -> PyfuncRunner:
    """Return what calls a model that MLflow has stored in Keras's own format.

    Parameters
    ----------
    version
        What the plan says of it.

    Raises
    ------
    ConfigurationError
        When it is not to be trusted, or another version in this process runs on another backend.
    """
    backend = stored(version, "keras").flavor.get("keras_backend")
    if backend is not None and "keras" not in sys.modules:
        # Read once, when Keras is imported; without it Keras looks for TensorFlow.
        os.environ[_BACKEND] = str(backend)
    runner = PyfuncRunner(version)
    keras = sys.modules["keras"]
    if backend is not None and keras.backend.backend() != backend:
        raise ConfigurationError(
            f"version {version.version} was made with Keras on {backend}, and this endpoint runs Keras on "
            f"{keras.backend.backend()}",
            "deploy it as an endpoint of its own",
        )
    # Its progress bar would be a line of the log for each request.
    keras.utils.disable_interactive_logging()
    return runner
