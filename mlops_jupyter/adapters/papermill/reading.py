"""A notebook read and checked before Papermill gets it, and the parameters it declares."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import cast

import nbformat
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from nbformat.reader import NotJSONError
from papermill.exceptions import PapermillException
from papermill.inspection import _infer_parameters
from papermill.translators import Translator, papermill_translators

from ...records import Parameter


class Invalid(Exception):
    """The notebook cannot run; the message says why, the hint what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def read(path: Path) -> nbformat.NotebookNode:
    """Read and check a notebook, and settle which kernel runs it."""
    try:
        text = path.read_text(encoding="utf-8")
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
    except OSError as error:
        raise Invalid(f"cannot read {path.name}: {error.strerror}", "check the path and its permissions") from error
    except UnicodeDecodeError as error:
        raise Invalid(
            f"{path.name} is not UTF-8 text (byte {error.start})", "open it in JupyterLab and save it"
        ) from error
    except NotJSONError as error:
        raise Invalid(f"{path.name} is no notebook: it is not JSON", "open it in JupyterLab and save it") from error
    except (nbformat.ValidationError, AttributeError, KeyError, TypeError, ValueError) as error:
        what = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise Invalid(f"{path.name} is no valid notebook: {what}", "open it in JupyterLab and save it") from error
    for cell in notebook.cells:
        cell.metadata.setdefault("tags", [])  # Papermill's inspection takes them for granted
    spec = notebook.metadata.setdefault("kernelspec", {})
    spec.setdefault("name", "python3")
    try:
        found = KernelSpecManager().get_kernel_spec(spec["name"])
    except NoSuchKernel as error:
        raise Invalid(
            f"{path.name} wants the kernel {spec['name']}, which is not installed", "jupyter kernelspec list"
        ) from error
    spec.setdefault("language", found.language)
    spec.setdefault("display_name", found.display_name)
    return cast("nbformat.NotebookNode", notebook)


def declared(notebook: nbformat.NotebookNode) -> list[dict[str, object]] | None:
    """Return the parameters of the cell tagged ``parameters``, ``None`` when there is no such cell."""
    if not any("parameters" in cell.metadata.get("tags", ()) for cell in notebook.cells):
        return None
    return [
        {
            "name": found.name,
            "default": default,
            "type": kind,
            "help": found.help,
            "annotated": found.inferred_type_name != "None",
            "source": found.default,
        }
        for found in _infer_parameters(notebook)
        for default, kind in [_default(found.default, found.inferred_type_name)]
    ]


def names_known(notebook: nbformat.NotebookNode) -> bool:
    """Return whether Papermill can tell what such a cell declares: it reads Python only, and writes more languages."""
    spec = notebook.metadata.kernelspec
    translator = papermill_translators.find_translator(spec["name"], spec["language"])
    return bool(translator.inspect.__func__ is not Translator.inspect.__func__)


class PapermillParameters:
    """The parameters of a notebook that is open somewhere: of its cell's text, which is not evaluated."""

    def read(self, source: str, kernel: str, language: str) -> tuple[Parameter, ...]:
        """Return what the text of a ``parameters`` cell declares; of a name that it sets twice, the last."""
        cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]})
        spec = {"name": kernel, "language": language, "display_name": kernel}
        notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": spec})
        try:
            found = {one["name"]: Parameter(**one) for one in declared(notebook) or ()}  # type: ignore[arg-type]
        except PapermillException:
            # A language that Papermill has never heard of.
            return ()
        return tuple(found.values())


def _default(source: str, annotation: str) -> tuple[object, str]:
    try:
        value = ast.literal_eval(source)
        json.dumps(value)
    except (ValueError, SyntaxError, TypeError):
        value = source
        return value, annotation if annotation != "None" else ""
    return value, annotation if annotation != "None" else type(value).__name__
