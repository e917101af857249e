"""Pull requests on GitHub, by its REST API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from ..capabilities.remotes import HostedProject, hosted
from ..errors import ConfigurationError, Rejected, Unauthorized, Unavailable
from ..protocols import Proposal

_TIMEOUT_S = 30.0
_PUBLIC = "github.com"
_PAGE = 100
_MEMBERS = {"OWNER", "MEMBER", "COLLABORATOR"}
_DENIED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


class GithubReview:
    """The pull requests of the repository that a remote belongs to.

    Parameters
    ----------
    remote
        The remote's address.
    """

    def __init__(self, remote: str) -> None:
        self._remote = remote

    def push_options(self, proposal: Proposal) -> tuple[str, ...]:
        """Return none: GitHub opens nothing at a push."""
        return ()

    def open(self, proposal: Proposal, token: str) -> str:
        """Open the pull request, or find the one that is open and write the text below it."""
        with self._client(token) as (client, project):
            owner = project.path.partition("/")[0]
            where = f"/repos/{project.path}/pulls"
            found = _told(client.get(where, params={"head": f"{owner}:{proposal.branch}", "state": "open"}))
            if found:
                number = found[0]["number"]
                _told(client.post(f"/repos/{project.path}/issues/{number}/comments", json={"body": proposal.text}))
                return str(found[0]["html_url"])
            made = _told(
                client.post(
                    where,
                    json={
                        "head": proposal.branch,
                        "base": proposal.target,
                        "title": proposal.title,
                        "body": proposal.text,
                        "draft": proposal.draft,
                    },
                )
            )
            return str(made["html_url"])

    def note(self, number: int, mark: str, text: str, token: str) -> str:
        """Write a comment on a pull request, or write the one anew that begins with the same mark."""
        body = {"body": f"{mark}\n{text}"}
        with self._client(token) as (client, project):
            issues = f"/repos/{project.path}/issues"
            for one in _pages(client, f"{issues}/{number}/comments"):
                if str(one.get("body") or "").startswith(mark) and _is_trusted(one):
                    return str(_told(client.patch(f"{issues}/comments/{one['id']}", json=body))["html_url"])
            return str(_told(client.post(f"{issues}/{number}/comments", json=body))["html_url"])

    def page(self, proposal: Proposal) -> str | None:
        """Return the page on which GitHub compares a branch and opens a pull request."""
        project = self._project()
        target, branch = quote(proposal.target, safe="/"), quote(proposal.branch, safe="/")
        return f"{project.base_url}/{project.path}/compare/{target}...{branch}?expand=1"

    @contextmanager
    def _client(self, token: str) -> Iterator[tuple[httpx.Client, HostedProject]]:
        project = self._project()
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
        try:
            with httpx.Client(base_url=_api(project), headers=headers, timeout=_TIMEOUT_S) as client:
                yield client, project
        except httpx.HTTPError as error:
            raise Unavailable("GitHub", f"{project.base_url} does not answer: {error}", None) from error

    def _project(self) -> HostedProject:
        project = hosted(self._remote)
        if project is None:
            raise ConfigurationError(
                f"{self._remote} names no repository on GitHub", "git remote set-url origin ADDRESS"
            )
        return project


def _api(project: HostedProject) -> str:
    host = urlsplit(project.base_url).hostname
    # A GitHub of one's own has its API below its pages.
    return f"https://api.{_PUBLIC}" if host == _PUBLIC else f"{project.base_url}/api/v3"


def _pages(client: httpx.Client, where: str) -> Iterator[dict[str, Any]]:
    page = 1
    while True:
        found = _told(client.get(where, params={"per_page": _PAGE, "page": page}))
        yield from found
        if len(found) < _PAGE:
            return
        page += 1


def _is_trusted(comment: dict[str, Any]) -> bool:
    """Whether a comment is a pipeline's or a member's; anybody else may write one that begins like ours."""
    bot = (comment.get("user") or {}).get("type") == "Bot"
    return bot or comment.get("author_association") in _MEMBERS


def _told(answer: httpx.Response) -> Any:
    if answer.status_code in _DENIED:
        raise Unauthorized(
            "GitHub",
            f"GitHub does not let this token in: {_words(answer)}",
            "set GITHUB_TOKEN to a token that may write pull requests",
        )
    if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Unavailable("GitHub", f"GitHub failed with {answer.status_code}: {_words(answer)}", None)
    if answer.is_error:
        raise Rejected("GitHub", f"GitHub refused the pull request: {_words(answer)}", None)
    return answer.json()


def _words(answer: httpx.Response) -> str:
    try:
        told = answer.json()
    except ValueError:
        return answer.text[:200]
    if not isinstance(told, dict):
        return answer.text[:200]
    reasons = [one.get("message", "") for one in told.get("errors", []) if isinstance(one, dict)]
    return "; ".join(filter(None, [str(told.get("message", "")), *reasons]))
