"""Labels by POST to a real endpoint."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mlops_jupyter
from tests.fakes.models import small_model
from tests.fakes.waiting import wait_for

PARQUET = "application/vnd.apache.parquet"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Path]]:
    """An endpoint for all of these tests: a client with its token, and its folder."""
    from mlops_jupyter import settings

    root = tmp_path_factory.mktemp("feedback")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLOPS_JUPYTER_ROOT", str(root))
        settings.forget_root()
        small_model(root / "model")
        found = mlops_jupyter.deploy(str(root / "model"), name="churn")
        token = Path(found.token_file).read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=found.url, headers=headers, trust_env=False, timeout=60) as client:
            yield client, root / ".mlops" / "endpoints" / "churn"
        mlops_jupyter.undeploy("churn", yes=True)
    settings.forget_root()


def predicted(client: httpx.Client, rows: int = 1) -> str:
    data = {"dataframe_split": {"columns": ["a", "b"], "data": [[0.0, 1.0]] * rows}}
    return client.post("/invocations", json=data).headers["x-request-id"]


def known(folder: Path, request_id: str) -> bool:
    files = list((folder / "watch" / "answers").glob("[!.]*.parquet"))
    return any(request_id in pq.read_table(one, columns=["request_id"])["request_id"].to_pylist() for one in files)


def test_labels_in_each_form_join_what_was_answered(endpoint):
    client, folder = endpoint
    ids = [predicted(client, 2) for _ in range(3)]
    wait_for(lambda: known(folder, ids[-1]))
    first = client.post("/feedback", json={"labels": [{"request_id": ids[0], "row": 1, "label": 1}]})
    assert (first.status_code, first.json()) == (
        200,
        {"labels": 1, "joined": 1, "duplicates": 0, "unknown": 0, "notes": []},
    )
    frame = pd.DataFrame({"request_id": [ids[1], "nobody", ids[0]], "row": [0, 0, 1], "label": [0, 1, 0]})
    text = {"content-type": "text/csv"}
    second = client.post("/feedback", content=frame.to_csv(index=False), headers=text)
    told = second.json()
    assert (told["labels"], told["joined"], told["duplicates"], told["unknown"]) == (3, 2, 1, 1)
    assert "of 1 row no answer is known" in told["notes"][0]
    third = client.post("/feedback", content=frame.to_parquet(index=False), headers={"content-type": PARQUET})
    assert (third.json()["labels"], third.json()["duplicates"]) == (3, 3)
    silent = client.post("/feedback", json={"labels": [{"request_id": ids[2], "label": 0}]})
    assert (silent.status_code, silent.json()["message"]) == (
        400,
        "a request of 2 rows has a label that says no row: a column row is needed",
    )
    # An answer to whoever had wrong labels holds none of them.
    assert predicted(client)


def test_many_clients_at_once(endpoint):
    client, _ = endpoint

    def give(number: int) -> dict[str, object]:
        labels = [{"request_id": f"c{number}-{at}", "label": "yes"} for at in range(50)]
        answer = client.post("/feedback", json={"labels": labels})
        assert answer.status_code == 200, answer.text
        return answer.json()

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(give, range(24)))
    assert all((one["labels"], one["duplicates"], one["unknown"]) == (50, 0, 50) for one in told)


def labels(request_id: object = "x", label: object = 1) -> bytes:
    return json.dumps({"labels": [{"request_id": request_id, "label": label}]}).encode()


@pytest.mark.parametrize(
    ("body", "kind", "status", "said"),
    [
        (b"{", "application/json", 400, "the body is not valid JSON"),
        (b"[" * 100_000, "application/json", 400, "the body is not valid JSON"),
        (b'{"labels": [3]}', "application/json", 400, "the labels are no list of objects"),
        (b'{"labels": []}', "application/json", 400, "the labels have no column request_id"),
        (labels(label={"secret": 1}), "application/json", 400, "labels are numbers, text or truth values, not struct"),
        (labels(request_id=None), "application/json", 400, "a label has no request id"),
        (labels(request_id="x" * 2_000), "application/json", 400, "a request id or a label is longer than 1024 bytes"),
        (b"id\nsecret", "text/csv", 400, "the labels have no column request_id; their columns are id"),
        (b'request_id,label\n"secret', "text/csv", 400, "the body is no CSV that can be read"),
        (b"secret", PARQUET, 400, "the body is no Parquet that can be read"),
        (labels(), "text/plain", 415, "the request's Content-Type is not known here"),
        (b"x" * (17 * 1024 * 1024), "application/json", 413, "the body is longer than 16,777,216 bytes"),
    ],
)
def test_what_is_refused_says_why_without_values(endpoint, body, kind, status, said):
    client, _ = endpoint
    answer = client.post("/feedback", content=body, headers={"content-type": kind})
    assert answer.status_code == status, answer.text
    assert said in answer.json()["message"]
    assert "secret" not in answer.text.replace("secret:", "")


def test_a_file_that_swells_is_refused(endpoint):
    client, _ = endpoint
    out = BytesIO()
    many = pa.table({"request_id": ["a"] * 3_000_000, "label": np.zeros(3_000_000)})
    pq.write_table(many, out, compression="zstd", use_dictionary=False)
    answer = client.post("/feedback", content=out.getvalue(), headers={"content-type": PARQUET})
    assert (answer.status_code, answer.json()["message"]) == (400, "the body holds more than is taken at once")
    many = json.dumps({"labels": [{"request_id": "a", "label": 1}] * 100_001})
    answer = client.post("/feedback", content=many, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["message"]) == (400, "there are more than 100,000 labels")


def test_who_may_give_labels_and_how(endpoint):
    client, _ = endpoint
    assert client.post("/feedback", content=labels(), headers={"authorization": "Bearer no"}).status_code == 401
    wrong = client.get("/feedback")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST, OPTIONS")
    document = client.get("/openapi.json").json()
    operation = document["paths"]["/feedback"]["post"]
    assert set(operation["responses"]) == {"200", "400", "401", "409", "413", "415", "429", "503"}
    example = operation["requestBody"]["content"]["application/json"]["example"]
    assert client.post("/feedback", json=example).status_code == 200
