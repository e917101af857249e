"""A generated file in parts between marked lines: the line that begins one carries the digest of what was generated.

So it can be told, without any other file, which parts the user has edited; what stands between parts is the user's.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ...protocols import DeployJob, NotebookJob, PipelinePart, PipelinePlan

ABOUT = "about"
_PLAN = "plan: "
_DIGITS = 12
_COMMAND = re.compile(r"(?:#|//) +(mlops ci .+)")
_BEGIN = re.compile(r"\s*(?:#|//) >>> mlops: (?P<name>\S+) (?P<digest>[0-9a-f]{12})\s*")
_END = re.compile(r"\s*(?:#|//) <<< mlops: (?P<name>\S+)\s*")


@dataclass(frozen=True)
class Piece:
    """A stretch of a file: a part of ours, or what stands between two (no name, no digest).

    ``first`` is the number of its first line in the file, from 1, marked lines not counted in.
    """

    name: str
    digest: str
    text: str
    first: int

    @property
    def edited(self) -> bool:
        """Whether it is no longer what was generated."""
        return digest(self.text) != self.digest


class NotWhole(ValueError):
    """A part's begin or end is missing; ``line`` counts from 1."""

    def __init__(self, line: int, name: str, missing: str) -> None:
        super().__init__(f"line {line}: the part {name} has no {missing}")
        self.line, self.name, self.missing = line, name, missing


def digest(text: str) -> str:
    """Return a part's digest."""
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def marked(name: str, text: str, told: str, comment: str) -> str:
    """Write a part between its lines, which stand as deep as the part does."""
    deep = " " * min((len(line) - len(line.lstrip(" ")) for line in text.splitlines() if line.strip()), default=0)
    return f"{deep}{comment} >>> mlops: {name} {told}\n{text}{deep}{comment} <<< mlops: {name}\n"


def whole(parts: Iterable[PipelinePart], comment: str) -> str:
    """Write a file anew."""
    return "\n".join(marked(part.name, part.text, digest(part.text), comment) for part in parts)


def pieces(text: str) -> tuple[Piece, ...]:
    """Take a file apart.

    Raises
    ------
    NotWhole
        When a part has a beginning and no end, or the other way round.
    """
    found: list[Piece] = []
    lines: list[str] = []
    open_part: tuple[str, str, int] | None = None

    def close(name: str, told: str, number: int) -> None:
        if name or lines:
            found.append(Piece(name, told, "".join(lines), number - len(lines)))
        lines.clear()

    rows = text.splitlines(keepends=True)
    for number, row in enumerate(rows, 1):
        begin, end = _BEGIN.fullmatch(row), _END.fullmatch(row)
        if begin is not None:
            if open_part is not None:
                raise NotWhole(open_part[2], open_part[0], "end")
            close("", "", number)
            open_part = begin["name"], begin["digest"], number
        elif end is not None:
            if open_part is None or open_part[0] != end["name"]:
                raise NotWhole(number, end["name"], "beginning")
            close(open_part[0], open_part[1], number)
            open_part = None
        else:
            lines.append(row)
    if open_part is not None:
        raise NotWhole(open_part[2], open_part[0], "end")
    close("", "", len(rows) + 1)
    return tuple(found)


def ours(text: str) -> bool:
    """Tell whether a file has parts of ours."""
    return any(_BEGIN.fullmatch(line) or _END.fullmatch(line) for line in text.splitlines(keepends=True))


# --- the record of what was asked ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recorded:
    """What a file was generated from, and the names of the parts it had then."""

    plan: PipelinePlan
    command: str
    parts: tuple[str, ...]


def about(recorded: Recorded, comment: str, words: Sequence[str]) -> PipelinePart:
    """Write the part that says where a file comes from, for a reader and for the next call."""
    told = recorded.plan._asdict() | {"jobs": [list(job) for job in recorded.plan.jobs]}
    # A file without such a job is written as before there were any.
    deploy, apart = told.pop("deploy"), told.pop("install_apart")
    if deploy is not None:
        told |= {"deploy": list(deploy if deploy.trust else deploy[:2]), "install_apart": apart}
    told["parts"] = recorded.parts
    lines = [*words, _PLAN + json.dumps(told, ensure_ascii=False, separators=(",", ":"))]
    return PipelinePart(ABOUT, "".join(f"{comment} {line}".rstrip() + "\n" for line in lines))


def recorded(parts: Iterable[Piece]) -> Recorded | None:
    """Read what a file was generated from; ``None`` where that cannot be read, or another version wrote it."""
    text = next((part.text for part in parts if part.name == ABOUT), "")
    line = next((row for row in text.splitlines() if _PLAN in row), "")
    command = next((found[1] for row in text.splitlines() if (found := _COMMAND.fullmatch(row))), "")
    try:
        told: dict[str, Any] = json.loads(line.partition(_PLAN)[2])
        names = tuple(told.pop("parts"))
        jobs = tuple(NotebookJob(*job) for job in told.pop("jobs"))
        deploy = told.pop("deploy", None)
        deployed = None if deploy is None else DeployJob(*deploy)
        rest: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in told.items()}
        return Recorded(PipelinePlan(jobs=jobs, deploy=deployed, **rest), command, names)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
