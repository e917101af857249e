"""Where a project is and how it is set: ``mlops.toml`` or ``[tool.mlops-jupyter]``, then the environment.

``MLFLOW_*`` variables win where MLflow defines them; ours start with ``MLOPS_JUPYTER_``.
"""

from __future__ import annotations

import errno
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ..errors import ConfigurationError
from . import tables

SETTINGS_FILE = "mlops.toml"
STATE_DIRECTORY = ".mlops"
ROOT_VARIABLE = "MLOPS_JUPYTER_ROOT"
# The run that what a process tracks is within: a kernel that runs a notebook for `mlops run` is told the notebook's.
PARENT_VARIABLE = "MLOPS_JUPYTER_PARENT_RUN_ID"
# A file with the notebook as it is executed, which the user may be editing.
EXECUTED_VARIABLE = "MLOPS_JUPYTER_EXECUTED_NOTEBOOK"
# The file that the command of `explain_old_store` leaves in an old store that it has brought in.
BROUGHT_IN = ".brought-in"


@dataclass(frozen=True)
class MonitoringServer:
    """A server of metrics or alerts, as the settings name it.

    Attributes
    ----------
    name
        The table of the settings.
    url
        Its address, as it was written; it may hold credentials.
    credentials_file
        A file with the token that it wants, ``None`` without one.
    """

    name: str
    url: str = field(repr=False)
    credentials_file: Path | None = None


@dataclass(frozen=True)
class Settings:
    """One project's settings, complete.

    Attributes
    ----------
    root
        The project's directory, absolute.
    file
        The file the settings were read from, if there is one.
    tracking_uri, tracking_uri_from
        Absolute, whatever directory a process stands in; and which of the places below said so.
    registry_uri
        The model registry's store; ``None`` means the tracking store.
    experiment, experiment_id
        The experiment's name, and its id when ``MLFLOW_EXPERIMENT_ID`` names it instead.
    autolog, log_models, tensorboard
        What a tracked cell does unless told otherwise.
    project_name
        What all checkouts of the project call it: the file's experiment, whatever a variable says; else the folder's
        name.
    allowed_secrets
        Fingerprints of what looks like a secret and is none.
    snapshots_of_runs
        Whether a run from a notebook takes a snapshot of it.
    keep_days
        For how many days pruning leaves a snapshot that no run names.
    output
        Where executed notebooks go.
    timeout_s
        Seconds a cell may take in a headless run; ``None`` means no limit.
    keep_state
        Whether a headless run that fails keeps the state before a cell, to be resumed with.
    monitoring
        How endpoints are watched, as far as the file says; its keys are those of an endpoint's plan.
    warm_imports
        What a warm process imports for every notebook; ``None`` means what each notebook's code imports.
    serving
        What endpoints take of a request, as far as the file says.
    rollout
        How canaries are promoted or rolled back by themselves: what of a `RolloutPolicy` the file says.
    prometheus, alertmanager, pushgateway
        The servers of metrics and alerts, ``None`` for those that there are not.
    """

    root: Path
    file: Path | None
    tracking_uri: str
    tracking_uri_from: str
    registry_uri: str | None
    experiment: str
    experiment_id: str | None
    autolog: bool
    log_models: bool
    project_name: str
    allowed_secrets: frozenset[str]
    snapshots_of_runs: bool
    keep_days: int
    output: Path
    timeout_s: int | None
    warm_imports: tuple[str, ...] | None
    monitoring: Mapping[str, Any]
    rollout: Mapping[str, Any]
    serving: Mapping[str, Any]
    tensorboard: bool = False
    keep_state: bool = True
    prometheus: MonitoringServer | None = None
    alertmanager: MonitoringServer | None = None
    pushgateway: MonitoringServer | None = None

    @property
    def state(self) -> Path:
        """The directory that holds all that the project keeps."""
        return self.root / STATE_DIRECTORY

    @property
    def journal(self) -> Path:
        """Where runs are written before they are in the store."""
        return self.state / "journal"

    @property
    def artifacts(self) -> Path:
        """Where the embedded store puts artifacts."""
        return self.state / "artifacts"

    @property
    def event_files(self) -> Path:
        """Where metrics are mirrored to for TensorBoard."""
        return self.state / "tensorboard"

    @property
    def embedded(self) -> bool:
        """Whether runs go to the project's own sqlite file."""
        return self.tracking_uri == embedded_uri(self.root)

    @property
    def database(self) -> Path:
        """The project's own sqlite file; the first run makes it."""
        return self.state / "mlflow.db"

    @property
    def old_runs(self) -> Path:
        """The sqlite file that takes an old file store's runs when `database` has runs of its own."""
        return self.state / "mlruns.db"

    @property
    def outer_project(self) -> Path | None:
        """The project around this one, if two are nested."""
        return enclosing_project(self.root.parent) if self.file is not None else None

    def prepare_state(self) -> Path:
        """Create the state directory.

        Raises
        ------
        ConfigurationError
            When the project's directory cannot be written.
        """
        try:
            # Never for all to write to, as where nothing is masked, in some containers: an endpoint would refuse it.
            self.state.mkdir(mode=0o775, exist_ok=True)
            ignore = self.state / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n", encoding="utf-8")
        except OSError as error:
            raise self._nowhere(error.strerror or str(error)) from error
        self.check_writable()
        return self.state

    def check_writable(self) -> None:
        """Raise `ConfigurationError` when the state directory could not be written or made; nothing is written."""
        there = self.state.is_dir()
        if not os.access(self.state if there else self.root, os.W_OK):
            raise self._nowhere("it is read-only" if there else os.strerror(errno.EACCES))

    def check_store(self) -> None:
        """Raise `ConfigurationError` when MLflow would refuse the store, or its file cannot be written."""
        uri = self.tracking_uri
        if uri.startswith("file:") and os.environ.get("MLFLOW_ALLOW_FILE_STORE", "").lower() not in {"true", "1"}:
            folder = Path(unquote(urlsplit(uri).path))
            target = f"sqlite:///{folder.parent}/mlflow.db"
            raise ConfigurationError(
                f"{folder} is MLflow's old file store, which MLflow no longer opens",
                shlex.join(["mlflow", "migrate-filestore", "--source", str(folder), "--target", target]),
            )
        if uri.startswith("sqlite:///"):
            database = Path(uri.removeprefix("sqlite:///"))
            for path in (database, database.parent):
                if path.exists() and not os.access(path, os.W_OK):
                    raise ConfigurationError(
                        f"cannot write to {path}, which holds the runs",
                        "make it writable, or name a store elsewhere in MLFLOW_TRACKING_URI",
                    )

    def _nowhere(self, reason: str) -> ConfigurationError:
        return ConfigurationError(
            f"cannot write to {self.state}: {reason}, so runs have nowhere to go",
            f"make {self.root} writable, or name a store elsewhere in MLFLOW_TRACKING_URI",
        )


