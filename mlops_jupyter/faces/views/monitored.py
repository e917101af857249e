"""What a deployment does: tiles, series over time, drift, quality, alerts and decisions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from html import escape
from typing import Any

from ...capabilities.monitoring.stretches import words as stretch
from ...records import METHOD_WORDS, Alert, DriftReport, FeatureDrift, Monitored, Quality, QualityMetric, VersionSeries
from .columns import CARD, FAINT, badge, html_table, notes_html, shortened, text_table, when
from .deployment import LIKE
from .time_chart import Values, histogram, legend, time_chart

_SPARKS = "▁▂▃▄▅▆▇█"
_SPARK_WIDTH, _BAR_WIDTH = 16, 12
# What a saved notebook holds: instants of the series, features over time, distributions.
_INSTANTS, _FEATURES, _PICTURES = 90, 8, 6
_FEATURES_SHOWN = 15
_MINUTE_S = 60.0
_SERIES = ("requests_per_s", "errors_per_s", "rows_per_s", "p50_s", "p95_s", "p99_s")
_LONG_S = 90
_HEAD = ("version", "traffic", "requests/s", "errors/s", "rows/s", "p50", "p95", "p99", "requests over time")


def excerpt(found: Monitored) -> Monitored:
    """Return what a saved notebook holds of it: fewer instants, and the features that have moved most."""
    found = _begun(found)
    every = max(1, -(-len(found.times) // _INSTANTS))
    # Counted from the end: the last instant stays.
    found = _cut(found, slice((len(found.times) - 1) % every if found.times else 0, None, every))
    return replace(
        found,
        step_s=found.step_s * every,
        drift=_furthest(found),
        quality=dict(list(found.quality.items())[:_FEATURES]),
        reports=tuple(_fewer(report) for report in found.reports),
    )


def text(found: Monitored) -> str:
    """Return it as lines of text, with series as sparks."""
    found = _begun(_drawable(found))
    lines = [f"{found.status}  {found.name}  {_span(found)}"]
    if found.versions:
        lines.append(text_table(_HEAD, (_row(found, one) for one in found.versions), indent=2))
    for report in found.reports:
        lines += ["", _about(report), *_drift_lines(report)]
    for quality in found.qualities:
        lines += ["", f"quality of version {quality.version}: {quality.labelled:,} of {quality.rows:,} rows labelled"]
        lines += [f"  {one.name} {_interval(one)}" for one in quality.metrics]
    for alert in found.alerts:
        lines += ["", f"{_severity(alert)}  {alert.name}  since {when(alert.since)}", f"  {alert.summary}"]
    if found.decisions:
        lines += ["", "decisions"]
        lines += [f"  {when(one.at)}  {one.verdict} version {one.version}: {one.reason}" for one in found.decisions]
    return "\n".join(lines + [f"note: {note}" for note in found.notes])


def html(found: Monitored) -> str:
    """Return it as a card with pictures, which a live dashboard hides while it is there."""
    found = _begun(_drawable(found))
    status = badge(found.status, LIKE.get(found.status))
    span = f"<span style='{FAINT}'>{escape(_span(found))}</span>"
    parts = [f"<div>{status} <b>{escape(found.name)}</b> {span}</div>"]
    if found.versions:
        head, rows = _HEAD[:-1], (list(map(escape, _row(found, one)[:-1])) for one in found.versions)
        parts.append(html_table(head, rows))
    if found.times and found.versions:
        parts.append(_charts(found))
    parts += [_drift_html(report) for report in found.reports]
    parts += [_quality_html(quality) for quality in found.qualities]
    parts += [_alert_html(alert) for alert in found.alerts]
    if found.decisions:
        rows = ([when(one.at), escape(one.version), one.verdict, escape(one.reason)] for one in found.decisions)
        parts.append(_section("decisions") + html_table(("at", "version", "verdict", "reason"), rows))
    # The live dashboard's style sheet knows it by its label.
    label = escape(f"snapshot of {found.name}")
    return f'<div role="group" aria-label="{label}" style="{CARD}">{"".join(parts)}{notes_html(found.notes)}</div>'


def _drawable(found: Monitored) -> Monitored:
    """Return it without what no picture can show; nobody but a test or another program makes such numbers."""
    return replace(
        found,
        times=found.times if all(map(math.isfinite, found.times)) else (),
        versions=tuple(_each(one, _finite) for one in found.versions),
        in_flight=_finite(found.in_flight),
        queued=_finite(found.queued),
        quality={name: _finite(values) for name, values in found.quality.items()},
    )


def _begun(found: Monitored) -> Monitored:
    """Return it from the first instant on at which anything is known: what came before the deployment is no gap."""
    series = [found.in_flight, *(getattr(one, name) for one in found.versions for name in _SERIES)]
    first = min((place for values in series for place, one in enumerate(values) if one is not None), default=0)
    if first <= 1:
        return found
    # One more, so that a single instant has a width.
    return _cut(found, slice(first - 1, None))


def _cut(found: Monitored, part: slice) -> Monitored:
    """Return it with some of its instants."""
    return replace(
        found,
        times=found.times[part],
        versions=tuple(_each(one, lambda values: tuple(values[part])) for one in found.versions),
        in_flight=found.in_flight[part],
        queued=found.queued[part],
        drift={name: values[part] for name, values in found.drift.items()},
        quality={name: values[part] for name, values in found.quality.items()},
    )


def _each(one: VersionSeries, change: Callable[[Values], tuple[float | None, ...]]) -> VersionSeries:
    """Return a version with each of its series changed."""
    series: dict[str, Any] = {name: change(getattr(one, name)) for name in _SERIES}
    return replace(one, **series)


def _finite(values: Values) -> tuple[float | None, ...]:
    return tuple(None if value is None or not math.isfinite(value) else value for value in values)


def _span(found: Monitored) -> str:
    where = "its own history" if found.source == "endpoint" else found.source
    if not found.times:
        return f"nothing known from {where}"
    begin, end = (datetime.fromtimestamp(at, UTC) for at in (found.times[0], found.times[-1]))
    length_s = round(((end - begin).total_seconds() + found.step_s) / 60) * 60 or 60
    known = ""
    if found.range_s - length_s >= _MINUTE_S:
        known = f" (known since {begin:%H:%M})" if begin.date() == end.date() else f" (known since {when(begin)})"
    return f"the last {stretch(max(found.range_s, length_s))}{known} up to {when(end)} UTC, from {where}"


def _row(found: Monitored, one: VersionSeries) -> tuple[str, ...]:
    traffic = next((f"{served.percent:g}%" for served in found.served if served.version == one.version), "–")
    rates = map(_rates, (one.requests_per_s, one.errors_per_s, one.rows_per_s))
    times = (_duration(_last(values)) for values in (one.p50_s, one.p95_s, one.p99_s))
    return (
        f"{one.version} {one.variant}",
        "shadow" if one.variant == "shadow" else traffic,
        *rates,
        *times,
        sparks(one.requests_per_s),
    )


def sparks(values: Values) -> str:
    """Return values as letters of rising height, of each stretch the highest; a blank where nothing is known."""
    width = min(_SPARK_WIDTH, len(values))
    stretches = [values[at * len(values) // width : (at + 1) * len(values) // width] for at in range(width)]
    highest = [max((one for one in some if one is not None), default=None) for some in stretches]
    top = max((one for one in highest if one is not None), default=0.0) or 1.0
    last = len(_SPARKS) - 1
    return "".join(" " if one is None else _SPARKS[min(last, round(last * max(0.0, one) / top))] for one in highest)


def _charts(found: Monitored) -> str:
    shown = [
        (number, one) for number, one in enumerate(found.versions) if any(value is not None for value in one.rows_per_s)
    ] or list(enumerate(found.versions))
    by_version = [(number, f"version {one.version}") for number, one in shown]

    def lines(name: str, times: float = 1.0) -> dict[str, tuple[int, Values]]:
        return {
            f"version {one.version}": (number, [None if v is None else v * times for v in getattr(one, name)])
            for number, one in shown
        }

    quantiles = {
        f"{name[:3]}{f' of {one.version}' if len(shown) > 1 else ''}": (
            number if len(shown) > 1 else place,
            [None if v is None else 1_000 * v for v in getattr(one, name)],
        )
        for number, one in shown
        for place, name in enumerate(("p50_s", "p95_s", "p99_s"))
        if len(shown) == 1 or name == "p95_s"
    }
    duration = "p95 of requests" if len(shown) > 1 else "duration of requests"
    waiting: dict[str, tuple[int, Values]] = {"in flight": (0, found.in_flight), "queued": (1, found.queued)}
    charts = [
        time_chart("requests", "per s", found.times, lines("requests_per_s")),
        time_chart(duration, "ms", found.times, quantiles),
        time_chart("errors", "per s", found.times, lines("errors_per_s")),
        time_chart("rows", "per s", found.times, lines("rows_per_s")),
        time_chart("in flight and queued", "requests", found.times, waiting),
    ]
    if found.quality:
        told = {name: (place, values) for place, (name, values) in enumerate(found.quality.items())}
        charts.append(time_chart("quality", "", found.times, told))
    keys = legend(by_version) if len(shown) > 1 else legend([(0, "p50"), (1, "p95"), (2, "p99")])
    return (
        f"{keys}<div style='display:grid;grid-template-columns:repeat(auto-fill,minmax(min(240px,100%),1fr));"
        f"gap:8px 16px;margin-top:4px;font-variant-numeric:tabular-nums'>{''.join(charts)}</div>"
    )


def _about(report: DriftReport) -> str:
    which = "" if report.version is None else f" of version {report.version}"
    if not _all(report):
        return f"drift{which}: not known"
    return f"drift{which}: {report.rows_now:,} rows{_stretch(report)} against {report.baseline}"


def _stretch(report: DriftReport) -> str:
    """Say of how long the rows are, which is less than the rest is shown of."""
    if report.since is None or report.until is None:
        return ""
    length_s = (report.until - report.since).total_seconds()
    # A window ends when it was looked at last, not to the second.
    to_s = 60 if length_s >= _LONG_S else 1
    return f" of the last {stretch(to_s * round(length_s / to_s))}"


def _all(report: DriftReport) -> Sequence[tuple[str, FeatureDrift]]:
    found = [("", one) for one in report.features] + [("→ ", one) for one in report.predictions]
    return sorted(found, key=lambda each: _moved(each[1]), reverse=True)


def _furthest(found: Monitored) -> dict[str, tuple[float | None, ...]]:
    """Return the scores over time of the features that have moved most."""
    places: dict[str, int] = {}
    for report in found.reports:
        for place, (prefix, one) in enumerate(_all(report)):
            for name in (f"{prefix}{one.feature}", f"{prefix}{one.feature} · {report.version}"):
                places[name] = min(place, places.get(name, place))
    first = sorted(found.drift, key=lambda name: places.get(name, len(places)))
    return {name: found.drift[name] for name in first[:_FEATURES]}


def _moved(one: FeatureDrift) -> tuple[bool, float]:
    """Return by what features are sorted: one that is missing has no score, and may have moved most of all."""
    return one.drifted or one.missing_drifted, _excess(one)


def _excess(one: FeatureDrift) -> float:
    """Return a score in thresholds, by which features of different methods are compared."""
    if one.score is None or not math.isfinite(one.score):
        return -1.0
    return one.score / one.threshold if one.threshold > 0 else one.score


def _drift_lines(report: DriftReport) -> Iterator[str]:
    every = _all(report)
    rows = []
    for prefix, one in every[:_FEATURES_SHOWN]:
        filled = min(_BAR_WIDTH, round(_BAR_WIDTH / 2 * max(0.0, _excess(one))))
        bar = "".join("█" if at < filled else "│" if at == _BAR_WIDTH // 2 else "·" for at in range(_BAR_WIDTH))
        rows.append(
            (f"{prefix}{one.feature}", METHOD_WORDS[one.method], _score(one), f"{one.threshold:.3g}", bar, _said(one))
        )
    if rows:
        yield text_table(("feature", "method", "score", "threshold", "", ""), rows, indent=2)
    if len(every) > len(rows):
        yield f"  … and {len(every) - len(rows)} more"
    for note in report.notes:
        yield f"  {note}"


def _drift_html(report: DriftReport) -> str:
    every = _all(report)
    scale = max([2.0, *(_excess(one) for _, one in every)])
    rows = "".join(_drift_row(prefix, one, scale) for prefix, one in every[:_FEATURES_SHOWN])
    more = (
        f"<div style='{FAINT}'>… and {len(every) - _FEATURES_SHOWN} more</div>" if len(every) > _FEATURES_SHOWN else ""
    )
    return f"{_section(_about(report))}{rows}{more}{notes_html(report.notes)}"


def _drift_row(prefix: str, one: FeatureDrift, scale: float) -> str:
    share = max(0.0, _excess(one)) / scale
    colour = "#c62828" if one.drifted or one.missing_drifted else "#2f7ed8"
    bar = (
        "<span style='position:relative;display:inline-block;width:160px;height:9px;vertical-align:middle;"
        "background:rgba(127,127,127,0.18);border-radius:2px'>"
        f"<span style='position:absolute;left:0;top:0;bottom:0;width:{share:.1%};background:{colour};"
        f"border-radius:2px'></span><span style='position:absolute;left:{1 / scale:.1%};top:-2px;bottom:-2px;width:1px;"
        "background:currentColor;opacity:0.6'></span></span>"
    )
    name = escape(shortened(f"{prefix}{one.feature}", 28))
    words = (
        f"<span style='display:inline-block;width:13em;overflow:hidden;white-space:nowrap;vertical-align:middle'>{name}"
        f"</span> {bar} <b>{_score(one)}</b> <span style='{FAINT}'>{METHOD_WORDS[one.method]}, "
        f"threshold {one.threshold:.3g} {escape(_said(one))}</span>"
    )
    spread = one.distribution
    if spread is None:
        # As far in as those are that can be opened.
        return f"<div style='margin-left:1em'>{words}</div>"
    bins = spread.names or [
        f"{low:.4g} to {high:.4g}" for low, high in zip(spread.edges, spread.edges[1:], strict=False)
    ]
    return (
        f"<details><summary style='cursor:pointer'>{words}</summary>"
        f"<div style='margin:4px 0 6px 14px'>{histogram(bins, spread.baseline, spread.now)}"
        f"<span style='{FAINT}'>filled: baseline, line: now</span></div></details>"
    )


def _quality_html(quality: Quality) -> str:
    head = f"quality of version {quality.version}: {quality.labelled:,} of {quality.rows:,} rows labelled"
    rows = ([escape(one.name), _interval(one), f"{one.labels:,}"] for one in quality.metrics)
    return _section(head) + html_table(("measure", "value, 95 % interval", "labels"), rows)


def _alert_html(alert: Alert) -> str:
    like = "warning" if alert.silenced or alert.severity != "page" else "failed"
    return (
        f"<div style='margin-top:6px'>{badge(_severity(alert), like)} <b>{escape(alert.name)}</b> "
        f"{escape(alert.summary)} <span style='{FAINT}'>since {when(alert.since)} UTC</span></div>"
    )


def _severity(alert: Alert) -> str:
    return f"{alert.severity}, acknowledged" if alert.silenced else alert.severity


def _section(title: str) -> str:
    return f"<div style='margin-top:8px;font-weight:600'>{escape(title)}</div>"


def _said(one: FeatureDrift) -> str:
    words = ["drifted"] if one.drifted else []
    if one.missing_drifted:
        words.append(f"missing {one.missing_baseline:.1%} → {one.missing_now:.1%}")
    return "; ".join([*words, *([one.note] if one.note else [])])


def _score(one: FeatureDrift) -> str:
    return "–" if one.score is None else f"{one.score:.3g}"


def _interval(one: QualityMetric) -> str:
    if one.value is None:
        return "–"
    known = one.low is not None and one.high is not None
    return f"{one.value:.4g} ({one.low:.4g} to {one.high:.4g})" if known else f"{one.value:.4g}"


def _last(values: Values) -> float | None:
    """Return the last value that is known; latencies are not, while nobody asks."""
    return next((value for value in reversed(values) if value is not None), None)


def _rates(values: Values) -> str:
    """Write what a rate is now, and its mean."""
    known = [value for value in values if value is not None]
    now = values[-1] if values else None
    mean = sum(known) / len(known) if known else 0.0
    return f"{_rate(now)} (mean {_rate(mean)})" if mean else _rate(now)


def _rate(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004


def _duration(seconds: float | None) -> str:
    return "–" if seconds is None else f"{1_000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def _fewer(report: DriftReport) -> DriftReport:
    kept = {id(one) for _, one in _all(report)[:_PICTURES]}

    def slim(one: FeatureDrift) -> FeatureDrift:
        return one if id(one) in kept else replace(one, distribution=None)

    return replace(report, features=tuple(map(slim, report.features)), predictions=tuple(map(slim, report.predictions)))
