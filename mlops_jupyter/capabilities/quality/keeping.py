"""How right each version is, worked out anew when labels have come, and kept as ``watch/quality/VERSION.json``."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ...records import Quality
from ..private_files import write_private
from ..stored_records import of_versions
from . import parts
from .assessing import assess_lately
from .labels import Labels

_QUALITY = "quality"
_ERRORS = frozenset({"rmse", "mae"})
# To work it out may take a twentieth of the time, and it is done no oftener than this.
_EVERY_S, _SHARE = 5.0, 20.0
# What metrics tell: of a month of answers, those that are wrong since yesterday would be seen days later.
LATELY_S = 86_400.0
Levels = dict[str, list[list[Any]]]


class QualityKeeper:
    """The quality of one endpoint's versions.

    Parameters
    ----------
    watch
        The endpoint's folder ``watch``.
    """

    def __init__(self, watch: Path) -> None:
        self._watch = watch
        self._labels = Labels(watch / "labels")
        self._seen: object = None
        self._due = 0.0
        self._lately: tuple[Quality, ...] = ()

    def turn(self, models: Mapping[str, str]) -> Levels:
        """Work the quality out, if there is anything new, and return it as levels of metrics.

        It takes a while where much has been answered: call it where nobody waits.

        Parameters
        ----------
        models
            The registered model's name, or nothing, of each version that is served.

        Raises
        ------
        ConfigurationError, OSError
            When it cannot be written.
        """
        files = parts.files(self._labels.folder)
        if not files:
            return {}
        # Labels may wait for answers that are written down later.
        seen = (files, parts.files(self._watch / "answers")[-1:])
        began = time.monotonic()
        if seen != self._seen and began >= self._due:
            self._labels.compact()
            whole, self._lately = assess_lately(self._watch, LATELY_S)
            for quality in whole:
                _write(self._watch, quality)
            self._seen = seen
            self._due = time.monotonic() + max(_EVERY_S, _SHARE * (time.monotonic() - began))
        return self._levels(models)

    def _levels(self, models: Mapping[str, str]) -> Levels:
        shares: list[list[Any]] = []
        errors: list[list[Any]] = []
        for quality in self._lately:
            if quality.version not in models:
                continue
            for metric in quality.metrics:
                labels = [models[quality.version], quality.version, metric.name]
                (errors if metric.name in _ERRORS else shares).append([labels, metric.value])
        counts = self._labels.counted()
        return {
            "mlops_model_performance_ratio": shares,
            "mlops_model_error": errors,
            "mlops_feedback_labels_total": [[[result], counts[result]] for result in sorted(counts)],
        }


def _write(watch: Path, quality: Quality) -> None:
    folder = watch / _QUALITY
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(folder / f"{quote(quality.version, safe='')}.json", json.dumps(asdict(quality), allow_nan=False))


def read_quality(watch: Path) -> dict[str, Quality]:
    """Return the last quality of each version; what is damaged is passed over."""
    return of_versions(Quality, watch / _QUALITY)
