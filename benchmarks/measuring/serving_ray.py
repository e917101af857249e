"""Ray Serve with one replica: ``serving_ray.py MODEL PORT``."""

from __future__ import annotations

import sys
import time
from typing import Any

import joblib
import pandas as pd
from ray import serve
from starlette.requests import Request


@serve.deployment(num_replicas=1, max_ongoing_requests=256)
class Served:
    """The model."""

    def __init__(self, path: str) -> None:
        self.model = joblib.load(path)

    async def __call__(self, request: Request) -> dict[str, Any]:
        split = (await request.json())["dataframe_split"]
        return {"predictions": self.model.predict(pd.DataFrame(split["data"], columns=split["columns"])).tolist()}


if __name__ == "__main__":
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[2])})
    serve.run(Served.bind(sys.argv[1]), route_prefix="/invocations")
    while True:
        time.sleep(60)
