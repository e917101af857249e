"""How far data has moved, feature by feature."""

from __future__ import annotations

from ...capabilities.drift.page import about, fragment, headline, method_words, missing_words
from ...records import DriftReport, FeatureDrift
from .columns import CARD, text_table

_HEAD = ("", "feature", "kind", "distance", "missing", "note")
# Of very many features, those that have moved least are left out of a notebook and a terminal; JSON has all of them.
_SHOWN = 50


def text(report: DriftReport) -> str:
    """Return it as lines and columns of text."""
    lines = [headline(report), *(f"  {line}" for line in about(report))]
    for title, found in (("features", report.features), ("predictions", report.predictions)):
        if found:
            lines += ["", text_table((_HEAD[0], title, *_HEAD[2:]), map(_row, found[:_SHOWN]), whole=(1, 3))]
        if len(found) > _SHOWN:
            lines.append(f"… and {len(found) - _SHOWN} more, which have moved less")
    return "\n".join([*lines, *(f"note: {note}" for note in report.notes)])


def html(report: DriftReport) -> str:
    """Return it as a card with pictures."""
    return f'<div style="{CARD};max-width:none">{fragment(report, _SHOWN)}</div>'


def _row(one: FeatureDrift) -> tuple[str, ...]:
    sign = "✗" if one.drifted or one.missing_drifted else "?" if one.score is None else "✓"
    return sign, one.feature, one.kind, method_words(one), missing_words(one), one.note or ""
