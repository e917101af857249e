"""``diff``: two versions of a notebook side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from .. import registry, settings
from ..capabilities.notebooks import diffing, reading
from ..capabilities.notebooks.stripping import strip
from ..capabilities.references import References
from ..errors import CommandError, NotFound
from ..protocols import NotebookDiffer, Snapshots, WebDiff
from ..records import NotebookDiff, Version, WebPage
from . import project
from .versions import directory_of, needs_git, own_notebook, references

_HEAD = "HEAD"
# What holds a notebook as it is kept: without its outputs.
_BARE = {"snapshot", "run"}
_EMPTY = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'


def diff(
    a: str | None = None, b: str | None = None, *, notebook: Path | None = None, web: bool = False
) -> NotebookDiff | WebPage:
    """Put two versions of a notebook side by side.

    A version is a file, a snapshot or a commit (``HEAD~2``, ``main:train.ipynb``), or a run, by its id or name;
    ``file:``, ``git:`` or ``run:`` in front says which is meant. With one version, it is compared with the notebook as
    it is now; with none, or with a file alone, HEAD is.

    Parameters
    ----------
    a
        The version before.
    b
        The version after; else the notebook as it is now.
    notebook
        Which notebook, where the versions do not say; else the one of this kernel.
    web
        Open nbdime's own web pages with the two versions.

    Returns
    -------
    NotebookDiff or WebPage
        The cells that differ, word by word, and their outputs; or the page.

    Raises
    ------
    NotFound
        When there is no such version, or the notebook is not in it.
    Conflict
        When a word may be several versions.
    CommandError
        When it is not said which notebook is meant.
    ConfigurationError
        When a version is no notebook.
    """
    current = settings.current()
    (before, old), (after, new) = _two(current, a, b, own_notebook(notebook))
    if web:
        base = project.notebook_host().server_url()
        page = cast("WebDiff", registry.load("web_diff", "nbdime")()).open(old, new, base)
        title = f"{before.ref} and {after.ref} in nbdime"
        return WebPage(title, f"http://127.0.0.1:{page.port}{page.path}", base and page.path, page.detail)
    return compared((before, after), (old, new))


def compared(versions: tuple[Version, Version], contents: tuple[bytes, bytes]) -> NotebookDiff:
    """Read two versions and put them side by side."""
    before, after = (
        reading.read(content, version.ref, file=version.notebook)
        for version, content in zip(versions, contents, strict=True)
    )
    both = zip(versions, (before, after), strict=True)
    bare = any(version.kind in _BARE and not _has_outputs(one) for version, one in both)
    if bare and (_has_outputs(before) or _has_outputs(after)):
        # That the other has outputs is no change.
        before, after = strip(before), strip(after)
        found = diffing.diff(before, after, versions, aligner())
        return replace(found, notes=(*found.notes, "outputs are left out: what is kept of a notebook has none"))
    return diffing.diff(before, after, versions, aligner())


def _has_outputs(notebook: Mapping[str, Any]) -> bool:
    return any(cell.get("outputs") for cell in notebook["cells"])


def content_in(snapshots: Snapshots, directory: Path, commit: str, path: str) -> bytes | None:
    """Return a notebook's content in a commit, ``None`` where it is not in it."""
    try:
        return snapshots.read(directory, commit, path)
    except NotFound:
        return None


def from_branch(before: tuple[str, bytes | None], after: tuple[str, bytes | None], path: str) -> NotebookDiff:
    """Put a notebook beside what it is on another branch; where it is not there, it is empty.

    Parameters
    ----------
    before, after
        What each side is called, and its content.
    path
        The notebook's, below the working tree's top.
    """
    versions = Version("commit", before[0], path), Version("commit", after[0], path)
    return compared(versions, (before[1] or _EMPTY, after[1] or _EMPTY))


def aligner() -> Callable[[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]], list[tuple[int, int]]]:
    """Return what aligns cells that have no ids; nbdime is imported only when there are any."""

    def align(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
        return cast("NotebookDiffer", registry.load("notebook_differ", "nbdime")()).align(before, after)

    return align


_Found = tuple[Version, bytes]


def _two(current: settings.Settings, a: str | None, b: str | None, own: Path | None) -> tuple[_Found, _Found]:
    where = references(current, directory_of(own))
    if a is not None and b is not None:
        first, second = _file_of(a) or own, _file_of(b) or own
        # A version that names no notebook means the one that the other names.
        return where.find(a, first or second), where.find(b, second or first)
    file = None if a is None else _file_of(a)
    if a is not None and file is None:
        found = where.find(a, own)
        return found, where.now(own or _notebook_of(current, where, found[0]))
    target = file or own or _only_changed(where)
    directory = directory_of(target)
    needs_git(directory)
    return references(current, directory).find(f"git:{_HEAD}", target), where.now(target)


def _file_of(word: str) -> Path | None:
    path = Path(word.removeprefix("file:")).expanduser()
    return path.resolve() if path.is_file() else None


def _notebook_of(current: settings.Settings, where: References, version: Version) -> Path:
    """Return the file of which a version was found, to compare it with now."""
    if version.kind == "run":
        return current.root / version.notebook
    return (where.top or current.root) / version.notebook


def _only_changed(where: References) -> Path:
    """Return the one notebook that differs from HEAD, of those that lie here or one folder below."""
    needs_git(where.directory)
    snapshots = where.snapshots
    head = None if snapshots is None else snapshots.resolve(where.directory, _HEAD)
    top = where.top
    changed = []
    if snapshots is not None and head is not None and top is not None:
        known = set(snapshots.notebooks(where.directory, head.commit))
        listed = [*where.directory.glob("*.ipynb"), *where.directory.glob("*/*.ipynb")]
        # A link is what it leads to: another notebook here, something outside the repository, or nothing.
        for path in sorted({one.resolve() for one in listed if one.is_file()}):
            name = path.relative_to(top.resolve()).as_posix() if path.is_relative_to(top.resolve()) else None
            if name in known and snapshots.read(where.directory, head.commit, name) != path.read_bytes():
                changed.append(path)
    if len(changed) == 1:
        return changed[0]
    several = f"{', '.join(one.name for one in changed)} differ from HEAD" if changed else "none here differs from HEAD"
    raise CommandError(f"which notebook? {several}", "mlops diff NOTEBOOK.ipynb")
