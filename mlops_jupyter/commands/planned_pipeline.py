"""What a pipeline of this project does: its notebooks, its own way to be installed, what looks at it before."""

from __future__ import annotations

import json
import re
import shlex
import sys
import tomllib
from collections.abc import Iterable, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import Any, NamedTuple

import mlops_jupyter

from ..capabilities import gates as gate_grammar
from ..capabilities.notebooks import reading
from ..capabilities.pipelines.steps import notebook_jobs
from ..errors import CommandError, ConfigurationError
from ..protocols import DeployJob, PipelinePlan
from ..settings import Settings

_PACKAGE = "mlops-jupyter"
_SETTINGS_OF_RUFF = ("ruff.toml", ".ruff.toml")
_IMPORTED = re.compile(r"^\s*(?:from\s+(\w+)[\w.]*\s+import\b|import\s+(.+?)\s*(?:#.*)?$)", re.MULTILINE)
# What stands in the file unquoted: letters, digits and a few marks.
_REGISTERED = re.compile(r"(?:models:/)?(?P<rest>(?P<model>[\w.-]+)(?:@[\w.-]+|/(?:\d+|latest)))", re.ASCII)
_DEPLOYMENT = re.compile(r"[A-Za-z][\w.-]{0,62}", re.ASCII)
_NAME = re.compile(r"\s*([\w.-]+)")


class Place(NamedTuple):
    """Where a pipeline starts (the repository's top), and the project in it."""

    top: Path
    project: Path

    def shown(self, path: Path) -> str:
        """Return a path relative to the top."""
        return path.relative_to(self.top).as_posix()


class _Install(NamedTuple):
    """How a project is installed; ``apart`` is the same without a word of where it lies."""

    lines: tuple[str, ...]
    apart: tuple[str, ...]
    locks: tuple[str, ...]
    notes: tuple[str, ...] = ()


def plan(
    place: Place, current: Settings, notebooks: Sequence[Path], gates: Iterable[str], python: str | None
) -> tuple[PipelinePlan, tuple[str, ...]]:
    """Plan a pipeline, and say in sentences what the user should know of it.

    Raises
    ------
    CommandError
        When a notebook lies outside the repository, a gate cannot be read, or a name has no place on one line.
    """
    for notebook in notebooks:
        if not notebook.is_relative_to(place.top):
            raise CommandError(
                f"{notebook} lies outside {place.top}, where the pipeline starts", f"move it into {place.top}"
            )
    jobs = notebook_jobs(place.shown(notebook) for notebook in notebooks)
    gates = tuple(gates)
    for gate in gates:
        gate_grammar.parse(gate)
    for words in (*gates, *(job.notebook for job in jobs)):
        if not words.isprintable() or "${{" in words:
            raise CommandError(f"{words!r} cannot be written into a pipeline", "use letters, digits and operators")
    install = _install(place, notebooks)
    notes = install.notes
    if any(_pinned() in line for line in install.lines) and _from_a_checkout():
        notes += (f"{_pinned()} is installed from a checkout here: have it where pip finds it in the pipeline, too",)
    made = PipelinePlan(
        jobs=jobs,
        gates=gates,
        python=python or f"{sys.version_info.major}.{sys.version_info.minor}",
        install=install.lines,
        install_apart=install.apart,
        ruff=_ruff(place),
        locks=install.locks,
        root=place.shown(place.project),
        # Decided by the project's file: what a variable says here, CI's own variables say there.
        embedded=current.embedded or current.tracking_uri_from == "MLFLOW_TRACKING_URI",
    )
    return made, notes


def deploy_job(
    model: str | None, name: str | None, before: DeployJob | None, *, trust: bool = False
) -> DeployJob | None:
    """Return the job that deploys a model: as asked for, else as the file has it already.

    Raises
    ------
    CommandError
        When the model is in no registry, or a name has no place in a pipeline.
    """
    if model is None:
        if before is None:
            if name is None and not trust:
                return None
            option = "--trust" if name is None else "--name"
            raise CommandError(
                f"{option} is the deployment's, and nothing is deployed", "--deploy models:/churn@champion"
            )
        return before._replace(name=before.name if name is None else _deployment(name), trust=before.trust or trust)
    if not model:
        return None
    registered = _REGISTERED.fullmatch(model)
    if registered is None:
        raise CommandError(
            f"{model} is no version of a registered model, which is all that a pipeline can reach",
            "--deploy models:/churn@champion",
        )
    return DeployJob(f"models:/{registered['rest']}", _deployment(name or registered["model"]), trust)


def _deployment(name: str) -> str:
    if _DEPLOYMENT.fullmatch(name) is None:
        raise CommandError(f"{name!r} cannot be a deployment's name in a pipeline", "--name churn")
    return name


def _install(place: Place, notebooks: Sequence[Path]) -> _Install:
    """Tell how the project is installed: from what it has of uv.lock, pyproject.toml and requirements.txt."""
    folders = dict.fromkeys((place.project, place.top))
    for folder in folders:
        pyproject = _toml(folder / "pyproject.toml")
        package, requirements = "project" in pyproject, folder / "requirements.txt"
        if package and (folder / "uv.lock").is_file():
            return _by_uv(place, folder, pyproject)
        if package or requirements.is_file():
            return _by_pip(place, folder, pyproject if package else {}, requirements)
    return _by_imports(place, notebooks)


