"""What is shown of a deployment over time, wherever the numbers come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ...records import Deployment, VersionSeries

Numbers: TypeAlias = npt.NDArray[np.float64]


class CurveKey(NamedTuple):
    """What a curve shows.

    Attributes
    ----------
    what
        The name of its expression.
    version
        The model version, empty for the whole endpoint.
    detail
        The feature, output or measure, empty for none.
    """

    what: str
    version: str = ""
    detail: str = ""


class Curves(NamedTuple):
    """Curves over the same instants.

    Attributes
    ----------
    times
        The n instants, in seconds since the epoch.
    values
        Of each curve its n values, NaN where nothing is known.
    """

    times: Numbers
    values: Mapping[CurveKey, Numbers]


class Grain(NamedTuple):
    """How closely a stretch of time is looked at, in seconds.

    Attributes
    ----------
    step_s
        The time between two instants.
    window_s
        How far back the rate at an instant looks.
    stale_s
        How old a number may be that stands for an instant.
    """

    step_s: float
    window_s: float
    stale_s: float


_OF_A_VERSION = ("requests", "errors", "rows", "p50", "p95", "p99")
_SMOOTH_S = 10.0
# Of the endpoint's own history: how old its rows may be, and how far apart those of that age are.
_FINENESS = ((15 * 60, 1.0), (6 * 3_600, 10.0))
_COARSE_S = 60.0
_MOST_INSTANTS = 900
# Steps that clocks and people like.
_STEPS_S = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400)


def grain(range_s: float, scrape_s: float | None = None) -> Grain:
    """Return how closely a range up to now is looked at.

    Parameters
    ----------
    range_s
        Its length.
    scrape_s
        The time between two scrapes; ``None`` for the endpoint's own history.
    """
    finest = next((step for age, step in _FINENESS if range_s <= age), _COARSE_S) if scrape_s is None else scrape_s
    wanted = max(finest, range_s / _MOST_INSTANTS)
    step = float(next((step for step in _STEPS_S if step >= wanted), wanted))
    # Prometheus' own counsel: a window of four scrapes holds two samples even when one of them fails.
    window = max(step, _SMOOTH_S if scrape_s is None else 4 * scrape_s)
    return Grain(step, window, max(2.5 * step, 5.0))


def variants(deployment: Deployment) -> dict[str, str]:
    """Return what each version is to its deployment: ``main``, ``canary`` or ``shadow``."""
    return {one.version: "shadow" if one.shadow else "canary" if one.canary else "main" for one in deployment.versions}


def version_series(curves: Curves, known: Mapping[str, str]) -> tuple[VersionSeries, ...]:
    """Return how each version answered; those that are served come first, in their order.

    Parameters
    ----------
    curves
        The curves.
    known
        What each version that is served is to its deployment, as of `variants`.
    """
    seen = {key.version for key in curves.values if key.what in _OF_A_VERSION}
    past = sorted(seen - known.keys())
    return tuple(
        VersionSeries(
            version,
            known.get(version, "past" if version else "refused"),
            *(told(_of(curves, what, version)) for what in _OF_A_VERSION),
        )
        for version in (*known, *past)
    )


def _of(curves: Curves, what: str, version: str) -> Numbers:
    nothing = np.full(len(curves.times), np.nan)
    found = curves.values.get(CurveKey(what, version), nothing)
    if what != "errors":
        return found
    # Errors are counted from the first on: where requests are, and no error, there was none.
    requests = curves.values.get(CurveKey("requests", version), nothing)
    return np.where(np.isnan(found) & np.isfinite(requests), 0.0, found)


def by_name(curves: Curves, *whats: str, prefix: str = "") -> dict[str, tuple[float | None, ...]]:
    """Return curves by what they are about, with the version where there are several."""
    found = [key for key in curves.values if key.what in whats]
    several = len({key.version for key in found}) > 1
    return {
        f"{prefix}{key.detail}{f' · {key.version}' if several else ''}": told(curves.values[key])
        for key in sorted(found, key=lambda key: (key.detail, key.version))
    }


def told(values: Sequence[float] | Numbers) -> tuple[float | None, ...]:
    """Return values with ``None`` where nothing is known."""
    return tuple(None if value != value else float(value) for value in values)  # noqa: PLR0124 -- NaN is not itself
