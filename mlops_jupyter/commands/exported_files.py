"""Generated files on disk: read with care, merged with the user's edits, written only when all of them can be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, cast

import yaml

from .. import registry
from ..capabilities import sealed_texts
from ..capabilities.sealed_texts import PLACE, Renewed
from ..errors import ConfigurationError, Conflict
from ..protocols import ExportedText, MergedText, TextMerge
from ..records import ExportedFile, StepOutcome
from . import pipeline_files

# Below the project's state: what was generated once, the base of later merges.
_GENERATED = "exports"
_NEW = ".new"
_JSON = ".json"


class Written(NamedTuple):
    """What became of the files."""

    files: tuple[ExportedFile, ...]
    notes: tuple[str, ...]


def write(folder: Path, files: Sequence[ExportedText], command: str, state: Path, *, whole: bool) -> Written:
    """Write files, or none of them where one clashes with the user's edits.

    Parameters
    ----------
    folder
        Where they go.
    files
        What is generated now.
    command
        What generates them, for hints.
    state
        The project's state directory.
    whole
        Whether these are all that there are: others of ours are then left over from something that is no more.

    Raises
    ------
    Conflict
        When a file is not ours, or edits and the new text change the same lines; the new text is set beside it.
    ConfigurationError
        When a file cannot be read or written.
    """
    kept = state / _GENERATED
    known = {file.path: _renewed(folder / file.path, file, kept) for file in files}
    _refuse(folder, {path: one for path, one in known.items() if one is not None and one.clashes}, command)
    done = []
    for file in files:
        path, one = folder / file.path, known[file.path]
        text = sealed_texts.sealed(file.text) if one is None else one.text
        outcome: StepOutcome = "created" if one is None else "updated"
        if one is not None and _read(path) == text:
            outcome = "kept"
        else:
            pipeline_files.write(path, text, "\n")
        done.append(ExportedFile(file.path, outcome, edited=one is not None and one.edited))
        _forget_new(path)
    kept.mkdir(exist_ok=True)
    for file in files:
        base = kept / sealed_texts.digest(file.text)
        if not base.exists():
            base.write_bytes(file.text.encode())
    left = _left_over(folder, {file.path for file in files}) if whole else []
    return Written(tuple(done), tuple(left))


def _renewed(path: Path, file: ExportedText, kept: Path) -> Renewed | None:
    found = _read(path)
    if found is None:
        return None

    def base(digest: str) -> str | None:
        once = kept / digest
        return once.read_bytes().decode() if once.is_file() else None

    def merge(before: str, mine: str, theirs: str) -> MergedText:
        return cast("TextMerge", registry.load("text_merge", "git")()).merge(path.parent, before, mine, theirs)

    renewed = sealed_texts.renewed(
        found, file.text, base=base, merge=merge, readable=lambda text: _readable(path, text)
    )
    if renewed is None:
        raise Conflict(
            f"{path} was not written by mlops export, so it stays as it is, and so do the others",
            "move it away, or choose another folder: --output DIR",
        )
    return renewed


def _refuse(folder: Path, clashing: dict[str, Renewed], command: str) -> None:
    if not clashing:
        return
    for path, one in clashing.items():
        pipeline_files.write(_beside(folder / path), one.text, "\n")
    names = ", ".join(clashing)
    several = len(clashing) > 1
    raise Conflict(
        f"nothing was written: {names} in {folder} {'hold' if several else 'holds'} edits of yours, and what is "
        "generated there has changed too",
        f"{'files' if several else 'a file'} with {_NEW} at the end beside {'them have' if several else 'it has'} the "
        f"new text: put your edits into it and mv it over the other, then {command}",
    )


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8").replace("\r\n", "\n")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}", f"move {path} away") from error


def _readable(path: Path, text: str) -> bool:
    try:
        json.loads(text) if path.suffix == _JSON else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError):
        return False
    return True


def _beside(path: Path) -> Path:
    return path.with_name(path.name + _NEW)


def _forget_new(path: Path) -> None:
    """Remove what an earlier refusal left beside a file."""
    new = _beside(path)
    if new.is_file() and sealed_texts.unsealed(new.read_text(encoding="utf-8", errors="replace")) is not None:
        new.unlink()


def _left_over(folder: Path, paths: set[str]) -> list[str]:
    """Say which files of ours are about what is no longer deployed."""
    found = [one for one in sorted(folder.glob("*.y*ml")) if one.name not in paths]
    ours = [one.name for one in found if PLACE in (sealed_texts.unsealed(_read(one) or "") or ("", ""))[0]]
    return [f"{name} is about what is no longer deployed: remove it" for name in ours]
