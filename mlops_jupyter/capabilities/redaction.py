"""Keep credentials out of what is shown, logged or tagged."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_plus, urlsplit, urlunsplit

# `user:password@`, where the password may have a slash, a question mark or a hash that should have been quoted:
# SQLAlchemy takes it, and to a URL parser the host would end there. What could be `host:port/path@` is none.
# All is bounded: a megabyte that a cell printed must not be searched anew from each of its characters.
_SCHEME = r"[a-z][\w+.-]{0,40}://"
_UNQUOTED = rf"(?P<scheme>{_SCHEME})[^/?#@:%s]{{0,4000}}:(?!\d+(?:[/?#%s]|$))[^@%s]{{0,4000}}@"
_IN_A_URL = re.compile(_UNQUOTED.replace("%s", ""), re.IGNORECASE)
_WORD = re.compile(r"\S+")
_IN_A_TEXT = re.compile(
    _UNQUOTED.replace("%s", r"\s") + rf"|(?P<quoted>{_SCHEME})[^/?#@\s]{{0,8000}}@",
    re.IGNORECASE,
)

# TOKENIZERS_PARALLELISM and KEYBOARD are no secrets; a file's place is none either.
_SECRET_NAME = re.compile(r"TOKENS?(?![A-Z])|PASSWORD|PASSWD|SECRET|KEYS?(?![A-Z])", re.IGNORECASE)
_PLACE_NAME = re.compile(r"_(FILE|PATH|DIR|HOME)$", re.IGNORECASE)
# Shorter values, and words that switch something, stand in any text by chance.
_SHORTEST_SECRET = 6
_SWITCHES = frozenset({"default", "disable", "disabled", "enable", "enabled", "required"})


def without_credentials(url: str) -> str:
    """Return a URL without user, password, query and fragment; anything that is no URL stays as it is.

    A scp-like git remote (``git@host:group/project.git``) names a transport user, no secret, and stays.
    """
    try:
        parts = urlsplit(_IN_A_URL.sub(r"\g<scheme>", url, count=1) if "@" in url else url)
    except ValueError:
        return "(unreadable address)"
    if not parts.scheme or not parts.netloc:
        return url
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def redacted(text: str) -> str:
    """Return a text, such as another program's message, without the user and password of the URLs in it."""
    if "://" not in text or "@" not in text:
        return text
    return _WORD.sub(_redacted_word, text)


def _redacted_word(found: re.Match[str]) -> str:
    word = found[0]
    if "://" not in word or "@" not in word:
        return word
    return _IN_A_TEXT.sub(lambda url: url["scheme"] or url["quoted"], word)


def scrubbed(text: str, environment: Mapping[str, str]) -> str:
    """Return a text, such as what a cell printed, without the secrets that this process knows of.

    Removed are user and password of URLs, and the values of environment variables whose names speak of a token,
    password, secret or key: as they are, quoted for a URL, and escaped as in JSON or `repr`. Each leaves the
    variable's name in brackets. Values of fewer than 6 characters stay, as do secrets that no variable holds.

    Parameters
    ----------
    text
        What is to be kept with a run. Text within a JSON document is scrubbed before it is encoded.
    environment
        The process's environment variables.
    """
    return redacted(without_values(text, environment))


def without_values(text: str, environment: Mapping[str, str]) -> str:
    """Return a text, or a document such as a notebook's JSON, without the values of secret environment variables.

    Parameters
    ----------
    text, environment
        As of `scrubbed`.
    """
    names = {form: name for name, value in environment.items() if _is_secret(name, value) for form in _forms(value)}
    if not names:
        return text
    # The longest first: one secret may be the beginning of another.
    pattern = "|".join(re.escape(form) for form in sorted(names, key=len, reverse=True))
    return re.sub(pattern, lambda found: f"[{names[found[0]]}]", text)


def _is_secret(name: str, value: str) -> bool:
    if _SECRET_NAME.search(name) is None or _PLACE_NAME.search(name) is not None:
        return False
    return len(value.strip()) >= _SHORTEST_SECRET and value.strip().lower() not in _SWITCHES


def _forms(value: str) -> Iterator[str]:
    """Yield how a value looks where it is printed."""
    value = value.strip()
    yield value
    yield quote(value, safe="", errors="surrogateescape")
    yield quote_plus(value, errors="surrogateescape")
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield repr(value)[1:-1]
