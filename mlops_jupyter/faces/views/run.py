"""The run card."""

from __future__ import annotations

import re
from html import escape

from ...capabilities.honesty import HONESTY_TAG, SAID_TAG
from ...capabilities.run_snapshot import ARTIFACT_ONLY, ORIGIN_TAG, SNAPSHOT_TAG
from ...capabilities.tracking import KIND_TAG, NAMED_TAG, NOTEBOOK_KIND
from ...records import MetricPoint, Run
from .chart import line_charts, summary
from .columns import CARD, FAINT, badge, duration, metric_names, notes_html, number, pairs, shortened, when

_SHOWN_IN_TEXT, _HASH = 12, 12
_CODE = re.compile("`([^`]*)`")


def text(run: Run) -> str:
    """Return the card as lines of text."""
    where = f" in {run.experiment}" if run.experiment else ""
    lines = [f"{run.status}  {run.name or 'run'}{where}  {duration(run.duration_s)}  {run.run_id}".rstrip()]
    if run.error:
        lines.append(f"  {run.error}")
    for title, values in (("metrics", _metrics(run)), ("params", _params(run))):
        if values:
            shown = [f"{name}={shortened(value, 40)}" for name, value in list(values.items())[:_SHOWN_IN_TEXT]]
            more = f" … and {len(values) - _SHOWN_IN_TEXT} more" if len(values) > _SHOWN_IN_TEXT else ""
            lines.append(f"  {title}: {'  '.join(shown)}{more}")
    curves = _curves(run)
    for name in list(curves)[:_SHOWN_IN_TEXT]:
        count = f" · {run.points[name]:,} points" if name in run.points else ""
        lines.append(f"  {shortened(name, 40)}: {summary(curves[name])}{count}")
    if len(curves) > _SHOWN_IN_TEXT:
        lines.append(f"  … and the curves of {len(curves) - _SHOWN_IN_TEXT} more metrics")
    if word := run.tags.get(HONESTY_TAG):
        lines.append(f"  honesty: {word.replace(',', ', ')}")
        lines += [f"    {sentence}" for sentence in _said(run)]
    if kept := _kept(run):
        lines.append(f"  {kept}")
    lines += [f"  note: {note}" for note in run.notes]
    if run.link:
        lines.append(f"  {run.link}")
    return "\n".join(lines)


def _params(run: Run) -> dict[str, str]:
    """Return the params, those first that the user has named: autologging adds dozens."""
    named = run.tags.get(NAMED_TAG, "").split(",")
    return dict(sorted(run.params.items(), key=lambda one: one[0] not in named))


def html(run: Run) -> str:
    """Return the card as HTML."""
    link = ""
    if run.link:
        link = f'<a href="{escape(run.link)}" target="_blank" rel="noopener">open in MLflow</a>'
    elif run.run_id:
        # A store in files has pages only while somebody looks at them.
        link = f'<span style="{FAINT}">· <code>%mlops ui mlflow</code> opens its page</span>'
    where = f"in {escape(run.experiment)}" if run.experiment else ""
    head = (
        f"{badge(run.status)} <b>{escape(run.name or 'run')}</b> "
        f'<span style="{FAINT}">{where} · {duration(run.duration_s)} · {when(run.started)} UTC</span> {link}'
    )
    identity = f'<div style="{FAINT}"><code>{escape(run.run_id)}</code></div>' if run.run_id else ""
    error = f'<div style="margin-top:4px"><code>{escape(run.error)}</code></div>' if run.error else ""
    kept = f'<div style="{FAINT}">{escape(_kept(run))}</div>' if _kept(run) else ""
    return (
        f'<div style="{CARD}"><div>{head}</div>{identity}{error}{_honesty(run)}{kept}{notes_html(run.notes)}'
        f"{line_charts({name: {run.name: points} for name, points in _curves(run).items()})}"
        f"{pairs('metrics', _metrics(run))}"
        f"{pairs('params', _params(run))}</div>"
    )


def _kept(run: Run) -> str:
    """Say what holds the run's notebook, and whether edits may be missing that were not saved."""
    snapshot = run.tags.get(SNAPSHOT_TAG)
    if snapshot is None:
        return ""
    what = "notebook kept with the run" if snapshot == ARTIFACT_ONLY else f"snapshot {snapshot[:_HASH]}"
    # What runs headless is the file itself.
    exact = run.tags.get(ORIGIN_TAG) == "live" or run.tags.get(KIND_TAG) == NOTEBOOK_KIND
    return what if exact else f"{what}, from disk, maybe unsaved"


def _said(run: Run) -> list[str]:
    return run.tags.get(SAID_TAG, "").splitlines()


def _honesty(run: Run) -> str:
    """Return the badge: what the cell depended on is the notebook as it is, or what is not."""
    word = run.tags.get(HONESTY_TAG)
    if word is None:
        return ""
    said = "".join(f"<li>{_with_code(sentence)}</li>" for sentence in _said(run))
    listed = f'<ul style="margin:2px 0 2px 1.4em;padding:0">{said}</ul>' if said else ""
    like = "ok" if word == "clean" else "warning"
    title = f'<span style="{FAINT}">what this cell depended on, against the notebook</span>'
    return f'<div style="margin-top:4px">{badge(word.replace(",", ", "), like)} {title}{listed}</div>'


def _with_code(sentence: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(sentence))


def _metrics(run: Run) -> dict[str, str]:
    """Return the metrics in words, those that autologging adds about the training last."""
    return {name: number(run.metrics[name]) for name in metric_names(run.metrics)}


def _curves(run: Run) -> dict[str, tuple[MetricPoint, ...]]:
    """Return the histories that are worth a picture: of a metric logged once, its value says all."""
    return {name: run.history[name] for name in metric_names(run.history) if len(run.history[name]) > 1}
