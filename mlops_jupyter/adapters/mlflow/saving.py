"""A live model as a folder of MLflow's: its flavour, a format that runs no code where there is one, what it needs."""

from __future__ import annotations

import copy
import importlib
import importlib.util
import inspect
import io
import pickletools
import re
import shutil
import sys
import sysconfig
import zipfile
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any, NamedTuple

import cloudpickle
import mlflow
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PyFuncModel
from mlflow.pyfunc.model import PythonModel

from ...capabilities.models.skops_types import strange
from ...errors import CommandError, ConfigurationError
from . import tensors
from .examples import Inferred, quiet

# Of libraries whose flavour is called otherwise.
_FLAVOURS = {"torch": "pytorch", "keras": "keras", "tf_keras": "tensorflow", "pyspark": "spark"}
_MODULE = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*")
_LONGEST_NAME = 100


class _Form(NamedTuple):
    """How a model is written: further arguments of ``save_model``, the modules in it, and what should be known."""

    options: dict[str, Any]
    modules: set[str]
    notes: tuple[str, ...] = ()


def save(model: Any, path: Path, inferred: Inferred, described: Any) -> tuple[str, ...]:
    """Write a live model into a folder that is not there yet, and return what should be known of it.

    Parameters
    ----------
    model
        The live model.
    path
        The folder.
    inferred
        Its signature and example.
    described
        MLflow's ``Model``, to be completed.

    Raises
    ------
    CommandError
        When it is no model.
    ConfigurationError
        When it cannot be written.
    """
    name = flavour(model)
    if name == "keras":
        tensors.check_keras(model)
        # MLflow writes the example before it makes the folder.
        path.mkdir()
    with tensors.at_rest(model):
        if name == "pytorch":
            return _module(model, path, inferred, described)
        notes = _write(model, path, _form(model, name), name=name, inferred=inferred, described=described)
    if name == "keras":
        tensors.check_kept_keras(path)
    return notes


def _module(model: Any, path: Path, inferred: Inferred, described: Any) -> tuple[str, ...]:
    """Write a module of PyTorch as a graph, and as a pickle where the graph would not answer as the module does."""
    why = tensors.no_graph(model, inferred.signature, inferred.example)
    notes: tuple[str, ...] = ()
    if why is None:
        form = _Form({"serialization_format": "pt2"}, {"torch"}, ("it is kept as a graph, without its classes (pt2)",))
        try:
            notes = _write(model, path, form, name="pytorch", inferred=inferred, described=copy.deepcopy(described))
            why = tensors.differs(model, path, inferred.example)
        except Exception as error:  # noqa: BLE001 -- why a module is no graph PyTorch says in many ways
            why = f"PyTorch cannot make a graph of it ({type(error).__name__})"
        if why is None:
            return notes
        shutil.rmtree(path, ignore_errors=True)
    form = _form(model, "pytorch")
    form = form._replace(notes=(f"{why}: {form.notes[0]}",))
    return _write(model, path, form, name="pytorch", inferred=inferred, described=described)


def _write(model: Any, path: Path, form: _Form, *, name: str, inferred: Inferred, described: Any) -> tuple[str, ...]:
    """Write a model in one form."""
    saving = importlib.import_module(f"mlflow.{name}")
    needs, local = _needs(form.modules, saving)
    options = {**form.options, "pip_requirements": needs}
    if local:
        options["code_paths"] = [str(one) for one in local]
    if inferred.signature is not None:
        options["signature"] = inferred.signature
    if inferred.example is not None:
        options["input_example"] = inferred.example
    try:
        with quiet():
            if name == "pyfunc":
                saving.save_model(path=str(path), python_model=model, mlflow_model=described, **options)
            else:
                saving.save_model(model, path=str(path), mlflow_model=described, **options)
    except (MlflowException, TypeError, ValueError, AttributeError, OSError) as error:
        raise ConfigurationError(f"MLflow cannot save the {type(model).__name__}: {error}", "mlops doctor") from error
    notes = [*form.notes, f"requirements inferred from what it is made of: {', '.join(needs)}"]
    if local:
        notes.append(f"modules of yours go with it: {', '.join(one.name for one in local)}")
    return tuple(notes)


def flavour(model: Any) -> str:
    """Return the name of the MLflow flavour that takes a model.

    Raises
    ------
    CommandError
        When none does.
    """
    if isinstance(model, PyFuncModel):
        raise CommandError("this model has been loaded from a store", "name it as it is there: models:/churn@champion")
    if isinstance(model, PythonModel):
        return "pyfunc"
    if inspect.isclass(model):
        raise CommandError(f"{model.__name__} is a class, no model", "name an object of it that has been trained")
    for kind in type(model).__mro__:
        top = kind.__module__.partition(".")[0]
        name = _FLAVOURS.get(top, top)
        if name in {"builtins", "mlflow"} or importlib.util.find_spec(f"mlflow.{name}") is None:
            continue
        found = importlib.import_module(f"mlflow.{name}")
        if hasattr(found, "FLAVOR_NAME") and hasattr(found, "save_model"):
            return name
    if inspect.isfunction(model):
        return "pyfunc"
    raise CommandError(
        f"no MLflow flavour takes a {type(model).__module__}.{type(model).__name__}",
        "wrap it in a function of one argument, or in a class derived from mlflow.pyfunc.PythonModel",
    )


