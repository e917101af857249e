"""Processes forked from one that has imported what they need (docs/decisions/0020). Linux only.

A server has one base process. For each set of imports the base forks a family, which imports and from then on forks
the children asked for; `ForkServer` is the client.
"""

from __future__ import annotations

from .client import Forked, ForkServer, Refusal, supported
from .linux import proportional_bytes

__all__ = ["ForkServer", "Forked", "Refusal", "proportional_bytes", "supported"]
