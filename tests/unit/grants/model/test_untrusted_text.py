"""Valid Unicode, and caches of bounded size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.grants.model.untrusted_text import (
    SHORT,
    cached_if_short,
    utf8_size,
    valid_text,
)

ANY_TEXT = st.text(st.characters(exclude_categories=[]))


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        pytest.param("alice", "alice", id="a name"),
        pytest.param("Zoë 😀", "Zoë 😀", id="letters and emoji"),
        pytest.param("a\ud800b", "a\ufffdb", id="a lone high surrogate"),
        pytest.param("\udfff", "\ufffd", id="a lone low surrogate"),
        pytest.param("a\x00", "a\x00", id="a NUL, which is valid"),
    ],
)
def test_surrogates_are_replaced(text: str, valid: str) -> None:
    assert valid_text(text) == valid


@given(ANY_TEXT)
def test_valid_text_has_a_size_in_utf8(text: str) -> None:
    assert utf8_size(valid_text(text)) == len(valid_text(text).encode())
    assert utf8_size(text) == utf8_size(valid_text(text))


def test_result_for_short_texts_is_computed_once() -> None:
    calls: list[str] = []

    @cached_if_short(4)
    def call(one: str, two: str) -> str:
        calls.append(one + two)
        return one + two

    half = "x" * (SHORT // 2)
    for _ in range(2):
        assert call(half, half) == half * 2
        assert call(half, half + "x") == half * 2 + "x"

    assert len(calls) == 3
    assert call.cache_info().currsize == 1
    call.cache_clear()
    assert call.cache_info().currsize == 0
