"""Estimators of scikit-learn, called without its checks of every call: by the same operations in the same order.

Whoever takes a short cut tries it beside scikit-learn itself first. Rows that scikit-learn would refuse, of NaN or
of another width, are left to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.linear_model import _base as linear_base
from sklearn.linear_model._base import LinearClassifierMixin, LinearModel
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from ..rows import Array

# Rows in, answers out; ``None`` for rows that are scikit-learn's.
Short = Callable[[Array], Any]

_FORESTS = (ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor)
# What predicts a sum and nothing else; scikit-learn 1.8 has a class more for several sums.
_LINES = {
    getattr(linear_base, name).predict
    for name in ("LinearModel", "MultiOutputLinearModel")
    if hasattr(linear_base, name)
}
# With more rows the trees' answers are added up one tree after the other: all at once would take much memory.
_AT_ONCE = 256


def found(model: Any, method: str) -> Short | None:
    """Return the short cut to a method of a model, ``None`` where there is none."""
    steps: Sequence[Any] = [step for _, step in model.steps] if type(model) is Pipeline else [model]
    scalers = [step for step in steps[:-1] if step is not None and step != "passthrough"]
    if any(type(step) not in _SCALERS for step in scalers):
        return None
    last = _forest(steps[-1], method) or _linear(steps[-1], method)
    width = getattr(model, "n_features_in_", None)
    if last is None or width is None:
        return None
    return _Guarded(last, [(_SCALERS[type(step)], step) for step in scalers], int(width))


class _Guarded:
    """A short cut for rows of the right width that are all finite."""

    def __init__(self, last: Short, scalers: Sequence[tuple[Callable[[Any, Array], Array], Any]], width: int) -> None:
        self._last = last
        self._scalers = scalers
        self._width = width

    def __call__(self, rows: Array) -> Any:
        if rows.ndim != 2 or rows.shape[1] != self._width or not np.isfinite(rows.sum()):  # noqa: PLR2004 -- a table
            return None
        for scale, step in self._scalers:
            rows = scale(step, rows)
        return self._last(rows)


def _standardised(scaler: Any, rows: Array) -> Array:
    scaled = np.array(rows, dtype=rows.dtype if rows.dtype.kind == "f" else np.float64)
    if scaler.with_mean:
        scaled -= scaler.mean_.astype(scaled.dtype, copy=False)
    if scaler.with_std:
        scaled /= scaler.scale_.astype(scaled.dtype, copy=False)
    return scaled


def _between(scaler: Any, rows: Array) -> Array:
    scaled = np.array(rows, dtype=rows.dtype if rows.dtype.kind == "f" else np.float64)
    scaled *= scaler.scale_
    scaled += scaler.min_
    if scaler.clip:
        np.clip(scaled, *(np.asarray(end, scaled.dtype) for end in scaler.feature_range), out=scaled)
    return scaled


_SCALERS: dict[type, Callable[[Any, Array], Array]] = {StandardScaler: _standardised, MinMaxScaler: _between}


def _linear(model: Any, method: str) -> Short | None:
    """Return the short cut of a linear model that predicts as its base class does."""
    kind = type(model)
    if method == "predict" and getattr(kind, "predict", None) in _LINES:
        return _regressor(model) if kind._decision_function is LinearModel._decision_function else None  # noqa: SLF001
    if getattr(kind, "decision_function", None) is not LinearClassifierMixin.decision_function:
        return None
    if method == "predict" and kind.predict is LinearClassifierMixin.predict:
        return _classifier(model)
    if method == "predict_proba" and kind is LogisticRegression and len(model.classes_) == 2:  # noqa: PLR2004
        return _chances(model)
    return None


def _regressor(model: Any) -> Short:
    coefficients = model.coef_.T if model.coef_.ndim > 1 else model.coef_
    intercept = model.intercept_
    return lambda rows: rows @ coefficients + intercept


def _scores(model: Any) -> Short:
    coefficients = model.coef_.T if model.coef_.ndim > 1 else model.coef_
    intercept = model.intercept_
    flat = coefficients.ndim > 1 and coefficients.shape[1] == 1

    def scores(rows: Array) -> Array:
        found: Array = rows @ coefficients + intercept
        return found.reshape(-1) if flat else found

    return scores


def _classifier(model: Any) -> Short:
    scores, classes = _scores(model), model.classes_

    def classify(rows: Array) -> Array:
        found = scores(rows)
        at = (found > 0).astype(np.intp) if found.ndim == 1 else found.argmax(axis=1)
        answer: Array = classes.take(at, axis=0)
        return answer

    return classify


def _chances(model: Any) -> Short:
    scores = _scores(model)

    def chances(rows: Array) -> Array:
        found = scores(rows)
        expit(found, out=found)
        return np.stack([1 - found, found], axis=1)

    return chances


def _forest(model: Any, method: str) -> Short | None:
    """Return the short cut of a forest: its trees without the pool of workers that asks each of them."""
    kind = type(model)
    if kind not in _FORESTS or model.n_outputs_ != 1:
        return None
    votes = _Votes(model)
    if method == "predict_proba" and kind in (ExtraTreesClassifier, RandomForestClassifier):
        return votes
    if method != "predict":
        return None
    if kind in (ExtraTreesRegressor, RandomForestRegressor):
        return lambda rows: None if (found := votes(rows)) is None else found[:, 0]
    classes = model.classes_
    return lambda rows: None if (found := votes(rows)) is None else classes.take(np.argmax(found, axis=1), axis=0)


class _Votes:
    """The mean over a forest's trees, added up in their order, as scikit-learn does."""

    def __init__(self, model: Any) -> None:
        trees = [each.tree_ for each in model.estimators_]
        self._apply = [tree.apply for tree in trees]
        sizes = [tree.node_count for tree in trees]
        self._offsets = np.concatenate([[0], np.cumsum(sizes[:-1])]).astype(np.intp)
        width = int(model.n_classes_) if hasattr(model, "n_classes_") else 1
        self._values = np.ascontiguousarray(np.concatenate([tree.value[:, 0, :width] for tree in trees]))

    def __call__(self, rows: Array) -> Array | None:
        single = np.ascontiguousarray(rows, dtype=np.float32)
        if not np.isfinite(single.sum()):
            return None
        total = self._all_at_once(single) if len(single) <= _AT_ONCE else self._one_by_one(single)
        total /= len(self._apply)
        return total

    def _all_at_once(self, rows: Array) -> Array:
        leaves = np.array([apply(rows) for apply in self._apply])
        leaves += self._offsets[:, None]
        votes: Array = self._values.take(leaves, axis=0)
        if votes[0].size == 1:
            # One number of each tree: numpy would add them up in pairs.
            summed: Array = np.add.accumulate(votes, axis=0)
            return summed[-1:].reshape(1, 1)
        total: Array = np.add.reduce(votes, axis=0)
        return total

    def _one_by_one(self, rows: Array) -> Array:
        total = np.zeros((len(rows), self._values.shape[1]))
        for apply, offset in zip(self._apply, self._offsets, strict=True):
            total += self._values.take(apply(rows) + offset, axis=0)
        return total
