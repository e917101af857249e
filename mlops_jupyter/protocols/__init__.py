"""The small protocols between the layers, and the markers a verb's signature speaks in."""

from __future__ import annotations

from .markers import (
    Destroys,
    Marker,
    Names,
    Object,
    Short,
    Source,
)
from .models import (
    ModelRegistry,
    ModelSource,
)
from .notebooks import (
    CellProgress,
    LoadedNotebook,
    NotebookExport,
    NotebookHost,
    NotebookOutcome,
    NotebookPages,
    NotebookRunner,
    PythonEnvironments,
    Work,
)
from .reporting import (
    Reporter,
    Silent,
)
from .reports import (
    CaseReport,
    ReportedCase,
    ReportedSuite,
)
from .tracking import (
    Datasets,
    OpenedRun,
    PlainTracking,
    RunSink,
    ServedPage,
    Tracking,
    TrackingUi,
)
from .versions import (
    CodeReview,
    GitPlace,
    GitSetup,
    NotebookDiffer,
    Proposal,
    Publishing,
    Pushed,
    SecretMatch,
    SecretScanner,
    Snapshots,
    SourceControl,
    StoredSnapshot,
    WebDiff,
)

__all__ = [
    "CaseReport",
    "CellProgress",
    "CodeReview",
    "Datasets",
    "Destroys",
    "GitPlace",
    "GitSetup",
    "LoadedNotebook",
    "Marker",
    "ModelRegistry",
    "ModelSource",
    "Names",
    "NotebookDiffer",
    "NotebookExport",
    "NotebookHost",
    "NotebookOutcome",
    "NotebookPages",
    "NotebookRunner",
    "Object",
    "OpenedRun",
    "PlainTracking",
    "Proposal",
    "Publishing",
    "Pushed",
    "PythonEnvironments",
    "ReportedCase",
    "ReportedSuite",
    "Reporter",
    "RunSink",
    "SecretMatch",
    "SecretScanner",
    "ServedPage",
    "Short",
    "Silent",
    "Snapshots",
    "Source",
    "SourceControl",
    "StoredSnapshot",
    "Tracking",
    "TrackingUi",
    "WebDiff",
    "Work",
]
