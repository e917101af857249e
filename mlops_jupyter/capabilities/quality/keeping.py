"""How right each version is, worked out anew when labels have come, and kept as ``watch/quality/VERSION.json``."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ...records import Quality
from ..private_files import write_private
from ..stored_records import of_versions
from . import parts
from .assessing import Wanted, assess, assess_lately
from .labels import Labels
from .tallies import Task

_QUALITY = "quality"
_ERRORS = frozenset({"rmse", "mae"})
# To work it out may take a twentieth of the time, and it is done no oftener than this.
_EVERY_S, _SHARE = 5.0, 20.0
# What metrics tell: of a month of answers, those that are wrong since yesterday would be seen days later.
LATELY_S = 86_400.0
Levels = dict[str, list[list[Any]]]


class _Anew:
    """Works something out when labels or answers have come, and not too often."""

    def __init__(self, watch: Path) -> None:
        self._watch = watch
        self._seen: object = None
        self._due = 0.0

    def work(self, do: Callable[[], None], about: object = None) -> bool:
        """Do it if there is anything new, or it is about something else; tell whether there are labels at all."""
        files = parts.files(self._watch / parts.LABELS)
        if not files:
            return False
        # Labels may wait for answers that are written down later.
        seen = (files, parts.files(self._watch / parts.ANSWERS)[-1:], about)
        began = time.monotonic()
        if seen != self._seen and began >= self._due:
            do()
            self._seen = seen
            self._due = time.monotonic() + max(_EVERY_S, _SHARE * (time.monotonic() - began))
        return True


class QualityKeeper:
    """The quality of one endpoint's versions.

    Parameters
    ----------
    watch
        The endpoint's folder ``watch``.
    """

    def __init__(self, watch: Path) -> None:
        self._watch = watch
        self._labels = Labels(watch / parts.LABELS)
        self._anew = _Anew(watch)
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
        return self._levels(models) if self._anew.work(self._assess) else {}

    def _assess(self) -> None:
        self._labels.compact()
        whole, self._lately = assess_lately(self._watch, LATELY_S)
        for quality in whole:
            _write(self._watch, quality)

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


class QualityOfTimes:
    """The quality of one endpoint's versions, apart for times that follow one another.

    Parameters
    ----------
    watch
        The endpoint's folder ``watch``.
    """

    def __init__(self, watch: Path) -> None:
        self._watch = watch
        self._anew = _Anew(watch)
        self._found: list[dict[str, Quality]] = []

    def turn(self, starts: Sequence[float]) -> tuple[dict[str, Quality], ...]:
        """Return the quality of the versions' answers of each time, worked out anew if there is anything new.

        Parameters
        ----------
        starts
            When each time begins, in seconds of the epoch: it lasts until the next, and the last until now.

        Raises
        ------
        ConfigurationError, OSError
            When it cannot be read.
        """
        self._anew.work(lambda: self._assess(starts), tuple(starts))
        # A time that has begun since has no labels yet.
        return tuple([*self._found, *({} for _ in starts)][: len(starts)])

    def _assess(self, starts: Sequence[float]) -> None:
        # Of few labels one cannot always tell what the model does; of all there are one can.
        task = _task(read_quality(self._watch))
        moments = [datetime.fromtimestamp(one, UTC) for one in starts]
        self._found = [
            {one.version: one for one in assess(self._watch, Wanted(since=since, until=until), task)}
            for since, until in zip(moments, [*moments[1:], None], strict=True)
        ]


def _task(known: Mapping[str, Quality]) -> Task | None:
    """Return what the models of an endpoint do by what is known of their quality, ``None`` where that does not say."""
    names = {metric.name for one in known.values() for metric in one.metrics}
    if "mae" in names:
        return None if "accuracy" in names else "regression"
    return "classification" if "accuracy" in names else None


def _write(watch: Path, quality: Quality) -> None:
    folder = watch / _QUALITY
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(folder / f"{quote(quality.version, safe='')}.json", json.dumps(asdict(quality), allow_nan=False))


def read_quality(watch: Path) -> dict[str, Quality]:
    """Return the last quality of each version; what is damaged is passed over."""
    return of_versions(Quality, watch / _QUALITY)
