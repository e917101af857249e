"""What is installed is told as it is, however broken an installation may be."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from mlops_jupyter.capabilities import environment
from mlops_jupyter.errors import ConfigurationError
from mlops_jupyter.records import Checkout


@pytest.fixture
def site(tmp_path):
    """An empty directory as it may stand on a search path."""
    directory = tmp_path / "site packages"
    directory.mkdir()
    return directory


def install(site: Path, directory: str, metadata: str | bytes | None = None, **files: object) -> Path:
    place = site / directory
    place.mkdir()
    if metadata is not None:
        raw = metadata if isinstance(metadata, bytes) else metadata.encode()
        (place / "METADATA").write_bytes(raw)
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (place / f"{name}.json").write_text(text)
    return place


def distributions(*path: Path) -> dict[str, str]:
    return environment.describe([str(one) for one in path])["distributions"]


def test_this_process_is_described_as_importlib_sees_it():
    told = environment.describe()
    assert told["python"] == platform.python_version()
    assert told["implementation"] == platform.python_implementation()
    assert told["platform"] == platform.platform()
    assert json.loads(json.dumps(told)) == told
    seen = {
        re.sub(r"[-_.]+", "-", one.name).lower(): one.version
        for one in reversed(list(importlib.metadata.distributions()))
    }
    assert {name: version.split(" ")[0] for name, version in told["distributions"].items()} == seen
    assert list(told["distributions"]) == sorted(told["distributions"])
    assert told["distributions"]["mlops-jupyter"].endswith(" (editable)")


def test_the_machine_is_told():
    hardware = environment.describe([])["hardware"]
    assert hardware["cpu"]
    assert hardware["cores"] == os.cpu_count()
    total = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[1]) * 1024
    assert hardware["memory_bytes"] == pytest.approx(total, rel=0.01)


def test_names_are_normalised_and_the_first_on_the_path_counts(site, tmp_path):
    second = tmp_path / "second"
    second.mkdir()
    install(
        site, "Zope.Interface_X-2.0.dist-info", "Metadata-Version: 2.1\nName: Zope.Interface_X\nVersion: 2.0\n\nWords"
    )
    install(second, "zope_interface_x-1.0.dist-info", "Name: zope-interface-x\nVersion: 1.0\n")
    install(second, "abc-1.dist-info", "Name: abc\nVersion: 1\n")
    assert distributions(site, second) == {"abc": "1", "zope-interface-x": "2.0"}


@pytest.mark.parametrize(
    ("directory", "metadata", "told"),
    [
        ("nothing_there-1.2.dist-info", None, {"nothing-there": "1.2"}),
        ("empty-1.2.dist-info", "", {"empty": "1.2"}),
        ("no_version-1.2.dist-info", "Name: no-version\n", {"no-version": "1.2"}),
        ("no_name-1.2.dist-info", "Version: 1.3\n", {"no-name": "1.3"}),
        ("noise-1.2.dist-info", b"\xff\xfe\x00Name: x", {"noise": "1.2"}),
        ("words-1.2.dist-info", "this is no metadata at all", {"words": "1.2"}),
        ("nameonly.dist-info", None, {"nameonly": "unknown"}),
        ("-.dist-info", None, {"-": "unknown"}),
        ("old-1.0-py3.11.egg-info", None, {"old": "1.0"}),
    ],
)
def test_broken_metadata_hides_nothing(site, directory, metadata, told):
    install(site, "whole-1.0.dist-info", "Name: whole\nVersion: 1.0\n")
    install(site, directory, metadata)
    assert distributions(site) == dict(sorted({"whole": "1.0", **told}.items()))


def test_an_egg_info_that_is_a_file(site):
    (site / "legacy-0.1-py3.11.egg-info").write_text("Metadata-Version: 1.0\nName: legacy\nVersion: 0.1\n")
    assert distributions(site) == {"legacy": "0.1"}


def test_the_newer_of_two_left_behind_counts(site):
    install(site, "twice-2.0.dist-info", "Name: twice\nVersion: 2.0\n")
    old = install(site, "twice-1.0.dist-info", "Name: twice\nVersion: 1.0\n")
    os.utime(old, (1, 1))
    assert distributions(site) == {"twice": "2.0"}


@pytest.mark.parametrize("place", ["missing", "file", "\0"])
def test_a_path_that_is_no_directory(tmp_path, place):
    (tmp_path / "file").write_text("")
    assert distributions(Path(str(tmp_path / place))) == {}


VCS = {"url": "https://ana:hunter2@git.example.org/x.git", "vcs_info": {"vcs": "git", "commit_id": "a" * 40}}


@pytest.mark.parametrize(
    ("origin", "mark"),
    [
        (VCS, f" (git https://git.example.org/x.git at {'a' * 40})"),
        ({"url": "file:///x.whl", "archive_info": {"hashes": {"sha256": "abc"}}}, " (archive sha256=abc)"),
        ({"url": "file:///x.whl", "archive_info": {"hash": "sha256=abc"}}, " (archive sha256=abc)"),
        ({"url": "file:///x.whl", "archive_info": {}}, " (archive)"),
        ({"url": "file:///somewhere", "dir_info": {"editable": True}}, " (editable)"),
        ({"url": "file:///somewhere", "dir_info": {}}, ""),
        ({"vcs_info": {}}, " (vcs unknown at unknown)"),
        ({"url": 5, "vcs_info": 5, "dir_info": 5, "archive_info": 5}, ""),
        ([], ""),
        ("no json", ""),
        ("[" * 100_000, ""),
    ],
)
def test_where_a_distribution_came_from(site, origin, mark):
    install(site, "x-1.0.dist-info", "Name: x\nVersion: 1.0\n", direct_url=origin)
    assert distributions(site) == {"x": f"1.0{mark}"}


@pytest.mark.parametrize(
    ("checkout", "mark"),
    [
        (Checkout("/x", "b" * 40, "main", dirty=False, remote=None), f"(editable at {'b' * 40})"),
        (Checkout("/x", "b" * 40, "main", dirty=True, remote=None), f"(editable at {'b' * 40}, changed since)"),
        (Checkout("/x", None, "main", dirty=True, remote=None), "(editable)"),
        (None, "(editable)"),
    ],
)
def test_an_editable_installation_has_its_commit(site, checkout, mark):
    asked = []

    class Repository:
        def checkout(self, directory, file):
            asked.append(directory)
            return checkout

    install(
        site,
        "x-1.0.dist-info",
        "Name: x\nVersion: 1.0\n",
        direct_url={"url": "file:///my%20x", "dir_info": {"editable": True}},
    )
    assert environment.describe([str(site)], Repository())["distributions"] == {"x": f"1.0 {mark}"}
    assert asked == [Path("/my x")]


def test_an_installation_between_two_looks_shows(site, tmp_path):
    """As after %pip install, first without the distribution, then with another version of it."""

    def pip_install(version):
        wheel = tmp_path / f"lamp-{version}-py3-none-any.whl"
        info = f"lamp-{version}.dist-info"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("lamp.py", "")
            archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: Lamp\nVersion: {version}\n")
            archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{info}/RECORD", f"lamp.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-deps",
            "--no-index",
            "--disable-pip-version-check",
        ]
        subprocess.run([*command, "--upgrade", "--target", str(site), str(wheel)], check=True, timeout=120)

    assert distributions(site) == {}
    pip_install("1.0")
    assert list(distributions(site)) == ["lamp"]
    assert distributions(site)["lamp"].startswith("1.0 (archive sha256=")
    pip_install("1.1")
    assert distributions(site)["lamp"].startswith("1.1 (archive sha256=")


def test_nothing_is_read_again_while_nothing_changes(site, monkeypatch):
    install(site, "x-1.0.dist-info", "Name: x\nVersion: 1.0\n")
    assert distributions(site) == {"x": "1.0"}
    monkeypatch.setattr(environment.os, "scandir", None)
    assert distributions(site) == {"x": "1.0"}


@pytest.fixture
def nvidia(tmp_path, monkeypatch):
    """A program of that name: this machine has no such card."""

    def write(script: str):
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        environment._hardware.cache_clear()

    yield write
    environment._hardware.cache_clear()


def test_gpus_are_told(nvidia):
    nvidia('echo "NVIDIA A100, 40960, 550.54.15"; echo "Tesla T4, [N/A], 550.54.15"; echo "something else"')
    assert environment.describe([])["hardware"]["gpus"] == [
        {"name": "NVIDIA A100", "memory_bytes": 40960 * 2**20, "driver": "550.54.15"},
        {"name": "Tesla T4", "memory_bytes": 0, "driver": "550.54.15"},
    ]


@pytest.mark.parametrize("script", ["echo 'A, 1, 2'; exit 9", "echo; echo", "kill -9 $$"])
def test_a_broken_driver_has_no_gpus(nvidia, script):
    nvidia(script)
    assert environment.describe([])["hardware"]["gpus"] == []


def test_a_tool_that_hangs_is_left(nvidia, monkeypatch):
    monkeypatch.setattr(environment, "_TIMEOUT_S", 0.2)
    nvidia("exec sleep 600")
    answered = threading.Event()

    def ask():
        assert environment.describe([])["hardware"]["gpus"] == []
        answered.set()

    threading.Thread(target=ask, daemon=True).start()
    assert answered.wait(20)


def test_what_makes_a_described_environment_again(tmp_path):
    described = {
        "python": "3.11.7",
        "distributions": {
            "a": "1.0",
            "mine": "0.1 (editable at 4be1, changed since)",
            "far": "2 (git https://example.org/far.git at 9f3c)",
            "kept": "3 (archive sha256=00)",
            "odd": "unknown",
        },
    }
    made = environment.requirements(described, {"mine": tmp_path})
    assert made.python == "3.11.7"
    far = "far @ git+https://example.org/far.git@9f3c"
    assert made.lines == ("a==1.0", f"-e {tmp_path}", far, "kept==3", "odd")
    with pytest.raises(ConfigurationError, match="mine was an editable installation, which is not here"):
        environment.requirements(described, {})
    with pytest.raises(ConfigurationError, match="cannot be read"):
        environment.requirements({"distributions": []}, {})
    assert environment.editables()["mlops-jupyter"] == Path(__file__).parents[2]
