"""Histories of endpoints that nobody had to wait for: traffic, drift and quality as they could have been."""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlops_jupyter.capabilities.endpoints.series import SeriesFile
from mlops_jupyter.capabilities.stored_records import to_json
from mlops_jupyter.records import Distribution, DriftReport, FeatureDrift, Quality, QualityMetric

BOUNDS = (0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class Traffic:
    """What an endpoint has counted, second after second.

    Parameters
    ----------
    shares
        Of each version its share of the requests.
    features
        How many features have a drift score.
    per_s
        Requests a second.
    """

    def __init__(self, shares: Mapping[str, float], features: int = 6, per_s: float = 120.0) -> None:
        self._shares, self._features, self._per_s = shares, features, per_s
        self._random = random.Random(7)  # noqa: S311 -- no secret
        self._seconds = 0
        self._counts = {version: [0] * (len(BOUNDS) + 1) for version in shares}
        self._errors = dict.fromkeys(shares, 0)

    def snapshot(self) -> dict[str, Any]:
        """Return the counts a second later."""
        self._seconds += 1
        wave = 1 + 0.4 * math.sin(self._seconds / 240) + 0.1 * self._random.random()
        for place, (version, share) in enumerate(self._shares.items()):
            for _ in range(round(self._per_s * wave * share)):
                seconds = self._random.lognormvariate(-5.6 + 0.25 * place, 0.5)
                self._counts[version][bisect_left(BOUNDS, seconds)] += 1
            self._errors[version] += self._random.random() < 0.02 + 0.1 * place
        return {
            "gauges": {"in_flight": self._random.randint(0, 6), "queued": self._random.randint(0, 2)},
            "counters": {
                "requests": [
                    [["churn", version, "main", "scoring", "200"], sum(told)] for version, told in self._counts.items()
                ],
                "errors": [
                    [["churn", version, "main", "scoring", "BAD_REQUEST"], count]
                    for version, count in self._errors.items()
                ],
                "rows": [[["churn", version], 3 * sum(told)] for version, told in self._counts.items()],
            },
            "histograms": {
                "durations": [
                    [["churn", version, "main", "scoring"], {"bounds": list(BOUNDS), "counts": list(told), "sum": 1.0}]
                    for version, told in self._counts.items()
                ]
            },
            "levels": {
                "mlops_feature_drift_ratio": [
                    [["churn", version, one.feature, one.method], one.score * (0.6 + 0.4 * wave)]
                    for version in self._shares
                    for one in drift(version, self._features).features
                ],
                "mlops_model_performance_ratio": [
                    [["churn", version, "accuracy"], 0.9 + 0.02 * wave] for version in self._shares
                ],
            },
        }


def written(watch: Path, seconds: int, end_s: float, shares: Mapping[str, float], features: int = 6) -> Traffic:
    """Write what an endpoint's monitoring would have left after so many seconds; return what goes on."""
    (watch / "drift").mkdir(mode=0o700, parents=True, exist_ok=True)
    (watch / "quality").mkdir(exist_ok=True)
    traffic, file = Traffic(shares, features), SeriesFile(watch / "series.db")
    for second in range(seconds):
        file.append(end_s - seconds + second, traffic.snapshot())
    file.close()
    for version in shares:
        (watch / "drift" / f"{version}.json").write_text(to_json(drift(version, features)))
        metrics = (
            QualityMetric("accuracy", 0.914, 0.897, 0.929, 1_204),
            QualityMetric("auc", 0.962, 0.951, 0.97, 1_204),
        )
        (watch / "quality" / f"{version}.json").write_text(to_json(Quality(version, 5_000, 1_204, metrics)))
    return traffic


def drift(version: str, features: int) -> DriftReport:
    """Return a report in which the first features have drifted."""
    names = ["age", "tenure_months", "monthly_charges", "contract", "country", "support_calls"]
    names += [f"feature_{place}" for place in range(len(names), features)]
    return DriftReport(
        name="churn",
        baseline="the training data of churn",
        rows_baseline=20_000,
        rows_now=5_000,
        features=tuple(_feature(name, place) for place, name in enumerate(names[:features])),
        predictions=(_feature("prediction", 3),),
        version=version,
    )


def _feature(name: str, place: int) -> FeatureDrift:
    score = 0.42 / (1 + place) ** 1.2
    category = name in {"contract", "country"}
    return FeatureDrift(
        feature=name,
        kind="category" if category else "number",
        method="chi_square" if category else "psi",
        score=score,
        threshold=0.1,
        drifted=score > 0.1,
        scores={"psi": score},
        missing_baseline=0.01,
        missing_now=0.01 if place else 0.12,
        missing_drifted=not place,
        distribution=_categories() if category else _bins(score),
    )


def _bins(shift: float) -> Distribution:
    edges = tuple(float(edge) for edge in range(18, 79, 3))
    return Distribution(edges, (), _bell(len(edges) - 1, 0.4), _bell(len(edges) - 1, 0.4 + shift / 2))


def _bell(bins: int, middle: float) -> Sequence[float]:
    heights = [math.exp(-((place / bins - middle) ** 2) / 0.03) for place in range(bins)]
    return tuple(height / sum(heights) for height in heights)


def _categories() -> Distribution:
    return Distribution(
        (), ("monthly", "one year", "two years", "others"), (0.5, 0.3, 0.15, 0.05), (0.7, 0.2, 0.07, 0.03)
    )
