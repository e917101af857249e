"""Tables in memory as profiles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from ...errors import CommandError
from ..conditions import Condition
from .baseline import Baseline, settled
from .columns import Column
from .profiles import Profile
from .quantities import SKETCH_SIZE
from .values import is_missing
from .words import named

# Of larger tables so many rows are drawn.
MOST_ROWS = 1_000_000
_BLOCK = 65_536
# Wider answers are of no class or two.
_MOST_OUTPUTS = 64
_TABLE = 2
# What the only input or output is called that has no name.
INPUT, PREDICTION = "input", "prediction"


def baseline_of(
    table: Any,
    columns: Sequence[str] | None,
    made_from: str,
    *,
    answers: Any = None,
    output: str | None = None,
    without: Sequence[str] = (),
    size: int = SKETCH_SIZE,
) -> Baseline:
    """Return the baseline of a table.

    Parameters
    ----------
    table
        A DataFrame or an array.
    columns
        The columns that the model takes; ``None`` for all.
    made_from
        What the table is, in words.
    answers
        What the model answers to some of the rows; ``None`` where it was not asked.
    output
        What the signature calls the only output of the model, if it does.
    without
        Columns and outputs that are left out.
    size
        The size of the sketches of numbers; that of a baseline that is kept stays as it is.
    """
    rows = len(table)
    said = made_from
    if rows > MOST_ROWS:
        table = drawn(table, MOST_ROWS)
        said += f", {MOST_ROWS:,} of {rows:,} rows"
    features = settled(profile_of(table, columns, without, size=size))
    predictions = None if answers is None else settled(profile_of_answers(answers, output, without))
    present = [one for one in without if columns is None or one in columns]
    return Baseline(features, predictions if predictions is not None and predictions.names else None, said, present)


def drawn(table: Any, most: int) -> Any:
    """Return so many rows of a table, drawn at random and always the same, in their order."""
    if len(table) <= most:
        return table
    at = np.sort(np.random.default_rng(0).choice(len(table), most, replace=False))
    return table.iloc[at] if isinstance(table, pd.DataFrame | pd.Series) else table[at]


def within(table: Any, condition: Condition) -> Any:
    """Return the rows of a DataFrame for which a condition holds.

    Raises
    ------
    CommandError
        When it has no such column, or the values of that cannot be compared so.
    """
    name = condition.column
    if not isinstance(table, pd.DataFrame) or name not in table.columns:
        raise CommandError(f"there is no column {name} in the table", "--segment column=value")
    try:
        chosen = condition.holds(pa.Array.from_pandas(table[name]))
    except pa.ArrowException as error:
        raise CommandError(f"the values of {name} are of several kinds", "choose the rows before") from error
    return table[np.asarray(chosen, dtype=np.bool_)]


def profile_of(
    table: Any,
    columns: Iterable[str] | None = None,
    without: Sequence[str] = (),
    *,
    like: Profile | None = None,
    size: int = SKETCH_SIZE,
) -> Profile:
    """Return the profile of a DataFrame or an array, of these columns only if they are given.

    Columns of an array are called by their numbers; an array of three axes is one embedding. Columns that `like` has
    are of its kinds.
    """
    made = Profile(size=size) if like is None else like.like(size=size)
    if isinstance(table, pd.DataFrame):
        wanted = set(map(str, table.columns) if columns is None else columns) - set(without)
        made.rows += len(table)
        # Column by column: to take a column out of a DataFrame costs more than to cut it into pieces.
        for at, name in enumerate(map(str, table.columns)):
            if name in wanted:
                _take(made, name, table.iloc[:, at])
        return made
    for start in range(0, len(table), _BLOCK):
        block = table[start : start + _BLOCK]
        if np.ndim(block) == _TABLE and np.asarray(block).dtype.kind in "biuf":
            matrix = np.asarray(block)
            names = [str(at) for at in range(matrix.shape[1])]
            kept = [at for at, name in enumerate(names) if name not in without]
            made.update_matrix([names[at] for at in kept], matrix if len(kept) == len(names) else matrix[:, kept])
        elif np.ndim(block) == _TABLE:
            array = np.asarray(block, object)
            told = {str(at): array[:, at] for at in range(array.shape[1]) if str(at) not in without}
            made.update(told, len(array))
        else:
            made.update({INPUT: np.asarray(block)}, len(block))
    return made


def profile_of_answers(answers: Any, output: str | None = None, without: Sequence[str] = ()) -> Profile:
    """Return the profile of what a model has answered, by the names that `outputs` gives."""
    made = Profile()
    told = outputs(answers, output, without)
    rows = max((len(values) for values in told.values()), default=0)
    made.update({name: values for name, values in told.items() if len(values) == rows}, rows)
    return made


def outputs(answers: Any, only: str | None = None, without: Sequence[str] = ()) -> dict[str, NDArray[Any]]:
    """Return the answers of a model as the endpoint calls them: by the outputs' names, or ``prediction``.

    An array with several values a row is ``prediction_0``, ``prediction_1`` ….

    Parameters
    ----------
    answers
        What the model has answered. A series' own name is that of whatever it was made of, and says nothing.
    only
        What the signature calls the only output, if it does.
    without
        Outputs that are left out, by the signature's names or by those of their numbers.
    """
    if isinstance(answers, pd.DataFrame):
        found: Mapping[str, Any] = {str(name): answers[name] for name in answers.columns}
    elif isinstance(answers, Mapping):
        found = {str(name): values for name, values in answers.items()}
    else:
        found = {only or PREDICTION: answers}
    told: dict[str, NDArray[Any]] = {}
    for name, values in found.items():
        array = np.asarray(values)
        if name in without or not array.ndim or not len(array):
            continue
        flat = array.reshape(len(array), -1)
        if flat.shape[1] == 1:
            told[name] = flat.reshape(-1)
        elif flat.shape[1] <= _MOST_OUTPUTS:
            told |= {f"{name}_{at}": flat[:, at] for at in range(flat.shape[1])}
    return {name: each for name, each in list(told.items())[:_MOST_OUTPUTS] if name not in without}


def _take(made: Profile, name: str, series: pd.Series) -> None:
    column = made.column(name)
    for start in range(0, len(series), _BLOCK):
        _update(column, series.iloc[start : start + _BLOCK])


def _update(column: Column, series: pd.Series) -> None:
    kind = series.dtype
    if isinstance(kind, np.dtype) and kind.kind != "O":
        column.update(series.to_numpy())
    elif isinstance(kind, pd.DatetimeTZDtype):
        column.update(series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy())
    elif pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind):
        column.update(series.to_numpy(np.float64, na_value=np.nan))
    elif isinstance(kind, pd.StringDtype | pd.CategoricalDtype) and column.kind in {None, "category"}:
        # Counted where they are, without an object for each value.
        column.update_names(*_counted(series))
    else:
        column.update(series.to_numpy(object))


def _counted(series: pd.Series) -> tuple[dict[str, int], int]:
    # pandas takes a copy to leave out what is missing.
    counts = series.value_counts(dropna=False, sort=False)
    told: dict[str, int] = {}
    missing = 0
    for value, count in zip(counts.index.tolist(), counts.tolist(), strict=True):
        if is_missing(value):
            missing += count
        elif count:
            name = named(value)
            told[name] = told.get(name, 0) + count
    return told, missing
