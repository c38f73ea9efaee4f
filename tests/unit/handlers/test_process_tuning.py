"""The collector of cycles does not run in the middle of ten thousand decisions."""

import gc
from collections.abc import Iterator

import pytest

from argogrant.handlers.process_tuning import collect_seldom


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_ten_thousand_new_objects_start_no_collection():
    collect_seldom()
    gc.collect()
    before = [generation["collections"] for generation in gc.get_stats()]

    made = [[number] for number in range(10_000)]

    assert [generation["collections"] for generation in gc.get_stats()] == before
    assert len(made) == 10_000
