"""What `mlops run` imports, for the warm process that it is forked from."""

from __future__ import annotations

from ...commands import run
from .. import terminal
from ..views import batch, execution
from ..views import run as card

__all__ = ["batch", "card", "execution", "run", "terminal"]
