"""``review``: a branch for others to look at, with the notebooks' diff rendered."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

from .. import registry, settings
from ..capabilities.notebooks import reading, told
from ..capabilities.provenance import user
from ..capabilities.redaction import without_credentials
from ..capabilities.remotes import forge_of
from ..errors import CommandError, ConfigurationError, Conflict, MlopsError, NotFound
from ..protocols import CodeReview, Names, Proposal, Publishing, Pushed, Short, Snapshots
from ..records import Review, Run
from .arguments import names, notebook_file
from .compare import compare
from .diff import content_in, from_branch
from .forges import TOKENS
from .forges import host as host_of
from .snapshot import check_secrets, in_git

_PREFIX = "review/"
_NOT_IN_A_BRANCH = re.compile(r"[^\w.-]+")
_NOTEBOOK = ".ipynb"
# GitLab takes a million letters in a note, GitHub 65,536.
_LONGEST_TEXT = 60_000
# Larger files are data, and are not looked through for secrets; nor is what holds a byte 0 early, as git's diff has it.
_LARGEST_SCANNED, _BINARY_WITHIN = 5_000_000, 8000


@dataclass(frozen=True)
class _Place:
    """What is pushed from where to where."""

    git: Publishing
    snapshots: Snapshots
    directory: Path
    remote: str
    url: str
    target: str

    @property
    def base(self) -> str:
        """The name under which the target is known here."""
        return f"refs/remotes/{self.remote}/{self.target}"


def review(
    *notebooks: Path,
    branch: str | None = None,
    target: str | None = None,
    title: Annotated[str | None, Short("-m")] = None,
    runs: Names = (),
    remote: str = "origin",
    forge: str | None = None,
    draft: bool = False,
    allow: Names = (),
) -> Review:
    """Push a branch and open the merge request.

    What is pushed is a commit upon HEAD with the notebooks named, or with all tracked files, as they are now; your own
    branch, index and files stay as they are. GitLab opens the merge request at the push. With a token in GITLAB_TOKEN
    or GITHUB_TOKEN the diff of the notebooks, cell by cell, and the runs compared are written on it.

    Parameters
    ----------
    notebooks
        Which notebooks to show; else all tracked files that differ.
    branch
        The branch to push; else ``review/`` with your address' name and the notebook's path.
    target
        The branch to merge into; else the remote's own.
    title
        The merge request's title; else the names of the notebooks.
    runs
        Runs to compare on the merge request, as a,b.
    remote
        The git remote to push to.
    forge
        Which kind of host the remote is on, gitlab or github, where its name does not tell.
    draft
        Mark the merge request as a draft.
    allow
        Fingerprints of what looks like a secret and is none, as a,b.

    Returns
    -------
    Review
        What was pushed, and the merge request's page where one is known.

    Raises
    ------
    NotFound
        Outside a git repository, or without such a remote.
    Conflict
        When nothing differs from the target, a notebook or another text holds what looks like a token or a key, also in
        a commit that is pushed along, or somebody else has pushed to the branch.
    Rejected
        When the remote refuses the push; it says why.
    Unavailable
        When the remote does not answer.
    """
    current = settings.current()
    files = [notebook_file(one) for one in notebooks]
    place = _place(files[0].parent if files else Path.cwd(), remote, target)
    kind = forge or forge_of(place.url)
    if kind is not None and kind not in registry.names("code_review"):
        raise CommandError(f"no forge is called {kind}", f"--forge {' or '.join(registry.names('code_review'))}")
    shown = ", ".join(file.name for file in files)
    commit, _ = place.git.commit(place.directory, files or None, {}, title or f"For review: {shown or 'tracked files'}")
    changed = place.git.changed(place.directory, place.base, commit)
    if not changed:
        raise Conflict(
            f"nothing differs from {place.remote}/{place.target}, so there is nothing to review", "git status"
        )
    changed_notebooks = [path for path in changed if path.endswith(_NOTEBOOK)]
    notes = _refuse_secrets(current, place, commit, changed, names(allow))
    _refuse_secrets_before(current, place, commit, names(allow))
    proposal = Proposal(
        branch=branch or _branch_for(place.git.branch(place.directory), files, commit, place),
        target=place.target,
        title=title or f"Review {shown or ', '.join(Path(path).name for path in changed_notebooks) or changed[0]}",
        text=_text(place, commit, changed_notebooks, names(runs)),
        draft=draft,
    )
    if proposal.branch == place.target:
        raise CommandError(f"{proposal.branch} is what it is to be merged into", "leave --branch out, or name another")
    host = None if kind is None else host_of(kind, place.url)
    options = () if host is None else host.push_options(proposal)
    pushed = place.git.push(
        place.directory, remote, commit, proposal.branch, options, replace=proposal.branch.startswith(_PREFIX)
    )
    link, opened, told_notes = _open(host, kind, proposal, pushed)
    return Review(
        without_credentials(place.url), proposal.branch, place.target, commit, kind, link, opened,
        tuple(changed_notebooks), (*notes, *told_notes),
    )  # fmt: skip


def _place(directory: Path, remote: str, target: str | None) -> _Place:
    snapshots = in_git(directory)
    if snapshots is None:
        raise NotFound(f"{directory} is in no git repository, so there is nothing to push", "git init")
    git = cast("Publishing", registry.load("publishing", "git")())
    url = git.remote_url(directory, remote)
    place = _Place(git, snapshots, directory, remote, url, target or git.default_branch(directory, remote))
    if target is not None and snapshots.resolve(directory, place.base) is None:
        raise NotFound(f"there is no branch {target} of {remote} here", f"git fetch {remote}; git branch --remotes")
    return place


def _refuse_secrets(
    current: settings.Settings, place: _Place, commit: str, changed: Sequence[str], allowed: tuple[str, ...]
) -> tuple[str, ...]:
    """Refuse secrets in what is pushed, notebooks and other texts, and say what was not looked through."""
    check = check_secrets(current, allowed)
    large = []
    for path in changed:
        content = content_in(place.snapshots, place.directory, commit, path)
        if content is None:
            continue
        if path.endswith(_NOTEBOOK):
            check(reading.read(content, path), path)
        elif len(content) > _LARGEST_SCANNED:
            large.append(path)
        elif (text := _text_of(content)) is not None:
            check(text, path)
    if not large:
        return ()
    return (f"too large to be looked through for secrets: {', '.join(large)}",)


def _text_of(content: bytes) -> str | None:
    """Return a file's text, ``None`` where it is none."""
    return None if b"\0" in content[:_BINARY_WITHIN] else content.decode(errors="replace")


