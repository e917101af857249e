"""The least that IPython calls an extension: what ``%load_ext`` costs by itself."""

from __future__ import annotations


def load_ipython_extension(shell: object) -> None:
    """Register nothing."""
