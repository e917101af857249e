"""Adapters come through entry points, a stranger's exactly as ours."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mlops_jupyter import registry
from mlops_jupyter.errors import ConfigurationError, MissingDependency

REPOSITORY = Path(__file__).parents[1]
OURS = {
    (group.removeprefix("mlops_jupyter."), name): target
    for group, points in tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "entry-points"
    ].items()
    if group.startswith("mlops_jupyter.")
    for name, target in points.items()
}


def forget() -> None:
    registry._everything.cache_clear()
    registry._installed.cache_clear()
    registry.load.cache_clear()


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution as pip would have left it: a module, and entry points of a kind."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    forget()

    def distribution(name: str, kind: str, points: str, code: str = "") -> None:
        module = name.replace("-", "_")
        (site / f"{module}.py").write_text(code)
        info = site / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[mlops_jupyter.{kind}]\n{points}\n")
        forget()

    yield distribution
    forget()
    for name in [name for name, module in sys.modules.items() if str(site) in str(getattr(module, "__file__", ""))]:
        del sys.modules[name]


@pytest.mark.parametrize(("kind", "name"), OURS)
def test_each_of_ours_is_found(kind, name):
    # After the class may stand the extra that its client is in.
    module, _, attribute = OURS[kind, name].partition(" ")[0].partition(":")
    found = registry.load(kind, name)
    assert (found.__module__, found.__name__) == (module, attribute)
    assert name in registry.names(kind)


def test_a_stranger_s_is_found_as_ours_are(install):
    install("warehouse", "tracking", "warehouse = warehouse:Store", "class Store:\n    uri = 'warehouse://'\n")
    assert registry.names("tracking") == ("mlflow", "warehouse")
    assert registry.load("tracking", "warehouse").uri == "warehouse://"
    assert registry.load("tracking", "mlflow").__name__ == "MlflowTracking"


def test_a_stranger_may_bring_a_kind_of_his_own(install):
    install("kiln", "oven", "kiln = kiln:Kiln", "class Kiln: pass\n")
    assert registry.names("oven") == ("kiln",)


def test_naming_the_adapters_loads_none(install):
    install("heavy", "tracking", "heavy = heavy:Store", "raise AssertionError('loaded')\n")
    assert "heavy" in registry.names("tracking")


def test_an_adapter_is_loaded_once(install):
    install("counted", "tracking", "counted = counted:Store", "class Store: pass\n")
    assert registry.load("tracking", "counted") is registry.load("tracking", "counted")


def test_two_of_one_name_are_one_too_many(install):
    install("rival", "tracking", "mlflow = rival:Store", "class Store: pass\n")
    with pytest.raises(ConfigurationError) as caught:
        registry.load("tracking", "mlflow")
    targets = sorted(["mlops_jupyter.adapters.mlflow.tracking:MlflowTracking", "rival:Store"])
    assert caught.value.message in {
        f"two tracking adapters are called mlflow: {' and '.join(order)}" for order in (targets, targets[::-1])
    }
    assert (caught.value.hint, caught.value.exit_code) == ("uninstall one of them", 3)


def test_the_same_one_listed_twice_is_one(install):
    """An editable install and its wheel may both be on the path."""
    install("twin", "tracking", f"mlflow = {OURS['tracking', 'mlflow']}")
    assert registry.load("tracking", "mlflow").__name__ == "MlflowTracking"


@pytest.mark.parametrize(
    ("point", "requirement"),
    [("kiln = kiln:Kiln", "glaze"), ("kiln = kiln:Kiln [hot]", "kiln[hot]")],
)
def test_a_missing_product_is_said_with_what_installs_it(point, requirement, install):
    install("kiln", "tracking", point, "import glaze\nclass Kiln: pass\n")
    with pytest.raises(MissingDependency) as caught:
        registry.load("tracking", "kiln")
    assert caught.value.message == "the tracking adapter kiln needs a package that is not installed"
    assert (caught.value.hint, caught.value.exit_code) == (f"pip install '{requirement}'", 3)


def test_an_extra_of_ours_is_ours(monkeypatch):
    from importlib.metadata import EntryPoint

    point = EntryPoint("kiln", "glaze:Kiln [kiln]", "mlops_jupyter.tracking")
    monkeypatch.setattr(registry, "_installed", lambda _: {"kiln": (point,)})
    with pytest.raises(MissingDependency, match=r"pip install 'mlops-jupyter\[kiln\]'"):
        registry.load.__wrapped__("tracking", "kiln")


def test_a_bug_within_an_adapter_is_no_missing_product(install):
    install("buggy", "tracking", "buggy = buggy:Store", "import mlops_jupyter.adapters.nothing\n")
    with pytest.raises(ModuleNotFoundError, match=r"mlops_jupyter\.adapters\.nothing"):
        registry.load("tracking", "buggy")


@pytest.mark.parametrize(
    ("kind", "hint"),
    [("tracking", "installed: mlflow"), ("oven", "installed: none")],
)
def test_an_unknown_name_lists_what_is_installed(kind, hint):
    with pytest.raises(ConfigurationError) as caught:
        registry.load(kind, "zzz")
    assert (caught.value.message, caught.value.hint) == (f"no {kind} adapter is called zzz", hint)


def test_nothing_but_the_registry_loads_an_adapter():
    """A verb works with a stranger's product in a process that never imports ours."""
    code = "import sys; from mlops_jupyter import registry; registry.names('tracking'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert "mlops_jupyter.registry" in done.stdout
    assert "mlops_jupyter.adapters" not in done.stdout
