"""Models on this machine: their folders, what they need, and whether they may be loaded."""
