"""``init``: set a project up."""

from __future__ import annotations

from pathlib import Path

import tomlkit

from .. import settings
from ..capabilities.tracking import short_form
from ..errors import ConfigurationError, Conflict
from ..records import Setup, SetupStep, StepOutcome
from . import notebooks_in_git

_IGNORED = (f"{settings.STATE_DIRECTORY}/", "mlflow.db", "mlruns/", ".ipynb_checkpoints/")


def init(
    directory: Path = Path(), *, experiment: str | None = None, nested: bool = False, strip_outputs: bool = False
) -> Setup:
    """Set a project up: settings, state folder, .gitignore, notebooks in git.

    It writes what is missing and keeps what is there, so it may be run again at any time. In a git repository
    notebooks are then shown and merged cell by cell, by nbdime.

    Parameters
    ----------
    directory
        The project's directory.
    experiment
        The experiment that runs go to; else the directory's name.
    nested
        Set a project up inside another one.
    strip_outputs
        Keep outputs and execution counts out of commits, by a filter of git's with nbstripout's rules. Files here keep
        theirs; whoever reads the repository elsewhere sees none.

    Returns
    -------
    Setup
        What was created, updated or kept, file by file.

    Raises
    ------
    Conflict
        When the directory lies inside another project; its runs would go elsewhere than the outer one's.
    ConfigurationError
        When the directory does not exist or cannot be written, or its settings cannot be read.
    """
    root = directory.expanduser().resolve()
    if not root.is_dir():
        raise ConfigurationError(f"{directory} is no directory", f"mkdir -p {directory}")
    outer = settings.enclosing_project(root)
    if outer is not None and outer != root and not nested:
        raise Conflict(
            f"{root} lies inside the project {outer}, which already holds its runs",
            f"mlops init {outer}, or add --nested to make a project of its own",
        )
    try:
        steps = (_settings_file(root, experiment), _state(root), _gitignore(root))
        in_git, notes = notebooks_in_git.set_up(root, strip_outputs=strip_outputs)
    except OSError as error:
        raise ConfigurationError(f"cannot write to {root}: {short_form(error)}", f"make {root} writable") from error
    settings.forget_root()
    if (old := settings.old_file_store(root)) is not None:
        notes = (*notes, settings.explain_old_store(old, settings.load(root, {})))
    return Setup(str(root), (*steps, *in_git), notes)


def _settings_file(root: Path, experiment: str | None) -> SetupStep:
    current = settings.load(root, {})
    file = current.file or root / settings.SETTINGS_FILE
    if current.file is None:
        document = tomlkit.document()
        document.add(tomlkit.comment("mlops-jupyter: where runs go and how cells are tracked. MLFLOW_* variables win."))
        document.add("experiment", experiment or root.name)
        file.write_text(tomlkit.dumps(document), encoding="utf-8")
        return SetupStep(file.name, "created", f"experiment {experiment or root.name}")
    if experiment is None or experiment == current.experiment:
        return SetupStep(file.name, "kept", f"experiment {current.experiment}")
    # As bytes, whose line ends stay what they are.
    document = tomlkit.parse(file.read_bytes())
    table = document["tool"]["mlops-jupyter"] if file.name == "pyproject.toml" else document
    table["experiment"] = experiment
    file.write_bytes(tomlkit.dumps(document).encode())
    return SetupStep(file.name, "updated", f"experiment {current.experiment} → {experiment}")


def _state(root: Path) -> SetupStep:
    current = settings.load(root, {})
    there = current.state.is_dir()
    current.prepare_state()
    what = "runs and artifacts, kept out of git by its own .gitignore"
    return SetupStep(f"{settings.STATE_DIRECTORY}/", "kept" if there else "created", what)


def _gitignore(root: Path) -> SetupStep:
    file = root / ".gitignore"
    # In whatever encoding; git takes patterns as bytes too.
    text = file.read_bytes() if file.exists() else b""
    missing = [line for line in _IGNORED if line.encode() not in text.splitlines()]
    if not missing:
        return SetupStep(file.name, "kept", "nothing was missing")
    outcome: StepOutcome = "updated" if file.exists() else "created"
    end = b"\r\n" if b"\r\n" in text else b"\n"
    separator = b"" if not text or text.endswith(b"\n") else end
    file.write_bytes(text + separator + b"".join(line.encode() + end for line in missing))
    return SetupStep(file.name, outcome, "added " + " ".join(missing))
