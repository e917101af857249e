"""One module a record: its text and its HTML."""
