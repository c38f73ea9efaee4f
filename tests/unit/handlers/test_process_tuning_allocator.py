"""What was freed goes back to the kernel, also from between what lives on."""

from pathlib import Path

import pytest

from argogrant.handlers import process_tuning as allocator

MEGABYTE = 2**20
SIZE = 2000
"""Bytes; what is smaller than 512 Python keeps in pools of its own."""
COUNT = 32 * MEGABYTE // SIZE
KEPT = 100
"""One in so many lives on."""


def test_what_is_freed_between_what_lives_on_is_given_back():
    allocator.limit_arenas()
    burst = [bytes(SIZE) for _ in range(COUNT)]
    living = burst[::KEPT]
    burst.clear()
    before = resident()

    allocator.trim_heap()

    assert before - resident() > 16 * MEGABYTE
    assert len(living) == len(range(0, COUNT, KEPT))


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(allocator, "_LIBRARY", object())

    allocator.limit_arenas()
    allocator.trim_heap()


def resident() -> int:
    """Bytes of this process that are in memory."""
    status = Path("/proc/self/status").read_text().splitlines()
    line = next(line for line in status if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024
