"""The server face: verbs, what is going on, and endpoints, under ``/mlops-jupyter/`` of a Jupyter server."""
