"""Clients that others have written of the Open Inference Protocol understand an endpoint, in JSON and binary."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.fakes.environments import python_with
from tests.fakes.workers import TOKEN, plan_of, planned

CLIENTS = ("kserve==0.21.0", "tritonclient[http]==2.73.0")


@pytest.fixture(scope="module")
def python() -> Path:
    return python_with(*CLIENTS)


def test_kserve_and_triton_s_clients_are_answered(python, start, tmp_path):
    host, port = start(plan_of(planned("Runner", tmp_path))).ready().address
    script = Path(__file__).with_name("oip_clients.py")
    words = [python, script, f"http://{host}:{port}", TOKEN]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert set(told) == {"kserve json", "kserve binary", "triton json", "triton binary"}
    for who, found in told.items():
        assert (found["live"], found["ready"], found["model ready"]) == (True, True, True), who
        assert found["model"] == ["m", "7"], who
        # Number for number: what a client reads is what the model said.
        assert found["outputs"] == {"output-1": [3.0, 7.0, 1e300]}, who
    for who in ("triton json", "triton binary"):
        assert told[who]["extensions"] == ["binary_tensor_data"]
        assert [name for name, _, _ in told[who]["inputs"]] == ["a", "b"]
        assert "b" in told[who]["refused"]
