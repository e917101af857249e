"""Pipelines of CI systems: what one does, and how its file is written."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol


class NotebookJob(NamedTuple):
    """A job that runs one notebook; ``name`` is unique in the pipeline and good as the name of a file.

    ``notebook`` is relative to the directory that the pipeline starts in, with ``/``.
    """

    name: str
    notebook: str


class DeployJob(NamedTuple):
    """A job that deploys a model under a name when somebody says so; one that is trusted may run code to be loaded."""

    model: str
    name: str
    trust: bool = False


class PipelinePlan(NamedTuple):
    """What a pipeline does, whichever system runs it.

    Attributes
    ----------
    jobs
        The notebooks to run, a job each.
    gates
        What each notebook's run has to fulfil.
    python
        The version of Python, as 3.11.
    install
        Commands of a shell that fill a fresh environment of Python, which is active.
    ruff
        What pip installs to get ruff, where the project has settings for it.
    locks
        The files that say what is installed: a change of theirs makes a cache stale.
    root
        The project's directory, relative to the one that the pipeline starts in; "." for the same.
    embedded
        Whether the runs are kept in the project's own store, unless a variable names another.
    deploy
        What is deployed from the default branch, by hand; ``None`` for nothing.
    install_apart
        As ``install``, for the environment of what is deployed: nothing in it points to the checkout.
    """

    jobs: tuple[NotebookJob, ...]
    gates: tuple[str, ...]
    python: str
    install: tuple[str, ...]
    ruff: str | None
    locks: tuple[str, ...]
    root: str
    embedded: bool
    deploy: DeployJob | None = None
    install_apart: tuple[str, ...] = ()


class PipelinePart(NamedTuple):
    """A part of a pipeline's file that is renewed as a whole where nobody has edited it; ``text`` is whole lines."""

    name: str
    text: str


class Pipelines(Protocol):
    """A CI system, by the file that tells it what to do.

    Attributes
    ----------
    title
        What the system is called.
    file
        Where the system looks for the file, relative to the repository's top, with ``/``.
    comment
        What begins a comment.
    """

    title: str
    file: str
    comment: str

    def parts(self, plan: PipelinePlan) -> tuple[PipelinePart, ...]:
        """Return the file's parts, in order; one after the other they are the whole file."""

    def jobs(self, plan: PipelinePlan) -> tuple[str, ...]:
        """Return the jobs' names, as the system will show them."""

    def notes(self, plan: PipelinePlan, file: str) -> tuple[str, ...]:
        """Say in sentences what is left to do in the system, for a pipeline that is written to ``file``."""

    def elsewhere(self) -> tuple[str, str]:
        """Return another file for a repository whose own is taken, and in words how the system comes to read it."""


class Clash(NamedTuple):
    """Lines of the user's text that both sides have changed, counted from 1, both included."""

    first: int
    last: int


class MergedText(NamedTuple):
    """Two edited versions of a text in one; worth nothing where there are clashes."""

    text: str
    clashes: tuple[Clash, ...]


class TextMerge(Protocol):
    """Merges what two sides made of one text."""

    def merge(self, directory: Path, base: str, mine: str, theirs: str) -> MergedText:
        """Return ``mine`` with what ``theirs`` has changed of ``base``; ``directory`` is any that exists."""
