"""Asking an endpoint on this machine for predictions."""

from __future__ import annotations

import json
import re

import httpx

from ...capabilities.endpoints.folder import EndpointFolder
from ...capabilities.endpoints.state import EndpointState
from ...errors import MlopsError, Rejected, Unauthorized, Unavailable
from ...protocols import Answer, ScoringBody

_BUSY = {httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT}
# Where an endpoint names a row, its words begin with it.
_ROW = re.compile(r"row (\d+)(?=[,: ])")
_REFUSED = {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}


def url_of(state: EndpointState) -> str:
    """Return an endpoint's address; with a Unix socket any host will do."""
    if state.socket is not None:
        return "http://localhost"
    host = f"[{state.host}]" if ":" in state.host else state.host
    return f"http://{host}:{state.port}"


def ask(folder: EndpointFolder, state: EndpointState, body: ScoringBody, timeout_s: float) -> Answer:
    """Send a scoring request.

    Raises
    ------
    Unavailable
        When it does not answer, or has too much to do.
    Unauthorized
        When it does not know the token.
    Rejected
        When it refuses the request, with its words.
    """
    headers = {"Authorization": f"Bearer {folder.token()}", "Content-Type": body.content_type}
    transport = None if state.socket is None else httpx.HTTPTransport(uds=state.socket)
    try:
        # What a proxy's variables say is not meant for this machine itself.
        with httpx.Client(transport=transport, timeout=timeout_s, trust_env=False) as client:
            answer = client.post(f"{url_of(state)}/invocations", content=body.content, headers=headers)
    except httpx.HTTPError as error:
        said = f"{folder.name} did not answer: {str(error) or type(error).__name__}"
        raise Unavailable("endpoint", said, f"mlops deployments {folder.name}") from error
    if answer.is_success:
        told = answer.headers
        return Answer(answer.content, told.get("x-request-id", ""), told.get("x-mlops-version", ""))
    raise _failure(folder.name, answer, body.first_row)


def _failure(name: str, answer: httpx.Response, first_row: int) -> MlopsError:
    try:
        told = json.loads(answer.content)
        said = str(told.get("message") or told.get("error") or told)
    except (ValueError, AttributeError):
        said = answer.text.strip() or answer.reason_phrase
    said = _ROW.sub(lambda found: f"row {int(found[1]) + first_row}", said, count=1) if _ROW.match(said) else said
    if answer.status_code in _BUSY:
        return Unavailable("endpoint", f"{name} has no answer now: {said}", f"mlops deployments {name}")
    if answer.status_code in _REFUSED:
        return Unauthorized("endpoint", f"{name} does not know the token: {said}", f"mlops deployments {name}")
    # What the model raised is in no answer, as it may hold values; where it did so is in the log.
    hint = f"mlops logs {name}" if said.startswith("the model raised") else f"mlops deployments {name}"
    return Rejected("endpoint", f"{name} refused the request: {said}", hint)
