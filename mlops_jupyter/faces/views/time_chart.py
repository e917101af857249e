"""Small pictures of series over the time of day, and of two distributions: inline SVG, as in `chart`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import TypeAlias

from .chart import COLOURS, DASHES
from .columns import FAINT, shortened
from .ticks import Scale, padded, ticks

Values: TypeAlias = "Sequence[float | None]"

_WIDTH, _HEIGHT, _FOOT, _HEAD, _SIDE = 300, 118, 16, 6, 10
_WORDS = "font-size='10' fill='currentColor' fill-opacity='.7'"
_STEPS_S = (10, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800)
_DAY_S, _MINUTE_S = 86_400, 60
_MOST_COLUMNS = 5


def time_chart(title: str, unit: str, times: Sequence[float], lines: Mapping[str, tuple[int, Values]]) -> str:
    """Return a captioned picture.

    Parameters
    ----------
    title, unit
        What is shown, and in which unit.
    times
        The instants, in seconds since the epoch.
    lines
        Of each label its colour and dashes, by number, and its values.
    """
    known = [value for _, values in lines.values() for value in values if value is not None]
    caption = f"<figcaption><b>{escape(title)}</b> <span style='{FAINT}'>{escape(unit)}</span></figcaption>"
    if not known:
        return f"<figure style='margin:0;min-width:0'>{caption}<div style='{FAINT}'>nothing known</div></figure>"
    low, high = min(0.0, *known), max(known)
    # A line of noughts lies at the bottom.
    low, high = (low, high) if low < high else (0.0, 1.0)
    rows = ticks(low, high, 4)
    left = max(28.0, 10 + 5.6 * max(map(len, rows.labels)))
    up = Scale(low, high, _HEIGHT - _FOOT - 4, _HEAD)
    across = Scale(*padded(times[0], times[-1]), left, _WIDTH - _SIDE)
    told = "; ".join(f"{label}: {_summary(values)}" for label, (_, values) in lines.items())
    grid = "".join(f"M{left:.0f} {up(value):.1f}H{_WIDTH - _SIDE}" for value in rows.values)
    beside = "".join(
        f"<text x='{left - 4:.0f}' y='{up(value) + 3.5:.1f}'>{label}</text>"
        for value, label in zip(rows.values, rows.labels, strict=True)
    )
    below = "".join(f"<text x='{across(at):.1f}'>{label}</text>" for at, label in _clock(times[0], times[-1]))
    drawn = "".join(
        f"<path d='{_path(times, values, across, up)}' stroke='{COLOURS[style % len(COLOURS)]}' stroke-width='1.6'"
        f"{_dashed(style)}/>"
        for style, values in lines.values()
    )
    return (
        f"<figure style='margin:0;min-width:0'>{caption}"
        f"<svg role='img' viewBox='0 0 {_WIDTH} {_HEIGHT}' width='{_WIDTH}' fill='none' stroke-linejoin='round' "
        "style='display:block;width:100%;height:auto;overflow:visible'>"
        f"<title>{escape(title)}</title><desc>{escape(told)}</desc>"
        f"<path d='{grid}' stroke='currentColor' stroke-opacity='.16'/>"
        f"<g {_WORDS}><g text-anchor='end'>{beside}</g>"
        f"<g text-anchor='middle' transform='translate(0 {_HEIGHT - 3})'>{below}</g></g>{drawn}</svg></figure>"
    )


def legend(labels: Iterable[tuple[int, str]]) -> str:
    """Return which version each colour and dash stands for."""
    keys = "".join(
        "<span style='white-space:nowrap;margin-right:14px'>"
        "<svg aria-hidden='true' width='26' height='10' style='vertical-align:middle'>"
        f"<path d='M1 5h24' stroke='{COLOURS[style % len(COLOURS)]}' stroke-width='2'{_dashed(style)}/></svg> "
        f"{escape(shortened(label, 40))}</span>"
        for style, label in labels
    )
    return f"<div style='margin-top:4px'>{keys}</div>"


def histogram(names: Sequence[str], baseline: Sequence[float], now: Sequence[float]) -> str:
    """Return two distributions over the same bins, laid over one another: the baseline filled, the present a line."""
    top = max([*baseline, *now, 1e-9])
    width, height = 300, 70
    step = width / max(1, len(baseline))
    bars = "".join(
        f"<rect x='{place * step + 0.5:.1f}' y='{height * (1 - share / top):.1f}' width='{max(1.0, step - 1):.1f}' "
        f"height='{height * share / top:.1f}'><title>{escape(name)}: {share:.1%} then, {present:.1%} now</title></rect>"
        for place, (name, share, present) in enumerate(zip(names, baseline, now, strict=False))
    )
    path = "M0 " + "".join(
        f"{height * (1 - share / top):.1f}H{(place + 1) * step:.1f}{'V' if place + 1 < len(now) else ''}"
        for place, share in enumerate(now)
    )
    return (
        f"<svg role='img' viewBox='0 -2 {width} {height + 4}' width='{width}' style='display:block;max-width:100%'>"
        f"<title>baseline and now</title><g fill='currentColor' fill-opacity='.25'>{bars}</g>"
        f"<path d='{path}' fill='none' stroke='{COLOURS[1]}' stroke-width='1.8'/></svg>"
    )


def _clock(first_s: float, last_s: float) -> Iterable[tuple[float, str]]:
    """Return round times of day, and how they are written."""
    length = last_s - first_s
    step = next((step for step in _STEPS_S if length / step <= _MOST_COLUMNS), None) or max(1.0, length / 4)
    form = "%m-%d" if step >= _DAY_S else "%H:%M" if step >= _MINUTE_S else "%H:%M:%S"
    at = -(-first_s // step) * step
    while at <= last_s:
        yield at, datetime.fromtimestamp(at, UTC).strftime(form)
        at += step


def _path(times: Sequence[float], values: Values, across: Scale, up: Scale) -> str:
    drawn: list[str] = []
    pen = "M"
    for at, value in zip(times, values, strict=False):
        if value is None:
            # A lonely value is a dot.
            pen = "M"
            continue
        drawn.append(f"{pen}{across(at):.1f} {up(value):.1f}" + ("h.1" if pen == "M" else ""))
        pen = "L"
    return "".join(drawn)


def _dashed(style: int) -> str:
    dashes = DASHES[style % len(DASHES)]
    return f" stroke-dasharray='{dashes}'" if dashes else ""


def _summary(values: Values) -> str:
    known = [value for value in values if value is not None]
    return f"last {known[-1]:.4g}, from {min(known):.4g} to {max(known):.4g}" if known else "nothing known"