def _refuse_secrets_before(current: settings.Settings, place: _Place, commit: str, allowed: tuple[str, ...]) -> None:
    """Refuse secrets in what files were in commits that the remote does not have yet: they are pushed along."""
    check = check_secrets(current, allowed)
    for path, content in place.git.brought_along(place.directory, place.remote, commit, _LARGEST_SCANNED):
        looked_at: dict[str, Any] | str | None = _text_of(content)
        if path.endswith(_NOTEBOOK):
            # With the marks of a conflict, for one, it is text all the same.
            with contextlib.suppress(ConfigurationError):
                looked_at = reading.read(content, path)
        if looked_at is None:
            continue
        try:
            check(looked_at, f"{path}, as an earlier commit has it,")
        except Conflict as held:
            out = f"git reset --soft {place.remote}/{place.target}, so that no commit has it any more"
            raise Conflict(held.message, f"{out}; {held.hint}") from held


def _branch_for(own: str | None, files: Sequence[Path], commit: str, place: _Place) -> str:
    """Return the user's own branch if it is what is pushed, else one of ours."""
    head = place.snapshots.resolve(place.directory, "HEAD")
    if own is not None and own != place.target and head is not None and head.commit == commit:
        return own
    top = place.snapshots.top(place.directory) or place.directory
    what = files[0].relative_to(top).with_suffix("").as_posix() if files else own or commit[:8]
    who = place.git.who(place.directory) or user()
    return _PREFIX + _NOT_IN_A_BRANCH.sub("-", f"{who}-{what}").strip("-.")


def _text(place: _Place, commit: str, notebooks: Sequence[str], runs: Sequence[str]) -> str:
    """Return what reviewers read: the notebooks' diffs, and the runs side by side."""
    parts = []
    base = place.snapshots.resolve(place.directory, place.base)
    for path in notebooks:
        old = None if base is None else content_in(place.snapshots, place.directory, base.commit, path)
        new = content_in(place.snapshots, place.directory, commit, path)
        found = from_branch((place.target, old), (commit[:12], new), path)
        parts.append(told.markdown(found, _LONGEST_TEXT // len(notebooks)))
    if runs:
        parts.append(_runs(runs))
    return "\n\n".join(parts) or "No notebook differs."


def _runs(runs: Sequence[str]) -> str:
    """Return a table of the runs' metrics, the better ones marked."""
    found = compare(*runs)
    head = "| metric | " + " | ".join(map(_run, found.runs)) + " |"
    rows = [head, "| --- |" + " --- |" * len(found.runs)]
    for metric in found.metrics:
        cells = [
            "–" if value is None else f"**{value:.6g}**" if place in metric.best else f"{value:.6g}"
            for place, value in enumerate(metric.values)
        ]
        rows.append(f"| {metric.name} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _run(run: Run) -> str:
    """Name a run, with its page where the store has pages."""
    ident = f"`{run.run_id[:8]}`"
    return f"{run.name} [{ident}]({run.link})" if run.link else f"{run.name} {ident}"


def _open(
    host: CodeReview | None, kind: str | None, proposal: Proposal, pushed: Pushed
) -> tuple[str | None, bool, tuple[str, ...]]:
    """Open the merge request by the host's API where there is a token; else say what is left to do."""
    if host is None or kind is None:
        known = " or ".join(f"--forge {name}" for name in registry.names("code_review"))
        said = "the remote is on no forge that is known: the branch is pushed, and that is all"
        return None, False, (f"{said}; {known} says which it is",)
    variable = TOKENS.get(kind, "")
    token = os.environ.get(variable)
    page = host.page(proposal)
    if not token:
        missing = f"set {variable} to have the diff written on the merge request"
        if pushed.options_taken:
            return _told_link(pushed) or page, True, (missing,)
        if page is None:
            said = "the branch is pushed; the remote's address names no page to open the merge request on"
            return None, False, (said,)
        return page, False, (f"the branch is pushed; open the merge request by the link, or {missing}",)
    try:
        return host.open(proposal, token), True, ()
    except MlopsError as failed:
        # The branch is there all the same, and by GitLab's options the merge request as well.
        return _told_link(pushed) or page, pushed.options_taken, (f"{failed.message}; the branch is pushed",)


def _told_link(pushed: Pushed) -> str | None:
    """Return the page that the remote itself named in its answer to the push."""
    found = re.search(r"https?://\S+merge_requests/\S+", pushed.said)
    return None if found is None else without_credentials(found[0])
