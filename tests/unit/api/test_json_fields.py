"""Lenient readers of JSON: a value of another type is left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.api.json_fields import (
    get_dict,
    get_dicts,
    get_int,
    get_list,
    get_str,
    get_text_map,
    get_texts,
    get_time,
)
from support.builders import NOON
from support.hypothesis_strategies import foreign_json

READERS = (
    *(get_dict, get_dicts, get_int, get_list),
    *(get_str, get_text_map, get_texts, get_time),
)


@pytest.mark.parametrize(
    ("read", "value", "result"),
    [
        pytest.param(get_dict, {"a": 1}, {"a": 1}, id="an object"),
        pytest.param(get_dict, [1], {}, id="a list is no object"),
        pytest.param(get_list, [1, "a"], [1, "a"], id="a list"),
        pytest.param(get_list, "text", [], id="a text is no list"),
        pytest.param(get_dicts, [{"a": 1}, 2], [{"a": 1}, {}], id="indices are kept"),
        pytest.param(get_str, "a\ud800", "a\ufffd", id="a surrogate is replaced"),
        pytest.param(get_str, 7, "", id="a number is no text"),
        pytest.param(get_texts, ["a", 7, None], ("a",), id="texts of a list"),
        pytest.param(get_text_map, {"a": "b", "c": 1}, {"a": "b"}, id="a text map"),
        pytest.param(get_int, 7, 7, id="an integer"),
        pytest.param(get_int, 1 << 63, 0, id="an integer beyond 64 bits"),
        pytest.param(get_int, float("nan"), 0, id="a float is no integer"),
        pytest.param(get_time, "2026-11-24T12:00:00Z", NOON, id="a time"),
        pytest.param(get_time, "tomorrow", None, id="no time"),
    ],
)
def test_field_is_read(read, value, result) -> None:
    assert read({"key": value}, "key") == result


@given(st.sampled_from(READERS), foreign_json)
def test_no_value_raises(read, value) -> None:
    """A missing field has the result of one with another type."""
    assert read({}, "key") in ({}, [], (), "", 0, None)
    read({"key": value}, "key")
