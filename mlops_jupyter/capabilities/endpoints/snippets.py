"""How to ask an endpoint for a prediction: ready to paste, with the token read from its file, never in the text."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

# A longer request is read from a file: nobody pastes, or reads, pages of numbers.
_LONGEST = 600
_ANY = '{"inputs": [...]}'
_SAMPLES: Mapping[str, Any] = {"string": "text", "boolean": True, "datetime": "2026-01-31T12:00:00", "binary": "AA=="}


def body_of(example: str | None, signature: Mapping[str, str] | None) -> str | None:
    """Return a scoring request as JSON, ``None`` when nothing is known of what the model takes.

    It is the stored example, unless that is long and one made of the signature is not.
    """
    own, made = None if example is None else _compact(example), _made(signature)
    return own if own is not None and (made is None or is_long(made) or not is_long(own)) else made


def is_long(body: str | None) -> bool:
    """Tell whether a request is to be read from a file."""
    return body is not None and len(body) > _LONGEST


def _made(signature: Mapping[str, str] | None) -> str | None:
    try:
        inputs = json.loads((signature or {}).get("inputs") or "[]")
        columns = {one["name"]: _SAMPLES.get(str(one["type"]), 0) for one in inputs}
    except (ValueError, TypeError, KeyError):
        return None
    # A tensor has no sample: its shape is the model's own.
    if not columns or any(one["type"] == "tensor" for one in inputs):
        return None
    return json.dumps({"dataframe_split": {"columns": list(columns), "data": [list(columns.values())]}})


def _compact(example: str) -> str | None:
    try:
        return json.dumps(json.loads(example))
    except ValueError:
        return None


def curl(url: str, socket: str | None, token_file: str, body: str | None, body_file: str | None = None) -> str:
    """Return a command of a shell; a body in a file is read from there."""
    data = f"@{body_file}" if body_file is not None else _ANY if body is None else body
    words = ["curl", "-sS", *(() if socket is None else ("--unix-socket", socket)), f"{url}/invocations"]
    told = " ".join(map(shlex.quote, words))
    return (
        f'{told} \\\n  -H "Authorization: Bearer $(cat {shlex.quote(token_file)})" \\\n'
        f"  -H 'Content-Type: application/json' \\\n  -d {shlex.quote(data)}"
    )


def python(url: str, socket: str | None, token_file: str, body: str | None, body_file: str | None = None) -> str:
    """Return a few lines of Python that need httpx alone; a body in a file is read from there."""
    given = repr(_ANY if body is None else body) if body_file is None else f"pathlib.Path({body_file!r}).read_bytes()"
    transport = "" if socket is None else f"transport=httpx.HTTPTransport(uds={socket!r})"
    post = "httpx.post" if socket is None else f"httpx.Client({transport}).post"
    return (
        "import httpx, pathlib\n\n"
        f"token = pathlib.Path({token_file!r}).read_text().strip()\n"
        f"answer = {post}(\n"
        f"    {url + '/invocations'!r},\n"
        f"    content={given},\n"
        "    headers={'Authorization': f'Bearer {token}', 'Content-Type': 'application/json'},\n"
        ")\n"
        "answer.raise_for_status().json()['predictions']"
    )


def jupyter_curl(path: str, body: str | None) -> str:
    """Return a command of a shell that asks through a Jupyter server, whose address and token are the reader's to say.

    Parameters
    ----------
    path
        The endpoint's below the server's origin.
    body
        The request; one that is too long to paste is left out.
    """
    return (
        f'curl -sS "$JUPYTER_URL"{shlex.quote(path + "invocations")} \\\n'
        '  -H "Authorization: token ${JUPYTER_TOKEN:-$JUPYTERHUB_API_TOKEN}" \\\n'
        f"  -H 'Content-Type: application/json' \\\n  -d {shlex.quote(_short(body))}"
    )


def jupyter_python(path: str, body: str | None) -> str:
    """Return a few lines of Python that need httpx alone and ask through a Jupyter server; as `jupyter_curl`."""
    return (
        "import httpx, os\n\n"
        "token = os.environ.get('JUPYTER_TOKEN') or os.environ['JUPYTERHUB_API_TOKEN']\n"
        "answer = httpx.post(\n"
        f"    os.environ['JUPYTER_URL'] + {path + 'invocations'!r},\n"
        f"    content={_short(body)!r},\n"
        "    headers={'Authorization': f'token {token}', 'Content-Type': 'application/json'},\n"
        ")\n"
        "answer.raise_for_status().json()['predictions']"
    )


def _short(body: str | None) -> str:
    return _ANY if body is None or is_long(body) else body
