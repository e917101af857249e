"""One way to compare two files, in a process of its own, under whichever environment the way needs.

What is timed begins with the new data in memory, or on disk where the way says so, and the baseline as the way keeps
it: ours as JSON. Evidently keeps none and begins with both tables; NannyML and whylogs are timed from both tables with
their own defaults, as most call them, and once more with what they can make of the first table beforehand. It ends
with a distance for each column.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

Work = Callable[[], object]


def main() -> None:
    warnings.simplefilter("ignore")
    way, before, now, *more = sys.argv[1:]
    work = WAYS[way](before, now, *more)
    # The high-water mark of what was made ready is forgotten, so that only the work's own is measured.
    Path("/proc/self/clear_refs").write_text("5")
    resident = _kb("VmRSS")
    began, used = time.perf_counter(), time.process_time()
    work()
    seconds, processor = time.perf_counter() - began, time.process_time() - used
    extra = max(0, _kb("VmHWM") - resident) / 1024
    print(json.dumps({"seconds": seconds, "processor_s": processor, "extra_mb": extra}))


def _kb(name: str) -> int:
    # Not ru_maxrss, in which the memory of the process lives on that this one was started by.
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(name)).split()[1])


def _frame(file: str) -> Any:
    import pandas as pd

    return pd.read_parquet(file)


def ours_in_memory(before: str, now: str) -> Work:
    from mlops_jupyter.capabilities.drift import Baseline, compare
    from mlops_jupyter.capabilities.drift.tables import baseline_of, profile_of

    kept, table = baseline_of(_frame(before), None, "before").to_json(), _frame(now)
    return lambda: compare(Baseline.from_json(kept), profile_of(table), name="now")


def ours_parquet(before: str, now: str, processes: str = "1") -> Work:
    from mlops_jupyter.capabilities.drift import Baseline, Profile, compare, settled
    from mlops_jupyter.capabilities.drift.files import find, known_columns
    from mlops_jupyter.capabilities.drift.sketching import profile_of

    def profile(file: str, like: Profile, count: int) -> Profile:
        files = find(Path(file))
        return profile_of(files, known_columns(files)[0], like, processes=count)

    # The baseline is made elsewhere as a rule, so that nothing of making it is left in memory.
    kept = Path(before).with_suffix(".baseline.json")
    if not kept.is_file():
        kept.write_text(Baseline(settled(profile(before, Profile(), 1)), None, "before").to_json())

    def work() -> object:
        made = Baseline.from_json(kept.read_text())
        return compare(made, profile(now, made.features.like(), int(processes)), name="now")

    return work


def bare(_: str, now: str) -> Work:
    from datasketches import kll_doubles_sketch

    table = _frame(now)
    numbers = [table[name].to_numpy(copy=True) for name in table if name.startswith("n")]
    categories = [table[name] for name in table if name.startswith("c")]

    def work() -> object:
        for values in numbers:
            kll_doubles_sketch(800).update(values)
        return [series.value_counts() for series in categories]

    return work


def evidently(before: str, now: str) -> Work:
    from evidently import Report
    from evidently.presets import DataDriftPreset

    first, second = _frame(before), _frame(now)
    return lambda: Report([DataDriftPreset()]).run(second, first).dict()


def nannyml(before: str, now: str) -> Work:
    import nannyml as nml

    first, second = _frame(before), _frame(now)
    return lambda: nml.UnivariateDriftCalculator(column_names=list(first)).fit(first).calculate(second).to_df()


def nannyml_fitted(before: str, now: str) -> Work:
    import nannyml as nml

    first, second = _frame(before), _frame(now)
    calculator = nml.UnivariateDriftCalculator(column_names=list(first), chunk_number=1)
    calculator.fit(first)
    return lambda: calculator.calculate(second).to_df()


def whylogs(before: str, now: str) -> Work:
    import whylogs as why
    from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores

    first, second = _frame(before), _frame(now)
    return lambda: calculate_drift_scores(why.log(second).view(), why.log(first).view())


def whylogs_logged(before: str, now: str) -> Work:
    import whylogs as why
    from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores

    first, second = why.log(_frame(before)).view(), _frame(now)
    return lambda: calculate_drift_scores(why.log(second).view(), first)


WAYS: dict[str, Callable[..., Work]] = {
    "ours, in memory": ours_in_memory,
    "ours, Parquet": ours_parquet,
    "bare sketches": bare,
    "Evidently": evidently,
    "NannyML": nannyml,
    "NannyML, fitted before, one chunk": nannyml_fitted,
    "whylogs": whylogs,
    "whylogs, logged before": whylogs_logged,
}

if __name__ == "__main__":
    main()
