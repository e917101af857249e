"""Drift: how far what a model is asked and answers has moved from what it was trained on.

Everything rests on summaries of bounded memory that can be merged (`Profile`): the baseline is one, what an endpoint
sees in a window is one, and so is a file. docs/monitoring.md says what they hold and what is approximate.
"""

from .baseline import Baseline, profile_like, settled
from .columns import Column
from .comparing import compare
from .profiles import Profile
from .quantities import Quantities
from .thresholds import Thresholds
from .values import Kind
from .words import Words

__all__ = [
    "Baseline",
    "Column",
    "Kind",
    "Profile",
    "Quantities",
    "Thresholds",
    "Words",
    "compare",
    "profile_like",
    "settled",
]
