"""A web page that can be opened now."""

from __future__ import annotations

from html import escape
from urllib.parse import urlsplit, urlunsplit

from ...records import WebPage
from .columns import FAINT


def text(page: WebPage) -> str:
    """Return the address."""
    return f"{page.title}: {page.url}\n  {page.detail}"


def html(page: WebPage) -> str:
    """Return the page in a frame below the Jupyter server, or a link where there is none."""
    detail = f'<div style="{FAINT}">{escape(page.detail)}</div>'
    if page.jupyter_url is None:
        return f'<a href="{escape(page.url)}" target="_blank" rel="noopener">open {escape(page.title)}</a>{detail}'
    # The frame spends the ticket and gets the cookie; the link then needs none.
    parts = urlsplit(page.jupyter_url)
    plain = urlunsplit((parts.scheme, parts.netloc, parts.path, "", parts.fragment))
    return (
        f'<a href="{escape(plain)}" target="_blank" rel="noopener">open {escape(page.title)} in a tab</a>{detail}'
        f'<iframe src="{escape(page.jupyter_url)}" title="{escape(page.title)}" width="100%" height="640" '
        'style="border:1px solid rgba(127,127,127,0.35);border-radius:6px"></iframe>'
    )
