"""The command line: commands, exit codes, signals, and what a user sees."""

import atexit
import ctypes
import gc
import os

_ARENA_MAX = -8  # the option's number in glibc's malloc.h

# Both are looked at once: before Arrow is loaded, and before the first thread starts.
# Parquet's own pages are in the memory that Arrow chooses by this; see also work.workplace.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
# One thread makes the rows and another writes them; each would keep what is free for itself.
if hasattr(_libc := ctypes.CDLL(None), "mallopt"):
    _libc.mallopt(_ARENA_MAX, 1)
os.environ.setdefault("MALLOC_ARENA_MAX", "1")  # the same for processes that it starts
# At its end Python would look for garbage in all there is, though all of it is about to go: 0.15 s.
atexit.register(gc.freeze)
