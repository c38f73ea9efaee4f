"""Python's collector of cycles, which looks at all that lives, again and again.

A change of an instance's facts makes ten thousand decisions at once. By its defaults
the collector runs after every 700 new objects, so that it took a tenth of that time and
found nothing. What it does find, kopf's and aiohttp's cycles, can wait a little.

Source: https://docs.python.org/3.11/library/gc.html#gc.set_threshold.
"""

import gc
from typing import Final

_NEW_OBJECTS: Final = 20_000
_YOUNGER_COLLECTIONS: Final = 20


def collect_seldom() -> None:
    """Let many objects be made before the collector looks for cycles."""
    gc.set_threshold(_NEW_OBJECTS, _YOUNGER_COLLECTIONS, _YOUNGER_COLLECTIONS)
