"""Columns that a model was trained on as pandas' categories, which no request can say of its values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..failures import named, unfit


def restored(kinds: Mapping[int, pd.CategoricalDtype], *, strict: bool) -> Callable[[Any], Any] | None:
    """Return what makes columns categories again, ``None`` where there are none.

    Parameters
    ----------
    kinds
        The categories that the model was trained on, by the column's number.
    strict
        Whether a value that is none of them is refused, with a `Failure` that names column and row; else it is missing.
    """
    if not kinds:
        return None

    def restore(told: Any) -> Any:
        if not isinstance(told, pd.DataFrame):
            return told
        made = told.copy(deep=False)
        for at, kind in kinds.items():
            name, values = told.columns[at], told.iloc[:, at]
            known = values.isin(kind.categories)
            strange = np.flatnonzero(~known & values.notna())
            if strict and strange.size:
                row = int(strange[0])
                said = f"column {named([name])}: the model was not trained with this value"
                raise unfit(said, value=values.iloc[row], row=row, columns=(str(name),))
            made[name] = values.where(known).astype(kind)
        return made

    return restore
