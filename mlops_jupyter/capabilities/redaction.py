"""Keep credentials out of what is shown, logged or tagged."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

# `user:password@`, where the password may have a slash, a question mark or a hash that should have been quoted:
# SQLAlchemy takes it, and to a URL parser the host would end there. What could be `host:port/path@` is none.
_UNQUOTED = r"(?P<scheme>[a-z][\w+.-]*://)[^/?#@:%s]*:(?!\d+(?:[/?#%s]|$))[^@%s]*@"
_IN_A_URL = re.compile(_UNQUOTED.replace("%s", ""), re.IGNORECASE)
_IN_A_TEXT = re.compile(
    _UNQUOTED.replace("%s", r"\s") + r"|(?P<quoted>[a-z][\w+.-]*://)[^/?#@\s]*@",
    re.IGNORECASE,
)


def without_credentials(url: str) -> str:
    """Return a URL without user, password, query and fragment; anything that is no URL stays as it is.

    A scp-like git remote (``git@host:group/project.git``) names a transport user, no secret, and stays.
    """
    try:
        parts = urlsplit(_IN_A_URL.sub(r"\g<scheme>", url, count=1))
    except ValueError:
        return "(unreadable address)"
    if not parts.scheme or not parts.netloc:
        return url
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def redacted(text: str) -> str:
    """Return a text, such as another program's message, without the user and password of the URLs in it."""
    return _IN_A_TEXT.sub(lambda found: found["scheme"] or found["quoted"], text)
