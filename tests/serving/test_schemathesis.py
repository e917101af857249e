"""What Schemathesis makes of the OpenAPI document: requests that fit it and others, sent to a real worker."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.fakes.environments import python_with
from tests.fakes.workers import TOKEN, plan_of, planned

MIXED = {
    "inputs": json.dumps(
        [
            {"name": "a", "type": "double"},
            {"name": "n", "type": "integer"},
            {"name": "word", "type": "string"},
            {"name": "on", "type": "boolean", "required": False},
        ]
    )
}


@pytest.mark.parametrize("signature", ["numbers", "mixed"])
def test_no_request_is_answered_with_what_the_document_does_not_say(signature, start, tmp_path):
    python = python_with("schemathesis==4.32.5")
    kind, more = ("Runner", {}) if signature == "numbers" else ("Counting", {"signature": MIXED, "example": None})
    worker = start(plan_of(planned(kind, tmp_path, **more))).ready()
    host, port = worker.address
    words = [
        *(python.with_name("st"), "run", f"http://{host}:{port}/openapi.json"),
        *("-H", f"Authorization: Bearer {TOKEN}", "--checks", "all", "--max-examples", "60", "--seed", "7"),
        # That text is a table in CSV, and that a header belongs to binary bodies alone, OpenAPI cannot say.
        *("--exclude-checks", "positive_data_acceptance", "--continue-on-failure"),
        *("--workers", "1", "--suppress-health-check", "all", "--no-color", "--generation-database", "none"),
    ]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr + worker.log.read_text()
