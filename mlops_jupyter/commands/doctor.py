"""``doctor``: what is installed, reachable, misconfigured, and the command that mends it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager

from .. import settings
from ..capabilities.journal import room_taken
from ..errors import CheckFailed, ConfigurationError, MlopsError, Unavailable
from ..protocols import Reporter, Silent
from ..records import Check, Diagnosis
from . import monitoring_checks, notebooks_in_git, packages, project
from .snapshot import in_git
from .status import notes

_PACKAGES = ("ipython", "ipykernel", "jupyterlab", "jupyter-server-proxy", "mlflow", "papermill", "nbconvert")
_REACH_TIMEOUT_S = 4.0
# Shipping is looked at so often, and given up when nothing has moved for so long.
_SHIP_LOOK_S, _SHIP_GIVE_UP_S, _SHIP_REFUSED_S = 0.5, 30.0, 8.0


def doctor(*, ship: bool = False, reporter: Reporter = Silent()) -> Diagnosis:  # noqa: B008 -- stateless
    """Check what is installed, reachable and configured, and say what mends it.

    Parameters
    ----------
    ship
        First bring everything that runs have logged to the store, also what an earlier session left behind.
    reporter
        Where progress is told.

    Returns
    -------
    Diagnosis
        One line a check, each with its level and the command that mends it.

    Raises
    ------
    CheckFailed
        When something does not work; warnings alone raise nothing.
    """
    if ship:
        _ship(reporter)
    checks = [*_packages(), *_settings(), *_store(), *_journal(), *_monitoring(), *_git(), *_kernel()]
    diagnosis = Diagnosis(tuple(checks))
    if diagnosis.failed:
        names = ", ".join(check.name for check in diagnosis.failed)
        raise CheckFailed(f"not in order: {names}", diagnosis)
    return diagnosis


def _packages() -> Iterator[Check]:
    yield Check("python", "ok", f"{sys.version.split()[0]} at {sys.executable}")
    for name in _PACKAGES:
        try:
            yield Check(name, "ok", version(name))
        except PackageNotFoundError:
            yield Check(name, "failed", "not installed", f"pip install {name}")


def _settings() -> Iterator[Check]:
    try:
        current = settings.current()
    except ConfigurationError as error:
        yield Check("settings", "failed", error.message, error.hint)
        return
    if current.file is None:
        yield Check("settings", "warning", f"{current.root} has no {settings.SETTINGS_FILE}", "mlops init")
    else:
        yield Check("settings", "ok", str(current.file))
    try:
        packages.check_private(current)
    except ConfigurationError as error:
        yield Check("state", "warning", f"{error.message}: no endpoint uses it", error.hint)
    for note in notes(current):
        what, _, fix = note.partition("; bring them in with: ")
        yield Check("project", "warning", what, fix or None)
    for file in sorted({current.root / "mlflow.db", Path.cwd() / "mlflow.db", current.old_runs}):
        uri = f"sqlite:///{file}"
        if file.is_file() and uri != current.tracking_uri:
            yield Check("project", "warning", f"{file} holds runs too, which are not shown", settings.command_for(uri))


def _store() -> Iterator[Check]:
    try:
        current = settings.current()
        if current.embedded:
            current.check_writable()
        store = project.tracking(current, writes=False)
        store.reach(_REACH_TIMEOUT_S)
        if current.embedded and not current.database.exists():
            yield Check("store", "ok", f"{store.shown_uri} will be made by the first run")
            return
        found = store.find_runs(None, "", "", 1)
    except MlopsError as error:
        yield Check("store", "failed", error.message, _mend(error))
        return
    held = "it holds runs" if len(found) else "it is empty"
    yield Check("store", "ok", f"{store.shown_uri} answers, {held} (from {current.tracking_uri_from})")


def _ship(reporter: Reporter) -> None:
    current = settings.current()
    if not current.journal.is_dir():
        return
    journals = project.journals(current)
    total = max(journals.backlog(), 1)
    left = journals.flush(_SHIP_LOOK_S, hurry=True)
    moved, seen = time.monotonic(), journals.backlog()
    while left and not reporter.cancelled():
        # A store that says why it does not answer is given up sooner than one that is slow.
        patience = _SHIP_REFUSED_S if all(left.values()) else _SHIP_GIVE_UP_S
        if time.monotonic() - moved > patience:
            break
        runs = "1 run" if len(left) == 1 else f"{len(left)} runs"
        reporter.progress(f"{runs} on the way to the store", max(0, total - seen), total)
        left = journals.flush(_SHIP_LOOK_S, hurry=bool(any(left.values())))
        now = journals.backlog()
        if now != seen:
            moved, seen = time.monotonic(), now
    # What was on its way at the last look may have arrived since.
    left = journals.waiting() if left else left
    reporter.progress("shipped" if not left else f"not shipped: {len(left)}", total, total)


def _journal() -> Iterator[Check]:
    try:
        current = settings.current()
    except ConfigurationError:
        # Said above.
        return
    if not current.journal.is_dir():
        return
    journals = project.journals(current)
    left = journals.waiting()
    reasons = sorted({reason for reason in left.values() if reason})
    if reasons:
        what = "1 run is" if len(left) == 1 else f"{len(left)} runs are"
        said = "; ".join(filter(None, (f"{what} not in the store yet: {reasons[0]}", room_taken(current.journal))))
        yield Check("journal", "warning", said, "mlops doctor --ship")
    elif left:
        yield Check("journal", "ok", f"{len(left)} on the way to the store")
    else:
        yield Check("journal", "ok", "all runs are in the store")
    for file, count in journals.refused().items():
        yield Check("journal", "warning", f"the store refused {count} values for good; {file} has them and the reasons")


def _monitoring() -> Iterator[Check]:
    try:
        current = settings.current()
    except ConfigurationError:
        # Said above.
        return
    yield from monitoring_checks.checks(current)


def _mend(error: MlopsError) -> str | None:
    if isinstance(error, Unavailable):
        return "start that server, or name another store in MLFLOW_TRACKING_URI"
    return None if error.hint == "mlops doctor" else error.hint


def _git() -> Iterator[Check]:
    if shutil.which("git") is None:
        yield Check("git", "warning", "not installed, so runs cannot name their commit", "install git")
        return
    said = subprocess.run(["git", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    checkout = project.checkout(Path.cwd())
    if checkout is None:
        try:
            in_git(Path.cwd())
        except MlopsError as refused:
            yield Check("git", "warning", f"{said}; {refused.message}", refused.hint)
        else:
            yield Check("git", "warning", f"{said}; this directory is in no repository", "git init")
    else:
        yield Check("git", "ok", f"{said}; {checkout.root}")
        yield from notebooks_in_git.checks(Path.cwd())


def _kernel() -> Iterator[Check]:
    specs = KernelSpecManager().find_kernel_specs()
    if "python3" in specs:
        yield Check("kernel", "ok", f"python3 at {specs['python3']}")
    else:
        yield Check("kernel", "failed", "no python3 kernel", "python -m ipykernel install --sys-prefix")
