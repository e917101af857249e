"""The server that one writes by hand: FastAPI and a typed body. ``serving_fastapi.py MODEL PORT``."""

from __future__ import annotations

import sys

import joblib
import pandas as pd
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
model = joblib.load(sys.argv[1])


class Split(BaseModel):
    """A table."""

    columns: list[str]
    data: list[list[float]]


class Asked(BaseModel):
    """A request."""

    dataframe_split: Split


@app.post("/invocations")
def invocations(asked: Asked) -> dict[str, list[int]]:
    split = asked.dataframe_split
    return {"predictions": model.predict(pd.DataFrame(split.data, columns=split.columns)).tolist()}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[2]), access_log=False, log_level="warning")
