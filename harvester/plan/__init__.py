"""Which windows to read, in which order, and how wide."""
