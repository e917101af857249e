"""What a file of skops may hold beyond what skops trusts itself: types that are known to be data."""

from __future__ import annotations

from collections.abc import Iterable

# Each by its whole name: other classes of the same libraries take numbers of the file for addresses.
_KNOWN = frozenset(
    {
        "collections.OrderedDict",
        "collections.defaultdict",
        "lightgbm.basic.Booster",
        "lightgbm.sklearn.LGBMClassifier",
        "lightgbm.sklearn.LGBMRanker",
        "lightgbm.sklearn.LGBMRegressor",
        "xgboost.core.Booster",
        "xgboost.sklearn.XGBClassifier",
        "xgboost.sklearn.XGBRFClassifier",
        "xgboost.sklearn.XGBRFRegressor",
        "xgboost.sklearn.XGBRanker",
        "xgboost.sklearn.XGBRegressor",
    }
)


def strange(types: Iterable[str]) -> list[str]:
    """Return those of the types that skops does not trust which are not known here either, in their order.

    Parameters
    ----------
    types
        Whole names, as skops tells them.
    """
    return [name for name in types if name not in _KNOWN]
