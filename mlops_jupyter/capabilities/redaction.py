"""Keep credentials out of what is shown, logged or tagged."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit


def without_credentials(url: str) -> str:
    """Return a URL without user, password, query and fragment; anything that is no URL stays as it is.

    A scp-like git remote (``git@host:group/project.git``) names a transport user, no secret, and stays.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(unreadable address)"
    if not parts.scheme or not parts.netloc:
        return url
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
