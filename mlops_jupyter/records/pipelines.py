"""Pipelines of CI systems."""

from __future__ import annotations

from dataclasses import dataclass

from .projects import StepOutcome


@dataclass(frozen=True)
class PipelineFile:
    """The file that tells a CI system what to do.

    Attributes
    ----------
    system
        What the system is called.
    path
        Where the file lies.
    outcome
        What was done with it; a file that is kept was not touched.
    jobs
        The jobs' names, as the system shows them.
    edited
        The parts in which the user's own edits were found and kept.
    notes
        What is left to do.
    """

    system: str
    path: str
    outcome: StepOutcome
    jobs: tuple[str, ...]
    edited: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
