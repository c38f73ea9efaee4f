"""JSON that an API server answers; over a connection in ``test_client_answers.py``."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.kube.answers import as_items, as_mapping, as_object, parse_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
TEXT = st.text(st.characters(codec=None))


@given(JSON)
def test_json_is_parsed(value) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@given(TEXT)
def test_parsed_text_can_be_encoded(text) -> None:
    parsed = parse_json(json.dumps(text).encode())

    assert len(parsed) <= len(text)
    parsed.encode()


def test_surrogate_that_is_encoded_is_refused() -> None:
    """UTF-8 has no surrogates; ``json.loads`` alone would accept these bytes."""
    with pytest.raises(ValueError, match="utf-8"):
        parse_json(b'"\xed\xa0\x80"')


@given(JSON)
def test_any_answer_is_an_object_or_refused(value) -> None:
    """No other exception: it would end the informer."""
    for read in (as_object, lambda body: as_items(as_mapping(body))):
        with suppress(ValueError):
            read(value)


def test_answer_that_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json(b"[" * 100_000)
