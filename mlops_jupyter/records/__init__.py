"""What verbs return: frozen values, no I/O.

Durations end in ``_s`` and are seconds; instants are timezone-aware UTC datetimes.
"""

from __future__ import annotations

from .batches import (
    Batch,
    BatchRow,
    RowStatus,
)
from .comparisons import (
    Comparison,
    Difference,
    MetricComparison,
    Section,
)
from .executions import (
    CellFailure,
    Execution,
    GateResult,
    GateVerdict,
    Parameter,
    ReproducedMetric,
    Reproduction,
    ReproductionVerdict,
)
from .honesty import (
    Honesty,
    HonestyFinding,
    HonestyKind,
)
from .models import (
    ModelPackage,
    ModelTable,
    Promotion,
    RegisteredVersion,
)
from .pipelines import (
    PipelineFile,
)
from .projects import (
    Check,
    CheckLevel,
    Checkout,
    Diagnosis,
    SecretFinding,
    SecretPlace,
    Setup,
    SetupStep,
    Status,
    StepOutcome,
    WarmImports,
    WarmProcess,
    WebPage,
)
from .runs import (
    UNSAID,
    Dataset,
    DatasetInput,
    Histories,
    MetricPoint,
    Run,
    RunStart,
    RunStatus,
    RunTable,
)
from .versions import (
    CellChange,
    History,
    Line,
    NotebookDiff,
    OutputChange,
    Picture,
    Restored,
    Review,
    Snapshot,
    Version,
    VersionKind,
)

__all__ = [
    "UNSAID",
    "Batch",
    "BatchRow",
    "CellChange",
    "CellFailure",
    "Check",
    "CheckLevel",
    "Checkout",
    "Comparison",
    "Dataset",
    "DatasetInput",
    "Diagnosis",
    "Difference",
    "Execution",
    "GateResult",
    "GateVerdict",
    "Histories",
    "History",
    "Honesty",
    "HonestyFinding",
    "HonestyKind",
    "Line",
    "MetricComparison",
    "MetricPoint",
    "ModelPackage",
    "ModelTable",
    "NotebookDiff",
    "OutputChange",
    "Parameter",
    "Picture",
    "PipelineFile",
    "Promotion",
    "RegisteredVersion",
    "ReproducedMetric",
    "Reproduction",
    "ReproductionVerdict",
    "Restored",
    "Review",
    "RowStatus",
    "Run",
    "RunStart",
    "RunStatus",
    "RunTable",
    "SecretFinding",
    "SecretPlace",
    "Section",
    "Setup",
    "SetupStep",
    "Snapshot",
    "Status",
    "StepOutcome",
    "Version",
    "VersionKind",
    "WarmImports",
    "WarmProcess",
    "WebPage",
]
