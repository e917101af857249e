"""The verb table: every face reads it, and nothing else says which verbs there are."""

from __future__ import annotations

from typing import Literal, NamedTuple

Effect = Literal["reads", "writes", "destroys"]
# "anywhere": each face; "kernel": needs a cell around it; "code": only makes sense inside the user's own code.
Place = Literal["anywhere", "kernel", "code"]


class Verb(NamedTuple):
    """One line of the table.

    ``target`` is ``module:function``; ``line`` is the first line of that function's docstring.
    """

    target: str
    line: str
    effect: Effect
    place: Place


_COMMANDS = "mlops_jupyter.commands."

VERBS: dict[str, Verb] = {
    "init": Verb(
        _COMMANDS + "init:init",
        "Set a project up: settings, state folder, .gitignore, notebooks in git.",
        "writes",
        "anywhere",
    ),
    "doctor": Verb(
        _COMMANDS + "doctor:doctor",
        "Check what is installed, reachable and configured, and say what mends it.",
        "reads",
        "anywhere",
    ),
    "status": Verb(
        _COMMANDS + "status:status", "Show the project, the store, the notebook and the open run.", "reads", "anywhere"
    ),
    "track": Verb(_COMMANDS + "track:track", "Run a cell, a block or a function as an MLflow run.", "writes", "kernel"),
    "log": Verb(_COMMANDS + "log:log", "Log metrics to the open run.", "writes", "code"),
    "runs": Verb(_COMMANDS + "runs:runs", "List runs, newest first.", "reads", "anywhere"),
    "compare": Verb(
        _COMMANDS + "compare:compare",
        "Put runs side by side: what differs between them, and which is better.",
        "reads",
        "anywhere",
    ),
    "snapshot": Verb(
        _COMMANDS + "snapshot:snapshot",
        "Keep notebooks as they are now, without outputs, and the project's tracked files with them.",
        "writes",
        "anywhere",
    ),
    "history": Verb(
        _COMMANDS + "history:history", "List the versions of a notebook, newest first.", "reads", "anywhere"
    ),
    "diff": Verb(_COMMANDS + "diff:diff", "Put two versions of a notebook side by side.", "reads", "anywhere"),
    "restore": Verb(
        _COMMANDS + "restore:restore",
        "Bring a version of a notebook back, as a copy beside it.",
        "writes",
        "anywhere",
    ),
    "review": Verb(_COMMANDS + "review:review", "Push a branch and open the merge request.", "writes", "anywhere"),
    "reproduce": Verb(
        _COMMANDS + "reproduce:reproduce",
        "Execute a run's snapshot once more, and compare the metrics.",
        "writes",
        "anywhere",
    ),
    "register": Verb(
        _COMMANDS + "register:register",
        "Register a model: a live object, a run's model, or a folder.",
        "writes",
        "anywhere",
    ),
    "models": Verb(
        _COMMANDS + "models:models", "List registered models, their versions and aliases.", "reads", "anywhere"
    ),
    "promote": Verb(
        _COMMANDS + "promote:promote", "Point an alias to a version of a registered model.", "writes", "anywhere"
    ),
    "run": Verb(_COMMANDS + "run:run", "Run notebooks headless, as MLflow runs.", "writes", "anywhere"),
    "warm": Verb(
        _COMMANDS + "warm:warm",
        "Keep a process that has imported what notebooks need, so that their kernels start at once.",
        "writes",
        "anywhere",
    ),
    "ci": Verb(
        _COMMANDS + "ci:ci", "Write the pipeline file that runs notebooks headless in CI.", "writes", "anywhere"
    ),
    "deploy": Verb(
        _COMMANDS + "deploy:deploy",
        "Deploy a model: an endpoint that answers predictions, and outlives this process.",
        "writes",
        "anywhere",
    ),
    "deployments": Verb(
        _COMMANDS + "deployments:deployments",
        "List deployments, or show one: address, versions and their shares, restarts, how to ask it.",
        "reads",
        "anywhere",
    ),
    "predict": Verb(_COMMANDS + "predict:predict", "Ask an endpoint for predictions.", "reads", "anywhere"),
    "rows": Verb(
        _COMMANDS + "rows:rows",
        "Show logged rows of a deployment: those behind the drift of a feature, or of a segment.",
        "reads",
        "anywhere",
    ),
    "feedback": Verb(
        _COMMANDS + "feedback:feedback",
        "Give labels that came late, and see how right the answers were; without labels, see it.",
        "writes",
        "anywhere",
    ),
    "traffic": Verb(
        _COMMANDS + "traffic:traffic",
        "Share a deployment's traffic out between its versions; without shares, show them.",
        "writes",
        "anywhere",
    ),
    "rollback": Verb(
        _COMMANDS + "rollback:rollback",
        "Let a deployment serve what it served before the last change; once more goes further back.",
        "writes",
        "anywhere",
    ),
    "logs": Verb(_COMMANDS + "logs:logs", "Show the last lines of an endpoint's log.", "reads", "anywhere"),
    "monitor": Verb(
        _COMMANDS + "monitor:monitor",
        "Show what a deployment does: throughput, latency, errors, drift, quality, alerts.",
        "reads",
        "anywhere",
    ),
    "drift": Verb(
        _COMMANDS + "drift:drift",
        "Tell how far data has moved: of a deployment from its training data, or of one table from another.",
        "reads",
        "anywhere",
    ),
    "undeploy": Verb(
        _COMMANDS + "undeploy:undeploy",
        "End an endpoint, when it has answered what is open, and remove all that it has left.",
        "destroys",
        "anywhere",
    ),
    "export": Verb(
        _COMMANDS + "export:export", "Write files that let other systems watch deployments.", "writes", "anywhere"
    ),
    "ui": Verb(_COMMANDS + "ui:ui", "Open a tool's web pages inside Jupyter.", "reads", "anywhere"),
}
