"""Notebooks as values: read from bytes, stripped of outputs, put side by side.

A notebook is the plain ``dict`` of its JSON, nbformat 4. Nothing here imports nbformat, whose import costs a
second where JupyterLab is installed.
"""
