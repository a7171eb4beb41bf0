"""How the process hands memory back to the system, which costs time at every large tensor."""

from __future__ import annotations

import ctypes
import platform

# Of mallopt(3).
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
LARGEST_INT = 2**31 - 1
STEP_BYTES = 64 * 2**20


def keeps_memory() -> bool:
    """Say whether `keep_freed_memory` works here: the C library is glibc."""
    return platform.libc_ver()[0] == "glibc"


def keep_freed_memory() -> bool:
    """Keep freed memory in this process from now on; returns whether that worked.

    glibc gives every large block back to the system when it is freed. The next one of its size then
    comes in pages that the system has to clear first, again and again in each training step. With
    this the process stays as large as it ever was, and computes the same numbers.
    """
    if not keeps_memory():
        return False
    library = ctypes.CDLL(None)
    wanted = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: LARGEST_INT, M_TOP_PAD: STEP_BYTES}
    taken = [library.mallopt(option, value) for option, value in wanted.items()]
    return all(taken)
