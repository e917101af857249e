"""Which rows of streams others alarm at; a process of its own, under the environment that has the detector.

    python stream_detectors.py WAY STREAMS.json

Prints for each stream the numbers of the live rows after which there is an alarm, and the rows that were looked at.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

WINDOW = 1_200
# KSWIN makes a test at each row and column, for which it takes a hundred times as long as others: it looks at so many
# rows on either side of the change. It compares windows of a hundred.
STRETCH = {"river KSWIN": 500}
_WARM = 200
_SHARE = 0.5
Alarms = list[int]


def main() -> None:
    warnings.simplefilter("ignore")
    way, listed = sys.argv[1:]
    find, found = WAYS[way], []
    for stream in json.loads(Path(listed).read_text()):
        table = pd.read_parquet(stream["file"])
        before, live = table[: stream["reference"]], table[stream["reference"] :].reset_index(drop=True)
        found.append(find(before.reset_index(drop=True), live, stream))
    print(json.dumps(found))


def _windows(live: pd.DataFrame) -> list[tuple[int, pd.DataFrame]]:
    """Return each window and the row at which it is full."""
    return [(at + WINDOW, live[at : at + WINDOW]) for at in range(0, len(live) - WINDOW + 1, WINDOW)]


def _looked_at(stream: dict[str, Any], table: pd.DataFrame) -> list[str]:
    if stream["looks_at"] == "errors":
        return ["error"]
    return [name for name in table.columns if name not in {"target", "error"}]


def evidently(before: pd.DataFrame, live: pd.DataFrame, stream: dict[str, Any]) -> dict[str, Alarms]:
    """Its preset: alarms of its verdict on the data set, and of any column."""
    from evidently import Report
    from evidently.presets import DataDriftPreset

    columns = _looked_at(stream, live)
    whole: Alarms = []
    some: Alarms = []
    for end, window in _windows(live):
        told = Report([DataDriftPreset(drift_share=_SHARE)]).run(window[columns], before[columns]).dict()
        count = next(one["value"] for one in told["metrics"] if isinstance(one["value"], dict))
        if count["share"] >= _SHARE:
            whole.append(end)
        if count["count"]:
            some.append(end)
    if len(columns) == 1:
        return {"Evidently": some}
    return {"Evidently, half of the columns": whole, "Evidently, any column": some}


def nannyml(before: pd.DataFrame, live: pd.DataFrame, stream: dict[str, Any]) -> dict[str, Alarms]:
    """Its univariate drift, or where labels are there its realized performance."""
    import nannyml as nml

    whole = live[: len(live) // WINDOW * WINDOW]
    if stream["looks_at"] == "errors":
        numbers = stream["regression"]
        before, whole = (one.assign(score=one["prediction"].astype(float)) for one in (before, whole))
        calculator = nml.PerformanceCalculator(
            problem_type="regression" if numbers else "classification_binary",
            y_true="target",
            y_pred="prediction",
            # It has to be named, and is not looked at for these metrics.
            y_pred_proba=None if numbers else "score",
            metrics=["mae" if numbers else "accuracy"],
            chunk_size=WINDOW,
        )
    else:
        calculator = nml.UnivariateDriftCalculator(
            column_names=_looked_at(stream, live), treat_as_categorical=stream["categories"], chunk_size=WINDOW
        )
    calculator.fit(before)
    told = calculator.calculate(whole).filter(period="analysis").to_df()
    alarms = told[[one for one in told.columns if one[-1] == "alert"]].any(axis=1).to_numpy()
    return {"NannyML": [int(at + 1) * WINDOW for at in np.flatnonzero(alarms)]}


def river(name: str) -> Callable[[pd.DataFrame, pd.DataFrame, dict[str, Any]], dict[str, Alarms]]:
    """Return one of river's detectors: one of it for each column, from 0 to 1 by the baseline, and any may alarm."""

    def find(before: pd.DataFrame, live: pd.DataFrame, stream: dict[str, Any]) -> dict[str, Alarms]:
        from river import drift

        alarms: set[int] = set()
        stretch = STRETCH.get(f"river {name}", len(live))
        change = stream["change"]
        start = max(0, (change or 0) - stretch)
        end = min(len(live), (change or 0) + stretch)
        for column in _looked_at(stream, live):
            first = before[column].to_numpy(dtype=float)
            low, high = float(first.min()), float(first.max())
            values = (live[column].to_numpy(dtype=float) - low) / max(high - low, 1e-12)
            detector = drift.KSWIN(seed=stream["seed"]) if name == "KSWIN" else getattr(drift, name)()
            known = np.concatenate([(first - low) / max(high - low, 1e-12), values[:start]])
            for value in known[-_WARM:] if stretch < len(live) else known:
                detector.update(float(value))
            for at, value in enumerate(values[start:end], start=start + 1):
                detector.update(float(value))
                if detector.drift_detected:
                    alarms.add(at)
        return {f"river {name}": sorted(alarms)}

    return find


WAYS: dict[str, Callable[[pd.DataFrame, pd.DataFrame, dict[str, Any]], dict[str, Alarms]]] = {
    "evidently": evidently,
    "nannyml": nannyml,
    "river ADWIN": river("ADWIN"),
    "river PageHinkley": river("PageHinkley"),
    "river KSWIN": river("KSWIN"),
}

if __name__ == "__main__":
    main()
