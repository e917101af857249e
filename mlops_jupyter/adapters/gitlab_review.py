"""Merge requests on GitLab: by options of the push itself, and with a token by its REST API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from urllib.parse import quote

import gitlab
from gitlab.exceptions import GitlabAuthenticationError, GitlabError
from requests import RequestException

from ..capabilities.remotes import HostedProject, hosted
from ..errors import ConfigurationError, MlopsError, Rejected, Unauthorized, Unavailable
from ..protocols import Proposal

_TIMEOUT_S = 30
_DRAFT = "Draft: "
_DENIED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_TOKEN_HINT = "set GITLAB_TOKEN to a token with the api scope"  # noqa: S105 -- no token


class GitlabReview:
    """The merge requests of the project that a remote belongs to.

    Parameters
    ----------
    remote
        The remote's address.
    """

    def __init__(self, remote: str) -> None:
        self._remote = remote

    def push_options(self, proposal: Proposal) -> tuple[str, ...]:
        """Return the options by which GitLab opens a merge request when it receives a push."""
        options = [
            "merge_request.create",
            f"merge_request.target={proposal.target}",
            f"merge_request.title={_one_line(proposal.title)}",
        ]
        if proposal.draft:
            options.append("merge_request.draft")
        return tuple(options)

    def open(self, proposal: Proposal, token: str) -> str:
        """Open the merge request, or find the one that the push has opened, and write the text into it."""
        with self._server(token) as (server, project):
            requests = server.projects.get(project.path, lazy=True).mergerequests
            found = requests.list(source_branch=proposal.branch, state="opened", get_all=False)
            title = _DRAFT + proposal.title if proposal.draft else proposal.title
            if found:
                request = requests.get(found[0].iid, lazy=True)
                request.notes.create({"body": proposal.text})
                return str(found[0].web_url)
            request = requests.create(
                {
                    "source_branch": proposal.branch,
                    "target_branch": proposal.target,
                    "title": title,
                    "description": proposal.text,
                }
            )
            return str(request.web_url)

    def note(self, number: int, mark: str, text: str, token: str) -> str:
        """Write a note on a merge request, or write our own one anew that begins with the same mark."""
        body = f"{mark}\n{text}"
        with self._server(token) as (server, project):
            server.auth()
            own = None if server.user is None else server.user.id
            notes = server.projects.get(project.path, lazy=True).mergerequests.get(number, lazy=True).notes
            for note in notes.list(iterator=True):
                # Anybody may write a note that begins like ours.
                if note.body.startswith(mark) and note.author["id"] == own:
                    note.body = body
                    note.save()
                    break
            else:
                note = notes.create({"body": body})
            return f"{project.base_url}/{project.path}/-/merge_requests/{number}#note_{note.get_id()}"

    def page(self, proposal: Proposal) -> str | None:
        """Return the page that GitLab offers for a branch that was pushed."""
        project = hosted(self._remote)
        if project is None:
            return None
        query = f"merge_request%5Bsource_branch%5D={quote(proposal.branch, safe='')}"
        return f"{project.base_url}/{project.path}/-/merge_requests/new?{query}"

    @contextmanager
    def _server(self, token: str) -> Iterator[tuple[gitlab.Gitlab, HostedProject]]:
        project = hosted(self._remote)
        if project is None:
            raise ConfigurationError(
                f"{self._remote} names no project on a GitLab server", "git remote set-url origin ADDRESS"
            )
        try:
            with gitlab.Gitlab(project.base_url, private_token=token, timeout=_TIMEOUT_S) as server:
                yield server, project
        except GitlabError as error:
            raise _ours(error) from error
        except RequestException as error:
            raise Unavailable("GitLab", f"{project.base_url} does not answer: {error}", None) from error


def _ours(error: GitlabError) -> MlopsError:
    if isinstance(error, GitlabAuthenticationError) or error.response_code in _DENIED:
        return Unauthorized("GitLab", f"GitLab does not let this token in: {error.error_message}", _TOKEN_HINT)
    if (error.response_code or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable("GitLab", f"GitLab failed: {error.error_message}", None)
    return Rejected("GitLab", f"GitLab refused the merge request: {error.error_message}", None)


def _one_line(text: str) -> str:
    # An option of a push ends at the line's end.
    return " ".join(text.split())
