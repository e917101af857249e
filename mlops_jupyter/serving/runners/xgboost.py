"""XGBoost's models, called without MLflow: by an array where that is answered as a DataFrame is."""

from __future__ import annotations

from typing import Any

import pandas as pd
import xgboost
from xgboost import Booster, DMatrix

from ...capabilities.endpoints import PlannedVersion
from ...errors import ConfigurationError
from ..batching import Runner
from ..schema import Schema
from .arrays import ArrayRunner
from .categories import restored
from .stored import stored

_CLASSES = ("Booster", "XGBClassifier", "XGBModel", "XGBRFClassifier", "XGBRFRegressor", "XGBRanker", "XGBRegressor")
_CATEGORY = "c"


def load(version: PlannedVersion) -> Runner:
    """Return what calls a model that MLflow has stored in XGBoost's own format.

    Parameters
    ----------
    version
        What the plan says of it.

    Raises
    ------
    ConfigurationError
        When it is of a class that is not known, or was trained on categories that this XGBoost does not keep.
    """
    found = stored(version, "xgboost")
    name = str(found.flavor.get("model_class", "xgboost.core.Booster")).rpartition(".")[2]
    if name not in _CLASSES:
        raise ConfigurationError(f"version {version.version} is of a class that XGBoost does not have: {name}")
    model = getattr(xgboost, name)()
    model.load_model(found.folder / found.flavor["data"])
    booster = model if isinstance(model, Booster) else model.get_booster()
    places = [at for at, kind in enumerate(booster.feature_types or ()) if kind == _CATEGORY]
    kinds = _kinds(booster) if places and hasattr(booster, "get_categories") else {}
    if missing := [at for at in places if at not in kinds]:
        raise ConfigurationError(
            f"version {version.version} was trained on categories that are not kept in it ({len(missing)} columns)",
            "train it with XGBoost 3.1 or newer, on a DataFrame",
        )
    own, short = (_booster(model), model.inplace_predict) if model is booster else (model.predict, model.predict)
    return ArrayRunner(
        own,
        short,
        int(booster.num_features()),
        Schema.from_signature(version.signature),
        # XGBoost 3.2 takes a text that it does not know for the next one in order.
        restored(kinds, strict=True),
    )


def _kinds(booster: Booster) -> dict[int, pd.CategoricalDtype]:
    """Return the categories of each column that was trained on as such, by the column's number."""
    found = booster.get_categories(export_to_arrow=True).to_arrow()
    return {at: pd.CategoricalDtype(held.to_pandas()) for at, (_, held) in enumerate(found) if held is not None}


def _booster(model: Booster) -> Any:
    return lambda told: model.predict(DMatrix(told, enable_categorical=True))
