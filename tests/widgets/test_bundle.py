"""The browser half: the bundle in the package is what its source builds, small enough, and its own tests pass."""

from __future__ import annotations

import filecmp
import gzip
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
LAB = BUILT.parent / "labextension"
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
def test_the_lab_extension_is_what_the_source_builds(packages):
    # Beside the sources, so that files can be linked; a bundle's names depend on where its packages lie, too.
    place = REPOSITORY / "build" / f"lab-{os.getpid()}"
    try:
        copy = place / "labextension"
        compiled = lambda folder, _: {"lib"} if Path(folder) == SOURCE else set()  # noqa: E731
        shutil.copytree(SOURCE, copy, copy_function=os.link, symlinks=True, ignore=compiled)
        (place / "mlops_jupyter").mkdir()
        built, kept = files(built_in(copy)), files(LAB)
    finally:
        shutil.rmtree(place)
    assert sorted(built) == sorted(kept), "run `make widgets` and commit what it builds"
    assert [name for name in kept if built[name] != kept[name]] == []


def files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def built_in(copy: Path) -> Path:
    done = subprocess.run(
        ["npm", "run", "build:lab"], cwd=copy, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return copy.parent / "mlops_jupyter" / "labextension"


def test_the_lab_extension_is_light_at_the_start_and_its_forms_come_later():
    scripts = {file.name: file.read_bytes() for file in (LAB / "static").glob("*.js")}
    # What a verb's form says, the sidebar, the dashboard, and what draws its charts.
    words = (b"This cannot be undone", b"It has no versions yet.", b"says nothing any more", b'"u-hz"')
    later = [name for name, text in scripts.items() if any(word in text for word in words)]
    start = b"".join(text for name, text in scripts.items() if name not in later)
    assert len(later) == len(words)
    assert all(
        plugin in start for plugin in (b"mlops-jupyter:verbs", b"mlops-jupyter:status", b"mlops-jupyter:documents")
    )
    assert len(gzip.compress(start)) <= 60_000
    for text in scripts.values():
        assert b"https://" not in text
        assert b"http://" not in text.replace(b"http://www.w3.org/2000/svg", b"")


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
    assert "registry." not in words
