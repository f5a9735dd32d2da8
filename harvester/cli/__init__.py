"""The command line: commands, exit codes, signals, and what a user sees."""

import os

# Arrow's C++ side, which holds Parquet's pages, reads it once, when it is loaded: see pipeline._frugal_memory.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
