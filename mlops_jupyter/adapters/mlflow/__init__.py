"""MLflow: the store of runs, read; the same, written from journals; and what plain MLflow code of a process sees."""
