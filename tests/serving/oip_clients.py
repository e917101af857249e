"""KServe's and Triton's clients of the Open Inference Protocol, run as a script in an environment that has them.

It asks the server at the first argument, with the token of the second, and prints what the clients understood as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput
from tritonclient import http as triton

ROWS = {"a": np.array([1.0, 3.0, 0.1]), "b": np.array([2.0, 4.0, 1e300])}


async def by_kserve(base: str, headers: dict[str, str], *, binary: bool) -> dict[str, Any]:
    client = InferenceRESTClient(RESTConfig(protocol="v2", retries=0))
    inputs = []
    for name, values in ROWS.items():
        one = InferInput(name, list(values.shape), "FP64")
        one.set_data_from_numpy(values, binary_data=binary)
        inputs.append(one)
    wanted = [RequestedOutput("output-1", {"binary_data": True})] if binary else None
    request = InferRequest(model_name="m", infer_inputs=inputs, request_id="7", request_outputs=wanted)
    found = await client.infer(base, request, headers=dict(headers), model_name="m")
    return {
        "live": await client.is_server_live(base, headers=headers),
        "ready": await client.is_server_ready(base, headers=headers),
        "model ready": await client.is_model_ready(base, "m", headers=headers),
        "model": [found.model_name, found.id],
        "outputs": {each.name: each.as_numpy().tolist() for each in found.outputs},
    }


def by_triton(place: str, headers: dict[str, str], *, binary: bool) -> dict[str, Any]:
    client = triton.InferenceServerClient(place)
    inputs = []
    for name, values in ROWS.items():
        one = triton.InferInput(name, list(values.shape), "FP64")
        one.set_data_from_numpy(values, binary_data=binary)
        inputs.append(one)
    outputs = [triton.InferRequestedOutput("output-1", {"binary_data": True})]
    found = client.infer("m", inputs, model_version="1", outputs=outputs, request_id="7", headers=headers)
    told = found.get_response()
    metadata = client.get_model_metadata("m", headers=headers)
    try:
        client.infer("m", inputs[:1], headers=headers)
        refused = ""
    except triton.InferenceServerException as error:
        refused = str(error)
    return {
        "live": client.is_server_live(headers=headers),
        "ready": client.is_server_ready(headers=headers),
        "model ready": client.is_model_ready("m", headers=headers),
        "extensions": client.get_server_metadata(headers=headers)["extensions"],
        "inputs": [[each["name"], each["datatype"], each["shape"]] for each in metadata["inputs"]],
        "model": [told["model_name"], told["id"]],
        "outputs": {"output-1": found.as_numpy("output-1").tolist()},
        "refused": refused,
    }


def main(base: str, token: str) -> None:
    headers = {"authorization": f"Bearer {token}"}
    place = base.removeprefix("http://")
    told = {}
    for form, binary in (("json", False), ("binary", True)):
        told[f"kserve {form}"] = asyncio.run(by_kserve(base, headers, binary=binary))
        told[f"triton {form}"] = by_triton(place, headers, binary=binary)
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
