"""The routes to deployments, with a real server and a real endpoint."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.fakes.models import small_model
from tests.fakes.waiting import wait_for


@pytest.fixture
def endpoint(server, terminal, project: Path) -> Iterator[dict[str, Any]]:
    small_model(project / "model")
    done = terminal("deploy", str(project / "model"), "--name", "churn")
    assert done.code == 0, done.err
    yield json.loads(terminal("deployments", "churn", "--json").out)
    terminal("undeploy", "churn", "--yes")


def messages(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    """Yield the messages of server-sent events."""
    n = ""
    for line in answer.iter_lines():
        if line.startswith("id: "):
            n = line.removeprefix("id: ")
        elif line.startswith("data: "):
            yield {"n": int(n), **json.loads(line.removeprefix("data: "))}


def first(told: Iterator[dict[str, Any]], kind: str, **more: Any) -> dict[str, Any]:
    return next(one for one in told if one["kind"] == kind and more.items() <= one.items())


def test_which_endpoints_there_are(server, project):
    assert server.get("deployments").json() == {"deployments": [], "notes": []}
    assert server.get("deployments", params={"notebook": "gone/größe 50% .ipynb"}).json()["deployments"] == []
    outside = server.get("deployments", params={"notebook": "../x.ipynb"})
    assert (outside.status_code, outside.json()["error"]) == (400, "CommandError")
    (project / "mlops.toml").write_text("experiment = 3")
    answer = server.get("deployments")
    assert (answer.status_code, answer.json()["error"]) == (422, "ConfigurationError")


def test_an_endpoint_as_it_is_from_second_to_second(endpoint, server, terminal):
    (found,) = server.get("deployments").json()["deployments"]
    assert (found["name"], found["status"], found["url"]) == ("churn", "ready", endpoint["url"])
    assert found["jupyter_url"] == "/user/ana/mlops-jupyter/endpoints/churn/"
    assert found["curl"] == endpoint["curl"]
    assert found["python"]

    activity = server.base_url.join("../api/status")
    began = server.get(activity).json()["last_activity"]
    with server.stream("GET", "monitor/churn", params={"range": 900}) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.headers["cache-control"] == "no-store"
        told = messages(answer)
        one = next(told)
        assert (one["n"], one["kind"], one["reset"], one["range"]) == (0, "series", True, 900.0)
        size = 8 * one["count"] + 4 * one["count"] * len(one["columns"])
        assert len(b64decode(one["buffer"])) == size
        assert first(told, "now")["status"] == "ready"
        endpoint_url, token = endpoint["url"], Path(endpoint["token_file"]).read_text().strip()
        body = {"dataframe_split": {"columns": ["a", "b"], "data": [[3.0, 0.0]]}}
        for _ in range(20):
            asked = httpx.post(
                f"{endpoint_url}/invocations", json=body, headers={"Authorization": f"Bearer {token}"}, trust_env=False
            )
            assert asked.status_code == 200
        # The series goes on where it was, and shows the requests in the end.
        for more in (one for one in told if one["kind"] == "series"):
            assert not more["reset"]
            assert np.frombuffer(b64decode(more["buffer"]), "<f8", more["count"]).size == more["count"]
            values = np.frombuffer(b64decode(more["buffer"]), "<f4", offset=8 * more["count"])
            if np.nan_to_num(values).max(initial=0) > 1:
                break
        assert server.get(activity).json()["last_activity"] == began, "to look is nobody's work"
        spread = server.get("monitor/churn/distribution", params={"version": "1", "feature": "a"})
        assert spread.json() == {"version": "1", "feature": "a", "output": False, "spread": None}
        silenced = server.post("monitor/churn/acknowledge", json={"alert": "MlopsSlow"})
        assert silenced.json() == {"words": "this alert does not fire any more"}
        for nonsense in (b"{", b"[]", b'{"alert": 3}', b""):
            refused = server.post("monitor/churn/acknowledge", content=nonsense)
            assert (refused.status_code, refused.json()["error"]) == (400, "CommandError")

        # It is told when it is gone, and nothing breaks.
        assert terminal("undeploy", "churn", "--yes").code == 0
        gone = first(told, "now", status="unknown")
        assert "churn is not deployed any more" in gone["notes"]
    # When nobody looks any more, nothing is read.
    wait_for(lambda: server.get("monitor/churn/distribution").status_code == 404, 10, "it is read still")
    assert server.get("monitor/churn/distribution").json()["message"] == "nobody looks at churn now"


def test_what_is_not_there_is_not_found(server):
    for name in ("churn", "..%2F..%2Fx", "a%20b"):
        answer = server.get(f"monitor/{name}")
        assert answer.status_code in {400, 404}, answer.text
    for given in ("0", "59", "nan", "inf", "1h", "-900", "1e99"):
        answer = server.get("monitor/churn", params={"range": given})
        assert (answer.status_code, answer.json()["error"]) == (400, "CommandError"), given
