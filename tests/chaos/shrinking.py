"""Minimization of a failing script: delta debugging within a time limit."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def shrink(
    script: Sequence[T],
    fails: Callable[[Sequence[T]], bool],
    *,
    is_time_left: Callable[[], bool],
) -> list[T]:
    """Remove halves, quarters and finally single operations while it still fails.

    Args:
        script: Script that has failed.
        fails: Runs a part of it, and returns whether it fails.
        is_time_left: Called before every run; False ends the search.

    Source: Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input".
    """
    small, size = list(script), max(1, len(script) // 2)
    while True:
        before = len(small)
        start = 0
        while start < len(small):
            if not is_time_left():
                return small
            tried = small[:start] + small[start + size :]
            if tried and fails(tried):
                small = tried
            else:
                start += size
        if size == 1 and len(small) == before:
            return small
        if len(small) == before:
            size = max(1, size // 2)
