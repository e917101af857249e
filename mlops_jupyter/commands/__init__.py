"""The verbs: resolve references, choose an adapter, call, return a record. No printing."""
