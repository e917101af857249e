"""Columns that a model was trained on as pandas' categories, which no request can say of its values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd


def restored(places: Sequence[int], kinds: Mapping[int, pd.CategoricalDtype] | None = None) -> Callable[[Any], Any]:
    """Return what makes columns categories again.

    Parameters
    ----------
    places
        The numbers of the columns.
    kinds
        The categories of each; without them a column's own values are its categories, and the model knows the others.
    """

    def restore(told: Any) -> Any:
        if not isinstance(told, pd.DataFrame):
            return told
        made = told.copy(deep=False)
        for at in places:
            values = told.iloc[:, at]
            made[told.columns[at]] = values.astype("category" if kinds is None else kinds[at])
        return made

    return restore
