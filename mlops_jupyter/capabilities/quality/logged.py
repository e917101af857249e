"""The rows behind a drift: of what an endpoint was asked, the rows whose values have become more frequent."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...errors import NotFound
from ...records import FeatureDrift
from ..drift.words import named
from . import parts, segments
from .assessing import Wanted
from .parts import VERSION

_PAYLOADS = "payloads"
# What stands for all categories that are not named in a distribution.
_OTHERS = "(others)"
# Of the bins that have grown, those that have grown by this part of what the first of them has.
_MUCH = 0.5


class Moved(NamedTuple):
    """The values of a feature that have become more frequent.

    Attributes
    ----------
    feature
        The feature.
    between
        Of numbers, the stretches ``low <= value < high`` that they are in.
    names
        Of categories and few numbers, the values.
    apart_from
        The values that do not count, where all that are not named do.
    missing
        Whether it is missing values.
    lengths
        Whether what is compared is the lengths of its texts, in characters.
    categories
        Whether it is categories, which truth values and whole numbers may be too.
    """

    feature: str
    between: tuple[tuple[float, float], ...] = ()
    names: tuple[str, ...] = ()
    apart_from: tuple[str, ...] = ()
    missing: bool = False
    lengths: bool = False
    categories: bool = False

    def words(self) -> str:
        """Return which values these are."""
        what = f"length of {self.feature}" if self.lengths else self.feature
        said = [f"{what}{_stretch(low, high)}" for low, high in self.between]
        said += [f"{what} = {name}" for name in self.names]
        said += [f"{what} is none of {', '.join(self.apart_from)}"] if self.apart_from else []
        return " or ".join([*said, *([f"{self.feature} is missing"] if self.missing else [])])

    def mask(self, table: pa.Table) -> NDArray[np.bool_]:
        """Tell which rows have such a value."""
        told = segments.column_of(table, self.feature)
        column = parts.values(told)
        if self.lengths and column.dtype == object:
            column = np.asarray([np.nan if one is None else len(one) for one in column], dtype=np.float64)
        missing = np.asarray([one is None for one in column]) if column.dtype == object else np.isnan(column)
        found = missing & self.missing
        for low, high in self.between:
            found |= (column >= low) & (column < high)
        if self.names or self.apart_from:
            truths = pa.types.is_boolean(told.type)
            names = said(column.astype(bool) if truths else column, categories=truths or self.categories)
            found |= ~missing & np.isin(names, self.names)
            if self.apart_from:
                found |= ~missing & ~np.isin(names, self.apart_from)
        return np.asarray(found, dtype=np.bool_)


class Chosen(Protocol):
    """Which rows are wanted."""

    def words(self) -> str:
        """Return which rows these are."""

    def mask(self, table: pa.Table) -> NDArray[np.bool_]:
        """Tell which rows they are."""


class Found(NamedTuple):
    """Logged rows.

    Attributes
    ----------
    table
        The newest of them.
    matching, looked_at
        How many there are, and of how many.
    """

    table: pa.Table
    matching: int
    looked_at: int


def moved(drift: FeatureDrift) -> Moved:
    """Return which values of a feature have become more frequent.

    Raises
    ------
    NotFound
        When its distributions are not known, or none has.
    """
    if drift.missing_drifted and drift.missing_now > drift.missing_baseline and not drift.drifted:
        return Moved(drift.feature, missing=True)
    shown = drift.distribution
    lengths = drift.kind == "text"
    if shown is None:
        said = f"of {drift.feature} no distribution is known"
        raise NotFound(f"{said}: {drift.note}" if drift.note else said, "--segment COLUMN=VALUE chooses rows by value")
    growth = np.subtract(shown.now, shown.baseline)
    if growth.max(initial=0.0) <= 0:
        raise NotFound(f"no values of {drift.feature} have become more frequent", "mlops drift NAME")
    grown = np.flatnonzero(growth >= _MUCH * growth.max()).tolist()
    if not shown.edges:
        names = [shown.names[at] for at in grown]
        others = tuple(name for name in shown.names if name != _OTHERS) if _OTHERS in names else ()
        kept = tuple(name for name in names if name != _OTHERS)
        apart = tuple(one for one in others if one not in kept)
        categories = drift.kind == "category"
        return Moved(drift.feature, names=kept, apart_from=apart, lengths=lengths, categories=categories)
    # The outermost bins hold what lies beyond, too.
    edges = [-np.inf, *shown.edges[1:-1], np.inf]
    stretches: list[tuple[float, float]] = []
    for at in grown:
        low, high = float(edges[at]), float(edges[at + 1])
        if stretches and stretches[-1][1] == low:
            low = stretches.pop()[0]
        stretches.append((low, high))
    return Moved(drift.feature, between=tuple(stretches), lengths=lengths)


def find(watch: Path, wanted: Wanted, behind: Chosen | None, most: int) -> Found:
    """Return logged rows.

    Parameters
    ----------
    watch
        The endpoint's folder ``watch``.
    wanted
        Of which version, time and segment.
    behind
        Which of them, if only some are wanted.
    most
        How many at the most; the newest are returned.

    Raises
    ------
    NotFound
        When nothing is logged that is wanted, or not the column.
    """
    files = parts.files(watch / _PAYLOADS)
    if not files:
        raise NotFound("no rows are logged", "mlops predict NAME DATA, and wait some seconds")
    kept: list[pa.Table] = []
    matching = looked_at = 0
    versions: set[str] = set()
    for logged in parts.tables(files):
        versions.update(parts.values(logged[VERSION]).tolist())
        # First of all: another version may take other columns.
        table = logged.filter(pa.array(wanted.mask(logged)))
        mask = np.ones(table.num_rows, dtype=np.bool_)
        if wanted.segment is not None and table.num_rows:
            mask &= wanted.segment.mask(table)
        looked_at += int(mask.sum())
        if behind is not None and table.num_rows:
            mask &= behind.mask(table)
        chosen = table.filter(pa.array(mask))
        matching += chosen.num_rows
        kept.append(chosen)
        while sum(one.num_rows for one in kept[1:]) >= most:
            del kept[0]
    if not looked_at:
        raise _nothing(wanted, versions)
    table = pa.concat_tables(kept, promote_options="permissive")
    return Found(table.slice(max(0, table.num_rows - most)), matching, looked_at)


def _nothing(wanted: Wanted, versions: set[str]) -> NotFound:
    if wanted.version is not None and wanted.version not in versions:
        return NotFound(f"no rows of version {wanted.version} are logged", f"--version {' or '.join(sorted(versions))}")
    where = "" if wanted.segment is None else f" with {wanted.segment}"
    return NotFound(f"no rows{where} are logged in this time", "--since 7d looks further back")


def said(column: NDArray[Any], *, categories: bool) -> NDArray[Any]:
    """Return values by the names that drift knows them by."""
    if column.dtype == object or categories:
        return np.asarray(["" if one is None else named(one) for one in column.tolist()])
    return np.asarray([f"{one:g}" for one in column.tolist()])


def _stretch(low: float, high: float) -> str:
    if low == -np.inf:
        return f" < {high:.4g}"
    return f" ≥ {low:.4g}" if high == np.inf else f" from {low:.4g} to {high:.4g}"
