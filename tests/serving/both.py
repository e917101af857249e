"""The same request answered by MLflow's scoring server and by our codecs around the same model."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import scoring_server
from starlette.testclient import TestClient

from mlops_jupyter.capabilities.endpoints import Limits
from mlops_jupyter.serving import failures, scoring
from mlops_jupyter.serving.failures import Failure
from mlops_jupyter.serving.rows import Rows
from mlops_jupyter.serving.schema import Schema
from tests.serving.corpus import Sent


@dataclass(frozen=True)
class Answer:
    """What a request was answered with."""

    status: int
    body: bytes

    @property
    def is_answered(self) -> bool:
        return self.status == 200

    def parsed(self) -> Any:
        """Return the answer with NaN as null, which is how ours writes it."""
        return without_nan(json.loads(self.body))


def without_nan(value: Any) -> Any:
    """Return what JSON held with null for what is no number."""
    if isinstance(value, dict):
        return {key: without_nan(one) for key, one in value.items()}
    if isinstance(value, list):
        return [without_nan(one) for one in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


class Both:
    """Both servers around one model."""

    def __init__(self, path: Path) -> None:
        before = os.environ.copy()
        self.model = mlflow.pyfunc.load_model(str(path))
        self.client = TestClient(scoring_server.init(self.model), raise_server_exceptions=False)
        os.environ.clear()  # init says in the environment that this is a server
        os.environ.update(before)
        signature = self.model.metadata.signature
        self.schema = Schema.from_signature(signature.to_dict() if signature else None)

    def theirs(self, sent: Sent) -> Answer:
        headers = {} if sent.content_type is None else {"content-type": sent.content_type}
        answer = self.client.post("/invocations", content=sent.body, headers=headers)
        return Answer(answer.status_code, answer.content)

    def ours(self, sent: Sent) -> Answer:
        try:
            rows = scoring.decode(sent.body, sent.content_type, self.schema, Limits())
            return Answer(200, scoring.encode(self.predict(rows)))
        except Failure as failure:
            return Answer(failure.status, failures.body(failure, "scoring"))
        except (MlflowException, ValueError, TypeError) as error:  # the model's own
            return Answer(400, repr(error).encode())

    def predict(self, rows: Rows) -> Any:
        return self.model.predict(given(rows, self.schema), params=rows.params)


def given(rows: Rows, schema: Schema) -> Any:
    """Return rows in the form that MLflow gives a model."""
    if rows.columns is not None:
        return dict(rows.columns) if schema.tensors else pd.DataFrame(dict(rows.columns))
    if rows.names:
        return pd.DataFrame(rows.matrix, columns=list(rows.names))
    return pd.DataFrame(rows.matrix) if schema.columns else rows.matrix