def _by_uv(place: Place, folder: Path, pyproject: dict[str, Any]) -> _Install:
    sync = "uv sync --frozen --inexact --active"
    if (extra := _extra(pyproject)) is not None:
        # uv installs no extra that is not asked for.
        sync += f" --extra {shlex.quote(extra)}"
    if folder != place.top:
        sync += f" --project {shlex.quote(place.shown(folder))}"
    more = () if _is_ours(pyproject) or _needs_us(_dependencies(pyproject)) else (f"uv pip install {_pinned()}",)
    before = "python -m pip install uv"
    lines, apart = ((before, words, *more) for words in (sync, f"{sync} --no-editable"))
    return _Install(lines, apart, (place.shown(folder / "uv.lock"),))


def _by_pip(place: Place, folder: Path, pyproject: dict[str, Any], requirements: Path) -> _Install:
    words, locks, needed = ["python", "-m", "pip", "install"], [], _dependencies(pyproject)
    constraints = folder / "constraints.txt"
    if constraints.is_file():
        words += ["-c", place.shown(constraints)]
        locks.append(place.shown(constraints))
    if requirements.is_file():
        words += ["-r", place.shown(requirements)]
        locks.append(place.shown(requirements))
        needed += requirements.read_text(encoding="utf-8", errors="replace").splitlines()
    package: list[str] = []
    if pyproject:
        package = [_package(place.shown(folder), pyproject)]
        locks.append(place.shown(folder / "pyproject.toml"))
    more = [] if _is_ours(pyproject) or _needs_us(needed) else [_pinned()]
    lines = shlex.join([*words, *(["-e"] if package else []), *package, *more])
    return _Install((lines,), (shlex.join([*words, *package, *more]),), tuple(locks))


def _by_imports(place: Place, notebooks: Sequence[Path]) -> _Install:
    """Pin what the notebooks import, as it is installed here."""
    known, pins, builds = packages_distributions(), {}, set()
    for notebook in notebooks:
        content = reading.read(notebook.read_bytes(), notebook.name)
        for cell in content["cells"]:
            if cell["cell_type"] != "code":
                continue
            for module in _imported(reading.source(cell)):
                providers = known.get(module, ())
                for distribution in [one for one in providers if _normal(one) == _normal(module)] or providers:
                    # Builds of one's own, as 2.3.0+cu121, are in no index.
                    release, local, _ = version(distribution).partition("+")
                    pins[distribution] = f"{distribution}=={release}"
                    builds |= {f"{distribution} {release}"} if local else set()
    pins[_PACKAGE] = _pinned()
    line = shlex.join(["python", "-m", "pip", "install", *(pins[name] for name in sorted(pins))])
    note = "there is no pyproject.toml and no requirements.txt: what the notebooks import is installed as it is here"
    if any((folder / "environment.yml").is_file() for folder in (place.project, place.top)):
        note += "; for environment.yml write conda's commands into the file"
    if builds:
        note += f"; of {', '.join(sorted(builds))} the build is another here"
    return _Install((line,), (line,), (), (note,))


def _imported(source: str) -> set[str]:
    found = set()
    for module, several in _IMPORTED.findall(source):
        found |= {module} if module else {one.split()[0].partition(".")[0] for one in several.split(",") if one.split()}
    return found


def _package(folder: str, pyproject: dict[str, Any]) -> str:
    """Return what pip installs of a package, with the extra that brings us along."""
    place = folder if folder == "." else f"./{folder}"
    extra = _extra(pyproject)
    return place if extra is None else f"{place}[{extra}]"


def _extra(pyproject: dict[str, Any]) -> str | None:
    """Return the extra that brings us along, ``None`` where none does or has to."""
    if _needs_us(pyproject["project"].get("dependencies", ())):
        return None
    extras = pyproject["project"].get("optional-dependencies", {})
    return next((str(name) for name, needed in extras.items() if _needs_us(needed)), None)


def _dependencies(pyproject: dict[str, Any]) -> list[str]:
    project = pyproject.get("project", {})
    extras = project.get("optional-dependencies", {}).values()
    return [*project.get("dependencies", ()), *(needed for extra in extras for needed in extra)]


def _needs_us(requirements: Iterable[str]) -> bool:
    found = (_NAME.match(line) for line in requirements)
    return any(name is not None and _normal(name[1]) == _PACKAGE for name in found)


def _is_ours(pyproject: dict[str, Any]) -> bool:
    return _normal(str(pyproject.get("project", {}).get("name", ""))) == _PACKAGE


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _pinned() -> str:
    return f"{_PACKAGE}=={mlops_jupyter.__version__}"


def _from_a_checkout() -> bool:
    """Tell whether we were installed from a folder, as by ``pip install -e``, and not from an index."""
    try:
        told = Distribution.from_name(_PACKAGE).read_text("direct_url.json")
    except PackageNotFoundError:
        # Not installed at all: it is found by the path.
        return True
    return told is not None and "dir_info" in json.loads(told)


def _ruff(place: Place) -> str | None:
    """Return the ruff to install, where the project has settings for it."""
    folders = {place.project, place.top}
    asked = any((folder / name).is_file() for folder in folders for name in _SETTINGS_OF_RUFF)
    if not asked and not any("ruff" in _toml(folder / "pyproject.toml").get("tool", {}) for folder in folders):
        return None
    try:
        return f"ruff=={version('ruff')}"
    except PackageNotFoundError:
        return "ruff"


def _toml(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{file} is not valid TOML: {error}", f"mend {file}") from error
