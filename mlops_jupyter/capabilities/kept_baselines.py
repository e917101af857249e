"""Where a model's baseline lies, and what can be told of it without its sketches, and without numpy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

# In a model's folder, and among a run's artifacts.
BASELINE_PATH = "mlops/baseline.json"
SCHEMA_VERSION = 1


def missing_shares(baseline: Path) -> Mapping[str, float]:
    """Return the share of missing values of each feature.

    Raises
    ------
    ValueError
        When it is no baseline, or of another schema version; the words say which.
    OSError
        When it cannot be read.
    """
    try:
        said = json.loads(baseline.read_bytes())
        if said["schema"] != SCHEMA_VERSION:
            raise ValueError(f"it is of schema version {said['schema']}, and {SCHEMA_VERSION} is known here")
        columns = dict(said["features"]["columns"])
        return {name: told["missing"] / told["rows"] for name, told in columns.items() if told["rows"]}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is no baseline: {error!r}") from error
