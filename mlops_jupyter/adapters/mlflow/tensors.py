"""Models of tensors, PyTorch's and Keras's: what they take and answer, and whether what was written can be read."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.types import TensorSpec

from ...errors import CommandError, ConfigurationError

# A model that was exported must answer so many rows at a time as the live one does.
_COUNTS = (1, 2, 3, 5)
_WRAP = "wrap it in a class derived from mlflow.pyfunc.PythonModel"


def is_torch(model: Any) -> bool:
    """Tell whether a model is a module of PyTorch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module) and not is_keras(model)


def is_keras(model: Any) -> bool:
    """Tell whether a model is one of Keras 3; on PyTorch such a model is a module of it, too."""
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(model, keras.Model)


def takes(model: Any) -> bool:
    """Tell whether a model takes tensors and no tables."""
    return is_torch(model) or is_keras(model)


def rows_of(model: Any, table: Any, what: str) -> tuple[Any, tuple[str, ...]]:
    """Return data as the array that a model takes, and what should be known of it.

    Numbers with a fraction get the type that the model computes with; whole numbers of an array stay what they are, as
    they may be the numbers of words.

    Raises
    ------
    CommandError
        When a column holds no numbers.
    """
    notes: tuple[str, ...] = ()
    dtype = _dtype(model)
    if isinstance(table, pd.DataFrame):
        others = [str(name) for name in table.columns if not pd.api.types.is_numeric_dtype(table[name])]
        if others:
            raise CommandError(
                f"a {type(model).__name__} takes numbers, and columns of {what} are none: {', '.join(others[:5])}",
                "name the data as the model was given it",
            )
        names = ", ".join(map(str, table.columns))
        notes = (f"it takes arrays of {table.shape[1]} numbers a row, in the order of {what}: {names}",)
        return table.to_numpy(dtype=dtype), notes
    rows = np.asarray(table)
    return rows.astype(dtype) if rows.dtype.kind == "f" else rows, notes


def answers(model: Any, rows: Any) -> Any:
    """Return what a model answers to an array."""
    if is_keras(model):
        return np.asarray(model.predict(rows, verbose=0))
    torch = sys.modules["torch"]
    with at_rest(model), torch.no_grad():
        found = model(torch.as_tensor(rows, device=_device(model)))
    return found.cpu().numpy()


@contextmanager
def at_rest(model: Any) -> Iterator[None]:
    """Let a module of PyTorch answer as it does when it is not trained; its layers are put back as they were."""
    if not is_torch(model):
        yield
        return
    before = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for layer, training in before:
            layer.training = training


def shape_of(model: Any) -> tuple[int, ...] | None:
    """Return the shape of the only tensor that a Keras model takes, -1 for any length; ``None`` where it is untold."""
    shape = getattr(model, "input_shape", None) if is_keras(model) else None
    if not isinstance(shape, tuple) or not shape or not all(one is None or isinstance(one, int) for one in shape):
        return None
    return tuple(-1 if one is None else one for one in shape)


def is_scripted(model: Any) -> bool:
    """Tell whether a model is a script of PyTorch's, which it keeps itself."""
    return is_torch(model) and isinstance(model, sys.modules["torch"].jit.ScriptModule)


def no_graph(model: Any, signature: Any, example: Any) -> str | None:
    """Say why a module of PyTorch cannot be kept as a graph; ``None`` where it can be tried."""
    if is_scripted(model):
        return "it is a script"
    if not isinstance(example, np.ndarray) or signature is None:
        return "a graph is made from an example, and there is no data"
    if not all(isinstance(one, TensorSpec) for one in signature.inputs.inputs):
        return "a graph takes tensors"
    return None


def differs(model: Any, path: Path, example: Any) -> str | None:
    """Say how a graph that was written answers otherwise than its module; ``None`` where it does not."""
    torch = sys.modules["torch"]
    loaded = importlib.import_module("mlflow.pytorch").load_model(str(path))
    with at_rest(model), torch.no_grad():
        for count in _COUNTS:
            rows = torch.as_tensor(np.resize(example, (count, *example.shape[1:])), device=_device(model))
            try:
                same = torch.allclose(model(rows), loaded(rows), rtol=1e-4, atol=1e-6, equal_nan=True)
            except Exception as error:  # noqa: BLE001 -- a graph of a fixed number of rows refuses others in its own way
                return f"as a graph it does not take {count} rows ({type(error).__name__})"
            if not same:
                return "as a graph it answers otherwise"
    return None


def check_keras(model: Any) -> None:
    """Raise `ConfigurationError` for a Keras model that no other process could read."""
    own = sorted({type(layer).__name__ for layer in [model, *_layers(model)] if not _is_of_keras(layer)})
    if own:
        said = f"Keras keeps no code, and the model is made of classes of yours: {', '.join(own)}"
        raise ConfigurationError(said, _WRAP)


def check_kept_keras(path: Path) -> None:
    """Raise `ConfigurationError` when Keras does not read a model that it has written."""
    try:
        importlib.import_module("mlflow.keras").load_model(str(path))
    except Exception as error:
        said = str(error).strip().partition("\n")[0]
        raise ConfigurationError(f"Keras does not read what it has written of this model: {said}", _WRAP) from error


def _layers(model: Any) -> Iterator[Any]:
    for layer in getattr(model, "layers", ()):
        yield layer
        yield from _layers(layer)


def _is_of_keras(layer: Any) -> bool:
    return type(layer).__module__.partition(".")[0] == "keras"


def _dtype(model: Any) -> np.dtype[Any]:
    """Return the type that a model computes with."""
    if is_torch(model):
        torch = sys.modules["torch"]
        kinds = (one.dtype for one in model.parameters() if one.dtype in {torch.float32, torch.float64})
        return np.dtype("float64") if next(kinds, torch.float32) == torch.float64 else np.dtype("float32")
    said = str(getattr(model, "input_dtype", "float32"))
    return np.dtype(said) if said in {"float32", "float64"} else np.dtype("float32")


def _device(model: Any) -> Any:
    first = next(model.parameters(), None)
    return None if first is None else first.device
