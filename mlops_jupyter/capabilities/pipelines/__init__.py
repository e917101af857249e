"""Pipelines of CI systems: their steps as values, and their files between us and the user who edits them."""
