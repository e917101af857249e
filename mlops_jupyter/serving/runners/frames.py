"""Rows as the DataFrame that MLflow would hand to the same model."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ..rows import Rows


def frame(rows: Rows) -> pd.DataFrame:
    """Return rows with names as a DataFrame."""
    if rows.matrix is not None:
        # A column each, as MLflow checks them: arithmetic on the whole adds up in the same order then.
        return pd.DataFrame({name: rows.matrix[:, at] for at, name in enumerate(rows.names)}, columns=list(rows.names))
    return pd.DataFrame(dict(rows.columns or {}), columns=list(rows.names))


def given(rows: Rows) -> Any:
    """Return what MLflow hands to a model: a DataFrame for named columns, an array or a dict of them for tensors."""
    if rows.names and (rows.matrix is not None or _flat(rows)):
        return frame(rows)
    if rows.matrix is not None:
        return rows.matrix
    return dict(rows.columns or {})


def _flat(rows: Rows) -> bool:
    return all(values.ndim == 1 for values in (rows.columns or {}).values())
