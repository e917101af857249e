"""What lives under a cell while it runs; each has a static counterpart in ``faces/views``."""
