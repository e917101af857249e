"""Papermill: the process that executes notebooks, the engine that does it, and how it is reached."""
