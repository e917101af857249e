"""Another user of the machine, without the token, reads nothing of an endpoint."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

import mlops_jupyter
from mlops_jupyter.capabilities.endpoints.folder import EndpointFolder
from mlops_jupyter.capabilities.endpoints.state import read_state
from mlops_jupyter.capabilities.models import folders
from mlops_jupyter.errors import CheckFailed, ConfigurationError
from mlops_jupyter.records import Check
from tests.fakes.models import behaving_model, small_model

NOBODY = 65534
OPEN = ("/ping", "/health", "/v2/health/live", "/v2/health/ready", "/docs")
CLOSED = ("/metrics", "/openapi.json", "/docs/model.json", "/v2", "/v2/models/churn", "/version")

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a program as another user: run the tests as root"),
    pytest.mark.skipif(shutil.which("find") is None, reason="missing here: apt-get install findutils"),
]


@pytest.fixture
def reachable(project: Path) -> Iterator[Path]:
    """A project with a model, whose directory, and all those above it, others may enter."""
    small_model(project / "model")
    entered = []
    for folder in (project, *project.parents):
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not mode & stat.S_IXOTH:
            entered.append((folder, mode))
            folder.chmod(mode | stat.S_IXOTH | stat.S_IROTH)
    yield project
    for one in mlops_jupyter.deployments().deployments:
        mlops_jupyter.undeploy(one.name, yes=True)
    for folder, mode in entered:
        folder.chmod(mode)


@pytest.fixture
def another() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a program as the user nobody."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, user=NOBODY, group=NOBODY, extra_groups=[], env={"PATH": os.environ["PATH"]}, cwd="/",
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    return run


def test_no_file_process_or_address_tells_another_user_anything(reachable, another):
    mlops_jupyter.deploy("model", name="churn")
    endpoints = reachable / ".mlops" / "endpoints"
    # What is looked at can be reached, so that the test would see it.
    assert another("ls", str(reachable)).returncode == 0
    assert (endpoints / "churn" / "token").exists()
    assert another("ls", str(endpoints)).returncode != 0
    for file in endpoints.rglob("*"):
        assert another("cat", str(file)).stdout == "", file
        assert another("ls", str(file)).stdout == "", file
    metrics = reachable / ".mlops" / "metrics.token"
    assert metrics.exists()
    assert another("cat", str(metrics)).stdout == ""
    folder = EndpointFolder(endpoints / "churn")
    state = read_state(folder.state_file)
    assert state is not None
    for pid in (state.pid, *(worker.pid for worker in state.workers)):
        assert folder.token() not in " ".join(psutil.Process(pid).cmdline())
        assert another("cat", f"/proc/{pid}/environ").stdout == ""

    base = mlops_jupyter.deployments("churn").url
    for path in CLOSED:
        refused = httpx.get(base + path)
        assert (refused.status_code, "churn" in refused.text) == (401, False), path
    for path in ("/invocations", "/v2/models/churn/infer"):
        assert httpx.post(base + path, json={}).status_code == 401
        assert httpx.post(base + path, json={}, headers={"authorization": "Bearer wrong"}).status_code == 401
    for path in OPEN:
        told = httpx.get(base + path)
        assert told.status_code == 200
        assert "churn" not in told.text


def test_another_user_cannot_connect_to_a_unix_socket(reachable, another):
    place = reachable / "churn.sock"
    mlops_jupyter.deploy("model", name="churn", socket=place)
    mode = place.stat()
    assert stat.S_ISSOCK(mode.st_mode)
    assert stat.S_IMODE(mode.st_mode) == 0o600
    asked = another("curl", "--silent", "--show-error", "--unix-socket", str(place), "http://churn/ping")
    assert asked.returncode != 0
    assert "denied" in asked.stderr.lower() or "connect" in asked.stderr.lower()


def test_another_user_cannot_have_a_model_trusted(reachable, another):
    folder = behaving_model(reachable / "foreign", "pass")
    state = reachable / ".mlops"
    with pytest.raises(ConfigurationError, match="may run code"):
        mlops_jupyter.deploy("foreign", name="churn")
    state.chmod(0o777)
    listed = json.dumps({folders.digest(folder): {"source": "churn"}})
    swap = f"mv {state}/models {state}/old && mkdir {state}/models && echo '{listed}' > {state}/models/trusted.json"
    assert another("sh", "-c", swap).returncode == 0
    with pytest.raises(ConfigurationError) as caught:
        mlops_jupyter.deploy("foreign", name="churn")
    assert caught.value.lines() == [
        f"ConfigurationError: other users can write to {state}", f"  → chmod go-w {state}"
    ]  # fmt: skip
    (check,) = (one for one in _diagnosed() if one.name == "state")
    assert (check.level, check.fix) == ("warning", f"chmod go-w {state}")
    state.chmod(0o755)
    with pytest.raises(ConfigurationError, match=f"{state}/models belongs to another user"):
        mlops_jupyter.deploy("foreign", name="churn")
    with pytest.raises(ConfigurationError, match=f"{state}/models belongs to another user"):
        mlops_jupyter.deploy("foreign", name="churn", trust=True)


def _diagnosed() -> tuple[Check, ...]:
    try:
        return mlops_jupyter.doctor().checks
    except CheckFailed as failed:
        return failed.record.checks
