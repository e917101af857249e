"""Pictures of metrics that need no kernel, no script and no network: inline SVG.

Axes and words take the colour of the page around them (``currentColor``), and the colours of the lines are such
that they can be told from white and from black, so a saved notebook reads the same in a light theme, in a dark one
and in print. A line is known by its dashes as well as by its colour.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import NamedTuple

from ...capabilities.thinning import thin
from ...records import MetricPoint
from .columns import FAINT, number, shortened
from .ticks import Scale, Ticks, padded, ticks

# Each at least 3:1 against white and against #111, the darkest of JupyterLab's own themes.
COLOURS = ("#2f7ed8", "#d9730d", "#2b9a57", "#d6457a", "#8f66d0", "#0f93a8", "#a6752f", "#808080")
DASHES = ("", "6 3", "2 2", "8 3 2 3", "1 3")
_VERTICES, _VERTICES_IN_ALL, _VERTICES_AT_LEAST = 80, 1600, 16
_HEIGHT, _FOOT, _HEAD, _SIDE = 118, 16, 6, 10
_NAME, _LABEL = 60, 40
_WORDS = "font-size='10' fill='currentColor' fill-opacity='.7'"


class _Line(NamedTuple):
    """One line of a chart: which of all series it is, and its points by rising x."""

    style: int
    points: Sequence[MetricPoint]
    places: Sequence[float]


class _Frame(NamedTuple):
    """Where in a chart a point lies."""

    across: Scale
    up: Scale


def line_charts(metrics: Mapping[str, Mapping[str, Sequence[MetricPoint]]], *, width: int = 220, most: int = 12) -> str:
    """Return HTML with one small chart for each metric, side by side as far as there is room.

    Parameters
    ----------
    metrics
        Of each metric, each series' points by the series' label (a run's name).
    width
        How wide a chart is at the least, in pixels.
    most
        How many charts are drawn; that there are more metrics is said in words.
    """
    drawn = {name: {label: points for label, points in series.items() if points} for name, series in metrics.items()}
    drawn = dict([(name, series) for name, series in drawn.items() if series][:most])
    if not drawn:
        return ""
    labels = list(dict.fromkeys(label for series in drawn.values() for label in series))
    lines = sum(map(len, drawn.values()))
    vertices = max(_VERTICES_AT_LEAST, min(_VERTICES, _VERTICES_IN_ALL // lines))
    charts = "".join(_chart(name, series, labels, width, vertices) for name, series in drawn.items())
    left = len(metrics) - len(drawn)
    more = f"<div style='{FAINT}'>… and {left} more not drawn</div>" if left else ""
    return (
        f"{_legend(labels) if len(labels) > 1 else ''}"
        f"<div style='display:grid;grid-template-columns:repeat(auto-fill,minmax(min({width}px,100%),1fr));"
        f"gap:8px 16px;margin-top:6px;font-variant-numeric:tabular-nums'>{charts}</div>{more}"
    )


def sparkline(values: Sequence[float], *, label: str = "") -> str:
    """Return a line of a word's height, without axes; nothing for no value.

    Parameters
    ----------
    values
        The values, in order.
    label
        What they are, for those who hear the page.
    """
    points = thin([MetricPoint(step, 0, value) for step, value in enumerate(values)], 40)
    finite = [point.value for point in points if math.isfinite(point.value)]
    if not finite:
        return ""
    frame = _Frame(Scale(*padded(0, len(values) - 1), 2, 78), Scale(*padded(min(finite), max(finite)), 16, 2))
    told = f"{shortened(label, _NAME)} from {number(finite[0])} to {number(finite[-1])}".strip()
    return (
        "<svg role='img' width='80' height='18' viewBox='0 0 80 18' style='vertical-align:middle;max-width:none'>"
        f"<title>{escape(told)}</title>"
        f"<path d='{_path(points, [point.step for point in points], frame)}' fill='none' stroke='{COLOURS[0]}' "
        "stroke-width='1.5' stroke-linejoin='round'/></svg>"
    )


def summary(points: Sequence[MetricPoint]) -> str:
    """Say a metric's last value and its extremes, which are its best whichever way is better."""
    last = f"last {points[-1].value:.5g}"
    finite = [point for point in points if math.isfinite(point.value)]
    if len(points) == 1:
        return last
    if not finite:
        return f"{last} · no finite value"
    low, high = (choice(finite, key=lambda point: point.value) for choice in (min, max))
    where = "" if _timed([points]) else " at {}"
    return f"{last} · min {low.value:.5g}{where.format(low.step)} · max {high.value:.5g}{where.format(high.step)}"


def letter(series: int) -> str:
    """Return the short name of a series: A to Z, then numbers."""
    return chr(ord("A") + series) if series < 26 else str(series + 1)  # noqa: PLR2004


def _chart(
    name: str, series: Mapping[str, Sequence[MetricPoint]], labels: Sequence[str], width: int, vertices: int
) -> str:
    """Return one metric's caption, picture and numbers."""
    timed = _timed(series.values())
    lines = [_line(labels.index(label), points, vertices, timed=timed) for label, points in series.items()]
    letters = len(labels) > 1
    told = [
        (f"{letter(labels.index(label))} " if letters else "") + summary(points) for label, points in series.items()
    ]
    shown = escape(shortened(name, _NAME))
    words = "".join(f"<div style='{FAINT}'>{_unbroken(one)}</div>" for one in told)
    return (
        f"<figure style='margin:0;min-width:0'><figcaption style='overflow-wrap:anywhere'><b>{shown}</b></figcaption>"
        f"<svg role='img' viewBox='0 0 {width} {_HEIGHT}' width='{width}' "
        "fill='none' stroke-linejoin='round' style='display:block;width:100%;height:auto;overflow:visible'>"
        f"<title>{shown}</title><desc>{'; '.join(told)}</desc>{_picture(lines, width, timed=timed)}</svg>"
        f"{words}</figure>"
    )


def _unbroken(told: str) -> str:
    """Let a line of numbers break only between them."""
    return told.replace(" ", "\N{NO-BREAK SPACE}").replace("·\N{NO-BREAK SPACE}", "· ")


def _timed(series: Iterable[Sequence[MetricPoint]]) -> bool:
    """Tell whether steps say nothing, because each point of several has the same: then time goes across."""
    every = [point for points in series for point in points]
    return len({point.step for point in every}) == 1 and len({point.time_ms for point in every}) > 1


def _line(style: int, points: Sequence[MetricPoint], vertices: int, *, timed: bool) -> _Line:
    """Return what is drawn of a series: few points, in the order of the axis."""
    start = min(point.time_ms for point in points)
    found = thin(sorted(points, key=lambda point: point.time_ms if timed else point.step), vertices)
    return _Line(style, found, [(point.time_ms - start) / 1000 if timed else point.step for point in found])


def _picture(lines: Sequence[_Line], width: int, *, timed: bool) -> str:
    """Return the axes and the lines of one chart."""
    finite = [point.value for line in lines for point in line.points if math.isfinite(point.value)]
    if not finite:
        return f"<text x='{width / 2:g}' y='{_HEIGHT / 2:g}' {_WORDS} text-anchor='middle'>no finite value</text>"
    places = [place for line in lines for place in line.places]
    low, high = padded(min(finite), max(finite))
    rows = ticks(low, high, 5)
    left = max(30.0, 10 + 5.6 * max(map(len, rows.labels)))
    first, last = min(places), max(places)
    columns = ticks(first, last, 5, whole=not timed) if first < last else Ticks((first,), (f"{first:g}",))
    frame = _Frame(
        Scale(*((first, last) if first < last else padded(first, last)), left, width - _SIDE),
        Scale(low, high, _HEIGHT - _FOOT - 4, _HEAD),
    )
    return _axes(frame, rows, columns, "s" if timed else "step", width) + "".join(_drawn(line, frame) for line in lines)


def _axes(frame: _Frame, rows: Ticks, columns: Ticks, unit: str, width: int) -> str:
    """Return the grid and the words of both axes."""
    left, bottom = frame.across.start, _HEIGHT - _FOOT
    grid = "".join(f"M{left:.0f} {frame.up(value):.1f}H{width - _SIDE}" for value in rows.values)
    marks = "".join(f"M{frame.across(value):.1f} {bottom}v3" for value in columns.values)
    beside = "".join(
        f"<text x='{left - 4:.0f}' y='{frame.up(value) + 3.5:.1f}'>{label}</text>"
        for value, label in zip(rows.values, rows.labels, strict=True)
    )
    below = "".join(
        f"<text x='{frame.across(value):.1f}'>{label}</text>"
        for value, label in zip(columns.values, columns.labels, strict=True)
    )
    return (
        f"<path d='{grid}' stroke='currentColor' stroke-opacity='.16'/>"
        f"<path d='M{left:.0f} {bottom}H{width - _SIDE}{marks}' stroke='currentColor' stroke-opacity='.4'/>"
        f"<g {_WORDS}><g text-anchor='end'>{beside}</g><g transform='translate(0 {_HEIGHT - 3})'>"
        f"<text>{unit}</text><g text-anchor='middle'>{below}</g></g></g>"
    )


def _drawn(line: _Line, frame: _Frame) -> str:
    dashes = DASHES[line.style % len(DASHES)]
    dashed = f" stroke-dasharray='{dashes}'" if dashes else ""
    path = _path(line.points, line.places, frame)
    return f"<path d='{path}' stroke='{_colour(line.style)}' stroke-width='1.6'{dashed}/>"


def _path(points: Sequence[MetricPoint], places: Sequence[float], frame: _Frame) -> str:
    """Return a path in tenths of a pixel, each stretch of finite values a line, a lonely value a diamond."""
    drawn: list[str] = []
    stretch: list[tuple[int, int]] = []
    for point, place in zip(points, places, strict=True):
        if math.isfinite(point.value):
            stretch.append((round(10 * frame.across(place)), round(10 * frame.up(point.value))))
        elif stretch:
            drawn.append(_stretch(stretch))
            stretch = []
    return "".join([*drawn, _stretch(stretch)] if stretch else drawn)


def _stretch(vertices: Sequence[tuple[int, int]]) -> str:
    (x, y), *others = vertices
    start = f"M{_tenths(x)} {_tenths(y)}"
    if not others:
        return f"{start}m-2.5 0l2.5-2.5 2.5 2.5-2.5 2.5z"
    moves = []
    for next_x, next_y in others:
        down = _tenths(next_y - y)
        moves.append(_tenths(next_x - x) + ("" if down.startswith("-") else " ") + down)
        x, y = next_x, next_y
    return start + "l" + " ".join(moves)


def _tenths(tenths: int) -> str:
    """Write a length as briefly as a path allows."""
    words = f"{tenths / 10:g}"
    return words.replace("0.", ".", 1) if words.startswith(("0.", "-0.")) else words


def _legend(labels: Sequence[str]) -> str:
    """Return which series each letter, colour and dash stands for."""
    keys = "".join(
        "<span style='white-space:nowrap;margin-right:14px'>"
        "<svg aria-hidden='true' width='26' height='10' style='vertical-align:middle'>"
        f"<path d='M1 5h24' stroke='{_colour(series)}' stroke-width='2'"
        f" stroke-dasharray='{DASHES[series % len(DASHES)] or 'none'}'/></svg> "
        f"<b>{letter(series)}</b> {escape(shortened(label, _LABEL))}</span>"
        for series, label in enumerate(labels)
    )
    return f"<div style='margin-top:6px;line-height:1.6'>{keys}</div>"


def _colour(series: int) -> str:
    return COLOURS[series % len(COLOURS)]
