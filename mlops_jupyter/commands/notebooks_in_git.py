"""What `init` sets up in git for notebooks, and what `doctor` finds of it."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, cast

from .. import registry
from ..errors import ConfigurationError
from ..protocols import GitPlace, GitSetup
from ..records import Check, CheckLevel, SetupStep, StepOutcome

_PATTERN = "*.ipynb"
# What a notebook of the project would be called: git tells the attributes of a file that is not there too.
_ANY_NOTEBOOK = "notebook.ipynb"
_ATTRIBUTES = ".gitattributes"
_FILTER = "mlops-notebook"
# nbdime's own name, so that a checkout where nbdime set itself up understands the same attributes.
_DRIVER = "jupyternotebook"
_FILTER_MODULE, _DRIVERS_MODULE = "mlops_jupyter.faces.git_filter", "mlops_jupyter.faces.git_drivers"
_CHECK = "check"
_START_TIMEOUT_S = 20.0


class _Part(NamedTuple):
    """One of the three things that git does with a notebook: the attribute, our name for it, the settings behind."""

    attribute: str
    name: str
    settings: tuple[tuple[str, str], ...]
    others: tuple[str, ...]
    meaning: str


def _parts() -> tuple[_Part, ...]:
    # -P: no file of the repository is taken for a module.
    filter_ = f"{shlex.quote(sys.executable)} -P -m {_FILTER_MODULE}"
    drivers = f"{shlex.quote(sys.executable)} -P -m {_DRIVERS_MODULE}"
    return (
        _Part(
            "diff",
            _DRIVER,
            ((f"diff.{_DRIVER}.command", f"{drivers} diff"),),
            ("command", "textconv"),
            "git diff shows notebooks by cells, through nbdime; as text: git diff --no-ext-diff",
        ),
        _Part(
            "merge",
            _DRIVER,
            (
                (f"merge.{_DRIVER}.driver", f"{drivers.replace('%', '%%')} merge %O %A %B %L %P"),
                (f"merge.{_DRIVER}.name", "notebooks, cell by cell"),
            ),
            ("driver",),
            "a conflict is marked inside its cell, through nbdime, and the notebook can be opened",
        ),
        _Part(
            "filter",
            _FILTER,
            (
                (f"filter.{_FILTER}.process", filter_),
                (f"filter.{_FILTER}.clean", f"{filter_} clean"),
                (f"filter.{_FILTER}.required", "false"),
            ),
            ("process", "clean"),
            "outputs reach no commit any more, so nobody sees them on GitHub or GitLab; "
            "notebooks committed before: git add --renormalize .",
        ),
    )


def set_up(root: Path, *, strip_outputs: bool) -> tuple[tuple[SetupStep, ...], tuple[str, ...]]:
    """Set git up for the notebooks of a project.

    What somebody has set is kept and told, whoever it was and wherever it stands.

    Parameters
    ----------
    root
        The project's directory, somewhere in the working tree.
    strip_outputs
        Whether outputs are kept out of commits.

    Returns
    -------
    tuple
        The steps, and notes.
    """
    try:
        git = _git_setup()
        place = git.place(root)
        if place is None:
            return (), ("the project is in no git repository, so git was not set up: git init && mlops init",)
        steps = _steps(git, root, place, strip_outputs=strip_outputs)
    except ConfigurationError as error:
        hint = "" if error.hint is None else f": {error.hint}"
        return (), (f"git was not set up: {error.message}{hint}",)
    if place.worktrees > 1 and any(step.outcome != "kept" for step in steps):
        return steps, (f"{place.config} is shared by all {place.worktrees} working trees of the repository",)
    return steps, ()


def _steps(git: GitSetup, root: Path, place: GitPlace, *, strip_outputs: bool) -> tuple[SetupStep, ...]:
    steps: list[SetupStep] = []
    wanted: list[str] = []
    attributes = git.attributes(root / _ANY_NOTEBOOK, [part.attribute for part in _parts()])
    for part in _parts():
        present = attributes.get(part.attribute)
        # A filter that the repository's attributes name was somebody's choice for all checkouts.
        if part.attribute == "filter" and present is None and not strip_outputs:
            continue
        if present is None:
            wanted.append(f"{part.attribute}={part.name}")
        elif present != part.name:
            steps.append(SetupStep(_ATTRIBUTES, "kept", _others(git, root, part, present)))
            continue
        steps.append(_configure(git, root, place, part))
    if wanted:
        steps.insert(0, _add_attributes(root / _ATTRIBUTES, wanted))
    return tuple(steps)


def _others(git: GitSetup, root: Path, part: _Part, name: str) -> str:
    """Say what does this part's job already."""
    for key in part.others:
        found = git.setting(root, f"{part.attribute}.{name}.{key}")
        if found is not None:
            return f"{part.attribute}={name} is set for notebooks, which is {found[0]} in {found[1]}"
    return f"{part.attribute}={name} is set for notebooks"


