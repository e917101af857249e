"""What Evidently is given to compare; that it can be called is told where it is compared with ours."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.adapters import evidently_report
from mlops_jupyter.protocols import Silent


@pytest.mark.parametrize("kind", ["files", "tables"])
def test_it_gets_rows_of_the_segment_drawn_from_the_whole_file(tmp_path, monkeypatch, kind):
    given: dict[str, pd.DataFrame] = {}

    def call(_: object, told: str, __: str) -> None:
        said = json.loads(told)
        given.update({name: pd.read_parquet(said[name]) for name in ("baseline", "now")})

    monkeypatch.setattr(evidently_report, "_python", lambda _: Path(sys.executable))
    monkeypatch.setattr(evidently_report, "_call", call)
    monkeypatch.setattr(evidently_report, "_MOST_ROWS", 100)
    numbers = np.arange(4_000)
    table: Any = pd.DataFrame({"n": numbers, "plan": np.where(numbers % 4, "basic", "plus"), "other": 1})
    small: Any = table.head(80)
    if kind == "files":
        table.to_parquet(tmp_path / "before.parquet")
        small.to_csv(tmp_path / "now.csv", index=False)
        table, small = str(tmp_path / "before.parquet"), str(tmp_path / "now.csv")
    (note,) = evidently_report.EvidentlyPages().write(
        table, small, ["n"], tmp_path / "e.html", Silent(), segment="plan=plus"
    )
    before, now = given["baseline"], given["now"]
    assert (len(before), set(before["n"] % 4), before["n"].max() > 3_000) == (100, {0}, True)
    assert (now["n"].tolist(), list(now)) == (list(range(0, 80, 4)), ["n"])
    assert note == f"Evidently's report, of 100 of 1,000 rows beside 20 of 20, drawn at random: {tmp_path / 'e.html'}"
