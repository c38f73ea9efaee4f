"""Making a failing script small: delta debugging, bounded in time."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def shrink(
    script: Sequence[T],
    fails: Callable[[Sequence[T]], bool],
    *,
    is_time_left: Callable[[], bool],
) -> list[T]:
    """Drop halves, quarters and at last single operations while it still fails.

    Args:
        script: A script that was seen to fail.
        fails: Runs a part of it.
        is_time_left: Asked before every run; what was reached by then is the answer.

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
