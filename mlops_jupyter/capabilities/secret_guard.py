"""Secrets in notebooks and other texts: found in sources, outputs and metadata, told by kind and place, never shown.

The notebook is scanned as one text, so that the two halves of a key pair are seen together though they stand in two
cells. Pictures and sounds are left out: they are long, and look random.
"""

from __future__ import annotations

import hashlib
import html
import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ..errors import Conflict
from ..protocols import SecretScanner
from ..records import SecretFinding, SecretPlace
from .notebooks.reading import source

_MEDIA = ("image/", "audio/", "video/", "font/", "application/pdf", "application/octet-stream")
_TEXT_MEDIA = "image/svg+xml"
_EMBEDDED = re.compile(r"data:(?:image|audio|video|font)/[\w.+-]+;base64,[\w+/=]+")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_TAG = re.compile(r"<[^<>]*>")
# Between two pieces: no rule reaches across it by accident.
_GAP = b"\n\n"
# A fingerprint is public: each guess at a weak password behind it must cost something.
_SCRYPT = {"n": 2**12, "r": 8, "p": 1, "dklen": 8}
_SHOWN = 5


class _Piece(NamedTuple):
    text: str
    cell: int | None
    cell_id: str | None
    where: SecretPlace


def find_secrets(
    notebook: Mapping[str, Any] | str, scanner: SecretScanner, *, project: str
) -> tuple[SecretFinding, ...]:
    """Look for secrets in a notebook, or in another text.

    Parameters
    ----------
    notebook
        As `notebooks.reading.read` returns it, or the text of another file.
    scanner
        What knows secrets.
    project
        A name that all checkouts of the project share: the same secret has another fingerprint elsewhere.

    Returns
    -------
    tuple
        Each secret once in each place, in the notebook's order.
    """
    pieces = [piece for piece in _pieces(notebook) if piece.text]
    encoded = [piece.text.encode("utf-8", "replace") for piece in pieces]
    starts, position = [], 0
    for content in encoded:
        starts.append(position)
        position += len(content) + len(_GAP)
    whole = _GAP.join(encoded)
    found: dict[tuple[int | None, SecretPlace, str], SecretFinding] = {}
    prints: dict[tuple[str, bytes], str] = {}
    for match in scanner.scan(whole):
        at = bisect_right(starts, match.start) - 1
        piece, secret = pieces[at], whole[match.start : match.end]
        key = (match.kind, secret)
        if key not in prints:
            prints[key] = _fingerprint(project, *key)
        line = None if piece.where == "metadata" else whole.count(b"\n", starts[at], match.start) + 1
        finding = SecretFinding(piece.cell, piece.cell_id, piece.where, match.kind, line, prints[key])
        found.setdefault((piece.cell, piece.where, finding.fingerprint), finding)
    return tuple(found.values())


def refuse_secrets(
    notebook: Mapping[str, Any] | str, name: str, scanner: SecretScanner, allowed: Collection[str] = (), *, project: str
) -> None:
    """Refuse a notebook that holds secrets.

    A `Conflict`, since the notebook as it is forbids to publish it; a failed check would raise nothing in a kernel.

    Parameters
    ----------
    notebook, scanner, project
        As in `find_secrets`.
    name
        What the notebook is called in the error.
    allowed
        Fingerprints of what may stay; one that nothing has is no error.

    Raises
    ------
    Conflict
        When there is a secret that is not allowed. It says the cells or lines, and the kinds.
    """
    found = [
        finding for finding in find_secrets(notebook, scanner, project=project) if finding.fingerprint not in allowed
    ]
    if not found:
        return
    prints = list(dict.fromkeys(finding.fingerprint for finding in found))
    told = "; ".join(_told(finding) for finding in found[:_SHOWN])
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    what = "what looks like a secret" if len(prints) == 1 else f"{len(prints)} things that look like secrets"
    raise Conflict(
        f"{name} holds {what}: {told}{more}",
        f"take it out (an environment variable can hold it), or if it is none: --allow {','.join(prints)}",
    )


def _told(finding: SecretFinding) -> str:
    if finding.cell is None and finding.where == "source":
        return f"line {finding.line}, {finding.kind} ({finding.fingerprint})"
    place = "the notebook's" if finding.cell is None else f"cell {finding.cell}"
    line = "" if finding.line is None else f" line {finding.line}"
    return f"{place} {finding.where}{line}, {finding.kind} ({finding.fingerprint})"


def _fingerprint(project: str, kind: str, secret: bytes) -> str:
    salt = f"mlops secret\0{project}\0{kind}".encode("utf-8", "replace")
    return hashlib.scrypt(secret, salt=salt, **_SCRYPT).hex()


def _pieces(notebook: Mapping[str, Any] | str) -> Iterator[_Piece]:
    if isinstance(notebook, str):
        yield _Piece(notebook, None, None, "source")
        return
    for place, cell in enumerate(notebook["cells"]):
        ident = cell.get("id")
        cell_id = ident if isinstance(ident, str) else None
        yield _Piece(source(cell), place, cell_id, "source")
        for bundle in _values(cell.get("attachments")):
            for text in _bundle_texts(bundle):
                yield _Piece(text, place, cell_id, "source")
        outputs = cell.get("outputs")
        for output in outputs if isinstance(outputs, list) else ():
            for text in _output_texts(output):
                yield _Piece(text, place, cell_id, "output")
        yield _Piece("\n".join(_leaves(cell.get("metadata"))), place, cell_id, "metadata")
    yield _Piece("\n".join(_leaves(notebook.get("metadata"))), None, None, "metadata")


def _output_texts(output: Mapping[str, Any]) -> Iterator[str]:
    if "text" in output:
        yield _COLOUR.sub("", _text(output["text"]))
    # A traceback colours the source that it shows, piece by piece.
    if "traceback" in output or "evalue" in output:
        lines = output.get("traceback")
        shown = "\n".join(line for line in lines if isinstance(line, str)) if isinstance(lines, list) else ""
        yield _COLOUR.sub("", shown)
        yield _COLOUR.sub("", _text(output.get("evalue")))
    yield from _bundle_texts(output.get("data"))
    yield "\n".join(_leaves(output.get("metadata")))


def _bundle_texts(bundle: Any) -> Iterator[str]:
    if not isinstance(bundle, dict):
        return
    for mime, data in bundle.items():
        if mime.startswith(_MEDIA) and mime != _TEXT_MEDIA:
            continue
        if isinstance(data, dict):
            yield "\n".join(_leaves(data))
            continue
        text = _EMBEDDED.sub("", _COLOUR.sub("", _text(data)))
        yield text
        if mime in {"text/html", _TEXT_MEDIA}:
            # Highlighted code has tags within its strings and its quotes as entities.
            yield html.unescape(_TAG.sub("", text))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    return "\n".join(_leaves(value))


def _leaves(value: Any, key: str = "") -> Iterator[str]:
    """Write each text of a tree as the assignment that it is, so that a name tells what it holds."""
    todo: list[tuple[str, Any]] = [(key, value)]
    while todo:
        name, part = todo.pop()
        if isinstance(part, dict):
            todo += [(str(key), inner) for key, inner in reversed(part.items())]
        elif isinstance(part, list):
            todo += [(name, inner) for inner in reversed(part)]
        elif isinstance(part, str):
            yield f'"{name}": "{_EMBEDDED.sub("", part)}"' if name else _EMBEDDED.sub("", part)


def _values(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else ()
