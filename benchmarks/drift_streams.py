"""How soon a known change is noticed, and how often one where there is none, beside Evidently, NannyML and river.

.venv/bin/python benchmarks/drift_streams.py [--seeds N] [--json FILE]

Streams come from the generators of river and a data set that it ships. Nothing is timed: rows are counted. Evidently,
NannyML and river are each in an environment of its own, which is made when it is missing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd
from measuring import CACHE, HERE, environment, number, progress, stream_ours, table, write_json
from measuring.drift_tables import installed, python_of
from measuring.stream_detectors import STRETCH
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

_SEEDS = 5
_AT_ONCE = 2
_LEAF = 20
# More rows than there are.
_ALL = 10**9
# More different answers are numbers.
_MOST_CLASSES = 20
_WAYS = {
    "nannyml": "nannyml",
    "evidently": "evidently",
    "river ADWIN": "river",
    "river PageHinkley": "river",
    "river KSWIN": "river",
}
_HEADS = {
    "features": "Features and answers, without labels",
    "errors": "Errors, where labels have come",
}
# Of each stream, the alarms by the detector's name, or nothing where it was left out.
Found = Sequence[Mapping[str, Sequence[int]] | None]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Count rows until drift is noticed, and false alarms.")
    parser.add_argument("--seeds", type=int, default=_SEEDS, help=f"how often each stream is drawn [{_SEEDS}]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every alarm there, too")
    told = parser.parse_args()
    if not installed("river"):
        raise SystemExit("without river there are no streams")
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as kept:
        folder = Path(kept)
        streams = _streams(folder, told.seeds)
        found: dict[str, Found] = {"ours": _ours(streams)}
        ways = {way: peer for way, peer in _WAYS.items() if installed(peer)}
        progress(", ".join(ways))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            asked = [
                pool.submit(_ask, peer, "stream_detectors.py", way, folder / "streams.json")
                for way, peer in ways.items()
            ]
            for way, each in zip(ways, asked, strict=True):
                found[way] = each.result()
                progress(f"{way}: done")
    for looks_at, head in _HEADS.items():
        print(f"\n{head}\n\n{report(streams, found, looks_at)}")
    write_json(told.json, {"benchmark": "drift_streams", "streams": streams, "alarms": found})


def report(streams: Sequence[Mapping[str, Any]], found: Mapping[str, Found], looks_at: str) -> str:
    """Return a table: of each detector its median delay in rows by stream, and its false alarms."""
    here = [at for at, stream in enumerate(streams) if stream["looks_at"] == looks_at]
    changing = list(dict.fromkeys(streams[at]["name"] for at in here if streams[at]["change"] is not None))
    lines = []
    for told in found.values():
        for detector in dict.fromkeys(name for at in here for name in told[at] or ()):
            alarms = {at: told[at][detector] for at in here if told[at] is not None}  # type: ignore[index]
            delays = [
                _delay([(streams[at], alarms[at]) for at in alarms if streams[at]["name"] == name]) for name in changing
            ]
            lines.append((detector, *delays, _false(streams, alarms, STRETCH.get(detector, _ALL))))
    return table(("", *changing, "false alarms in 100,000 rows"), lines)


def _delay(told: Sequence[tuple[Mapping[str, Any], Sequence[int]]]) -> str:
    """Say how many rows after the change there was an alarm, in the median of those streams that had one."""
    changed = [(stream["change"], alarms) for stream, alarms in told if stream["change"] is not None]
    delays = [min(later) - change for change, alarms in changed if (later := [one for one in alarms if one > change])]
    if len(delays) == len(changed):
        return number(median(delays))
    return f"{number(median(delays))} ({len(delays)} of {len(changed)})" if delays else "-"


def _false(streams: Sequence[Mapping[str, Any]], alarms: Mapping[int, Sequence[int]], stretch: int) -> str:
    rows = false = 0
    for at, told in alarms.items():
        unchanged = streams[at]["change"] or streams[at]["live"]
        rows += min(unchanged, stretch)
        false += sum(one <= unchanged for one in told)
    return number(100_000 * false / rows) if rows else "-"


def _streams(folder: Path, seeds: int) -> list[dict[str, Any]]:
    """Write the streams, with what a model answers to each row and how wrong that is."""
    progress("streams")
    told: list[dict[str, Any]] = _ask("river", "stream_sources.py", folder, seeds)
    for stream in told:
        whole = pd.read_parquet(stream["file"])
        targets = whole["target"]
        stream["regression"] = pd.api.types.is_float_dtype(targets) and targets.nunique() > _MOST_CLASSES
        if not stream["regression"]:
            targets = pd.Series(pd.factorize(targets, sort=True)[0], name="target")
        features = whole.drop(columns="target")
        kind = DecisionTreeRegressor if stream["regression"] else DecisionTreeClassifier
        model = kind(min_samples_leaf=_LEAF, random_state=0).fit(
            features[: stream["trained"]], targets[: stream["trained"]]
        )
        answers = pd.Series(model.predict(features), name="prediction")
        error = (answers - targets).abs() if stream["regression"] else (answers != targets).astype("int64")
        made = features.assign(target=targets, prediction=answers, error=error)[stream["trained"] :]
        made.to_parquet(stream["file"], index=False)
        stream["live"] = len(made) - stream["reference"]
        stream["categories"] = [] if stream["regression"] else ["prediction"]
    (folder / "streams.json").write_text(json.dumps(told))
    return told


def _ours(streams: Sequence[Mapping[str, Any]]) -> Found:
    progress("ours")
    with ProcessPoolExecutor() as pool:
        return list(pool.map(stream_ours.alarms, streams))


def _ask(peer: str, script: str, *words: str | Path | int) -> Any:
    """Let a process under a peer's environment print JSON."""
    command = [str(python_of(peer)), str(HERE / script), *map(str, words)]
    env = {**environment(CACHE), "DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1", "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, cwd=CACHE, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{script} under {peer}: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


if __name__ == "__main__":
    main()
