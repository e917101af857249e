"""git's clean filter: ``python -m mlops_jupyter.faces.git_filter``, one process for all notebooks of a git command.

git speaks its long-running filter process protocol with it, version 2 (gitattributes(5)): packets of four
hexadecimal digits that give the length, and content. It only cleans: what comes out of a commit goes into the working
tree as it is, without passing here. With the argument ``clean`` it takes one notebook from its input, for programs that
read git's settings but do not know the protocol (nbdime, JGit).

What is no notebook passes unchanged, and a line says so: a filter must neither lose content nor stop ``git add``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import BinaryIO

from ..capabilities.notebooks.reading import read
from ..capabilities.notebooks.stripping import dumps, strip
from ..errors import MlopsError

_HEADER = 4
_MOST = 65516
_FLUSH = b"0000"
_VERSION = b"version=2"
_CAPABILITY = b"capability=clean"
_INTERRUPTED = 130


class _ProtocolError(Exception):
    """What came is none of git's packets."""


def clean(content: bytes, name: str) -> tuple[bytes, str | None]:
    """Strip a notebook of what does not belong into a commit.

    Parameters
    ----------
    content
        The file's bytes.
    name
        What the file is called in the sentence.

    Returns
    -------
    tuple
        The bytes to commit, and why they are the file's own, if they are.
    """
    try:
        return dumps(strip(read(content, name, exact=True))), None
    except MlopsError as error:
        return content, error.message
    except RecursionError:
        return content, f"{name} is nested too deeply"


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer git until it has no more notebooks.

    Parameters
    ----------
    source, sink
        The two ends of the pipes to git.
    """
    try:
        opening = _lines(source)
        _expect(opening[:1] == [b"git-filter-client"] and _VERSION in opening[1:], opening)
        _send(sink, b"git-filter-server\n", _VERSION + b"\n")
        offered = _lines(source)
        _expect(_CAPABILITY in offered, offered)
        _send(sink, _CAPABILITY + b"\n")
        while True:
            _answer(source, sink)
    except EOFError:
        # git has nothing more to ask, or was ended.
        return


def _answer(source: BinaryIO, sink: BinaryIO) -> None:
    request = dict(_pairs(_lines(source)))
    content = b"".join(_packets(source))
    if request.get(b"command") != b"clean":
        _send(sink, b"status=error\n")
        return
    cleaned, unchanged_because = clean(content, os.fsdecode(request.get(b"pathname", b"a file")))
    if unchanged_because is not None:
        _tell(unchanged_because)
    _send(sink, b"status=success\n")
    view = memoryview(cleaned)
    _send(sink, *(view[start : start + _MOST] for start in range(0, len(view), _MOST)))
    # An empty list keeps the status as it was told.
    _send(sink)


def _packets(source: BinaryIO) -> Iterator[bytes]:
    """Return the packets up to the next flush."""
    while (size := _size(source)) > 0:
        yield _exactly(source, size - _HEADER)


def _size(source: BinaryIO) -> int:
    digits = _exactly(source, _HEADER)
    try:
        size = int(digits, 16)
    except ValueError:
        size = -1
    _expect(size == 0 or size >= _HEADER, digits)
    return size


def _exactly(source: BinaryIO, size: int) -> bytes:
    content = source.read(size)
    if len(content) < size:
        raise EOFError
    return content


def _lines(source: BinaryIO) -> list[bytes]:
    return [packet.removesuffix(b"\n") for packet in _packets(source)]


def _pairs(lines: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    for line in lines:
        key, _, value = line.partition(b"=")
        yield key, value


def _send(sink: BinaryIO, *packets: bytes | memoryview) -> None:
    for packet in packets:
        sink.write(b"%04x" % (len(packet) + _HEADER))
        sink.write(packet)
    sink.write(_FLUSH)
    sink.flush()


def _expect(right: bool, said: object) -> None:  # noqa: FBT001 -- reads as a sentence
    if not right:
        raise _ProtocolError(f"unexpected: {said!r}")


def _tell(reason: str) -> None:
    sys.stderr.write(f"mlops: {reason}; git gets it as it is\n")
    sys.stderr.flush()


def main(words: list[str]) -> int:
    """Serve git, or clean the one notebook at the input; ``check`` only tells that it starts."""
    try:
        if words == ["clean"]:
            cleaned, unchanged_because = clean(sys.stdin.buffer.read(), "the notebook")
            if unchanged_because is not None:
                _tell(unchanged_because)
            sys.stdout.buffer.write(cleaned)
        elif words != ["check"]:
            serve(sys.stdin.buffer, sys.stdout.buffer)
    except _ProtocolError as error:
        sys.stderr.write(f"mlops: git's filter protocol was not kept: {error}\n")
        return 1
    except BrokenPipeError:
        # Nobody is left who reads; Python would try once more when it ends, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