def embedded_uri(root: Path) -> str:
    """Return the address of a project's own sqlite store."""
    return f"sqlite:///{root / STATE_DIRECTORY / 'mlflow.db'}"


# Variables that this process set for plain MLflow code and for its children; a choice of the user's is none of
# them, and an edited settings file must not lose to them.
_announced: dict[str, str] = {}


def current() -> Settings:
    """Return the settings of the project this process works in; the root is found once, the file read anew."""
    users = {name: value for name, value in os.environ.items() if _announced.get(name) != value}
    return load(_process_root(), users)


def announce(variable: str, value: str) -> None:
    """Tell plain MLflow code in this process and its children; a variable that the user set stays his.

    A relative address of his is spelled out: a child in another directory must mean the same file.
    """
    told = os.environ.get(variable, "")
    if told in {"", _announced.get(variable)}:
        os.environ[variable] = _announced[variable] = value
    elif variable == "MLFLOW_TRACKING_URI" and _absolute_uri(told, Path.cwd()) == value:
        os.environ[variable] = value


@cache
def _process_root() -> Path:
    return find_root(Path.cwd(), os.environ)


def forget_root() -> None:
    """Look for the project anew at the next call, as after a change of directory."""
    _process_root.cache_clear()


def find_root(start: Path, environment: Mapping[str, str]) -> Path:
    """Find the project around a directory.

    The nearest directory with settings wins; else the nearest with a state directory; else the git
    repository's root; else ``start`` itself. ``MLOPS_JUPYTER_ROOT`` overrides all.

    Raises
    ------
    ConfigurationError
        When ``MLOPS_JUPYTER_ROOT`` is no directory.
    """
    if told := environment.get(ROOT_VARIABLE):
        root = Path(told).expanduser().resolve()
        if not root.is_dir():
            raise ConfigurationError(f"{ROOT_VARIABLE} is {told}, which is no directory", f"unset {ROOT_VARIABLE}")
        return root
    start = start.resolve()
    if project := enclosing_project(start):
        return project
    # Settings say so; a mere trace in the home directory or at the file system's root must not swallow all below.
    above = [directory for directory in (start, *start.parents) if directory not in {Path.home(), Path(start.anchor)}]
    for mark in (STATE_DIRECTORY, ".git"):
        for directory in above:
            if (directory / mark).exists():
                return directory
    return start


def is_project(directory: Path) -> bool:
    """Tell whether a directory is a project: has settings of ours, or a state directory."""
    return enclosing_project(directory) == directory or (directory / STATE_DIRECTORY).is_dir()


def enclosing_project(start: Path) -> Path | None:
    """Return the nearest directory, from ``start`` upwards, that has settings of ours."""
    for directory in (start, *start.parents):
        if (directory / SETTINGS_FILE).is_file() or tables.of_pyproject(directory) is not None:
            return directory
    return None


