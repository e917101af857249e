"""What a model was trained on and answered to it, as summaries that hold no row."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from ..kept_baselines import SCHEMA_VERSION
from .profiles import Profile
from .quantities import Quantities
from .values import Kind

# A name that fewer rows have than this could tell who they are of: it is counted in the tail.
_LEAST_ROWS_OF_A_NAME = 5
# Where more than this share of a column's texts have no count of their own, they are free text.
_TAIL_OF_TEXT = 0.5
# Tukey's fences for what is "far out" (Exploratory Data Analysis, 1977).
_FAR_OUT = 3.0
_USUAL = 0.001


class Baseline:
    """A model's baseline.

    Parameters
    ----------
    features
        The summary of what it was trained on.
    predictions
        The summary of what it answers to that, ``None`` where it was not asked.
    made_from
        What it is made from, in words.
    without
        Columns that were left out.
    """

    def __init__(
        self,
        features: Profile,
        predictions: Profile | None = None,
        made_from: str = "",
        without: Sequence[str] = (),
    ) -> None:
        self.features = features
        self.predictions = predictions
        self.made_from = made_from
        self.without = tuple(without)

    @property
    def rows(self) -> int:
        """How many rows it is made from."""
        return self.features.rows

    @property
    def kinds(self) -> Mapping[str, Kind | None]:
        """What each feature's values are; ``None`` where all were missing."""
        return {name: column.kind for name, column in self.features.columns.items()}

    def bounds(self, names: Sequence[str] | None = None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return between what the numbers of usual rows lie; beyond, a value is an anomaly.

        That is between Tukey's outer fences, three interquartile ranges from the quartiles, and where one in a
        thousand of the baseline's own values lies beyond these, between the thousandths.

        Parameters
        ----------
        names
            The features in the order that is wanted; else all.

        Returns
        -------
        tuple
            The lower and the upper bound of each; infinite where it is no number, or unknown.
        """
        wanted = self.features.names if names is None else names
        low, high = np.full(len(wanted), -np.inf), np.full(len(wanted), np.inf)
        for at, name in enumerate(wanted):
            column = self.features.columns.get(name)
            if column is not None and column.kind in {"number", "datetime"} and column.quantities.count:
                low[at], high[at] = _fences(column.quantities)
        return low, high

    def to_json(self) -> str:
        """Return it as JSON."""

        def keep(piece: bytes) -> str:
            return base64.b64encode(piece).decode("ascii")

        said: dict[str, Any] = {"schema": SCHEMA_VERSION, "made_from": self.made_from}
        if self.without:
            said["without"] = list(self.without)
        said["features"] = self.features.told(keep)
        said["predictions"] = None if self.predictions is None else self.predictions.told(keep)
        return orjson.dumps(said).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Baseline:
        """Read what `to_json` has written.

        Raises
        ------
        ValueError
            When it is something else, or of another schema version; the words say which.
        """
        try:
            said = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise ValueError(f"the baseline is no JSON: {error}") from error
        if not isinstance(said, dict) or "schema" not in said:
            raise ValueError("the baseline cannot be read: it does not say which schema it follows")
        if said["schema"] != SCHEMA_VERSION:
            raise ValueError(
                f"the baseline is of schema version {said['schema']}, which is not known here (known: {SCHEMA_VERSION})"
            )
        try:
            features = Profile.from_told(said["features"], _decoded)
            predictions = said["predictions"]
            return cls(
                features,
                None if predictions is None else Profile.from_told(predictions, _decoded),
                str(said["made_from"]),
                [str(one) for one in said.get("without", ())],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"the baseline cannot be read: {error}") from error


def settled(profile: Profile) -> Profile:
    """Make a profile fit to be kept, in place: no names that few rows have, of free text only how long it is."""
    for column in profile.columns.values():
        if column.kind != "category":
            continue
        if column.words.tail > _TAIL_OF_TEXT * column.words.count:
            column.words.as_text()
            column.kind = "text"
        else:
            column.words.without_rare(_LEAST_ROWS_OF_A_NAME)
    return profile


def profile_like(baseline: Baseline | None, schema_names: Iterable[str] = ()) -> Profile:
    """Return an empty profile of the same kinds as a baseline's features.

    Parameters
    ----------
    baseline
        The baseline; ``None`` for kinds that the first values tell.
    schema_names
        The columns, in their order; none for the baseline's own.
    """
    names = list(schema_names)
    like = Profile() if baseline is None else baseline.features
    return like.like(names or None)


def _fences(quantities: Quantities) -> tuple[float, float]:
    values, weights = quantities.weighted()
    ranks = np.cumsum(weights) / weights.sum()
    least, lower, upper, most = values[
        np.searchsorted(ranks, (_USUAL, 0.25, 0.75, 1 - _USUAL)).clip(0, len(values) - 1)
    ]
    reach = _FAR_OUT * (upper - lower)
    return min(lower - reach, least), max(upper + reach, most)


def _decoded(text: Any) -> bytes:
    return base64.b64decode(text, validate=True)
