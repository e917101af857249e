"""The endpoint: one supervisor and its workers, started as processes of their own."""
