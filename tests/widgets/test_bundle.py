"""The browser half: the bundle in the package is what its source builds, small enough, and its own tests pass."""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from mlops_jupyter import widgets
from mlops_jupyter.widgets.wire import POINT, packed
from tests.conftest import REPOSITORY

SOURCE = REPOSITORY / "labextension"
BUILT = Path(widgets.__file__).parent
FILES = ("live_chart.js", "live_chart.css", "monitor.js", "monitor.css", "uplot.LICENSE")

needs_node = pytest.mark.skipif(shutil.which("npm") is None, reason="Node is missing: apt-get install nodejs npm")


def run(*words: str, **environment: str) -> str:
    done = subprocess.run(
        words, cwd=SOURCE, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def packages() -> None:
    """The packages that package-lock.json names, in node_modules."""
    if not (SOURCE / "node_modules" / ".package-lock.json").exists():
        run("npm", "ci", "--no-audit", "--no-fund")


@needs_node
@pytest.mark.xdist_group("node")
def test_the_bundle_is_what_the_source_builds(packages, tmp_path):
    run("node", "build.mjs", "--out", str(tmp_path))
    different = [name for name in FILES if not filecmp.cmp(tmp_path / name, BUILT / name, shallow=False)]
    assert different == [], "run `make widgets` and commit what it builds"


@needs_node
@pytest.mark.xdist_group("node")
def test_the_source_s_types_and_its_own_tests(packages, tmp_path):
    run("npm", "run", "check")
    cases = [
        np.array([(0, 0.5, 3, 0.25), (65_535, 1.5, -4, -1e300)], POINT),
        np.array([(1, 0, -(2**52), 1.0), (2, 1, 2**52, 2.0)], POINT),
        np.empty(0, POINT),
    ]
    told = []
    for points in cases:
        base, columns = packed(points)
        content = {"n": 0} | ({} if base is None else {"base": base})
        told.append({"content": content, "hex": columns.hex()} | {
            f"{name}s" if name in {"step", "value"} else name: points[name].tolist() for name in POINT.names
        })  # fmt: skip
    wire = tmp_path / "wire.json"
    wire.write_text(json.dumps(told))
    assert "# fail 0" in run("npm", "test", MLOPS_WIRE=str(wire), NODE_OPTIONS="--test-reporter=tap")


def test_the_bundle_is_small_and_asks_no_network():
    assert (BUILT / "live_chart.js").stat().st_size <= 64 * 1024
    assert (BUILT / "live_chart.css").stat().st_size <= 4 * 1024
    assert (BUILT / "monitor.js").stat().st_size <= 80 * 1024
    assert (BUILT / "monitor.css").stat().st_size <= 8 * 1024
    for name in FILES[:4]:
        words = (BUILT / name).read_text()
        assert "http://" not in words.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in words
        assert "@import" not in words


def test_the_lock_names_no_registry():
    words = (SOURCE / "package-lock.json").read_text()
    assert '"resolved"' not in words
    assert "registry" not in words
