"""The sources of cells as a number, which a front end computes as well: whether they are still the same.

It is CRC-32: against what nobody has changed on purpose, without the secure context that a browser wants for more.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

from .notebooks import reading


def checksum(source: str) -> str:
    """Return the checksum of one text, in eight hexadecimal digits."""
    # Half of a surrogate pair has no UTF-8; a browser puts this in its place.
    whole = source.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return f"{zlib.crc32(whole.encode()):08x}"


def checksum_of_cells(notebook: Mapping[str, Any]) -> str:
    """Return the checksum of all cells' types and sources, in their order.

    Parameters
    ----------
    notebook
        As `reading.read` returns it.
    """
    return checksum("".join(f"{cell['cell_type']}\0{reading.source(cell)}\0" for cell in notebook["cells"]))
