"""Logic that needs thought; protocols and values come in as arguments, and no product is named here."""
