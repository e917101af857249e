"""Log points in one of the ways; print what that took, or log until killed.

    python -P log_points.py WAY time CALLS
    python -P log_points.py WAY until-killed COUNTER-FILE PACE-SECONDS

`time` prints JSON: the median and the 99th percentile of a call in microseconds, the client's CPU microseconds a call.
`until-killed` writes into the shared file how many calls have returned, after each.
"""

from __future__ import annotations

import json
import mmap
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from ways import WAYS

_WARM_UP = 50
_TIMED = """
from time import perf_counter, process_time
def measured(durations, steps):
    cpu = process_time()
    for place, step in enumerate(steps):
        value = 1.0 / (step + 1)
        began = perf_counter()
        {log}
        durations[place] = perf_counter() - began
    return process_time() - cpu
"""
_COUNTED = """
from time import perf_counter, sleep
def measured(counter, pace):
    step = 0
    while True:
        value = 1.0 / (step + 1)
        {log}
        step += 1
        counter[0] = step
        if pace:
            sleep(pace)
"""


def main() -> None:
    way = WAYS[sys.argv[1]]
    names: dict[str, Any] = {}
    exec(way.setup, names)  # noqa: S102 -- from the table
    if sys.argv[2] == "until-killed":
        exec(_COUNTED.format(log=way.log), names)  # noqa: S102
        with Path(sys.argv[3]).open("r+b") as file:
            counter = memoryview(mmap.mmap(file.fileno(), 8)).cast("q")
        names["measured"](counter, float(sys.argv[4]))
    calls = int(sys.argv[3])
    exec(_TIMED.format(log=way.log), names)  # noqa: S102
    # The first calls open files and connections.
    names["measured"]([0.0] * _WARM_UP, range(_WARM_UP))
    durations = [0.0] * calls
    cpu = names["measured"](durations, range(_WARM_UP, _WARM_UP + calls))
    durations.sort()
    said = {
        "p50_us": durations[calls // 2] * 1e6,
        "p99_us": durations[calls * 99 // 100] * 1e6,
        "cpu_us": cpu / calls * 1e6,
    }
    print("\n" + json.dumps(said), flush=True)
    exec(way.end, names)  # noqa: S102


main()
