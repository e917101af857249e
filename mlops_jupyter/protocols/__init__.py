"""The small protocols between the layers, and the markers a verb's signature speaks in."""

from __future__ import annotations

from .batches import (
    BatchEngine,
    NotebookTask,
)
from .markers import (
    Confirms,
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
    Limits,
    LoadedNotebook,
    NotebookEngine,
    NotebookExport,
    NotebookHost,
    NotebookOutcome,
    NotebookPages,
    NotebookRunner,
    PythonEnvironments,
    Resumable,
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
    "BatchEngine",
    "CaseReport",
    "CellProgress",
    "CodeReview",
    "Confirms",
    "Datasets",
    "Destroys",
    "GitPlace",
    "GitSetup",
    "Limits",
    "LoadedNotebook",
    "Marker",
    "ModelRegistry",
    "ModelSource",
    "Names",
    "NotebookDiffer",
    "NotebookEngine",
    "NotebookExport",
    "NotebookHost",
    "NotebookOutcome",
    "NotebookPages",
    "NotebookRunner",
    "NotebookTask",
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
    "Resumable",
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
