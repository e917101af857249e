"""The tables of a file of settings: which keys they have, and what their values must be."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ConfigurationError

# Key -> the types its value may have. A table is a mapping of the same.
_KEYS: dict[str, Any] = {
    "experiment": (str,),
    "tracking_uri": (str,),
    "registry_uri": (str,),
    "track": {"autolog": (bool,), "log_models": (bool,), "tensorboard": (bool,)},
    "secrets": {"allow": (list,)},
    "snapshots": {"of_runs": (bool,), "keep_days": (int,)},
    "run": {"output": (str,), "timeout_s": (int,), "keep_state": (bool,)},
    "warm": {"imports": (list,)},
    "rollout": {
        "steps": (str,),
        "window_s": (int, float),
        "step_s": (int, float),
        "min_requests": (int,),
        "windows": (int,),
        "cooldown_s": (int, float),
    },
    "serving": {
        "body_mb": (int, float),
        "rows": (int,),
        "columns": (int,),
        "timeout_s": (int, float),
        "queue": (int,),
    },
    "prometheus": {"url": (str,), "credentials_file": (str,)},
    "alertmanager": {"url": (str,), "credentials_file": (str,)},
    "pushgateway": {"url": (str,), "credentials_file": (str,)},
    "monitoring": {
        "enabled": (bool,),
        "window_s": (int, float),
        "base_window_s": (int, float),
        "tumbling": (bool,),
        "sample": (int, float),
        "sample_rows_per_s": (int, float),
        "payload_mb": (int, float),
        "answers_mb": (int, float),
        "keep_days": (int, float),
        "redact": (list,),
    },
}
# Between what a number of [monitoring] must lie.
_MONITORING = {
    "window_s": (1, 30 * 86_400),
    "base_window_s": (1, 3_600),
    "sample": (0, 1),
    "sample_rows_per_s": (0, 1_000_000),
    "payload_mb": (0, 1_000_000),
    "answers_mb": (0, 1_000_000),
    "keep_days": (0, 36_500),
}
# The same of [serving].
_SERVING = {
    "body_mb": (0.001, 4_000),
    "rows": (1, 10_000_000),
    "columns": (1, 1_000_000),
    "timeout_s": (1, 3_600),
    "queue": (1, 1_000_000),
}


def read(root: Path, name: str) -> tuple[Path | None, dict[str, Any]]:
    """Return the file that has a project's settings, ``None`` without one, and what it says, key by key as allowed.

    Parameters
    ----------
    root
        The project's directory.
    name
        What a file of settings alone is called.

    Raises
    ------
    ConfigurationError
        As of `settings.load`.
    """
    own, shared = root / name, root / "pyproject.toml"
    in_pyproject = of_pyproject(root)
    if not own.is_file():
        if in_pyproject is None:
            return None, {}
        _validate(in_pyproject, _KEYS, shared, "")
        return shared, in_pyproject
    if in_pyproject is not None:
        raise ConfigurationError(
            f"{root} is set up twice: {name} and [tool.mlops-jupyter] in pyproject.toml",
            "keep one of the two",
        )
    try:
        table = _parse(own, own.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"cannot read {own}: {error}", f"mend {own}, or start again with: mlops init"
        ) from error
    _validate(table, _KEYS, own, "")
    return own, table


def of_pyproject(directory: Path) -> dict[str, Any] | None:
    """Return our table of a directory's ``pyproject.toml``, ``None`` without one."""
    file = directory / "pyproject.toml"
    if not file.is_file():
        return None
    text = file.read_text(encoding="utf-8", errors="replace")
    if "mlops-jupyter" not in text:
        return None
    table = _parse(file, text).get("tool", {}).get("mlops-jupyter")
    return table if isinstance(table, dict) else None


def monitoring(table: Mapping[str, Any], file: Path | None) -> Mapping[str, Any]:
    """Return how endpoints are watched, from its table."""
    told: dict[str, Any] = dict(table)
    _check_ranges("monitoring", told, _MONITORING, file)
    if told.get("base_window_s", 0) > told.get("window_s", math.inf):
        raise ConfigurationError(
            f"monitoring.base_window_s in {file} is longer than monitoring.window_s", f"mend {file}"
        )
    return {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}


def serving(table: Mapping[str, Any], file: Path | None) -> Mapping[str, Any]:
    """Return what endpoints take of a request, from its table."""
    _check_ranges("serving", table, _SERVING, file)
    return dict(table)


def rollout(table: Mapping[str, Any], file: Path | None) -> Mapping[str, Any]:
    """Return how canaries are promoted, from its table."""
    told = dict(table)
    if "steps" in told:
        try:
            steps = tuple(float(one) for one in told["steps"].split(","))
        except ValueError:
            steps = ()
        if not steps or list(steps) != sorted({*steps, 100.0}) or steps[0] <= 0:
            raise ConfigurationError(
                f"rollout.steps in {file} must be shares that grow to 100, not {told['steps']!r}",
                'write steps = "10,25,50,100"',
            )
        told["steps"] = steps
    for name, value in told.items():
        free = name in {"cooldown_s", "step_s"}
        if name != "steps" and (value < 0 or (value == 0 and not free)):
            raise ConfigurationError(f"rollout.{name} in {file} must be above 0, not {value}", f"mend {file}")
    return told


def _check_ranges(
    name: str, table: Mapping[str, Any], ranges: Mapping[str, tuple[float, float]], file: Path | None
) -> None:
    for key, (least, most) in ranges.items():
        # Written so that nan, which TOML has, is refused.
        if key in table and not least <= table[key] <= most:
            raise ConfigurationError(
                f"{name}.{key} in {file} is {table[key]}, and must be from {least} to {most}", f"mend {file}"
            )


def _parse(file: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file} is not valid TOML: {error}", f"mend {file}") from error


def _validate(table: Mapping[str, Any], keys: Mapping[str, Any], file: Path, prefix: str) -> None:
    for key, value in table.items():
        allowed = keys.get(key)
        if allowed is None:
            near = difflib.get_close_matches(key, keys, n=1)
            hint = f"did you mean {prefix}{near[0]}?" if near else f"known here: {', '.join(keys)}"
            raise ConfigurationError(f"{file} has a setting nobody reads: {prefix}{key}", hint)
        if isinstance(allowed, dict):
            if not isinstance(value, dict):
                raise ConfigurationError(f"{prefix}{key} in {file} must be a table", f"write [{prefix}{key}]")
            _validate(value, allowed, file, f"{prefix}{key}.")
        elif not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            wanted = " or ".join(kind.__name__ for kind in allowed)
            raise ConfigurationError(f"{prefix}{key} in {file} must be {wanted}, not {value!r}", f"mend {file}")
        elif isinstance(value, list) and not all(isinstance(item, str) for item in value):
            raise ConfigurationError(f"{prefix}{key} in {file} must be a list of texts", f"mend {file}")
