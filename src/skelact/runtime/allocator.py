"""What the C library does with freed memory, which decides how fast large temporaries are on a CPU."""

import ctypes
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # parameters of glibc's mallopt
LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let glibc keep freed memory for the next allocation instead of handing it back to the system.

    A training step frees and asks for the same hundreds of megabytes again and again, reading a recording for some
    hundred kilobytes; every time, the system would clear them page by page. Returns whether the C library
    understood; other systems are left alone.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # not glibc
        return False
    return bool(mallopt(MMAP_THRESHOLD, LARGEST)) & bool(mallopt(TRIM_THRESHOLD, LARGEST))
