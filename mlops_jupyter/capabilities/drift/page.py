"""A report of drift as HTML that needs no script, no network and no style sheet: pictures are inline SVG.

Words and axes take the colour of the page around them, and the two colours of the pictures can be told from white and
from black, so that a report reads the same in a light theme, in a dark one and in print.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape

from ...records import METHOD_WORDS, Distribution, DriftReport, FeatureDrift

BASELINE_COLOUR, NOW_COLOUR, DRIFTED_COLOUR = "#808080", "#2f7ed8", "#d6457a"
_WIDTH, _HEIGHT, _FOOT = 200, 54, 12
_FAINT = "opacity:0.65"
_CELL = "text-align:left;vertical-align:top;padding:4px 16px 4px 0"
_NAME, _WORD = 60, 14


def page(report: DriftReport) -> str:
    """Return a report as a whole page, with all of its features."""
    title = f"Drift of {report.name}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title></head>"
        '<body style="font:14px/1.45 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em">'
        f'<h1 style="font-size:1.4em">{escape(title)}</h1>{fragment(report)}</body></html>\n'
    )


def fragment(report: DriftReport, most: int | None = None) -> str:
    """Return a report as a part of a page.

    Parameters
    ----------
    report
        The report.
    most
        How many features are shown; else all. Those that have moved most come first.
    """
    parts = [f"<div>{escape(headline(report))}</div>"]
    parts += [f'<div style="{_FAINT}">{escape(line)}</div>' for line in about(report)]
    parts += [f"<div>note: {escape(note)}</div>" for note in report.notes]
    parts.append(_legend())
    for title, found in (("features", report.features), ("predictions", report.predictions)):
        if not found:
            continue
        shown = found if most is None else found[:most]
        rows = "".join(map(_row, shown))
        head = "".join(
            f'<th style="{_CELL};{_FAINT};font-weight:normal">{word}</th>'
            for word in (title, "distribution", "distance", "missing", "")
        )
        parts.append(
            '<div style="overflow-x:auto"><table style="border-collapse:collapse;margin-top:6px">'
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        )
        if len(shown) < len(found):
            parts.append(f'<div style="{_FAINT}">… and {len(found) - len(shown)} more, which have moved less</div>')
    return "".join(parts)


def headline(report: DriftReport) -> str:
    """Say in a line what has drifted."""
    if (why := report.untold) is not None:
        return f"{report.name}: cannot tell whether it has drifted: {why}"
    every = (*report.features, *report.predictions)
    if report.drifted:
        return f"{report.name}: {counted(report)}"
    unknown = sum(one.score is None for one in every)
    rest = f", and of {unknown} it cannot be told" if unknown else ""
    return f"{report.name}: nothing of {len(every) - unknown} has drifted{rest}"


def counted(report: DriftReport) -> str:
    """Say how many features and predictions have drifted."""
    compared, drifted = len(report.features) + len(report.predictions), len(report.drifted)
    return f"{drifted} of {compared} {'has' if drifted == 1 else 'have'} drifted"


def about(report: DriftReport) -> Iterator[str]:
    """Yield lines that say what was compared."""
    version = "" if report.version is None else f"version {report.version}, "
    segment = "" if report.segment is None else f" where {report.segment}"
    yield f"{version}{report.rows_now:,} rows{segment} against {report.rows_baseline:,} of {report.baseline}"
    if report.since is not None and report.until is not None:
        yield f"from {_moment(report.since)} to {_moment(report.until)} (UTC)"


def method_words(one: FeatureDrift) -> str:
    """Write a distance and the threshold that it is held against."""
    if one.score is None:
        return "–"
    return f"{METHOD_WORDS[one.method]} {one.score:.3g} {'>' if one.drifted else '≤'} {one.threshold:.3g}"


def missing_words(one: FeatureDrift) -> str:
    """Write the shares of missing values, nothing where there are none."""
    if one.absent:
        return "no such column"
    if not one.missing_baseline and not one.missing_now:
        return ""
    return f"{one.missing_baseline:.1%} → {one.missing_now:.1%}"


def picture(found: Distribution, *, label: str) -> str:
    """Draw two distributions over one another."""
    width, high = _WIDTH, max((*found.baseline, *found.now), default=0) or 1.0
    inner = _bars(found, high) if found.names else _steps(found, high)
    return (
        f'<svg role="img" viewBox="0 0 {width} {_HEIGHT + _FOOT}" width="{width}" height="{_HEIGHT + _FOOT}" '
        f'style="display:block;max-width:none"><title>{escape(label)}: baseline and now</title>{inner}'
        f'<line x1="0" x2="{width}" y1="{_HEIGHT}" y2="{_HEIGHT}" stroke="currentColor" stroke-opacity=".4"/></svg>'
    )


def _row(one: FeatureDrift) -> str:
    moved = one.drifted or one.missing_drifted
    colour = f"color:{DRIFTED_COLOUR};font-weight:600" if moved else ""
    drawn = "" if one.distribution is None else picture(one.distribution, label=_short(one.feature, _NAME))
    others = " · ".join(f"{METHOD_WORDS.get(name, name)} {value:.3g}" for name, value in one.scores.items())
    faint = f'<div style="{_FAINT};font-size:0.85em;max-width:17em">{escape(others)}</div>' if others else ""
    state = " and ".join(
        word
        for word, is_so in (("drifted", one.drifted), ("missing differs", one.missing_drifted and not one.absent))
        if is_so
    )
    said = "; ".join(filter(None, (state, one.note)))
    return (
        f'<tr style="border-top:1px solid rgba(127,127,127,0.25)">'
        f'<td style="{_CELL}"><b style="{colour}">{escape(_short(one.feature, _NAME))}</b>'
        f'<div style="{_FAINT};font-size:0.85em">{one.kind}</div></td>'
        f'<td style="{_CELL}">{drawn}</td>'
        f'<td style="{_CELL}"><div style="white-space:nowrap;{colour if one.drifted else ""}">'
        f"{escape(method_words(one))}</div>{faint}</td>"
        f'<td style="{_CELL};white-space:nowrap;{colour if one.missing_drifted else ""}">{missing_words(one)}</td>'
        f'<td style="{_CELL};max-width:22em">{escape(said)}</td></tr>'
    )


def _steps(found: Distribution, high: float) -> str:
    count = len(found.now)
    wide = _WIDTH / count
    ends = f"{_number(found.edges[0])}", f"{_number(found.edges[-1])}"
    return (
        f'<path d="{_outline(found.baseline, wide, high)}L{_WIDTH} {_HEIGHT}Z" fill="{BASELINE_COLOUR}" '
        f'fill-opacity=".4"/><path d="{_outline(found.now, wide, high)}" fill="none" stroke="{NOW_COLOUR}" '
        f'stroke-width="1.5"/>{_word(0, ends[0], "start")}{_word(_WIDTH, ends[1], "end")}'
    )


def _outline(shares: Sequence[float], wide: float, high: float) -> str:
    points = [f"M0 {_HEIGHT}"]
    for at, share in enumerate(shares):
        up = _HEIGHT * (1 - share / high)
        points.append(f"L{at * wide:.1f} {up:.1f}L{(at + 1) * wide:.1f} {up:.1f}")
    return "".join(points)


def _bars(found: Distribution, high: float) -> str:
    count = len(found.names)
    slot = _WIDTH / count
    wide = slot * 0.4
    parts = []
    for at, (name, before, now) in enumerate(zip(found.names, found.baseline, found.now, strict=True)):
        told = escape(f"{_short(name, _NAME)}: {before:.1%} → {now:.1%}")
        left = at * slot + slot * 0.1
        parts.append(
            f"<g><title>{told}</title>{_bar(left, wide, before / high, BASELINE_COLOUR, '.6')}"
            f"{_bar(left + wide, wide, now / high, NOW_COLOUR, '1')}</g>"
        )
        letters = min(_WORD, int(slot / 5.5))
        if letters > 1 or len(name) == 1:
            parts.append(_word(at * slot + slot / 2, _short(name, max(letters, 1)), "middle"))
    return "".join(parts)


def _bar(left: float, wide: float, share: float, colour: str, opacity: str) -> str:
    height = _HEIGHT * share
    return (
        f'<rect x="{left:.1f}" y="{_HEIGHT - height:.1f}" width="{wide:.1f}" height="{height:.1f}" '
        f'fill="{colour}" fill-opacity="{opacity}"/>'
    )


def _word(at: float, word: str, anchor: str) -> str:
    return (
        f'<text x="{at:.1f}" y="{_HEIGHT + _FOOT - 2}" font-size="9" text-anchor="{anchor}" fill="currentColor" '
        f'fill-opacity=".7">{escape(word)}</text>'
    )


def _legend() -> str:
    def key(colour: str, word: str) -> str:
        return (
            f'<span style="display:inline-block;width:10px;height:10px;background:{colour};opacity:0.8;'
            'margin:0 4px 0 0"></span>'
            f'<span style="margin-right:14px">{word}</span>'
        )

    return f'<div style="margin-top:6px">{key(BASELINE_COLOUR, "baseline")}{key(NOW_COLOUR, "now")}</div>'


def _short(word: str, most: int) -> str:
    return word if len(word) <= most else word[: most - 1] + "…"


def _number(value: float) -> str:
    return f"{value:.3g}"


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")
