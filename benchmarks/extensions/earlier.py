"""An extension that is loaded before the measured one, so that IPython's own first ``%load_ext`` lies behind."""

from __future__ import annotations


def load_ipython_extension(shell: object) -> None:
    """Register nothing."""
