"""LitServe, which puts up to 64 requests together: ``serving_litserve.py MODEL PORT``."""

from __future__ import annotations

import sys
from typing import Any

import joblib
import litserve
import numpy as np


class Served(litserve.LitAPI):
    """The model."""

    def setup(self, device: str) -> None:
        self.model = joblib.load(sys.argv[1])

    def decode_request(self, request) -> Any:  # noqa: ANN001 -- LitServe takes a postponed annotation for a query's
        return np.array(request["dataframe_split"]["data"])

    def batch(self, inputs: list[Any]) -> Any:
        self.sizes = [len(each) for each in inputs]
        return np.concatenate(inputs)

    def predict(self, rows: Any) -> Any:
        return self.model.predict(rows)

    def unbatch(self, output: Any) -> list[Any]:
        return np.split(output, np.cumsum(self.sizes)[:-1])

    def encode_response(self, output: Any) -> dict[str, Any]:
        return {"predictions": output.tolist()}


if __name__ == "__main__":
    api = Served(max_batch_size=64, batch_timeout=0.001, api_path="/invocations")
    litserve.LitServer(api, accelerator="cpu").run(
        host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", generate_client_file=False
    )
