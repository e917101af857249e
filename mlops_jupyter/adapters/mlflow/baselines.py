"""Baselines of models, made of the data that they were made with, and kept in their folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlflow.pyfunc
from mlflow.types import Schema

from ...capabilities.drift.tables import baseline_of, drawn
from ...capabilities.kept_baselines import BASELINE_PATH
from ...capabilities.redaction import scrubbed
from ...errors import CommandError
from .examples import Inferred, answers_of, quiet, table_of

# A model is asked about so many rows.
_ASKED_ROWS = 10_000


def write(model: Any, inferred: Inferred, path: Path, without: Sequence[str]) -> tuple[str, ...]:
    """Write the baseline of a live model into its folder, where there is data; return what should be known of it."""
    if inferred.table is None:
        return ()
    rows = drawn(inferred.table, _ASKED_ROWS)
    answers, _ = answers_of(model, rows if inferred.columns is None else rows[list(inferred.columns)])
    output = None if inferred.signature is None else _only_output(inferred.signature.outputs)
    text = _text(inferred.table, inferred.columns, inferred.what, answers=answers, output=output, without=without)
    if text is None:
        return ("no baseline: the data holds a secret that this process knows",)
    file = path / BASELINE_PATH
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return (f"baseline for drift made from {inferred.what}",)


def of_packaged(path: Path, data: object, without: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the baseline of a model that is a folder, and what should be known of it.

    Raises
    ------
    CommandError
        When the data is none, lacks columns of the model, or holds a secret.
    """
    table = table_of(data, "the data")
    described = mlflow.models.Model.load(str(path))
    inputs = described.get_input_schema()
    columns = tuple(inputs.input_names()) if inputs is not None and inputs.has_input_names() else None
    if columns is not None and hasattr(table, "columns"):
        table = table.rename(columns=str)
        if missing := [name for name in columns if name not in table.columns]:
            raise CommandError(
                f"the data lacks columns that the model takes: {', '.join(missing[:5])}", "name the training data"
            )
    else:
        columns = None
    answers, notes = _answers(path, table, columns)
    output = _only_output(described.get_output_schema())
    text = _text(table, columns, "--data", answers=answers, output=output, without=without)
    if text is None:
        raise CommandError("the data holds a secret that this process knows", "leave that column out")
    return text, notes


def _answers(path: Path, table: Any, columns: tuple[str, ...] | None) -> tuple[Any, tuple[str, ...]]:
    rows = drawn(table, _ASKED_ROWS)
    try:
        with quiet():
            loaded = mlflow.pyfunc.load_model(str(path))
            return loaded.predict(rows if columns is None else rows[list(columns)]), ()
    except Exception as error:  # noqa: BLE001 -- the model's own code
        said = f"its answers are not in the baseline: asked about --data here, it failed ({type(error).__name__})"
        return None, (said,)


def _only_output(schema: Schema | None) -> str | None:
    """Return the name of the only output of a model, ``None`` where it has several, or no name."""
    if schema is None or len(schema.inputs) != 1:
        return None
    return schema.inputs[0].name or None


def _text(
    table: Any,
    columns: Sequence[str] | None,
    what: str,
    *,
    answers: Any,
    output: str | None,
    without: Sequence[str],
) -> str | None:
    """Return the baseline as JSON; ``None`` when a secret would stand in it."""
    said = f"{what} ({len(table):,} rows)"
    made = baseline_of(table, columns, said, answers=answers, output=output, without=without)
    text = made.to_json()
    return text if scrubbed(text, os.environ) == text else None
