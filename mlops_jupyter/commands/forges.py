"""Hosts of merge requests: the tokens for them, and the merge request that a pipeline runs for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple, cast

from .. import registry
from ..protocols import CodeReview

# The variables that hold a token for a forge's API.
TOKENS = {"gitlab": "GITLAB_TOKEN", "github": "GITHUB_TOKEN"}
# The branch that a pipeline's merge request goes into, as GitLab, GitHub and Jenkins name it.
_TARGETS = ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "GITHUB_BASE_REF", "CHANGE_TARGET")
_PULL = re.compile(r"refs/pull/([0-9]+)/\w+")
_PAGE = re.compile(r"(?P<project>https?://.+?)/(?:(?P<gitlab>-/merge_requests)|pull)/(?P<number>[0-9]+)/?")


class MergeRequest(NamedTuple):
    """A merge request: on which kind of host, of which project, and its number there."""

    kind: str
    project: str
    number: int


def merge_request(environment: Mapping[str, str]) -> MergeRequest | None:
    """Return the merge request that this pipeline runs for, by the variables of GitLab, GitHub and Jenkins."""
    number = environment.get("CI_MERGE_REQUEST_IID", "")
    project = environment.get("CI_MERGE_REQUEST_PROJECT_URL") or environment.get("CI_PROJECT_URL")
    if number.isdecimal() and project:
        return MergeRequest("gitlab", project, int(number))
    pull, repository = _PULL.fullmatch(environment.get("GITHUB_REF", "")), environment.get("GITHUB_REPOSITORY")
    if pull is not None and repository:
        server = environment.get("GITHUB_SERVER_URL", "https://github.com")
        return MergeRequest("github", f"{server}/{repository}", int(pull[1]))
    page = _PAGE.fullmatch(environment.get("CHANGE_URL", ""))
    if page is not None:
        return MergeRequest("gitlab" if page["gitlab"] else "github", page["project"], int(page["number"]))
    return None


def target_branch(environment: Mapping[str, str]) -> str | None:
    """Return the branch that this pipeline's merge request goes into, if it runs for one."""
    return next((environment[name] for name in _TARGETS if environment.get(name)), None)


def host(kind: str, remote: str) -> CodeReview:
    """Return the host of a remote's merge requests."""
    return cast("CodeReview", registry.load("code_review", kind)(remote))
