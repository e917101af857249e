"""``ci``: the file of a CI system's pipeline, written and renewed."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, cast

from .. import registry, settings
from ..capabilities.pipelines import marking
from ..capabilities.pipelines.marking import Recorded
from ..capabilities.pipelines.merging import Renewal, renew
from ..capabilities.pipelines.steps import deploy_words
from ..errors import CommandError, Conflict
from ..protocols import GitSetup, MergedText, PipelinePart, Pipelines, TextMerge, VersionReference
from ..records import PipelineFile, StepOutcome
from . import pipeline_files, planned_pipeline
from .arguments import notebook_file
from .pipeline_files import WrittenFile
from .planned_pipeline import Place

# Below the project's state: what was generated once, the base of later merges.
_GENERATED = "pipelines"
_WORDS = (
    "This pipeline runs notebooks headless. It was written by",
    "  {command}",
    "and is renewed by the same command, with other notebooks or gates too. Edit what you like: the lines >>> and <<<",
    "mark what is renewed, your edits in it stay, and what you write between the marked parts is yours alone.",
)


def ci(
    system: Literal["gitlab", "jenkins", "github"],
    *notebooks: Path,
    require: Sequence[str] = (),
    deploy: VersionReference | None = None,
    name: str | None = None,
    trust: bool = False,
    output: Path | None = None,
) -> PipelineFile:
    """Write the pipeline file that runs notebooks headless in CI.

    It installs the project in its own way, looks at the notebooks, runs each in a job of its own with its gates, keeps
    what was executed, publishes the cells as tests, and tells reviewers of a merge request what changed. Called again
    it renews the file: your edits stay, and a change that contradicts one is refused. Tracking server and tokens are
    left to the CI system's variables.

    Parameters
    ----------
    system
        Whose pipeline.
    notebooks
        The notebooks to run; else those that the file runs already.
    require
        A gate that each notebook's run has to fulfil, such as "accuracy >= 0.9"; may be repeated.
    deploy
        A model that a last job deploys from the default branch when somebody starts it, such as models:/churn@champion;
        "" takes the job out of a file that has it.
    name
        What the deployment is called; else as the registered model.
    trust
        Let the deploy job load the model although that executes code of whoever made it, as that of a forest or any
        other model that is kept as a pickle may: another job has logged it, and this one cannot know it. It is said of
        whatever is deployed when somebody starts the job; --deploy without it takes it back.
    output
        Another file than the system's own.

    Returns
    -------
    PipelineFile
        The file, its jobs, and what is left to do.

    Raises
    ------
    NotFound
        When there is no such notebook.
    CommandError
        Without a notebook, with one outside the repository, or with a model that is not in a registry.
    Conflict
        When the file was not written by this verb, runs another project's notebooks, or your edits and the new text
        change the same lines.
    ConfigurationError
        When the file, or the project's own files, cannot be read or written.
    """
    current = settings.current()
    pipelines = cast("Pipelines", registry.load("pipelines", system)())
    place = _place(current.root)
    path = place.top / pipelines.file if output is None else output.expanduser().resolve()
    shown = place.shown(path) if path.is_relative_to(place.top) else str(path)
    found = pipeline_files.read(path, shown, pipelines, system)
    before = None if found is None else marking.recorded(found.pieces)
    files = [notebook_file(one) for one in notebooks]
    if not files:
        if before is None:
            raise CommandError("which notebooks shall the pipeline run?", f"mlops ci {system} NOTEBOOK.ipynb")
        files = [notebook_file(place.top / job.notebook) for job in before.plan.jobs]
        require = require or before.plan.gates
    plan, notes = planned_pipeline.plan(place, current, files, require, None if before is None else before.plan.python)
    if before is not None and notebooks and before.plan.root != plan.root:
        other = "the top" if before.plan.root == "." else before.plan.root
        elsewhere, how = pipelines.elsewhere()
        words = ["mlops", "ci", system, *map(str, notebooks), "--output", os.path.relpath(place.top / elsewhere)]
        raise Conflict(
            f"{shown} runs the notebooks of another project ({other}), and would lose them",
            f"{shlex.join(words)}, {how}",
        )
    plan = plan._replace(
        deploy=planned_pipeline.deploy_job(deploy, name, None if before is None else before.plan.deploy, trust=trust)
    )
    command = shlex.join(
        ["mlops", "ci", system, *(job.notebook for job in plan.jobs)]
        + [word for gate in plan.gates for word in ("--require", gate)]
        + ([] if plan.deploy is None else ["--deploy", *deploy_words(plan.deploy)])
        + ([] if output is None else ["--output", shown])
    )
    parts = pipelines.parts(plan)
    recorded = Recorded(plan, command, tuple(part.name for part in parts))
    parts = (_about(recorded, pipelines.comment), *parts)
    outcome: StepOutcome = "created"
    edited: tuple[str, ...] = ()
    if found is None:
        pipeline_files.write(path, marking.whole(parts, pipelines.comment), "\n")
    else:
        renewal = _renew(found, parts, before, pipelines, current.state / _GENERATED)
        pipeline_files.refuse_clashes(found, shown, renewal, command)
        edited, notes = renewal.edited, (*notes, *_told(renewal))
        outcome = "kept" if renewal.text == found.text else "updated"
        if outcome == "updated":
            pipeline_files.write(path, renewal.text, found.newline)
        pipeline_files.forget_new(path)
    pipeline_files.keep(current.prepare_state() / _GENERATED, parts)
    return PipelineFile(
        pipelines.title, shown, outcome, pipelines.jobs(plan), edited, (*notes, *pipelines.notes(plan, shown))
    )


def _place(root: Path) -> Place:
    # Without asking git, which may not even be installed where nobody needs it.
    if not any((above / ".git").exists() for above in (root, *root.parents)):
        return Place(root, root)
    found = cast("GitSetup", registry.load("git_setup", "git")()).place(root)
    return Place(root if found is None else found.top.resolve(), root)


def _about(recorded: Recorded, comment: str) -> PipelinePart:
    words = [line.format(command=recorded.command) if "{command}" in line else line for line in _WORDS]
    return marking.about(recorded, comment, words)


def _renew(
    found: WrittenFile, parts: Sequence[PipelinePart], before: Recorded | None, pipelines: Pipelines, folder: Path
) -> Renewal:
    def merge(base: str, mine: str, theirs: str) -> MergedText:
        return cast("TextMerge", registry.load("text_merge", "git")()).merge(found.path.parent, base, mine, theirs)

    generated = () if before is None else (_about(before, pipelines.comment), *pipelines.parts(before.plan))
    known = (marking.ABOUT, *(() if before is None else before.parts))
    return renew(
        found.pieces,
        parts,
        known,
        comment=pipelines.comment,
        bases=pipeline_files.bases(generated, folder),
        merge=merge,
    )


def _told(renewal: Renewal) -> list[str]:
    told = [f"the part {name} is not generated any more; you had edited it, so it stays" for name in renewal.freed]
    if renewal.left_out:
        told.append(f"you have deleted {', '.join(renewal.left_out)}, and so it stays")
    return told
