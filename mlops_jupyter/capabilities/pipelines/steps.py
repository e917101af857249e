"""What the jobs of a pipeline do, as lines of a POSIX shell; each CI system's file says when."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from pathlib import PurePosixPath

from ...protocols import DeployJob, NotebookJob, PipelinePlan

# Where jobs leave what is kept of them, relative to the directory that a pipeline starts in.
RESULTS = "mlops-results"
# Set to "false" where everything is installed already, in an image or on an agent.
INSTALL_VARIABLE = "MLOPS_INSTALL"
# Below it each deployment has its directory, on the machine that serves.
PLACE_VARIABLE = "MLOPS_DEPLOYMENTS"
# Nobody resumes a job, and its variables may hold secrets.
NO_STATE = "--no-keep-state"
LINT, REVIEW, DEPLOY = "lint", "review", "deploy"
EXAMPLE_GATE = "--require 'accuracy >= 0.9'"
_NOT_IN_A_NAME = re.compile(r"[^\w.-]+")
_VALIDATE = (
    "import sys, nbformat; "
    "[nbformat.validate(nbformat.read(one, nbformat.NO_CONVERT)) for one in sys.argv[1:]]"
)  # fmt: skip


def notebook_jobs(notebooks: Iterable[str]) -> tuple[NotebookJob, ...]:
    """Name a job for each notebook: by its stem, by its path where two have one stem, else by a number too."""
    paths = tuple(dict.fromkeys(notebooks))
    stems = [_name(PurePosixPath(path).stem) for path in paths]
    taken, jobs = {LINT, REVIEW, DEPLOY}, []
    for path, stem in zip(paths, stems, strict=True):
        name = stem if stems.count(stem) == 1 and stem not in taken else _name(path.removesuffix(".ipynb"))
        unique, number = name, 2
        while unique in taken:
            unique, number = f"{name}-{number}", number + 1
        taken.add(unique)
        jobs.append(NotebookJob(unique, path))
    return tuple(jobs)


def _name(words: str) -> str:
    return _NOT_IN_A_NAME.sub("-", words).strip("-.") or "notebook"


def lint_lines(plan: PipelinePlan) -> tuple[str, ...]:
    """Look at notebooks before they run: they are valid, hold no secret, and please ruff where a project asks it."""
    listed = shlex.join(job.notebook for job in plan.jobs)
    lines = [
        "# Each is a notebook by nbformat's rules.",
        f"python -c {shlex.quote(_VALIDATE)} {listed}",
        "# A snapshot is refused where a notebook holds what looks like a token or a key.",
        f"mlops snapshot {listed}",
    ]
    if plan.ruff is not None:
        lines += [
            f"command -v ruff >/dev/null || python -m pip install {plan.ruff}",
            f"ruff check --force-exclude {listed}",
        ]
    return tuple(lines)


def install_lines(plan: PipelinePlan) -> tuple[str, ...]:
    """Make the environment, unless the image or the agent has it."""
    return _installed(plan.install, ".venv")


def _installed(lines: Iterable[str], place: str) -> tuple[str, ...]:
    """Fill an environment by commands; ``place`` is the shell's word for its directory."""
    return (
        f'if [ "${{{INSTALL_VARIABLE}:-true}}" != false ]; then',
        f"  python3 -m venv {place}",
        f"  . {place}/bin/activate",
        *(f"  {line}" for line in lines),
        "fi",
    )


def run_lines(job: NotebookJob, gates: Iterable[str], against: str = "") -> tuple[str, ...]:
    """Run a notebook with its gates; ``against`` is what the shell makes the option of that name of, if anything."""
    left = f"{RESULTS}/{job.name}"
    words = [
        f"mlops run {shlex.quote(job.notebook)}",
        *gate_words(gates),
        f"--output {left}.ipynb --html {NO_STATE}",
        f"--junit {left}.xml --markdown {left}.md",
    ]
    return (f"mkdir -p {RESULTS}", *continued([*words, against] if against else words))


def deploy_lines(plan: PipelinePlan, deploy: DeployJob, spared_by: str) -> tuple[str, ...]:
    """Deploy a model; its name and address are printed.

    Parameters
    ----------
    plan
        The pipeline.
    deploy
        What is deployed.
    spared_by
        The assignment of a variable without which the system ends, after the job, whatever the job has started; empty
        for a system that does not.
    """
    settings = '"${MLOPS_JUPYTER_ROOT:-.}/$file"'
    command = shlex.join(["mlops", "deploy", *deploy_words(deploy)])
    return (
        "# The endpoint outlives this checkout: its state, settings and Python have a directory of their own.",
        f'place="${{{PLACE_VARIABLE}:-$HOME/mlops-deployments}}/{deploy.name}"',
        'mkdir -p "$place"',
        "for file in mlops.toml pyproject.toml; do",
        f'  if [ -f {settings} ]; then cp {settings} "$place"; fi',
        "done",
        *_installed(plan.install_apart, '"$place/.venv"'),
        'export MLOPS_JUPYTER_ROOT="$place"',
        *(("# Else it would be ended with the job.", f"export {spared_by}") if spared_by else ()),
        command,
    )


def deploy_words(deploy: DeployJob) -> tuple[str, ...]:
    """Return the words that say what is deployed, for `mlops deploy`."""
    return (deploy.model, "--name", deploy.name, *(("--trust",) if deploy.trust else ()))


def gate_words(gates: Iterable[str]) -> tuple[str, ...]:
    """Return the options that set a run's gates."""
    return tuple(f"--require {shlex.quote(gate)}" for gate in gates)


def continued(words: Iterable[str]) -> tuple[str, ...]:
    """Write a command over several lines."""
    first, *rest = words
    lines = [first, *(f"  {word}" for word in rest)]
    return (*(f"{line} \\" for line in lines[:-1]), lines[-1])


def kept_paths(plan: PipelinePlan) -> tuple[str, ...]:
    """Return what is kept of a job: its results and, where the project keeps its own runs, those."""
    return (f"{RESULTS}/", _state(plan)) if plan.embedded else (f"{RESULTS}/",)


def left_out(plan: PipelinePlan) -> tuple[str, ...]:
    """Return what is not kept of that, as it may hold secrets.

    The state of notebooks that failed has whatever their variables have, and beside runs on their way to a store lies
    what it is spoken to with.
    """
    return tuple(f"{_state(plan)}{folder}/" for folder in ("resume", "journal")) if plan.embedded else ()


def _state(plan: PipelinePlan) -> str:
    return ".mlops/" if plan.root == "." else f"{plan.root}/.mlops/"


def indented(lines: Iterable[str], depth: int) -> str:
    """Write lines at a depth of so many spaces, each with its end."""
    return "".join(f"{' ' * depth}{line}\n" if line else "\n" for line in lines)
