"""What the live chart costs the kernel: processor time as a share of one core, and bytes a point.

Each case runs in a real kernel of its own, fed by five metrics while the main thread sleeps. All cases look as often as
the chart does. The rates are how often a second each metric is logged. "list trait" shows the same with an anywidget
whose series are plain lists that synchronise whole; "thread that only reads" is the least any ticking thread costs.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import measuring
from jupyter_client.manager import KernelManager
from measuring import HERE, number, options, progress, ratio, table, verdict, write_json

SECONDS = 5
RATES = (10, 100)
CASES = ("thread that only reads", "live chart", "live chart, resources", "list trait")


def kernel(home: Path) -> tuple[Callable[[str], Any], Callable[[], None]]:
    """Start a kernel; return what runs code in it and parses what that prints, and what stops it."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env=measuring.environment(home), cwd=str(home))
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=60)

    def run(code: str) -> Any:
        said: list[str] = []

        def hear(message: dict[str, Any]) -> None:
            if message["msg_type"] == "error":
                raise RuntimeError(message["content"]["evalue"])
            said.append(message["content"].get("text", "") if message["msg_type"] == "stream" else "")

        client.execute_interactive(code, output_hook=hear, timeout=120)
        return json.loads("".join(said)) if any(said) else None

    def stop() -> None:
        client.stop_channels()
        manager.shutdown_kernel(now=True)

    return run, stop


def measured(case: str, rate: int) -> dict[str, float]:
    """Measure one case in a fresh kernel: first the time, then, counting, the bytes."""
    with tempfile.TemporaryDirectory() as home:
        run, stop = kernel(Path(home))
        try:
            run(f"import sys; sys.path.insert(0, {str(HERE.parent)!r})\nfrom measuring.feed_chart import main")
            idle = run(f"main('none', {SECONDS}, {rate}, count=False)")["share"]
            share = run(f"main({case!r}, {SECONDS}, {rate}, count=False)")["share"]
            sent = run(f"main({case!r}, {SECONDS}, {rate}, count=True)")
        finally:
            stop()
    own, size = (sent[name] / max(1, sent["points"]) for name in ("own", "bytes"))
    return {"share": share - idle, "own": own, "bytes": size, "messages": sent["messages"] / SECONDS}


def main() -> None:
    told = options(__doc__ or "", rounds=3)
    measuring.byte_compile()
    print(measuring.machine())
    values: dict[str, dict[str, list[float]]] = {}
    for place in range(told.rounds):
        cases = [(case, rate) for rate in RATES for case in CASES]
        for case, rate in cases[place % len(cases) :] + cases[: place % len(cases)]:
            progress(f"round {place + 1}: {case}, {rate} a second")
            for name, value in measured(case, rate).items():
                values.setdefault(f"{case} @ {rate}", {}).setdefault(name, []).append(value)
    rows = []
    for rate in RATES:
        base = values[f"live chart @ {rate}"]["share"]
        for case in CASES:
            found = values[f"{case} @ {rate}"]
            share, own, size, messages = (median(found[name]) for name in ("share", "own", "bytes", "messages"))
            sizes = (number(own), number(size), number(messages))
            told_of = (f"{number(100 * share)} %", ratio(found["share"], base), *sizes)
            rows.append((case, str(rate), *told_of))
    sizes = ("bytes a point", "with Jupyter's around it", "messages a second")
    heads = ("case", "logged a second", "of one core", "ratio to the live chart", *sizes)
    print(table(heads, rows))
    for rate in RATES:
        whole = values[f"live chart, resources @ {rate}"]
        said = f"with resources, logged {rate} times a second"
        print(verdict(f"under 1 % of one core, {said}", 100 * median(whole["share"]), 1, "%"))
        print(verdict(f"at most 40 bytes a point, {said}", median(whole["own"]), 40, "bytes"))
    write_json(told.json, values)


if __name__ == "__main__":
    sys.exit(main())
