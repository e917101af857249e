"""The server face: what a browser that has logged in can do, and what nobody else can."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from tornado.web import Application

from mlops_jupyter.capabilities.endpoints.addresses import key_of
from mlops_jupyter.capabilities.processes import identify
from mlops_jupyter.capabilities.sources import checksum
from mlops_jupyter.faces.server import extension
from mlops_jupyter.verbs import VERBS
from tests.conftest import REPOSITORY
from tests.fakes.jupyter_servers import TOKEN
from tests.fakes.models import small_model
from tests.fakes.notebooks import write_notebook
from tests.fakes.waiting import wait_for

STREAM = {"Accept": "application/x-ndjson"}


def run(server: httpx.Client, verb: str, **body: Any) -> httpx.Response:
    return server.post(f"verbs/{verb}", json=body)


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.iter_lines() if line]


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# What stands in a route's place for a name.
EXAMPLES = {
    "([a-z]+)/words": "undeploy/words?parameter=name",
    "([a-z]+)": "runs",
    "([0-9a-f]+)": "0",
    "jobs/events": "jobs/events?job=0:0",
    "/monitors": "/monitors?name=churn&range=900&notebook=",
    r"(?P<project>[\w-]+)": key_of(Path("/a"), Path("/a")),
    "(?P<name>[^/]+)": "churn",
    "(?P<path>.*)": "docs",
    "([^/]+)": "churn",
}


def paths(project: Path) -> list[str]:
    """Ask a web application which routes the extension has added; one path of each."""
    application = Application(base_url="/user/ana/", server_root_dir=str(project))
    extension._load_jupyter_server_extension(SimpleNamespace(web_app=application, log=logging.getLogger()))
    (added, _) = application.default_router.rules
    found = [rule.matcher.regex.pattern.removesuffix("$") for rule in added.target.rules]
    for pattern, example in EXAMPLES.items():
        found = [one.replace(pattern, example) for one in found]
    return found


def test_each_route_refuses_who_has_not_logged_in(server, project, monkeypatch):
    for variable in (extension.SERVER_URL, extension.SERVER_ROOT, extension.SERVER_PROJECT):
        monkeypatch.setenv(variable, "")  # told to this process too, and taken back at the end
    found = paths(project)
    assert len(found) == 16
    with httpx.Client(base_url=server.base_url.join("/"), timeout=30, trust_env=False) as stranger:
        for path in found:
            answers = {method: stranger.request(method, path) for method in METHODS}
            # A browser is sent to the login page; a method that a route does not have is none for anybody.
            for method, answer in answers.items():
                # What a route allows may be asked by a browser that asks before it logs in.
                nothing = method == "OPTIONS" and not answer.text
                assert nothing or answer.status_code in {302, 403, 405}, (method, path)
                assert answer.status_code != 302 or "/login" in answer.headers["location"]
            assert {302, 403} & {answer.status_code for answer in answers.values()}, path
            # It is no mistake in the path: who has logged in is answered.
            known = {server.request(method, server.base_url.join(path)).status_code for method in METHODS}
            assert known & {200, 204, 404}, (path, known)
            assert not known & {302, 403}, (path, known)


def test_a_wrong_token_and_a_missing_xsrf_token_are_refused(server, login):
    assert server.get("verbs", headers={"Authorization": "token wrong"}).status_code == 403
    assert login.get("status").status_code == 200
    refused = login.post("verbs/status", json={})
    assert (refused.status_code, "_xsrf" in refused.text) == (403, True)
    told = login.post("verbs/status", json={}, headers={"X-XSRFToken": login.cookies["_xsrf"]})
    assert told.status_code == 200, told.text


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the server import what the tests have."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY), prepend=os.pathsep)


@pytest.mark.parametrize("server", ["--ServerApp.authorizer_class=tests.fakes.authorizers.ReadsOnly"], indirect=True)
def test_who_may_only_look_can_only_look(importable, server):
    told = {"verbs": 200, "verbs/runs": 200, "status": 200, "deployments": 200}
    told |= {"jobs": 200, "jobs/0": 404, "jobs/events?job=0:0": 200, "monitors?name=churn&range=900&notebook=": 200}
    told |= {"endpoints/churn/docs": 404, "monitor/churn": 404, "monitor/churn/distribution": 404}
    for path, status in told.items():
        assert server.get(path).status_code == status
    for method, path in (
        ("POST", "verbs/status"),
        ("POST", "parameters"),
        ("DELETE", "jobs/0"),
        ("POST", "endpoints/churn/invocations"),
        ("POST", "monitor/churn/acknowledge"),
    ):
        answer = server.request(method, path, json={})
        assert (answer.status_code, "not authorized to execute" in answer.text) == (403, True), path


def test_the_verbs_are_described(server):
    verbs = {one["name"]: one for one in server.get("verbs").json()["verbs"]}
    assert set(verbs) == {name for name, verb in VERBS.items() if verb.place != "code"}
    for name, verb in verbs.items():
        assert (verb["line"], verb["effect"], verb["place"]) == (
            VERBS[name].line,
            VERBS[name].effect,
            VERBS[name].place,
        )
    limit = next(one for one in verbs["runs"]["parameters"] if one["name"] == "limit")
    assert (limit["kind"], limit["default"], limit["flag"]) == ("integer", 20, "--limit")
    assert verbs["undeploy"]["asks"]
    assert server.get("verbs/runs").json() == verbs["runs"]
    lost = server.get("verbs/runz")
    assert (lost.status_code, lost.json()["message"]) == (404, "there is no verb runz")
    lines = server.get("verbs", params={"parameters": "0"}).json()["verbs"]
    keys = ("name", "line", "effect", "place")
    assert lines == [{key: one[key] for key in keys} for one in verbs.values()]


def test_a_verb_gives_the_record_that_the_terminal_gives(server, terminal, project):
    answer = run(server, "status")
    assert answer.status_code == 200
    assert answer.json()["failed"] is False
    data = answer.json()["data"]
    assert data["application/vnd.mlops-jupyter.status+json"] == json.loads(terminal("status", "--json").out)
    assert data["text/plain"] + "\n" == terminal("status").out
    assert data["text/html"].startswith("<")


REFUSED: list[tuple[str, dict[str, Any], int, str, str]] = [
    ("runz", {}, 404, "NotFound", "there is no verb runz"),
    ("log", {}, 409, "Conflict", "log is for Python code"),
    ("track", {}, 409, "Conflict", "track needs a kernel around it"),
    ("runs", {"arguments": {"limt": 3}}, 400, "CommandError", "runs has no parameter limt"),
    ("runs", {"arguments": {"limit": "3"}}, 400, "CommandError", "runs: limit must be a whole number"),
    ("runs", {"arguments": {"limit": True}}, 400, "CommandError", "runs: limit must be a whole number"),
    ("runs", {"arguments": []}, 400, "CommandError", "arguments must be an object, and yes true or false"),
    ("runs", {"notebook": "../x.ipynb"}, 400, "CommandError", "'../x.ipynb' is no path below the server's directory"),
    ("runs", {"notebook": "/etc/x"}, 400, "CommandError", "'/etc/x' is no path below the server's directory"),
    (
        "runs",
        {"code": "1"},
        400,
        "CommandError",
        "the body must be an object of arguments, content, form, notebook, wait, yes",
    ),
    ("runs", {"wait": 0}, 400, "CommandError", "wait must be true or false"),
    ("runs", {"form": "html"}, 400, "CommandError", "form must be one of shown, data"),
    ("undeploy", {"arguments": {"name": "x"}}, 409, "ConfirmationRequired", "undeploy destroys what it names"),
    ("undeploy", {"arguments": {"name": "x"}, "yes": True}, 404, "NotFound", "there is no deployment x"),
    ("run", {"arguments": {"notebooks": ["no.ipynb"]}}, 404, "NotFound", "there is no notebook no.ipynb"),
]


def test_what_is_refused_says_why(server):
    for verb, body, status, error, message in REFUSED:
        answer = run(server, verb, **body)
        assert (answer.status_code, answer.json()["error"], answer.json()["message"]) == (status, error, message)
    for text in ("{", "[1]", "3", "[" * 5000):
        answer = server.post("verbs/runs", content=text.encode())
        assert (answer.status_code, answer.json()["error"]) == (400, "CommandError")
        assert server.post("parameters", content=text.encode()).json()["error"] == "CommandError"
    assert server.post("parameters", json={"source": 3}).json()["message"].endswith("must be texts")
    told = server.post("parameters", json={"source": "most: float = 1e999  # no limit"}).json()["parameters"]
    most = {"name": "most", "default": "Infinity", "type": "float", "help": "no limit"}
    assert told == [{**most, "annotated": True, "source": "1e999"}]


def test_words_that_a_parameter_may_be(server, project, terminal):
    (project / "mlops.toml").write_text('experiment = "churn"\n')
    model = small_model(project.parent / "model")
    assert terminal("register", str(model), "--name", "churn", "--alias", "champion", cwd=project).code == 0
    known = {"word": "churn@champion", "about": "version 1"}
    for verb, parameter, begun, words in (
        ("promote", "model", "chu", [known, {"word": "churn/1", "about": "champion"}]),
        ("promote", "to", "", [{"word": "champion", "about": "churn/1"}]),
        ("promote", "to", "x", []),
        ("undeploy", "name", "", []),
    ):
        answer = server.get(f"verbs/{verb}/words", params={"parameter": parameter, "begun": begun})
        assert answer.json() == {"words": words}, (verb, parameter)
        described = {one["name"]: one for one in server.get(f"verbs/{verb}").json()["parameters"]}
        assert described[parameter]["completed"]
    for verb, parameter, status in (("undeploy", "target", 400), ("undeploy", "", 400), ("nothing", "name", 404)):
        assert server.get(f"verbs/{verb}/words", params={"parameter": parameter}).status_code == status
    assert server.get("verbs/undeploy/words?parameter=name&notebook=../x.ipynb").status_code in {400, 404}


def test_a_failing_notebook_is_a_result(server, project):
    (project / "work").mkdir()
    write_notebook(project / "work" / "größe 50%.ipynb", "1/0")
    body = {"arguments": {"notebooks": ["größe 50%.ipynb"]}, "notebook": "work/größe 50%.ipynb"}
    with server.stream("POST", "verbs/run", json=body, headers=STREAM) as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
        told = events(answer)
    assert told[0]["event"] == "started"
    assert any(one["event"] == "progress" and 0 <= one["share"] <= 1 for one in told)
    assert (told[-1]["event"], told[-1]["failed"], told[-1]["error"]) == ("result", True, "ExecutionFailed")
    assert "ZeroDivisionError" in told[-1]["message"]


def test_a_snapshot_holds_what_the_front_end_has(server, terminal, project):
    saved = write_notebook(project / "train.ipynb", "x = 1")
    live = json.loads(saved.read_text())
    live["cells"][0]["source"] = "x = 2  # not saved"
    answer = run(server, "snapshot", notebook="train.ipynb", content=json.dumps(live))
    assert answer.status_code == 200, answer.text
    kept = answer.json()["data"]["application/vnd.mlops-jupyter.snapshot+json"]
    assert "not saved" in terminal("diff", kept["ref"], "train.ipynb").out


def test_the_status_tells_open_runs_and_endpoints(server, kernel, project):
    told = {"root": str(project), "directory": str(project), "open_runs": [], "endpoints": []}
    assert server.get("status").json() == told
    kernel.run("import mlops_jupyter\ntracked = mlops_jupyter.track('fit')\ntracked.__enter__()")
    (seen,) = server.get("status").json()["open_runs"]
    assert (seen["name"], seen["notebook"]) == ("fit", None)
    kernel.run("tracked.__exit__(None, None, None)")
    assert server.get("status").json()["open_runs"] == []
    (project / "mlops.toml").write_text("experiment = 3")
    answer = server.get("status")
    assert (answer.status_code, answer.json()["error"]) == (422, "ConfigurationError")


def test_the_status_tells_which_cell_is_a_run_s_body(server, kernel, project):
    ended = []
    code = "%%mlops track fit\nimport pathlib, time\nwhile not pathlib.Path('go').exists(): time.sleep(0.05)"
    asked = threading.Thread(target=lambda: ended.append(kernel.run(code, cell_id="cell-7")))
    asked.start()
    (seen,) = wait_for(lambda: server.get("status").json()["open_runs"])
    (project / "go").touch()
    asked.join()
    assert (seen["name"], seen["cell_id"], seen["parent"]) == ("fit", "cell-7", None)
    (run,) = ended[0].records("run")
    assert run["tags"]["mlops.cell_crc32"] == checksum(code)


def test_which_states_of_a_notebook_are_kept(server, terminal, project):
    notebook = write_notebook(project / "größe 50% #1.ipynb", "x = 1")
    nothing = {"ref": None, "taken": None, "checksums": []}
    assert server.get("kept", params={"notebook": notebook.name}).json() == nothing
    assert terminal("snapshot", notebook.name).code == 0
    found = server.get("kept", params={"notebook": notebook.name}).json()
    assert found["checksums"] == [checksum("code\0x = 1\0")]
    assert server.get("kept", params={"notebook": "../x.ipynb"}).status_code == 400
    assert server.get("kept").status_code == 400


@pytest.fixture(params=["port", "socket"])
def endpoint(request, server, terminal, project) -> Iterator[dict[str, Any]]:
    small_model(project / "model")
    words = ["deploy", str(project / "model"), "--name", "churn"]
    done = terminal(*words, *(["--socket", str(project / "churn.sock")] if request.param == "socket" else []))
    assert done.code == 0, done.err
    yield json.loads(terminal("deployments", "churn", "--json").out)
    terminal("undeploy", "churn", "--yes")


def test_an_endpoint_behind_the_server(endpoint, server, login, project):
    assert server.get("status").json()["endpoints"] == [
        {"name": "churn", "status": "ready", "restarts": 0, "error": None}
    ]
    answer = login.get("endpoints/churn/")
    assert (answer.status_code, answer.headers["location"]) == (302, "docs")
    page = login.get("endpoints/churn/docs")
    assert page.status_code == 200
    assert "script-src 'nonce-" in page.headers["content-security-policy"]
    assert login.get("endpoints/churn/docs/model.json").json()["name"] == "churn"
    body = {"dataframe_split": {"columns": ["a", "b"], "data": [[3.0, 0.0], [0.0, 1.0]]}}
    assert login.post("endpoints/churn/invocations", json=body).status_code == 403
    headers = {"X-XSRFToken": login.cookies["_xsrf"]}
    assert login.post("endpoints/churn/invocations", json=body, headers=headers).json() == {"predictions": [1, 0]}
    failed = login.post("endpoints/churn/invocations", json={"x": 1}, headers=headers)
    assert (failed.status_code, "error_code" in failed.json()) == (400, True)
    lost = server.get("endpoints/other/ping")
    assert (lost.status_code, lost.json()["error"]) == (404, "NotFound")
    assert server.get("endpoints/..%2f..%2fx/ping").status_code in {400, 404}


def test_a_card_of_a_verb_links_through_the_server(endpoint, server):
    shown = run(server, "deployments", arguments={"name": "churn"}).json()["data"]
    record = shown["application/vnd.mlops-jupyter.deployment+json"]
    assert record["jupyter_url"] == "/user/ana/mlops-jupyter/endpoints/churn/"
    # What is to be pasted works as it is, and names no token, of the server or the endpoint.
    tokens = (TOKEN, Path(record["token_file"]).read_text())
    assert not [token for token in tokens if token in json.dumps(shown)]
    *lines, last = record["jupyter_python"].splitlines()
    code = "\n".join([*lines, f"print({last})"])
    origin = str(server.base_url.join("/")).rstrip("/")
    by_shell, by_python = ["bash", "-c", record["jupyter_curl"]], [sys.executable, "-c", code]
    for words, variable in ((by_shell, "JUPYTER_TOKEN"), (by_python, "JUPYTERHUB_API_TOKEN")):
        told = {**os.environ, "JUPYTER_URL": origin, variable: TOKEN}
        done = subprocess.run(words, env=told, capture_output=True, text=True, check=False)
        assert "[0,0]" in done.stdout.replace(" ", ""), done.stderr


@contextlib.contextmanager
def spy(project: Path, answer: bytes) -> Iterator[list[str]]:
    """Be an endpoint that answers one request, and collect what it was asked."""
    folder = project / ".mlops" / "endpoints" / "spy"
    folder.mkdir(parents=True, mode=0o700)
    (folder.parent).chmod(0o700)
    (folder / "token").write_text("the-endpoint-s")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        mine = identify(os.getpid())
        assert mine is not None
        state = {"pid": mine.pid, "process_started": mine.started, "status": "ready", "started_at": 0.0}
        state |= {"host": "127.0.0.1", "port": listening.getsockname()[1], "workers": []}
        (folder / "state.json").write_text(json.dumps(state))
        heard: list[str] = []

        def answers() -> None:
            connection, _ = listening.accept()
            with connection:
                heard.append(connection.recv(65536).decode())
                connection.sendall(answer)

        thread = threading.Thread(target=answers)
        thread.start()
        yield heard
        thread.join(30)


def test_nothing_of_the_browser_s_login_reaches_an_endpoint(server, login, project):
    with spy(project, b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\nok") as heard:
        got = login.get(
            "endpoints/spy/x%20y/z", params={"token": "test-token", "q": "a b"}, headers={"X-Request-Id": "r1"}
        )
    assert (got.text, "set-cookie" in got.headers) == ("ok", False)
    lines = heard[0].split("\r\n")
    assert lines[0] == "GET /x%20y/z?q=a+b HTTP/1.1"
    told = {line.partition(":")[0].lower(): line.partition(": ")[2] for line in lines[1:] if line}
    assert told["authorization"] == "Bearer the-endpoint-s"
    assert told["x-request-id"] == "r1"
    assert not {"cookie", "x-xsrftoken", "referer", "origin"} & set(told)
    assert "test-token" not in heard[0]


def test_an_endpoint_that_closes_the_connection_did_not_answer(server, project):
    with spy(project, b""):
        lost = server.get("endpoints/spy/ping")
    told = lost.json()
    assert (lost.status_code, told["error"], told["hint"]) == (502, "Unavailable", "mlops deployments spy")
    assert told["message"].startswith("spy did not answer: ")


def test_each_project_below_the_server_has_its_own_endpoints(server, login, project):
    (project / "größe 50%" / "b").mkdir(parents=True)
    for folder in ("a", "größe 50%/b"):
        (project / folder).mkdir(exist_ok=True)
        (project / folder / "mlops.toml").touch()
        answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(folder.encode())}\r\n\r\n{folder}"
        with spy(project / folder, answer.encode()) as heard:
            (told,) = server.get("deployments", params={"notebook": f"{folder}/train.ipynb"}).json()["deployments"]
            assert told["jupyter_url"].startswith("/user/ana/mlops-jupyter/projects/")
            got = login.get(server.base_url.join(f"{told['jupyter_url']}x"))
        assert (got.status_code, got.text) == (200, folder)
        assert "Authorization: Bearer the-endpoint-s" in heard[0]
    # They are none of the project around the server's directory, which has none.
    assert server.get("endpoints/spy/x").json()["message"] == "there is no deployment spy"


def test_an_address_leads_to_no_project_elsewhere(server, project):
    outside = project.parent / "outside"
    (outside / "mlops.toml").parent.mkdir()
    (outside / "mlops.toml").touch()
    (project / "link").symlink_to(outside)
    with spy(outside, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as heard:
        for path in ("link", "../outside", str(outside), "a/../../outside", "x\0"):
            key = base64.urlsafe_b64encode(path.encode()).decode().rstrip("=")
            refused = server.get(f"projects/{key}/endpoints/spy/x")
            assert (refused.status_code, refused.json()["error"]) == (400, "CommandError"), path
        for key, status in (("x", 400), ("eA", 404)):
            assert server.get(f"projects/{key}/endpoints/spy/x").status_code == status
        assert not heard
        state = json.loads((outside / ".mlops" / "endpoints" / "spy" / "state.json").read_text())
        with socket.create_connection(("127.0.0.1", state["port"])) as last:
            last.sendall(b"x")  # so that the spy's thread ends


def test_a_kernel_of_the_server_links_to_the_endpoints_of_its_own_project(server, project):
    (project / "sub").mkdir()
    (project / "sub" / "mlops.toml").touch()
    write_notebook(
        project / "sub" / "x.ipynb",
        "from mlops_jupyter.commands import project\n"
        "from pathlib import Path\n"
        "host = project.notebook_host()\n"
        "Path('told').write_text(f'{host.server_url()} {host.endpoints_url(Path.cwd())}')",
    )
    answer = run(server, "run", arguments={"notebooks": ["x.ipynb"]}, notebook="sub/x.ipynb")
    assert answer.status_code == 200, answer.text
    key = key_of(project / "sub", project)
    assert (project / "sub" / "told").read_text() == f"/user/ana/ /user/ana/mlops-jupyter/projects/{key}/endpoints/"


def test_a_tool_s_pages_are_reached_through_the_server(server, login, project):
    (page,) = run(server, "ui", form="data").json()["data"].values()
    state = json.loads((project / ".mlops" / "ui" / "mlflow.json").read_text())
    try:
        # What a page that is not on this machine gets: the address that holds behind a hub.
        assert page["jupyter_url"].startswith(f"/user/ana/proxy/{state['port']}/")
        shown = login.get(server.base_url.join(page["jupyter_url"]), follow_redirects=True)
        assert (shown.status_code, "MLflow" in shown.text) == (200, True)
    finally:
        os.kill(state["pid"], signal.SIGTERM)
