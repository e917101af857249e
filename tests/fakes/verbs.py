"""Verbs that the product does not have yet: one for each thing a verb may ask of the grammar and the faces.

`install` puts them into this process's table; ``python -m tests.fakes.verbs VERB …`` is ``mlops`` with them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from mlops_jupyter import errors
from mlops_jupyter.protocols import ONCE, Confirms, Destroys, Names, Object, Reporter, Short, Silent, Source
from mlops_jupyter.records import Check, Diagnosis, Setup, SetupStep
from mlops_jupyter.verbs import VERBS, Verb

# What `look` was called with, newest last.
seen: list[dict[str, Any]] = []


def look(
    thing: Object = None,
    *,
    data: Object = None,
    label: str = "",
    kind: Literal["tree", "linear"] = "tree",
    level: Literal[1, 2] = 1,
    pair: Annotated[Mapping[str, str] | None, Short("-q")] = None,
    names: Names = (),
    each: Sequence[str] = (),
    deep: bool = False,
    colour: bool | None = None,
    size: Annotated[int | None, Short("-s")] = None,
    share: float = 0.5,
    where: Path | None = None,
) -> None:
    """Look at what it is given.

    Parameters
    ----------
    thing
        A live object.
    data
        Another live object.
    label
        Any text.
    kind
        One of two words.
    level
        One of two numbers.
    pair
        A pair.
    names
        Several names.
    each
        Several texts, one by one.
    deep
        A flag that is off.
    colour
        A flag that may be left open.
    size
        A whole number.
    share
        A fraction.
    where
        A path.
    """
    seen.append(dict(locals()))


def count(text: Source, *, letter: str = "e") -> Diagnosis:
    """Count a letter in a text.

    Parameters
    ----------
    text
        Where to count.
    letter
        What to count.

    Returns
    -------
    Diagnosis
        How many there are.
    """
    return Diagnosis((Check("count", "ok", f"{text.count(letter)} × {letter} in {text!r}"),))


def wipe(file: Path) -> Setup:
    """Delete a file.

    Parameters
    ----------
    file
        Which.

    Returns
    -------
    Setup
        What was deleted.
    """
    file.unlink()
    return Setup(str(file.parent), (SetupStep(file.name, "updated", "deleted"),))


def judge() -> Diagnosis:
    """Check something, and find that it is not so.

    Returns
    -------
    Diagnosis
        Never.

    Raises
    ------
    CheckFailed
        Always.
    """
    found = Diagnosis((Check("accuracy", "failed", "0.7 is less than 0.9"),))
    raise errors.CheckFailed("accuracy is too low", found, "train it longer")


def burst() -> None:
    """Meet a bug."""
    raise RuntimeError("the boiler has no water")


def stop(reason: str) -> None:
    """End in one of the errors of the tree.

    Parameters
    ----------
    reason
        The error's class.
    """
    kind = getattr(errors, reason)
    if issubclass(kind, errors.MissingDependency):
        raise kind("the kiln", "mlops-jupyter[kiln]")
    if issubclass(kind, errors.ServiceError):
        raise kind("the kiln", "the kiln is cold", "light it")
    if issubclass(kind, errors.ExecutionFailed):
        raise kind("bake.ipynb", 3, "ValueError", "too hot", "look at the cell")
    if issubclass(kind, errors.CheckFailed):
        raise kind("it is raw", Diagnosis(()))
    raise kind("the kiln is cold", "light it")


def dwell(*, reporter: Reporter = Silent()) -> None:  # noqa: B008 -- stateless
    """Wait until interrupted.

    Parameters
    ----------
    reporter
        Where the waiting is told.
    """
    reporter.progress("waiting", 1, 2)
    threading.Event().wait()


def tidy(*, everything: Destroys = False) -> Setup:
    """Put things in order.

    Parameters
    ----------
    everything
        Throw away what is left.

    Returns
    -------
    Setup
        What was done.
    """
    return Setup("", (SetupStep("here", "updated", "emptied" if everything else "in order"),))


def crowd(number: int, *, pair: Annotated[Mapping[str, str] | None, ONCE] = None, yes: Confirms = False) -> Setup:
    """Do something many times.

    Parameters
    ----------
    number
        How many times.
    pair
        A pair that may come once.
    yes
        Do not ask before more than ten.

    Returns
    -------
    Setup
        What was done.

    Raises
    ------
    ConfirmationRequired
        When they are more than ten.
    """
    if number > 10 and not yes:
        raise errors.ConfirmationRequired(f"these are {number}", "fewer, or --yes")
    return Setup("", (SetupStep("here", "updated", f"{number} times {pair or ''}".strip()),))


_HERE = "tests.fakes.verbs:"
TEST_VERBS: dict[str, Verb] = {
    "look": Verb(_HERE + "look", "Look at what it is given.", "reads", "anywhere"),
    "count": Verb(_HERE + "count", "Count a letter in a text.", "reads", "anywhere"),
    "wipe": Verb(_HERE + "wipe", "Delete a file.", "destroys", "anywhere"),
    "tidy": Verb(_HERE + "tidy", "Put things in order.", "writes", "anywhere"),
    "crowd": Verb(_HERE + "crowd", "Do something many times.", "writes", "anywhere"),
    "judge": Verb(_HERE + "judge", "Check something, and find that it is not so.", "reads", "anywhere"),
    "burst": Verb(_HERE + "burst", "Meet a bug.", "reads", "anywhere"),
    "stop": Verb(_HERE + "stop", "End in one of the errors of the tree.", "reads", "anywhere"),
    "dwell": Verb(_HERE + "dwell", "Wait until interrupted.", "reads", "anywhere"),
}


# How another process gets them: a kernel runs this cell, a terminal this command.
REPOSITORY = Path(__file__).parents[2]
CELL = f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); from tests.fakes import verbs; verbs.install()"
COMMAND = [sys.executable, "-m", "tests.fakes.verbs"]


def install() -> None:
    """Add the verbs to this process's table."""
    VERBS.update(TEST_VERBS)


def start(*words: str, **options: Any) -> subprocess.Popen[str]:
    """Start ``mlops`` with these verbs in a process of its own."""
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.Popen(
        [*COMMAND, *words], env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, text=True, encoding="utf-8", **options
    )


if __name__ == "__main__":
    from mlops_jupyter.faces.terminal import main

    install()
    main()
