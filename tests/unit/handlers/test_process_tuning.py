"""The collector of cycles does not run in the middle of ten thousand decisions."""

import gc
from collections.abc import Iterator

import pytest

from argogrant.handlers.process_tuning import tune_gc


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_ten_thousand_new_objects_start_no_collection():
    tune_gc()
    gc.collect()
    before = [generation["collections"] for generation in gc.get_stats()]

    made = [[number] for number in range(10_000)]

    assert [generation["collections"] for generation in gc.get_stats()] == before
    assert len(made) == 10_000
