"""Kernels forked from a warm process: what ``jupyter_client`` calls, and the kernel itself."""