def _form(model: Any, name: str) -> _Form:
    if name in {"sklearn", "lightgbm"} and hasattr(model, "get_params"):
        return _estimator(model)
    if name == "pyfunc":
        return _pickled(model, {})
    modules = {kind.__module__ for kind in type(model).__mro__}
    if name == "pytorch":
        return _pickled(model, {"serialization_format": "pickle"})
    if name == "keras":
        modules.add(str(sys.modules["keras"].backend.backend()))
    return _Form({}, modules)


def _pickled(model: Any, options: dict[str, Any]) -> _Form:
    if tensors.is_scripted(model):
        return _Form(options, {"torch"}, ("it is kept as PyTorch keeps scripts, which may run code",))
    try:
        pickled = cloudpickle.dumps(model)
    except Exception as error:
        raise ConfigurationError(
            f"this {type(model).__name__} cannot be pickled: {error}", "make what it needs within it"
        ) from error
    note = "it is kept as a pickle, which runs code when it is loaded: this project trusts it as its own"
    return _Form(options, set(_in_pickle(pickled)), (note,))


def _estimator(model: Any) -> _Form:
    """Look at an estimator as skops keeps it, else as a pickle does."""
    import skops.io  # noqa: PLC0415 -- it imports scikit-learn, which other models do without

    try:
        kept = skops.io.dumps(model)
        wanted = skops.io.get_untrusted_types(data=kept)
        found = _in_skops(kept)
        if not _refused(wanted):
            # A function that has no name in a module is written, and cannot be read.
            skops.io.loads(kept, trusted=wanted)
    except Exception:  # noqa: BLE001 -- what skops cannot keep it says in many ways
        wanted, found = ["__main__"], set()
    if _refused(wanted):
        note = (
            "skops cannot keep it, so it is kept as a pickle, which runs code when it is loaded: this project trusts it"
        )
        options = {"serialization_format": "cloudpickle"}
        return _Form(options, set(_in_pickle(cloudpickle.dumps(model))), (note,))
    options = {"serialization_format": "skops"}
    if wanted:
        options["skops_trusted_types"] = wanted
        if unknown := strange(wanted):
            note = f"this project trusts types of it that skops does not: {', '.join(unknown)}"
            return _Form(options, found, (note,))
    return _Form(options, found)


def _refused(wanted: Iterable[str]) -> bool:
    """Tell whether a model has types that only this session has, or that no estimator is made of."""
    return any(one.partition(".")[0] in {"__main__", "builtins", "posix", "os"} for one in wanted)


def _in_skops(kept: bytes) -> set[str]:
    """Name the modules that a skops file refers to."""
    with zipfile.ZipFile(io.BytesIO(kept)) as archive:
        return set(re.findall(r'"__module__": "([\w.]+)"', archive.read("schema.json").decode()))


def _in_pickle(pickled: bytes) -> Iterator[str]:
    """Name the modules that a pickle may refer to: whatever in it is called as one that is imported."""
    for operation, argument, _ in pickletools.genops(pickled):
        if isinstance(argument, str) and len(argument) < _LONGEST_NAME:
            word = argument.split(" ")[0] if operation.name == "GLOBAL" else argument
            if _MODULE.fullmatch(word) and word in sys.modules:
                yield word


def _needs(modules: Iterable[str], saving: Any) -> tuple[list[str], list[Path]]:
    """Return requirements, and the files or folders of modules that no package brings."""
    tops = {one.partition(".")[0] for one in modules} - {"__main__", "builtins"} - sys.stdlib_module_names
    brought = packages_distributions()
    packages = {name for top in tops for name in brought.get(top, ())[:1]}
    lines = {f"{name}=={version(name)}" for name in packages} | {f"mlflow=={mlflow.__version__}"}
    known = {_name(line) for line in lines}
    if "cloudpickle" not in known and saving.__name__ == "mlflow.pyfunc":
        lines.add(f"cloudpickle=={cloudpickle.__version__}")
    with quiet():
        default = saving.get_default_pip_requirements()
    # XGBoost's module comes from several packages: the one that is here will do.
    lines |= {line for line in default if _name(line) not in known and _name(line).replace("-", "_") not in tops}
    installed = [Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib", "stdlib")]
    local = []
    for top in sorted(top for top in tops if top not in brought):
        file = getattr(sys.modules.get(top), "__file__", None)
        if file is None or any(Path(file).is_relative_to(one) for one in installed):
            continue
        local.append(Path(file).parent if Path(file).name == "__init__.py" else Path(file))
    return sorted(lines, key=str.lower), local


def _name(line: str) -> str:
    return re.split(r"[=<>!~\[ ;]", line, maxsplit=1)[0].lower().replace("_", "-")
