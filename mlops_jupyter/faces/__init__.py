"""Magic, terminal and Python: they parse and render, and hold no logic."""
