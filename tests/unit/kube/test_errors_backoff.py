"""Delays between failed attempts: doubled, capped, with jitter."""

import asyncio

from argogrant.kube.errors import Backoff


def test_delays_double_up_to_the_longest() -> None:
    backoff = Backoff(first=1.0, longest=6.0)
    delays = [backoff.next_delay() for _ in range(5)]

    limits = (1.0, 2.0, 4.0, 6.0, 6.0)
    for delay, limit in zip(delays, limits, strict=True):
        assert limit / 2 <= delay <= limit


def test_reset_begins_with_the_first_delay_again() -> None:
    backoff = Backoff(first=1.0, longest=60.0)
    backoff.next_delay()
    assert backoff.has_failed
    backoff.reset()

    assert not backoff.has_failed
    assert backoff.next_delay() <= 1.0


async def test_wait_ends_when_retry_now_is_called() -> None:
    backoff = Backoff(first=60.0, longest=60.0)
    loop = asyncio.get_running_loop()
    began = loop.time()
    loop.call_later(5.0, backoff.retry_now)
    await backoff.wait()

    assert loop.time() - began == 5.0


async def test_retry_now_before_a_wait_skips_one_wait_only() -> None:
    backoff = Backoff(first=60.0, longest=60.0)
    loop = asyncio.get_running_loop()
    backoff.retry_now()
    began = loop.time()
    await backoff.wait()
    skipped = loop.time() - began
    await backoff.wait()

    assert skipped == 0.0
    assert loop.time() - began >= 30.0
