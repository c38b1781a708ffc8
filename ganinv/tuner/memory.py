"""How the C library handles the memory that a training step frees and asks for again."""

import ctypes
import sys
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
LARGEST_MMAP_THRESHOLD = 32 * 2**20  # bytes; glibc refuses more
KEPT = 2**31 - 1  # bytes at the heap's top that stay with the process; the largest int


@cache
def keep_freed_memory() -> bool:
    """Ask glibc to keep freed blocks for the next step; -> whether it does. Elsewhere nothing happens.

    By default it hands each activation of more than 128 kB back to the kernel, and the page faults of asking for them
    anew take a tenth of a step on a CPU.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST_MMAP_THRESHOLD) and mallopt(M_TRIM_THRESHOLD, KEPT))
