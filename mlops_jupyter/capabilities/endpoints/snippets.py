"""How to ask an endpoint for a prediction: ready to paste, with the token read from its file, never in the text."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

_LONGEST = 600
_SAMPLES: Mapping[str, Any] = {"string": "text", "boolean": True, "datetime": "2026-01-31T12:00:00", "binary": "AA=="}


def body_of(example: str | None, signature: Mapping[str, str] | None) -> str | None:
    """Return a scoring request as JSON: the stored example, else one made of the signature; ``None`` for neither."""
    if example is not None and (told := _compact(example)) is not None and len(told) <= _LONGEST:
        return told
    try:
        inputs = json.loads((signature or {}).get("inputs") or "[]")
        columns = {one["name"]: _SAMPLES.get(str(one["type"]), 0) for one in inputs}
    except (ValueError, TypeError, KeyError):
        return None
    if not columns:
        return None
    made = json.dumps({"dataframe_split": {"columns": list(columns), "data": [list(columns.values())]}})
    return made if len(made) <= _LONGEST else None


def _compact(example: str) -> str | None:
    try:
        return json.dumps(json.loads(example))
    except ValueError:
        return None


def curl(url: str, socket: str | None, token_file: str, body: str | None) -> str:
    """Return a command of a shell."""
    data = "@request.json" if body is None else body
    words = ["curl", "-sS", *(() if socket is None else ("--unix-socket", socket)), f"{url}/invocations"]
    told = " ".join(map(shlex.quote, words))
    return (
        f'{told} \\\n  -H "Authorization: Bearer $(cat {shlex.quote(token_file)})" \\\n'
        f"  -H 'Content-Type: application/json' \\\n  -d {shlex.quote(data)}"
    )


def python(url: str, socket: str | None, token_file: str, body: str | None) -> str:
    """Return a few lines of Python that need httpx alone."""
    given = "..." if body is None else body
    transport = "" if socket is None else f"transport=httpx.HTTPTransport(uds={socket!r})"
    post = "httpx.post" if socket is None else f"httpx.Client({transport}).post"
    return (
        "import httpx, pathlib\n\n"
        f"token = pathlib.Path({token_file!r}).read_text().strip()\n"
        f"answer = {post}(\n"
        f"    {url + '/invocations'!r},\n"
        f"    content={given!r},\n"
        "    headers={'Authorization': f'Bearer {token}', 'Content-Type': 'application/json'},\n"
        ")\n"
        "answer.raise_for_status().json()['predictions']"
    )
