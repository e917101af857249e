"""The built wheel in a fresh environment without Node: both halves of the extension are there and enabled."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.conftest import REPOSITORY
from tests.fakes.servers import answers, free_port, serving

_UV = Path(sys.executable).with_name("uv")


# What uv says when nobody answers at the index; all else is a fault of ours.
_OFFLINE = re.compile(
    r"error sending request|dns error|failed to fetch|connection (refused|reset)|timed? ?out", re.IGNORECASE
)


def uv(*words: str) -> None:
    done = subprocess.run([_UV, "--quiet", *words], capture_output=True, text=True, check=False, timeout=900)
    if done.returncode and _OFFLINE.search(done.stderr):
        pytest.skip(f"the package index cannot be reached: {done.stderr.strip()[-300:]}")
    assert done.returncode == 0, f"uv {shlex.join(words)}: {done.stderr}"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The executables of an environment that has the wheel and what it needs, and nothing else."""
    place = tmp_path_factory.mktemp("fresh")
    uv("build", "--wheel", "--out-dir", str(place / "dist"), str(REPOSITORY))
    (wheel,) = (place / "dist").glob("*.whl")
    uv("venv", "--python", sys.executable, str(place / "venv"))
    python = place / "venv" / "bin" / "python"
    uv("pip", "install", "--python", str(python), "-c", str(REPOSITORY / "constraints.txt"), str(wheel))
    return python.parent


def without_node(fresh: Path) -> dict[str, str]:
    """Return an environment in which only those executables are found."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    assert shutil.which("node", path=str(fresh)) is None
    return {**kept, "PATH": str(fresh), "JUPYTER_RUNTIME_DIR": os.environ["JUPYTER_RUNTIME_DIR"]}


def test_both_halves_are_listed_and_answer(fresh, clean_environment, tmp_path):
    environment = without_node(fresh)

    def said(*words: str) -> str:
        done = subprocess.run(
            [fresh / "jupyter", *words], env=environment, capture_output=True, text=True, check=True, timeout=300
        )
        return re.sub(r"\x1b\[\d*m", "", done.stdout + done.stderr)

    listed = said("labextension", "list")
    assert "mlops-jupyter v0.1.0" in listed
    (line,) = [line for line in listed.splitlines() if "mlops-jupyter v0.1.0" in line]
    assert "enabled" in line
    assert "OK" in line
    assert "(python, mlops-jupyter)" in line
    listed = said("server", "extension", "list")
    assert "mlops_jupyter enabled" in listed
    assert "mlops_jupyter 0.1.0 OK" in " ".join(listed.split())

    port = free_port()
    base = f"http://127.0.0.1:{port}/"
    words = [str(fresh / "jupyter"), "lab", "--no-browser", "--allow-root", f"--port={port}"]
    words += ["--IdentityProvider.token=t", f"--ServerApp.root_dir={tmp_path}"]
    up = lambda: answers(f"{base}api/status", token="t")  # noqa: E731
    with serving(words, tmp_path, up, log=tmp_path / "lab.log", environment=environment):
        entry = httpx.get(f"{base}lab/api/listings", params={"token": "t"}, timeout=30)
        assert entry.status_code == 200
        package = httpx.get(f"{base}lab/extensions/mlops-jupyter/static/style.js", params={"token": "t"}, timeout=30)
        assert package.status_code == 200
        verb = httpx.post(f"{base}mlops-jupyter/verbs/status?token=t", json={}, timeout=120)
        assert verb.status_code == 200, verb.text


def test_a_wheel_that_cannot_be_built_is_no_lack_of_an_index(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 3\n")
    with pytest.raises(AssertionError, match="uv build"):
        uv("build", "--offline", "--wheel", str(tmp_path))
