"""The buckets that durations and sizes are counted in."""

from __future__ import annotations

# Seconds. Below 5 ms lies what a small model takes.
DURATION_BOUNDS = (
    *(0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
SIZE_BOUNDS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0, 4_096.0, 16_384.0, 100_000.0)


def bound_for(duration_s: float) -> float:
    """Return the bucket's upper bound that a limit for durations is counted by: the smallest that is not below it."""
    return next((bound for bound in DURATION_BOUNDS if bound >= duration_s), DURATION_BOUNDS[-1])