def old_file_store(*directories: Path) -> Path | None:
    """Return the first ``mlruns`` folder that holds runs of MLflow's old file store not brought in yet."""
    for directory in directories:
        store = directory / "mlruns"
        if store.is_dir() and any(store.glob("*/meta.yaml")) and not (store / BROUGHT_IN).exists():
            return store
    return None


def explain_old_store(store: Path, current: Settings) -> str:
    """Say in a sentence why an old file store's runs do not show, and what brings them in.

    MLflow brings them into a new database only. A project that has a database already gets a second one, and the
    command then lists it.
    """
    fresh = current.embedded and not current.database.exists()
    uri = f"sqlite:///{current.database if fresh else current.old_runs}"
    steps = [
        ["mlflow", "migrate-filestore", "--source", str(store.parent), "--target", uri],
        ["touch", str(store / BROUGHT_IN)],
    ]
    if not current.state.is_dir():
        steps.insert(0, ["mkdir", str(current.state)])
    command = " && ".join(map(shlex.join, steps))
    if not fresh:
        command += f" && {command_for(uri)}"
    return f"{store} holds runs in MLflow's old file format, which are not shown; bring them in with: {command}"


def command_for(uri: str) -> str:
    """Return the command that lists the runs of another store."""
    return f"MLFLOW_TRACKING_URI={shlex.quote(uri)} mlops runs --all-experiments"


def load(root: Path, environment: Mapping[str, str]) -> Settings:
    """Read a project's settings.

    Raises
    ------
    ConfigurationError
        When a file cannot be parsed, a key is unknown, a value has the wrong type, or two files disagree about
        which of them holds the settings.
    """
    file, table = tables.read(root, SETTINGS_FILE)
    track, run, snapshots = (table.get(name, {}) for name in ("track", "run", "snapshots"))
    uri, uri_from = _tracking_uri(root, table, file, environment)
    return Settings(
        root=root,
        file=file,
        tracking_uri=uri,
        tracking_uri_from=uri_from,
        registry_uri=environment.get("MLFLOW_REGISTRY_URI") or table.get("registry_uri"),
        experiment=environment.get("MLFLOW_EXPERIMENT_NAME") or table.get("experiment") or root.name or "default",
        experiment_id=environment.get("MLFLOW_EXPERIMENT_ID") or None,
        autolog=track.get("autolog", True),
        log_models=track.get("log_models", False),
        tensorboard=track.get("tensorboard", False),
        project_name=table.get("experiment") or root.name or "default",
        allowed_secrets=frozenset(table.get("secrets", {}).get("allow", ())),
        snapshots_of_runs=snapshots.get("of_runs", True),
        keep_days=snapshots.get("keep_days", 90),
        output=root / run.get("output", f"{STATE_DIRECTORY}/executed"),
        timeout_s=run.get("timeout_s"),
        keep_state=run.get("keep_state", True),
        monitoring=tables.monitoring(table.get("monitoring", {}), file),
        warm_imports=None if "imports" not in table.get("warm", {}) else tuple(table["warm"]["imports"]),
        rollout=tables.rollout(table.get("rollout", {}), file),
        serving=tables.serving(table.get("serving", {}), file),
        **{name: _server(root, name, table, environment) for name in ("prometheus", "alertmanager", "pushgateway")},
    )


def _server(root: Path, name: str, table: Mapping[str, Any], environment: Mapping[str, str]) -> MonitoringServer | None:
    told = table.get(name, {})
    url = environment.get(f"MLOPS_JUPYTER_{name.upper()}_URL") or told.get("url")
    if not url:
        return None
    file = told.get("credentials_file")
    return MonitoringServer(name, url, None if file is None else root / Path(file).expanduser())


def _tracking_uri(
    root: Path, table: Mapping[str, Any], file: Path | None, environment: Mapping[str, str]
) -> tuple[str, str]:
    if uri := environment.get("MLFLOW_TRACKING_URI"):
        return _absolute_uri(uri, Path.cwd()), "MLFLOW_TRACKING_URI"
    if uri := table.get("tracking_uri"):
        return _absolute_uri(uri, root), str(file)
    return embedded_uri(root), "default"


def _absolute_uri(uri: str, base: Path) -> str:
    """Anchor a relative sqlite or file address, so that every process means the same file."""
    sqlite = "sqlite:///"
    if uri.startswith(sqlite) and not uri.startswith(sqlite + "/") and uri != sqlite:
        return f"{sqlite}{(base / uri.removeprefix(sqlite)).resolve()}"
    if uri.startswith("file:") and not uri.startswith("file:/"):
        return (base / uri.removeprefix("file:")).resolve().as_uri()
    if uri not in {"databricks", "databricks-uc"} and ":" not in uri:
        return (base / uri).resolve().as_uri()
    return uri
