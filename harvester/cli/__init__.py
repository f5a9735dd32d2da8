"""The command line: commands, exit codes, signals, and what a user sees."""

import os

# For Parquet's own pages, too; Arrow reads it once, when it is loaded. See pipeline._frugal_memory.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
