"""Autologging of frameworks, on while a tracked body runs.

Some of MLflow's names used here are not part of its documented interface; docs/decisions/0005 says why, and
``tests/adapters/test_mlflow_private_names.py`` holds them.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

import mlflow
from mlflow.utils.autologging_utils import (
    AUTOLOGGING_CONF_KEY_IS_GLOBALLY_CONFIGURED,
    AUTOLOGGING_INTEGRATIONS,
)

from .import_lock import look_without_the_lock

_SKLEARN_NOISE = "`y_pred` was renamed to `y_proba`"


class Autologging:
    """Switches autologging for the tracked bodies of this process; what the user has switched on stays his."""

    # Bodies may begin and end in several threads. mlflow.autolog imports frameworks under a lock of its own that
    # every import of another thread wants too, so while it works no other body may make MLflow import anything.
    changing: ClassVar[threading.RLock] = threading.RLock()
    # Autologging is the process's, whichever store is in use. Each body that has it on, and whether it wants models:
    _bodies: ClassVar[list[bool]] = []
    # MLflow's configurations as we left them: of ``mlflow.autolog`` while it is on by us, else None, and of each
    # framework that is patched and switched off. MLflow makes a new one at each call, so another one is the user's.
    _switch: ClassVar[dict[str, Any] | None] = None
    _patched: ClassVar[dict[str, dict[str, Any]]] = {}
    _with_models: ClassVar[bool] = False

    def turn(self, *, on: bool, models: bool) -> None:
        """Switch autologging, silently, for one more tracked body or one less; the user's own is left alone."""
        bodies = self._bodies
        with self.changing:
            if on:
                bodies.append(models)
                if len(bodies) == 1:
                    self._switch_on(models=models)
            elif bodies:
                bodies.pop()
                if not bodies:
                    self._switch_off()
            if bodies and self._switch is AUTOLOGGING_INTEGRATIONS["mlflow"] and bodies[-1] != self._with_models:
                # Bodies may be nested: the innermost decides.
                self._patch(models=bodies[-1])

    @classmethod
    def _switch_on(cls, *, models: bool) -> None:
        # An integration that nobody has switched on yet has no configuration at all.
        if any(config and not config.get("disable", False) for config in AUTOLOGGING_INTEGRATIONS.values()):
            return
        # Patching a framework anew costs tens of milliseconds, so what is patched already is only switched on;
        # the call is still needed for frameworks that this cell is the first to import.
        patched = [name for name, config in cls._patched.items() if AUTOLOGGING_INTEGRATIONS[name] is config]
        keep = patched if models == cls._with_models else []
        cls._patch(models=models, keep=keep)
        for name in keep:
            AUTOLOGGING_INTEGRATIONS[name]["disable"] = False
        # MLflow 3.17 computes scikit-learn 1.9's log loss by a name that is going away; no user wrote that call.
        warnings.filterwarnings("ignore", _SKLEARN_NOISE, FutureWarning)

    @classmethod
    def _patch(cls, *, models: bool, keep: Sequence[str] = ()) -> None:
        look_without_the_lock()
        # Not every integration looks its options up at each fit: scikit-learn's patches keep those they were made with.
        mlflow.autolog(silent=True, log_models=models, exclude_flavors=list(keep))
        cls._switch, cls._with_models = AUTOLOGGING_INTEGRATIONS["mlflow"], models

    @classmethod
    def _switch_off(cls) -> None:
        switch, cls._switch = cls._switch, None
        if switch is None:
            return
        _forget_filter(_SKLEARN_NOISE)
        if switch is not AUTOLOGGING_INTEGRATIONS["mlflow"]:
            # The cell itself called mlflow.autolog.
            return
        cls._patched = cls._ours()
        # Switching off through mlflow.autolog would also take the patches away; it is called only so that
        # frameworks imported from now on are left alone.
        configured = [name for name, config in AUTOLOGGING_INTEGRATIONS.items() if config]
        mlflow.autolog(disable=True, silent=True, exclude_flavors=configured)
        for config in cls._patched.values():
            config["disable"] = True

    @staticmethod
    def _ours() -> dict[str, dict[str, Any]]:
        """Return the configurations of the frameworks that are on through ``mlflow.autolog``, by name."""
        return {
            name: config
            for name, config in AUTOLOGGING_INTEGRATIONS.items()
            if config.get(AUTOLOGGING_CONF_KEY_IS_GLOBALLY_CONFIGURED) and not config.get("disable")
        }


def _forget_filter(message: str) -> None:
    """Take back a filter; the cell may have reset them all, then there is nothing to take."""
    for entry in list(warnings.filters):
        if getattr(entry[1], "pattern", None) == message:
            warnings.filters.remove(entry)  # type: ignore[attr-defined]
