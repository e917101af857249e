"""What a parameter of a verb means to the grammar."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, NamedTuple


class Short(NamedTuple):
    """In ``Annotated[..., Short("-p")]``: the option's one-letter form."""

    flag: str


class Marker(NamedTuple):
    """In ``Annotated``: what a parameter means beyond its type."""

    meaning: str


class Completed(NamedTuple):
    """In ``Annotated``: the function that lists what the parameter may be, as ``module:function``.

    It is given the project's settings and the word so far, and returns words and what is to be said of each; those that
    do not begin so are left out. Somebody waits for it at a key: it asks nobody who may be slow.
    """

    by: str


# A live object: `$name` or `{expr}` in a magic arrives as it is, not as text.
Object = Annotated[Any, Marker("object")]
# Text that is the cell's body in `%%mlops`, a file's path in the terminal, the text itself in Python.
Source = Annotated[str, Marker("source")]
# Names: `a,b` on a command line, in Python also a sequence of strings.
Names = Annotated[str | Iterable[str], Marker("names")]
# In ``Annotated`` beside a mapping: a name that is given twice is a mistake; else the last of a name wins.
ONCE = Marker("once")
# A flag that makes a verb one that destroys: every face asks once before, and the verb gets ``--yes``.
Destroys = Annotated[bool, Marker("destroys")]
# The flag ``--yes`` of a verb that knows only at work whether it must ask: it then raises `ConfirmationRequired`, and a
# face that can put the question calls it once more with a yes.
Confirms = Annotated[bool, Marker("confirms"), Short("-y")]
# The name of a deployment that there is.
DeploymentName = Annotated[str, Completed("mlops_jupyter.commands.targets:deployment_names")]
_COMPLETIONS = "mlops_jupyter.commands.completions"
# The name that a deployment gets.
NewDeploymentName = Annotated[str, Completed(f"{_COMPLETIONS}:new_deployment_names")]
# The name of a registered model, and an alias of one.
ModelName = Annotated[str, Completed(f"{_COMPLETIONS}:model_names")]
AliasName = Annotated[str, Completed(f"{_COMPLETIONS}:alias_names")]
# A version of a registered model; with a live object, or whatever else names a model.
VersionReference = Annotated[str, Completed(f"{_COMPLETIONS}:model_references")]
ModelReference = Annotated[Any, Marker("object"), Completed(f"{_COMPLETIONS}:model_references")]
