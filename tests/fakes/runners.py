"""Runners without a model, for what models do wrong."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from mlops_jupyter.capabilities.endpoints import PlannedVersion
from mlops_jupyter.serving.rows import Rows


class Runner:
    """Answers the sum of each row, times the version's number; its path is a folder for what a test tells it."""

    def __init__(self, version: PlannedVersion) -> None:
        self.folder = Path(version.path)
        self.factor = float(version.version)

    def predict(self, rows: Rows) -> Any:
        return rows.matrix.sum(axis=1) * self.factor

    def close(self) -> None:
        (self.folder / f"closed-{self.factor:g}").touch()


class Waiting(Runner):
    """Answers rows whose first value is negative only when the file ``go`` is there."""

    def predict(self, rows: Rows) -> Any:
        while rows.matrix[0, 0] < 0 and not (self.folder / "go").exists():
            time.sleep(0.01)
        return super().predict(rows)

    def sample(self, schema: Any) -> None:
        """Give no row to try: a model that nothing is known of is called in the thread."""


class Particular(Runner):
    """Raises when any row begins with 13, exits at 14; says its one answer for all at 15."""

    def predict(self, rows: Rows) -> Any:
        first = rows.matrix[:, 0]
        if (first == 13).any():
            raise ValueError(f"these are not my numbers: {rows.matrix.tolist()}")
        if (first == 14).any():
            raise SystemExit(4)
        if (first == 15).any():
            return np.array([rows.matrix.sum()])
        if (first == 16).any():
            return [threading.Lock()]
        if (first == 17).any():
            os._exit(9)
        return super().predict(rows)


class Together(Runner):
    """Answers each row with how many there were: rows of several requests are not to be put together."""

    def predict(self, rows: Rows) -> Any:
        return np.full(rows.count, float(rows.count))


class Broken(Runner):
    """Cannot be loaded."""

    def __init__(self, version: PlannedVersion) -> None:
        raise ModuleNotFoundError("No module named 'something'")


class Counting(Runner):
    """Answers the number of each row, whatever its columns are."""

    def predict(self, rows: Rows) -> Any:
        return np.arange(rows.count) * self.factor


class Pairs(Runner):
    """Takes two rows at once and no other number, and leaves a file behind when it is given one."""

    def predict(self, rows: Rows) -> Any:
        if rows.count != 2:
            (self.folder / "another-number").touch()
            raise ValueError("two rows, please")
        return super().predict(rows)
