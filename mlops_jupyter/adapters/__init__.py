"""One product a file; the registry loads them, nobody imports them."""
