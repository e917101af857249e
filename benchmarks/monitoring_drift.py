"""What drift takes: a table of 25 columns against a stored baseline, beside Evidently, NannyML and whylogs.

.venv/bin/python benchmarks/monitoring_drift.py [--rounds N] [--only PART] [--json FILE] [--check]

DRIFT_ROWS=100000 makes the first part's table smaller; the others have sizes of their own.
"""

from __future__ import annotations

from importlib.metadata import version

from measuring import drift_memory, drift_peers, drift_processes, parts

if __name__ == "__main__":
    modules = {"peers": drift_peers, "memory": drift_memory, "processes": drift_processes}
    parts.run("drift", "drift reports", modules, f"datasketches {version('datasketches')}")
