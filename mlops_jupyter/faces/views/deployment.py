"""A deployment: where it answers, what it serves, how to ask it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from html import escape

from ...records import Decision, Deployment, ServedVersion
from .columns import CARD, FAINT, badge, html_table, notes_html, text_table, when

_OVER = timedelta(days=1)
_HEAD = ("version", "traffic", "model", "run")
LIKE = {"ready": "ok", "starting": "RUNNING", "stopping": "warning", "stopped": "warning", "failed": "failed"}


def text(found: Deployment) -> str:
    """Return it as lines of text."""
    lines = [f"{found.status}  {found.name}  {found.url or ''}".rstrip()]
    lines += [f"  {name}: {value}" for name, value in _facts(found)]
    if found.versions:
        lines.append(text_table(_HEAD, map(_row, found.versions), indent=2))
    lines += [f"  {_decided(one)}" for one in _told(found)]
    if found.curl is not None:
        lines += ["", *("  " + line for line in found.curl.splitlines())]
    return "\n".join(lines + [f"note: {note}" for note in found.notes])


def html(found: Deployment) -> str:
    """Return it as a card."""
    parts = [f"<div>{badge(found.status, LIKE.get(found.status))} <b>{escape(found.name)}</b> {_address(found)}</div>"]
    parts += [
        f'<div><span style="{FAINT}">{escape(name)}</span> {escape(value)}</div>'
        for name, value in _facts(found)
        if name not in {"in Jupyter", "try it"}
    ]
    if found.versions:
        parts.append(html_table(_HEAD, ([escape(word) for word in _row(one)] for one in found.versions)))
    parts += [f'<div><span style="{FAINT}">canary</span> {escape(_decided(one))}</div>' for one in _told(found)]
    codes = (
        ("curl", found.curl),
        ("Python", found.python),
        ("curl through Jupyter", found.jupyter_curl),
        ("Python through Jupyter", found.jupyter_python),
    )
    for title, code in codes:
        if code is not None:
            parts.append(
                f'<details style="margin-top:4px"><summary>{title}</summary>'
                f'<pre style="overflow-x:auto;margin:4px 0">{escape(code)}</pre></details>'
            )
    return f'<div style="{CARD}">{"".join(parts)}{notes_html(found.notes)}</div>'


def shares(versions: Sequence[ServedVersion]) -> str:
    """Return in a few words which versions answer."""
    return ", ".join(f"{one.version} {_traffic(one)}" for one in versions)


def _address(found: Deployment) -> str:
    if found.url is None:
        return ""
    said = f"<code>{escape(found.url)}</code>"
    if (page := _page(found)) is not None:
        said += f' <a href="{escape(page)}" target="_blank" rel="noopener">try it</a>'
    if found.jupyter_url is not None:
        said += f' <a href="{escape(found.jupyter_url)}" target="_blank" rel="noopener">in Jupyter</a>'
    return said


def _page(found: Deployment) -> str | None:
    """Return the address of the page to try it, for a browser on this machine; it asks for the token itself."""
    here = found.target == "local" and found.port is not None and found.url is not None
    return f"{found.url}/docs" if here else None


def _facts(found: Deployment) -> Iterator[tuple[str, str]]:
    if found.socket is not None:
        yield "socket", found.socket
    if (page := _page(found)) is not None:
        yield "try it", f"{page}, with the token"
    if found.jupyter_url is not None:
        yield "in Jupyter", found.jupyter_url
    if found.error is not None:
        at = "" if found.error_at is None else f" ({when(found.error_at)})"
        yield "last error" if found.status == "ready" else "error", f"{found.error}{at}"
    if found.restarts:
        yield "restarts", str(found.restarts)
    if found.follows is not None:
        yield "follows", found.follows
    if found.auto is not None:
        steps = ", ".join(f"{one:g}%" for one in found.auto.steps)
        said = f"version {found.auto.version} is promoted by itself ({steps}), or rolled back"
        # Whoever decides is a process of the endpoint's.
        still = "" if found.status in {"ready", "starting"} else f"; nothing is decided while it is {found.status}"
        yield "rollout", f"{said}{still}"
    workers = "" if found.workers in {None, 1} else f", {found.workers} workers"
    if found.pid is not None:
        yield "process", f"{found.pid}{workers}, since {when(found.started)}"
    if found.token_file is not None:
        yield "token", f"in {found.token_file}"


def _told(found: Deployment) -> list[Decision]:
    """Return the decisions about a rollout under way, and those of one that has ended today; `monitor` has them all."""
    since = datetime.now(UTC) - _OVER
    return [one for one in found.decisions if found.auto is not None or one.at > since]


def _decided(one: Decision) -> str:
    return f"{when(one.at)} {one.verdict} version {one.version}, {one.percent:g}%: {one.reason}"


def _row(version: ServedVersion) -> tuple[str, ...]:
    return version.version, _traffic(version), version.source, (version.run_id or "")[:8]


def _traffic(version: ServedVersion) -> str:
    return "shadow" if version.shadow else f"{version.percent:g}%"
