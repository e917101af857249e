"""MLflow's real pages behind the guard: who gets in, who does not, and what is left lying about."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from pathlib import Path

import httpx
import psutil
import pytest

from mlops_jupyter.adapters.mlflow_ui import MlflowUi
from mlops_jupyter.capabilities import processes, served_pages
from mlops_jupyter.capabilities.processes import identify
from mlops_jupyter.errors import Unavailable

SEARCH = "/ajax-api/2.0/mlflow/experiments/search"


class Pages:
    """One server, started once for this file."""

    def __init__(self, directory: Path, template_store: Path) -> None:
        self.state = directory / ".mlops"
        self.state.mkdir()
        shutil.copy(template_store, self.state / "mlflow.db")
        self.uri = f"sqlite:///{self.state}/mlflow.db"
        self.waited: list[tuple[float, float]] = []

    def open(self) -> tuple[str, str, str]:
        """Open the pages and return address, ticket and what is said of the server."""
        page = MlflowUi().open(self.uri, self.state, lambda passed, limit: self.waited.append((passed, limit)))
        base = f"http://127.0.0.1:{page.port}"
        return base, page.path, page.detail

    @property
    def server(self) -> dict:
        return json.loads((self.state / "ui" / "mlflow.json").read_text())

    def cookie(self) -> dict[str, str]:
        base, path, _ = self.open()
        answer = httpx.get(base + path)
        return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


@pytest.fixture(scope="module")
def pages(tmp_path_factory, template_store) -> Iterator[Pages]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
            patch.delenv(name)
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        pages = Pages(tmp_path_factory.mktemp("ui"), template_store)
        pages.open()
        yield pages
        if psutil.pid_exists(pages.server["pid"]):
            os.kill(pages.server["pid"], signal.SIGTERM)


def test_a_ticket_works_once(pages):
    base, path, _ = pages.open()
    first = httpx.get(base + path)
    assert (first.status_code, first.headers["location"]) == (303, "./")
    second = httpx.get(base + path)
    assert second.status_code == 403
    assert second.text == "This page needs a fresh link. Run: %mlops ui mlflow\n"
    assert "set-cookie" not in second.headers


def test_the_cookie_lets_in(pages):
    base, path, _ = pages.open()
    with httpx.Client(base_url=base, follow_redirects=True) as browser:
        page = browser.get(path)
        assert page.status_code == 200
        assert page.url.path == "/"
        assert not page.url.query
        assert "<title>MLflow</title>" in page.text
        found = browser.post(SEARCH, json={"max_results": 10}, headers={"Origin": base})
        assert found.status_code == 200
        assert [one["name"] for one in found.json()["experiments"]] == ["Default"]


def test_cookies_of_other_programs_on_the_host_do_no_harm(pages):
    base, *_ = pages.open()
    own = pages.cookie()["Cookie"]
    for others in ('prefs={"a":1}; ', "a,b=c; =; ", "x" * 3000 + "=1; "):
        assert httpx.get(base, headers={"Cookie": f"{others}{own}; last=1"}).status_code == 200


def test_an_old_link_with_the_cookie_goes_on_to_the_page(pages):
    """A notebook that is opened again shows its frame again."""
    base, path, _ = pages.open()
    with httpx.Client(base_url=base, follow_redirects=True) as browser:
        browser.get(path)
        again = browser.get(path)
        assert (again.status_code, again.url.path) == (200, "/")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/health"), ("GET", "/static-files/index.html"), ("POST", SEARCH), ("GET", "/version"),
     ("GET", "/?ticket="), ("GET", "/?ticket=1.2.3"), ("GET", "/?ticket=%F0%9F%9A%80"), ("GET", "//"),
     ("PUT", "/graphql")],
)  # fmt: skip
def test_without_a_ticket_or_the_cookie_nothing_is_served(method, path, pages):
    base, _, _ = pages.open()
    answer = httpx.request(method, base + path)
    assert answer.status_code == 403
    assert answer.text == "This page needs a fresh link. Run: %mlops ui mlflow\n"


@pytest.mark.parametrize(
    "cookie", ["mlops-mlflow-ui=", "mlops-mlflow-ui=guess", "other=1", "=", "mlops-mlflow-ui", "a=\x80"]
)
def test_a_wrong_cookie_is_none(cookie, pages):
    base, _, _ = pages.open()
    headers = [(b"Cookie", cookie.encode("latin-1"))]
    assert httpx.get(base, headers=headers).status_code == 403


def test_the_secret_itself_is_no_cookie_and_a_bearer_must_have_it(pages):
    base, _, _ = pages.open()
    secret = pages.server["secret"]
    assert httpx.get(base, headers={"Cookie": f"mlops-mlflow-ui={secret}"}).status_code == 403
    assert httpx.get(f"{base}/health", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    for wrong in ("Bearer", "Bearer x", "Basic x", f"Bearer {secret}x"):
        assert httpx.get(f"{base}/health", headers={"Authorization": wrong}).status_code == 403


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 200),
        ({"Origin": "{base}"}, 200),
        ({"Origin": "https://hub.example", "X-Forwarded-Host": "hub.example"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
    ],
)
def test_a_foreign_page_cannot_use_the_cookie(headers, code, pages):
    base, _, _ = pages.open()
    headers = {name: value.format(base=base) for name, value in headers.items()} | pages.cookie()
    assert httpx.post(base + SEARCH, json={"max_results": 1}, headers=headers).status_code == code


def test_the_cookie_is_for_this_page_alone(pages):
    base, path, _ = pages.open()
    set_here = SimpleCookie(httpx.get(base + path).headers["set-cookie"])["mlops-mlflow-ui"]
    assert (set_here["path"], set_here["httponly"], set_here["samesite"]) == ("/", True, "lax")
    _, path, _ = pages.open()
    below_jupyter = httpx.get(base + path, headers={"X-Forwarded-Context": "/user/ana/proxy/5000"})
    assert SimpleCookie(below_jupyter.headers["set-cookie"])["mlops-mlflow-ui"]["path"] == "/user/ana/proxy/5000"


def test_it_listens_on_loopback_only(pages):
    process = psutil.Process(pages.server["pid"])
    listening = {
        one.laddr.ip
        for each in (process, *process.children(recursive=True))
        for one in each.net_connections("inet")
        if one.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_the_server_is_found_again(pages):
    before = pages.server
    waited = len(pages.waited)
    assert waited > 0
    assert pages.waited[-1] == (90.0, 90.0)
    base, _, detail = pages.open()
    assert pages.server == before
    assert len(pages.waited) == waited
    assert base.endswith(f":{before['port']}")
    assert detail == f"served by process {before['pid']}, which ends after an hour without use"


def test_it_does_not_end_with_the_process_that_started_it(pages):
    assert os.getsid(pages.server["pid"]) != os.getsid(0)


def test_nobody_else_can_read_its_state(pages):
    directory = pages.state / "ui"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "mlflow.json").stat().st_mode) == 0o600


def test_the_secret_is_in_no_log_and_on_no_command_line(pages):
    base, path, _ = pages.open()
    httpx.get(base + path)
    secret = pages.server["secret"]
    assert secret not in path
    assert secret not in (pages.state / "ui" / "mlflow.log").read_text()
    process = psutil.Process(pages.server["pid"])
    for each in (process, *process.children(recursive=True)):
        assert secret not in " ".join(each.cmdline())


def test_the_pages_show_the_project_s_runs(pages):
    from tests.fakes.store import WritableStore

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", pages.uri)
        store = WritableStore(pages.uri)
        run_id = store.create_run("churn", "fit", {})
        store.log(run_id, metrics=[("acc", 0.5, datetime.now(UTC), 0)])
        experiment = store.experiment("churn").experiment_id
    base, _, _ = pages.open()
    found = httpx.post(
        f"{base}/ajax-api/2.0/mlflow/runs/search", json={"experiment_ids": [experiment]}, headers=pages.cookie()
    )
    assert [run["info"]["run_name"] for run in found.json()["runs"]] == ["fit"]


def test_another_store_gets_a_server_of_its_own_and_a_bad_one_says_why(pages, tmp_path):
    with pytest.raises(Unavailable) as caught:
        MlflowUi().open("nonsense://ana:hunter2@h/x", tmp_path, lambda *_: None)
    assert caught.value.message.startswith("MLflow's pages did not start: ")
    assert "nonsense" in caught.value.message
    assert "\n" not in caught.value.message
    assert (caught.value.hint, caught.value.exit_code) == (f"less {tmp_path}/ui/mlflow.log", 5)
    assert "hunter2" not in str(caught.value)
    assert not (tmp_path / "ui" / "mlflow.json").exists()


def test_a_proxy_is_not_asked_for_what_is_here(pages, tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.setblocking(False)
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        file = tmp_path / "mlflow.json"
        file.write_text(json.dumps(pages.server))
        assert served_pages.running(file, pages.uri, "/health") is not None
        with pytest.raises(BlockingIOError):
            proxy.accept()


def test_a_state_file_of_a_server_that_is_gone_is_not_believed(pages, tmp_path):
    def running(file: Path, uri: str) -> object:
        return served_pages.running(file, uri, "/health")

    file = tmp_path / "mlflow.json"
    assert running(file, pages.uri) is None
    for text in ("", "{}", "[]", "{", json.dumps(pages.server | {"port": 1})):
        file.write_text(text)
        assert running(file, pages.uri) is None
    file.write_text(json.dumps(pages.server))
    assert running(file, pages.uri) is not None
    assert running(file, "sqlite:////another.db") is None
    # Somebody else's server may have got the port since.
    file.write_text(json.dumps(pages.server | {"secret": "another"}))
    assert running(file, pages.uri) is None


def test_it_ends_when_nobody_uses_it(clean_environment, tmp_path):
    code = (
        "import threading\nfrom mlops_jupyter.adapters import mlflow_ui_app as app\n"
        "from mlops_jupyter.capabilities import served_pages as pages\n"
        "pages._IDLE_LIMIT_S, pages._IDLE_CHECK_S = 0.1, 0.02\napp.create_app()\nprint('waits', flush=True)\n"
        "threading.Event().wait()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"MLOPS_JUPYTER_UI_SECRET": "s", "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{tmp_path}/x.db"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "waits\n")


def test_when_its_worker_ends_so_does_the_server(pages):
    """The last test of the file: it uses the server up."""
    (worker,) = psutil.Process(pages.server["pid"]).children()
    both = [identify(one) for one in (pages.server["pid"], worker.pid)]
    worker.terminate()
    assert [one for one in both if not processes.wait(one, 20)] == []
