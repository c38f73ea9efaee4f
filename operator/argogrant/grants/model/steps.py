"""Long work that is computed in steps; the caller decides when to do the next one."""

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")
Steps = Generator[int, None, T]
"""Yields after each step the work that it took, in lines, roles or grants."""


def completed(steps: Steps[T]) -> T:
    """Do all steps, and return the result."""
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            result: T = ended.value
            return result
