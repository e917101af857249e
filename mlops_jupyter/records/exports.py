"""Files that tell other systems of what is deployed."""

from __future__ import annotations

from dataclasses import dataclass

from .projects import StepOutcome


@dataclass(frozen=True)
class ExportedFile:
    """A file that was written.

    Attributes
    ----------
    path
        Where it lies below the folder.
    outcome
        What was done with it; a file that is kept was not touched.
    edited
        Whether it holds edits of the user's, which stay.
    """

    path: str
    outcome: StepOutcome
    edited: bool = False


@dataclass(frozen=True)
class Exported:
    """Files for another system.

    Attributes
    ----------
    system
        What it is called.
    folder
        Where the files lie.
    deployments
        The deployments that they are about.
    files
        The files.
    notes
        How they are checked and used, and what is left to do.
    """

    system: str
    folder: str
    deployments: tuple[str, ...]
    files: tuple[ExportedFile, ...]
    notes: tuple[str, ...] = ()
