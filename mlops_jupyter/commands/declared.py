"""What a notebook that is open says of its parameters, for a form."""

from __future__ import annotations

from typing import cast

from .. import registry
from ..protocols import DeclaredParameters
from ..records import Parameter


def declared(source: str, kernel: str = "python3", language: str = "python") -> tuple[Parameter, ...]:
    """Return the parameters that ``run`` would find in the text of a cell tagged ``parameters``.

    Parameters
    ----------
    source
        The text. Nothing of it is evaluated.
    kernel, language
        Of the notebook.
    """
    reader = cast("DeclaredParameters", registry.load("notebook_parameters", "papermill")())
    return reader.read(source, kernel, language)
