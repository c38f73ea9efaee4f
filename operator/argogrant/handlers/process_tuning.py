"""The C library's heap, which keeps what is freed unless it is told to give it back.

Live memory stays flat while grants come and go: a burst needs some megabytes more for a
while, and what it freed lies between objects that live on. glibc returns only the top
of its heap by itself, so that each burst that comes at a worse moment than all before
it would leave the process larger for ever.

Source: mallopt(3), malloc_trim(3). Where the C library has no such functions (musl,
macOS) nothing is done; nothing but the size of the process depends on it.

Python's collector of cycles, which looks at all that lives, again and again.

A change of an instance's facts makes ten thousand decisions at once. By its defaults
the collector runs after every 700 new objects, so that it took a tenth of that time and
found nothing. What it does find, kopf's and aiohttp's cycles, can wait a little.

Source: https://docs.python.org/3.11/library/gc.html#gc.set_threshold.
"""

import ctypes
import gc
from typing import Final

_LIBRARY: Final = ctypes.CDLL(None)
_M_ARENA_MAX: Final = -8
"""Source: glibc, ``malloc/malloc.h``."""


def limit_arenas() -> None:
    """Let no thread have a heap of its own: ours do little, and wait for each other."""
    if hasattr(_LIBRARY, "mallopt"):
        _LIBRARY.mallopt(_M_ARENA_MAX, 1)


def trim_heap() -> None:
    """Return every page of the heap in which nothing lives to the kernel."""
    if hasattr(_LIBRARY, "malloc_trim"):
        _LIBRARY.malloc_trim(0)


_NEW_OBJECTS: Final = 20_000
_YOUNGER_COLLECTIONS: Final = 20


def tune_gc() -> None:
    """Let many objects be made before the collector looks for cycles."""
    gc.set_threshold(_NEW_OBJECTS, _YOUNGER_COLLECTIONS, _YOUNGER_COLLECTIONS)
