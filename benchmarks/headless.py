"""What headless notebooks cost: one, twenty with parameters, and a pool of warm kernels, beside Papermill's command.

.venv/bin/python benchmarks/headless.py [--rounds N] [--only PART] [--json FILE] [--check]
"""

from __future__ import annotations

from importlib.metadata import version

from measuring import headless_many, headless_one, parts, warm_kernel

if __name__ == "__main__":
    modules = {"one": headless_one, "many": headless_many, "memory": warm_kernel}
    beside = f"papermill {version('papermill')}, ipykernel {version('ipykernel')}"
    parts.run("headless", "headless notebooks", modules, beside)
