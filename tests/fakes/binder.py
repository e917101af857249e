"""A Binder session without a container: what repo2docker does with the files in ``binder/``, and what a hub starts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil
import pytest

from tests.conftest import REPOSITORY
from tests.fakes.git import git
from tests.fakes.servers import answers, free_port, serving

_UV = Path(sys.executable).with_name("uv")
_TOKEN = "given-by-the-hub"
_PREFIX = "/user/mlops-jupyter-x1y2z3/"
# In the environment of every process of the session, and of no other.
_MARK = "BINDER_REQUEST"
_MINUTES_S = 600


@dataclass(frozen=True)
class Image:
    """What is built: the repository, which is the home directory too, and the environment of conda's."""

    home: Path
    prefix: Path

    @classmethod
    def build(cls, folder: Path) -> Self:
        """Build it from this checkout's files as they are now, step by step as repo2docker does."""
        image = cls(folder / "home" / "jovyan", folder / "conda")
        _clone(image.home)
        wanted = (image.home / "binder" / "runtime.txt").read_text().strip().removeprefix("python-")
        # Another Python of this machine where that one is missing; none is fetched.
        found = _uv("python", "find", "--no-python-downloads", wanted, check=False).stdout.strip()
        _uv("venv", "--python", found or sys.executable, str(image.prefix))
        python = str(image.prefix / "bin" / "python")
        _uv("pip", "install", "--python", python, "-r", "binder/requirements.txt", cwd=image.home)
        done = subprocess.run(
            ["./binder/postBuild"],
            cwd=image.home,
            env=image.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=_MINUTES_S,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return image

    def environment(self, **more: str) -> dict[str, str]:
        """Return all variables that a process there has: none of this machine's."""
        return {
            "PATH": f"{self.prefix / 'bin'}{os.pathsep}/usr/local/bin{os.pathsep}/usr/bin{os.pathsep}/bin",
            "HOME": str(self.home),
            "REPO_DIR": str(self.home),
            "NB_USER": "jovyan",
            "USER": "jovyan",
            "SHELL": "/bin/bash",
            "LANG": "C.UTF-8",
            _MARK: str(self.home),
            **more,
        }

    @contextmanager
    def session(self) -> Iterator[str]:
        """Start JupyterLab as a hub does; give its address, with the token."""
        port = free_port()
        base = f"http://127.0.0.1:{port}{_PREFIX}"
        options = {"base_url": _PREFIX, "token": _TOKEN, "trust_xheaders": "True"}
        words = [
            *("./binder/start", "jupyter-lab", "--ip=127.0.0.1", f"--port={port}"),
            *(f"--{app}.{name}={value}" for app in ("NotebookApp", "ServerApp") for name, value in options.items()),
            # For the test alone: containers are root to nobody, and it asks the page whether a cell has run.
            *("--ServerApp.allow_root=True", "--LabApp.expose_app_in_browser=True", "--no-browser"),
        ]
        environment = self.environment(
            JUPYTERHUB_SERVICE_PREFIX=_PREFIX,
            KUBERNETES_SERVICE_HOST="10.0.0.1",
            CPU_LIMIT="1.0",
            MEM_LIMIT="2147483648",
        )
        ready, log = f"{base}api/status", self.home / ".jupyter-server-log.txt"
        with serving(words, self.home, lambda: answers(ready, token=_TOKEN), log=log, environment=environment):
            yield f"{base}lab/tree/notebooks/01_track.ipynb?token={_TOKEN}"

    def processes(self) -> list[psutil.Process]:
        """Return the session's processes, those that no other has started among them."""
        return [one for one in psutil.process_iter() if _variable(one) == str(self.home)]


@dataclass
class Memory:
    """Measures what a session's processes need together, again and again until the block ends.

    Pages that several processes share are counted once, as the limit of a container counts them.
    """

    image: Image
    peak_bytes: int = 0
    at_peak: list[tuple[int, str]] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._measure)
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._over.set()
        self._thread.join()

    def __str__(self) -> str:
        lines = (f"{size / 1e6:8.0f} MB  {name}" for size, name in sorted(self.at_peak, reverse=True))
        return "\n".join((f"{self.peak_bytes / 1e6:8.0f} MB at the most, of these", *lines))

    def _measure(self) -> None:
        while not self._over.wait(0.5):
            found = [(_size(one), _named(one)) for one in self.image.processes()]
            total = sum(size for size, _ in found)
            if total > self.peak_bytes:
                self.peak_bytes, self.at_peak = total, found


def _clone(home: Path) -> None:
    """Lay the checkout out as a clone at a commit, with edits that are not committed yet."""
    if not (REPOSITORY / ".git").exists():
        pytest.skip("this is no git checkout, so nobody knows which files are the repository's")
    listed = git(REPOSITORY, "ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout
    for name in filter(None, listed.split("\0")):
        source, target = REPOSITORY / name, home / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    git(home, "init", "-q", "-b", "main")
    git(home, "add", "--all")
    git(home, "commit", "-q", "-m", "as it is")
    git(home, "checkout", "-q", "--detach")


def _uv(*words: str, cwd: Path | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [_UV, "--quiet", *words], cwd=cwd, capture_output=True, text=True, check=False, timeout=_MINUTES_S
    )
    assert done.returncode == 0 or not check, done.stderr
    return done


def _variable(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(_MARK)
    except psutil.Error:
        return None


def _size(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


def _named(process: psutil.Process) -> str:
    try:
        return " ".join(Path(word).name for word in process.cmdline()[:4])
    except psutil.Error:
        return "gone"
