"""What it costs to read a request and to write an answer, beside MLflow's own code for the same.

    .venv/bin/python benchmarks/codecs.py

One process, the least of many short runs: what a busy machine adds is left out.
"""

from __future__ import annotations

import json
import logging
import timeit
from collections.abc import Callable
from io import StringIO
from typing import Any

import numpy as np
import orjson
from mlflow.models.utils import _enforce_schema
from mlflow.pyfunc import scoring_server
from mlflow.types import ColSpec, Schema

from mlops_jupyter.capabilities.endpoints import Limits
from mlops_jupyter.serving import inference, scoring
from mlops_jupyter.serving.schema import Schema as OurSchema

NAMES = [f"feature_{at}" for at in range(20)]
THEIRS = Schema([ColSpec("double", name) for name in NAMES])
OURS = OurSchema.from_signature({"inputs": json.dumps(THEIRS.to_dict())})
LIMITS = Limits()


def least_us(act: Callable[[], Any], number: int = 10, repeat: int = 1_000) -> float:
    """Return the microseconds that something takes at the least."""
    return min(timeit.repeat(act, number=number, repeat=repeat)) / number * 1e6


def bodies(count: int) -> dict[str, bytes]:
    rows = np.random.default_rng(0).normal(size=(count, len(NAMES))).tolist()
    said = {
        "dataframe_split": {"columns": NAMES, "data": rows},
        "dataframe_records": [dict(zip(NAMES, row, strict=True)) for row in rows],
        "inputs": {name: [row[at] for row in rows] for at, name in enumerate(NAMES)},
    }
    return {shape: json.dumps({shape: data}).encode() for shape, data in said.items()}


def by_mlflow(body: bytes) -> Any:
    data, _ = scoring_server._split_data_and_params(body)  # noqa: SLF001 - what its server calls
    return _enforce_schema(scoring_server.infer_and_parse_data(data, THEIRS), THEIRS)


def mlflow_answer(predictions: Any) -> str:
    target = StringIO()
    scoring_server.predictions_to_json(predictions, target)
    return target.getvalue()


def main() -> None:
    logging.disable(logging.WARNING)
    print(f"{'read':32}{'MLflow us':>12}{'ours us':>10}{'of it JSON':>12}{'ratio':>8}")
    for count in (1, 100):
        for shape, body in bodies(count).items():
            theirs = least_us(lambda body=body: by_mlflow(body), 1, 50)
            ours = least_us(lambda body=body: scoring.decode(body, "application/json", OURS, LIMITS))
            loads = least_us(lambda body=body: orjson.loads(body))
            print(f"{f'{shape}, {count} x 20':32}{theirs:12.0f}{ours:10.1f}{loads:12.1f}{theirs / ours:7.0f}x")
    head = {"inputs": [{"name": "x", "shape": [1, 20], "datatype": "FP64", "parameters": {"binary_data_size": 160}}]}
    text = orjson.dumps(head)
    binary = least_us(lambda: inference.decode(text + bytes(160), len(text), OURS, LIMITS))
    print(f"{'inference, binary, 1 x 20':32}{'':12}{binary:10.1f}")
    print(f"\n{'write':32}{'MLflow us':>12}{'ours us':>10}{'':12}{'ratio':>8}")
    for predictions in (np.array([1]), np.random.default_rng(0).random((100, 2))):
        theirs = least_us(lambda made=predictions: mlflow_answer(made), 5, 200)
        ours = least_us(lambda made=predictions: scoring.encode(made))
        print(
            f"{f'{predictions.shape} of {predictions.dtype}':32}{theirs:12.1f}{ours:10.1f}{'':12}{theirs / ours:7.0f}x"
        )


if __name__ == "__main__":
    main()
