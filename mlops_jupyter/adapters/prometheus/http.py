"""One server of the Prometheus family over HTTP: in time, with credentials that nothing shows, errors as ours."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from ...capabilities.redaction import redacted, without_credentials
from ...errors import MlopsError, Rejected, Unauthorized, Unavailable
from ...protocols import ServerAccess

_CONNECT_S = 4.0
_MOST_BYTES = 128 * 1024 * 1024
_MOST_WORDS = 500
_DENIED = {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}


class Server:
    """A server by its address; connections are kept for the next request.

    Parameters
    ----------
    name
        What it is called in messages.
    access
        Where it is, and how one gets in.
    limit_s
        Seconds that a request may take in all.
    """

    def __init__(self, name: str, access: ServerAccess, limit_s: float) -> None:
        self.name, self.limit_s = name, limit_s
        self._access = access
        self._url = access.url.rstrip("/")
        headers = {} if access.token is None else {"Authorization": f"Bearer {access.token}"}
        basic = access.token is None and access.user is not None
        self._client = httpx.Client(
            headers=headers,
            auth=httpx.BasicAuth(access.user or "", access.password or "") if basic else None,
            timeout=httpx.Timeout(limit_s, connect=min(_CONNECT_S, limit_s)),
            # What a proxy's variables say is not meant for this machine itself.
            trust_env=not _is_here(self._url),
        )

    @property
    def shown(self) -> str:
        """Its address, as messages have it."""
        return without_credentials(self._url)

    def request(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        params: Mapping[str, str | list[str]] | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a request and read the answer, whatever it says.

        Raises
        ------
        Unavailable
            When there is no whole answer in time.
        Rejected
            When the answer is larger than any that is wanted.
        """
        ends = time.monotonic() + self.limit_s
        url = self._url + path
        try:
            with self._client.stream(
                method, url, data=form, params=params, json=json, content=content, headers=headers
            ) as answer:
                body = bytearray()
                for part in answer.iter_bytes():
                    body += part
                    self._check(len(body), ends)
                return httpx.Response(
                    answer.status_code,
                    headers={"content-type": answer.headers.get("content-type", "")}
                    | ({"location": answer.headers["location"]} if "location" in answer.headers else {}),
                    content=bytes(body),
                )
        except httpx.TimeoutException as error:
            raise self._late() from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            said = redacted(str(error)) or type(error).__name__
            raise Unavailable(
                self.name, f"{self.name} at {self.shown} does not answer: {said}", self._hint()
            ) from error

    def error(self, answer: httpx.Response, said: str | None = None) -> MlopsError:
        """Return the error that an answer stands for.

        Parameters
        ----------
        answer
            One that is no success.
        said
            The server's words, if they were found in it.
        """
        status = answer.status_code
        told = said or _first_line(answer.text) or answer.reason_phrase or f"status {status}"
        if status in _DENIED:
            return Unauthorized(self.name, f"{self.name} at {self.shown} lets nobody in: {told}", self._login_hint())
        if answer.is_redirect:
            where = without_credentials(answer.headers.get("location", "elsewhere"))
            return Rejected(self.name, f"{self.name} at {self.shown} sends us on to {where}", self._hint())
        if answer.is_server_error:
            return Unavailable(self.name, f"{self.name} at {self.shown} failed: {told}", self._hint())
        return Rejected(self.name, f"{self.name} at {self.shown} refused: {told}", None)

    def stranger(self, answer: httpx.Response) -> MlopsError:
        """Return the error for an answer that no such server gives."""
        if not answer.is_success:
            return self.error(answer)
        return Rejected(self.name, f"what answers at {self.shown} is not {self.name}", self._hint())

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _check(self, length: int, ends: float) -> None:
        if time.monotonic() > ends:
            raise self._late()
        if length > _MOST_BYTES:
            megabytes = _MOST_BYTES // 1024**2
            said = f"{self.name} at {self.shown} answers with more than {megabytes} MB"
            raise Rejected(self.name, said, "ask for fewer series, or a shorter time")

    def _late(self) -> Unavailable:
        said = f"{self.name} at {self.shown} did not answer within {self.limit_s:g} s"
        return Unavailable(self.name, said, self._hint())

    def _hint(self) -> str | None:
        table = self._access.settings
        return f"look at url under [{table}] in mlops.toml" if table else None

    def _login_hint(self) -> str | None:
        table = self._access.settings
        return f"set MLOPS_JUPYTER_{table.upper()}_TOKEN, or credentials_file under [{table}]" if table else None


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "" if not lines or lines[0].startswith("<") else redacted(lines[0][:_MOST_WORDS])


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
