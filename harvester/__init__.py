"""Moves the history of a Voximplant account into partitioned Parquet, and proves that nothing is missing."""

__version__ = "0.1.0"
