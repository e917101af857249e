"""What the observer adds to a request, in this process and without HTTP: ``watching_path.py BATCH TEXTS``.

A batcher answers requests of one row of 20 columns, of which so many are texts and the others numbers, so many in each
turn of the loop, and the process's own time is taken, with the observer and without, in turn. Another process reads
what is sent. Prints the best of each, in microseconds a request.
"""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import uvloop

from mlops_jupyter.capabilities.endpoints import Limits, PlannedVersion
from mlops_jupyter.serving.batching import Batcher
from mlops_jupyter.serving.rows import Rows
from mlops_jupyter.serving.schema import Schema
from mlops_jupyter.serving.telemetry import Telemetry
from mlops_jupyter.serving.watching import Watching

_COLUMNS, _REQUESTS, _ROUNDS = 20, 20_000, 7
_READER = """
import socket, sys
listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[1])
listening.listen(1)
print(flush=True)
stream, _ = listening.accept()
room = bytearray(1 << 20)
while stream.recv_into(room):
    pass
"""
_VALUES = np.random.default_rng(0).standard_normal(_COLUMNS).tolist()


class Model:
    """A linear model."""

    weights = np.random.default_rng(1).standard_normal(_COLUMNS)

    def predict(self, rows: Rows) -> Any:
        if rows.matrix is None:
            return np.zeros(rows.count, np.int64)
        return (rows.matrix @ self.weights > 0).astype(np.int64)

    def close(self) -> None: ...


class Version:
    """What the observer is told of who answers."""

    def __init__(self, texts: int) -> None:
        inputs = [{"name": f"f{at}", "type": "string" if at < texts else "double"} for at in range(_COLUMNS)]
        self.schema = Schema.from_signature({"inputs": json.dumps(inputs)})
        self.planned = PlannedVersion("1", "", "", "", model="m")
        self.labels = ("m", "1", "main")


class Request:
    """One row, read as a request's JSON is."""

    __slots__ = ("arrived", "gone", "request_id", "rows", "said")

    def __init__(self, number: int, names: tuple[str, ...], texts: int) -> None:
        if texts:
            told = {name: np.fromiter([f"plan {number % 7}"], object, 1) for name in names[:texts]}
            numbers = zip(names[texts:], _VALUES[texts:], strict=True)
            self.rows = Rows(1, names, None, told | {name: np.fromiter([one], np.float64, 1) for name, one in numbers})
        else:
            self.rows = Rows(1, names, np.fromiter(_VALUES, np.float64, _COLUMNS).reshape(1, -1))
        self.request_id = b"0123456789abcdef-%x" % number
        self.gone, self.arrived = False, 0.0

    def answer(self, predictions: Any) -> None:
        self.gone, self.said = True, predictions.tolist()

    def fail(self, failure: Exception) -> None:
        raise failure


async def took(batch: int, texts: int, place: Path | None) -> float:
    """Return the microseconds that a request takes."""
    telemetry, version = Telemetry(), Version(texts)
    batcher = Batcher(Model(), Limits(), telemetry, ("m", "1"), joins=True, slow=False)
    watching = None if place is None else Watching(place, telemetry)
    if watching is not None:
        batcher.observer = lambda *told: watching.observe(version, *told)
    gc.collect()
    gc.freeze()
    began = process_time()
    for first in range(0, _REQUESTS, batch):
        for number in range(first, first + batch):
            batcher.submit(Request(number, version.schema.names, texts))
        # The turn that answers them, and the one in which the observer is told.
        for _ in range(2):
            await asyncio.sleep(0)
        # One call that the machine held up is no reason to go on in a thread: that is measured elsewhere.
        batcher._call_s = 0.0  # noqa: SLF001
    if watching is not None:
        await watching.close()
    spent = process_time() - began
    gc.unfreeze()
    if telemetry.dropped:
        sys.exit(f"rows were dropped: {telemetry.dropped}")
    return spent / _REQUESTS * 1e6


def main(batch: int, texts: int) -> None:
    """Measure both, in turn."""
    plain, watched = [], []
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(_ROUNDS):
            plain.append(uvloop.run(took(batch, texts, None)))
            place = Path(folder) / f"{turn}.sock"
            with subprocess.Popen([sys.executable, "-c", _READER, str(place)], stdout=subprocess.PIPE) as reader:
                if reader.stdout is not None:
                    reader.stdout.readline()
                watched.append(uvloop.run(took(batch, texts, place)))
    print(json.dumps({"plain_us": min(plain), "watched_us": min(watched)}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
