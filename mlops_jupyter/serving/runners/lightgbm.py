"""LightGBM's models, called without MLflow: by an array where that is answered as a DataFrame is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from lightgbm import Booster, LGBMClassifier, LGBMModel

from ...capabilities.endpoints import PlannedVersion
from ..batching import Runner
from ..rows import Array
from ..schema import Schema
from .arrays import ArrayRunner
from .categories import restored
from .stored import estimator, stored

_BOOSTER = "lightgbm.basic.Booster"


def load(version: PlannedVersion) -> Runner:
    """Return what calls a model that MLflow has stored for LightGBM.

    Parameters
    ----------
    version
        What the plan says of it.

    Raises
    ------
    ConfigurationError
        When the model is not to be trusted.
    """
    found = stored(version, "lightgbm")
    file = found.folder / found.flavor["data"]
    if found.flavor.get("model_class", _BOOSTER) == _BOOSTER:
        model: Any = Booster(model_file=file)
    else:
        model = estimator(file, found.flavor.get("serialization_format", "cloudpickle"), version)
    booster = model.booster_ if isinstance(model, LGBMModel) else model
    schema = Schema.from_signature(version.signature)
    # A value that LightGBM does not know is missing to it.
    table = restored(_kinds(booster, schema), strict=False)
    return ArrayRunner(model.predict, _short(model), int(booster.num_feature()), schema, table)


def _short(model: Any) -> Callable[[Array], Any]:
    """Return what asks the booster itself, in whose answer an estimator finds its own."""
    if not isinstance(model, LGBMModel):
        return lambda rows: model.predict(_numbers(rows))
    booster = model.booster_
    if not isinstance(model, LGBMClassifier):
        return lambda rows: booster.predict(_numbers(rows))
    classes = np.asarray(model.classes_)

    def classify(rows: Array) -> Any:
        found: Array = np.asarray(booster.predict(_numbers(rows)))
        if found.ndim == 1:
            found = np.stack([1.0 - found, found], axis=1)
        return classes.take(np.argmax(found, axis=1))

    return classify


def _numbers(rows: Array) -> Array:
    """Return rows as LightGBM takes them out of a DataFrame: whole numbers as float64, which it cuts short else."""
    return rows if rows.dtype.kind == "f" else rows.astype(np.float64)


def _kinds(booster: Booster, schema: Schema) -> dict[int, pd.CategoricalDtype]:
    """Return the categories of each column that was trained on as such, by the column's number."""
    lists = booster.pandas_categorical or []
    marked = [at for at, said in enumerate(_infos(booster)) if ":" in said and not said.startswith("[")]
    texts = [at for at, column in enumerate(schema.columns) if column.type == "string"]
    places = next((found for found in (marked, texts) if len(found) == len(lists)), [])
    return {at: pd.CategoricalDtype(found) for at, found in zip(places, lists, strict=False)}


def _infos(booster: Booster) -> list[str]:
    """Return what the model's text says of each feature: ``[least:most]`` of a number, ``0:1:2`` of categories."""
    if not booster.pandas_categorical:
        return []
    lines = booster.model_to_string(num_iteration=1).splitlines()
    return next((line.partition("=")[2].split() for line in lines if line.startswith("feature_infos=")), [])
