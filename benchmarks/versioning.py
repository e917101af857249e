"""What notebook versions cost: snapshots beside git's stash, diffs beside nbdime, the filter beside nbstripout.

.venv/bin/python benchmarks/versioning.py [--rounds N] [--only PART] [--json FILE] [--check]
"""

from __future__ import annotations

from importlib.metadata import version

from measuring import parts, versions_add, versions_diff, versions_snapshot

if __name__ == "__main__":
    modules = {"diff": versions_diff, "snapshot": versions_snapshot, "add": versions_add}
    beside = f"nbdime {version('nbdime')}, nbstripout {version('nbstripout')}"
    parts.run("versioning", "notebook versions", modules, beside)
