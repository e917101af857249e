"""MLflow's scoring server and ours around the same models: what both answer is equal, and what differs has a reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from mlops_jupyter.capabilities.endpoints import Limits
from mlops_jupyter.serving import scoring
from mlops_jupyter.serving.failures import Failure
from mlops_jupyter.serving.schema import Schema
from tests import write_protocols
from tests.fakes.servers import answers, free_port, plain_environment, serving
from tests.serving.both import Answer, Both
from tests.serving.corpus import Sent, save_models, sent

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return save_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def both(paths: dict[str, Path]) -> dict[str, Both]:
    return {name: Both(path) for name, path in paths.items()}


@pytest.mark.parametrize("one", sent(), ids=lambda one: f"{one.model}: {one.what}")
def test_a_request_is_answered_as_by_mlflow_or_there_is_a_reason(one: Sent, both: dict[str, Both]):
    theirs, ours = both[one.model].theirs(one), both[one.model].ours(one)
    assert ours.status == 200 or 400 <= ours.status < 500
    if theirs.is_answered and ours.is_answered and not one.why:
        assert ours.parsed() == theirs.parsed()
    elif not one.why:
        assert (ours.status, ours.is_answered) == (theirs.status, theirs.is_answered), ours.body


def test_the_page_says_what_both_answer(both: dict[str, Both]):
    written = write_protocols.TARGET.read_text(encoding="utf-8")
    assert written == write_protocols.page(both), "python -m tests.write_protocols"


@pytest.fixture
def served(paths: dict[str, Path], tmp_path: Path) -> Iterator[str]:
    address = f"http://127.0.0.1:{(port := free_port())}"
    words = ["mlflow", "models", "serve", "-m", str(paths["mixed"]), "--env-manager", "local", "-p", str(port)]
    log = tmp_path / "log"
    with serving(words, tmp_path, lambda: answers(f"{address}/ping"), log=log, environment=plain_environment()):
        yield address


def test_mlflow_models_serve_answers_as_its_app_does_here(served: str, both: dict[str, Both]):
    for one in [one for one in sent() if one.model == "mixed"][:12]:
        found = httpx.post(f"{served}/invocations", content=one.body, headers={"content-type": str(one.content_type)})
        here = both["mixed"].theirs(one)
        assert found.status_code == here.status
        if here.is_answered:
            assert Answer(found.status_code, found.content).parsed() == here.parsed()


@pytest.mark.parametrize("key", ["messages", "prompt", "input"])
def test_a_chat_is_told_where_it_goes(key):
    schema = Schema.from_signature({"inputs": json.dumps([{"name": key, "type": "string"}])})
    with pytest.raises(Failure) as refused:
        scoring.decode(json.dumps({key: "secret"}).encode(), "application/json", schema, Limits())
    assert (refused.value.status, refused.value.code) == (400, "BAD_REQUEST")
    assert refused.value.message.endswith("it has none: what a chat is asked goes into 'inputs'")
    assert "secret" not in refused.value.message
    # As it says.
    rows = scoring.decode(json.dumps({"inputs": [{key: "secret"}]}).encode(), "application/json", schema, Limits())
    assert rows.count == 1