def _configure(git: GitSetup, root: Path, place: GitPlace, part: _Part) -> SetupStep:
    first, _ = part.settings[0]
    found = git.setting(root, first)
    if found is not None and not _is_ours(found[0]):
        return SetupStep(place.config, "kept", f"{part.attribute}: {first} is {found[0]} in {found[1]}")
    outcome: StepOutcome = "kept"
    for name, value in part.settings:
        present = git.setting(root, name)
        # A command of ours that differs is of a Python that has moved; anything else is the user's.
        if present is None or (_is_ours(present[0]) and present[0] != value):
            git.write_setting(root, name, value)
            outcome = "created" if found is None else "updated"
    return SetupStep(place.config, outcome, f"{part.attribute}: {part.meaning}")


def _add_attributes(file: Path, wanted: list[str]) -> SetupStep:
    there = file.exists()
    line = f"{_PATTERN} {' '.join(wanted)}"
    text = file.read_bytes() if there else b""
    separator = b"" if not text or text.endswith(b"\n") else b"\n"
    file.write_bytes(text + separator + line.encode() + b"\n")
    return SetupStep(_ATTRIBUTES, "updated" if there else "created", f"added {line}; commit it")


def checks(directory: Path) -> Iterator[Check]:
    """Tell whether what notebooks pass through in git still starts.

    Parameters
    ----------
    directory
        Somewhere in a working tree.

    Yields
    ------
    Check
        One for each of filter, diff and merge that notebooks have.
    """
    git = _git_setup()
    try:
        if git.place(directory) is None:
            return
        attributes = git.attributes(directory / _ANY_NOTEBOOK, [part.attribute for part in _parts()])
        for part in _parts():
            name = attributes.get(part.attribute)
            if name is not None and name not in {"set", "unset"}:
                yield _check(git, directory, part, name)
    except ConfigurationError as error:
        yield Check("git notebooks", "warning", error.message, error.hint)


def _check(git: GitSetup, directory: Path, part: _Part, name: str) -> Check:
    what = f"git {part.attribute}"
    ours = name == part.name
    fix = ("mlops init --strip-outputs" if part.attribute == "filter" else "mlops init") if ours else None
    for key in part.others:
        found = git.setting(directory, f"{part.attribute}.{name}.{key}")
        if found is not None:
            # A merge driver's command has placeholders, so git wants a percent sign doubled there.
            command = found[0].replace("%%", "%") if part.attribute == "merge" else found[0]
            reason = _why_not(command)
            if reason is None:
                return Check(what, "ok", f"notebooks go through {name}")
            # A filter that does not start lets outputs into commits, with nothing but a line on a terminal.
            level: CheckLevel = "failed" if ours else "warning"
            return Check(what, level, f"{part.attribute}.{name}.{key} in {found[1]}: {reason}", fix)
    return Check(what, "warning", f"attributes name {name} for notebooks, but this clone has no such {what[4:]}", fix)


def _why_not(command: str) -> str | None:
    """Say why a command would not start, ``None`` when it would; only ours is started to see."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    if not words:
        return f"{command} is no command"
    if shutil.which(words[0]) is None:
        return f"{words[0]} is not there"
    if not _is_ours(command):
        return None
    module = next(at for at, word in enumerate(words) if word in {_FILTER_MODULE, _DRIVERS_MODULE})
    try:
        done = subprocess.run(
            [*words[: module + 1], _CHECK],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_START_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{words[0]} does not start: {error}"
    if done.returncode == 0:
        return None
    return f"{words[0]} does not start it: {(done.stderr.strip().splitlines() or ['it says nothing'])[-1]}"


def _is_ours(command: str) -> bool:
    return _FILTER_MODULE in command.split() or _DRIVERS_MODULE in command.split()


def _git_setup() -> GitSetup:
    return cast("GitSetup", registry.load("git_setup", "git")())
