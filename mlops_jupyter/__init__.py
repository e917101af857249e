"""MLOps for people who live in JupyterLab: track, run headless, deploy and watch models from a notebook.

``%load_ext mlops_jupyter`` gives ``%mlops`` and ``%%mlops track``. In Python every verb is a function here:
``mlops_jupyter.track``, ``mlops_jupyter.log``, ``mlops_jupyter.runs`` and so on; ``dir(mlops_jupyter)`` lists
them.
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

# Whether plain MLflow code of this process logs by way of our journals too: since the extension was loaded, or a run
# was tracked. MLflow asks before anything of ours has been imported.
journaling = False


def __getattr__(name: str) -> object:
    # The verbs are looked up at first use: importing this package must cost nothing.
    if name.startswith("_") or name not in import_module("mlops_jupyter.verbs").VERBS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    verb = import_module("mlops_jupyter.faces.python").bind(name)
    globals()[name] = verb
    return verb


def __dir__() -> list[str]:
    return [*globals(), *import_module("mlops_jupyter.verbs").VERBS]


def load_ipython_extension(shell: object) -> None:
    """Register the magics: ``%load_ext mlops_jupyter``."""
    global journaling  # noqa: PLW0603
    journaling = True
    import_module("mlops_jupyter.faces.magic").load(shell)


def unload_ipython_extension(shell: object) -> None:
    """Take the magics away again: ``%unload_ext mlops_jupyter``."""
    import_module("mlops_jupyter.faces.magic").unload(shell)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "mlops_jupyter.faces.server.extension"}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "mlops-jupyter"}]
