"""Distances from summaries beside Evidently's and NannyML's of the same rows, each in an environment of its own."""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mlops_jupyter
from mlops_jupyter.adapters.evidently_report import EvidentlyPages
from mlops_jupyter.errors import ConfigurationError, MissingDependency
from mlops_jupyter.protocols import Silent
from tests.conftest import REPOSITORY
from tests.fakes.environments import python_with

EVIDENTLY = """
import json, sys, warnings
warnings.simplefilter("ignore")
import pandas as pd
from evidently import Report
from evidently.metrics import ValueDrift
before, now = pd.read_parquet(sys.argv[1]), pd.read_parquet(sys.argv[2])
asked = [(name, method) for name in before for method in ("psi", "jensenshannon", "wasserstein", "chisquare")
         if (method == "wasserstein") <= (name != "town") and (method == "chisquare") <= (name == "town")]
done = Report([ValueDrift(column=name, method=method) for name, method in asked]).run(now, before)
print(json.dumps([[*what, float(found["value"])] for what, found in zip(asked, done.dict()["metrics"])]))
"""
NANNYML = """
import json, sys, warnings
warnings.simplefilter("ignore")
import pandas as pd
import nannyml
before, now = pd.read_parquet(sys.argv[1]), pd.read_parquet(sys.argv[2])
names = [name for name in before if name != "town"]
calculator = nannyml.UnivariateDriftCalculator(
    column_names=[*names, "town"], chunk_number=1, continuous_methods=["kolmogorov_smirnov", "wasserstein"],
    categorical_methods=["jensen_shannon", "chi2"], treat_as_categorical=["town"],
)
found = calculator.fit(before).calculate(now).filter(period="analysis").to_df()
methods = {"kolmogorov_smirnov": names, "wasserstein": names, "jensen_shannon": ["town"], "chi2": ["town"]}
print(json.dumps([[name, method, float(found[(name, method, "value")].iloc[0])]
                  for method, of in methods.items() for name in of]))
"""


@pytest.fixture
def files(project: Path) -> Path:
    for name, seed, moved in (("before", 1, 0.0), ("now", 2, 1.0)):
        rng = np.random.default_rng(seed)
        rows = 20_000
        pd.DataFrame(
            {
                "moved": rng.normal(0.2 * moved, 1, rows),
                "wider": rng.normal(0, 1 + 0.5 * moved, rows),
                "same": rng.lognormal(0, 1, rows),
                "whole": rng.poisson(3 + moved, rows),
                "town": rng.choice(list("abcd"), rows, p=[0.4, 0.3, 0.2 - 0.1 * moved, 0.1 + 0.1 * moved]),
            }
        ).to_parquet(project / f"{name}.parquet")
    return project


def asked(python: Path, script: str, folder: Path) -> dict[tuple[str, str], float]:
    done = subprocess.run(
        [python, "-I", "-c", script, folder / "before.parquet", folder / "now.parquet"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "DO_NOT_TRACK": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {(name, method): value for name, method, value in json.loads(done.stdout.splitlines()[-1])}


def ours() -> dict[str, dict[str, float]]:
    report = mlops_jupyter.drift("before.parquet", "now.parquet", threshold="9")
    return {one.feature: dict(one.scores) for one in report.features}


def test_evidently_says_the_same_of_the_same_rows(files):
    theirs = asked(python_with("evidently>=0.7.20,<0.8", "pandas<3", "pyarrow"), EVIDENTLY, files)
    found = ours()
    assert len(theirs) == 15
    for (name, method), value in theirs.items():
        if method == "psi":
            # An empty bin of a large sample counts as less than 0.01 % there.
            assert found[name]["psi"] == pytest.approx(value, rel=0.15, abs=0.02), name
        elif method == "jensenshannon":
            # The divergence; its root tells small ones apart that a sketch cannot.
            assert found[name]["jensen_shannon"] ** 2 == pytest.approx(value**2, rel=0.05, abs=0.002), name
        elif method == "wasserstein":
            assert found[name]["wasserstein"] == pytest.approx(value, rel=0.03, abs=0.03), name
    # It tells the probability of the statistic.
    assert theirs["town", "chisquare"] < 1e-9


def test_nannyml_says_the_same_of_the_same_rows(files):
    theirs = asked(python_with("nannyml>=0.13", "pandas<3", "numpy<2.3", "statsmodels", "pyarrow"), NANNYML, files)
    found = ours()
    before = pd.read_parquet(files / "before.parquet")
    for (name, method), value in theirs.items():
        if method == "kolmogorov_smirnov":
            assert found[name]["ks"] == pytest.approx(value, abs=0.01), name
        elif method == "wasserstein":
            # Not normalised there, and over bins of a large reference.
            assert found[name]["wasserstein"] == pytest.approx(value / before[name].std(ddof=0), rel=0.05, abs=0.03), (
                name
            )
        elif method == "jensen_shannon":
            # Logarithms to the base 2 there.
            assert found[name]["jensen_shannon"] / math.sqrt(math.log(2)) == pytest.approx(value, abs=1e-6)
        else:
            assert found[name]["chi_square"] * 10_000 == pytest.approx(value, rel=1e-6)


def test_evidently_writes_its_own_report(files, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(REPOSITORY / "build"))
    try:
        notes = EvidentlyPages().write("before.parquet", "now.parquet", ["moved", "town"], files / "e.html", Silent())
    except ConfigurationError as failed:
        if "cannot install" in failed.message:
            pytest.skip(failed.message)
        raise
    assert notes == (f"Evidently's report: {files / 'e.html'}",)
    page = (files / "e.html").read_text()
    assert "moved" in page
    assert "Drift" in page


def test_without_evidently_and_uv_the_extra_is_named(files, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(files / "cache"))
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(MissingDependency) as failed:
        EvidentlyPages().write("before.parquet", "now.parquet", ["moved"], files / "e.html", Silent())
    assert failed.value.hint == "pip install 'mlops-jupyter[drift]'"
