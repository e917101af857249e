"""What is to be watched of a deployment, by the signatures and baselines of what it serves."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..capabilities import gates
from ..capabilities.kept_baselines import missing_shares
from ..capabilities.quality import MEASURES
from ..errors import CommandError
from ..protocols import WatchedEndpoint, WatchedFeature
from ..records import Deployment, ServedVersion

Quality = tuple[tuple[str, str, float], ...]
_PREDICTION = "prediction"


def quality(required: Sequence[str]) -> Quality:
    """Read what the quality has to be.

    Raises
    ------
    CommandError
        When one compares with anything but a number, no endpoint measures it, or two contradict or repeat each other.
    """
    found: list[tuple[str, str, float]] = []
    for text in required:
        for one in gates.parse(text):
            # As a number it may have a sign.
            negative = isinstance(one.bound, gates.Negative)
            bound = one.bound.of if isinstance(one.bound, gates.Negative) else one.bound
            if one.metric.owner is not None or not isinstance(bound, gates.Number) or one.sign in {"==", "!="}:
                raise CommandError(
                    f"{one} cannot be watched: a metric is compared with a number", '--require "accuracy >= 0.9"'
                )
            if one.metric.name not in MEASURES:
                close = difflib.get_close_matches(one.metric.name, MEASURES, 1)
                hint = f"did you mean {close[0]}" if close else f"it is one of {', '.join(MEASURES)}"
                raise CommandError(f"no endpoint measures {one.metric.name}", hint)
            if any(name == one.metric.name and sign[0] == one.sign[0] for name, sign, _ in found):
                raise CommandError(f"{one.metric} has two such bounds", "leave one of them out")
            found.append((one.metric.name, one.sign, -bound.value if negative else bound.value))
    return tuple(found)


def endpoint(found: Deployment, required: Quality) -> tuple[WatchedEndpoint, tuple[str, ...]]:
    """Return what is to be watched of a deployment, and in sentences what could not be known for it."""
    features: dict[str, float | None] = {}
    outputs: dict[str, None] = {}
    notes: list[str] = []
    for version in found.versions:
        for name in _names(version, "inputs"):
            features.setdefault(name, None)
        outputs |= dict.fromkeys(_names(version, "outputs") or (_PREDICTION,))
        try:
            shares = {} if version.baseline is None else missing_shares(Path(version.baseline))
        except (OSError, ValueError) as error:
            notes.append(f"{found.name}: the baseline of version {version.version} cannot be read: {error}")
            continue
        for name, share in shares.items():
            features[name] = max(share, features.get(name) or 0.0)
    watched = tuple(WatchedFeature(name, share) for name, share in features.items())
    return WatchedEndpoint(found.name, watched, tuple(outputs), required), tuple(notes)


def _names(version: ServedVersion, side: str) -> Iterable[str]:
    told: Any = json.loads((version.signature or {}).get(side) or "[]")
    return [str(one["name"]) for one in told if isinstance(one, dict) and one.get("name") is not None]
