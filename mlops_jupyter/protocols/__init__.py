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
    "CellProgress",
    "CodeReview",
    "Confirms",
    "Datasets",
    "Destroys",
    "GitPlace",
    "GitSetup",
    "LoadedNotebook",
    "Marker",
    "Names",
    "NotebookDiffer",
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
