"""Hypothesis strategies that several tests share."""

import unicodedata
from typing import Final

from hypothesis import strategies as st

from argogrant.grants.model.validation import validate_name

_VISIBLE: Final = st.characters(exclude_categories=["C", "Z"], include_characters=" ")


def _normalize(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip(" ")


names: Final = (
    st.text(st.one_of(_VISIBLE, st.sampled_from(" ,\"'#*:;\\")), max_size=8)
    .map(_normalize)
    .filter(lambda name: validate_name(name) is None)
)
"""Valid names, with many characters that are special in Argo CD's policies."""

_foreign_text: Final = st.one_of(
    st.text(st.characters(exclude_categories=[]), max_size=8),
    st.sampled_from(
        ["\ud800", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "[&a x, *a]"]
    ),
)
_foreign_number: Final = st.one_of(
    st.integers(), st.floats(), st.just(10**400), st.booleans(), st.none()
)
foreign_json: Final = st.recursive(
    st.one_of(_foreign_text, _foreign_number),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(_foreign_text, inner, max_size=3),
    ),
    max_leaves=5,
)
"""Any JSON: every type, lone surrogates, large numbers, unusual times."""


def foreign(valid: object) -> st.SearchStrategy[object]:
    """Return a strategy for a valid JSON value in which some parts are foreign JSON."""
    if isinstance(valid, dict):
        parts: st.SearchStrategy[object] = st.fixed_dictionaries(
            {}, optional={key: foreign(value) for key, value in valid.items()}
        )
    elif isinstance(valid, list):
        items = [foreign(value) for value in valid]
        parts = st.lists(st.one_of(*items, foreign_json), max_size=4)
    else:
        parts = st.just(valid)
    return st.one_of(parts, parts, parts, foreign_json)


hostile: Final = st.text(
    st.sampled_from("ab ,\"'\n\r\t#:*\\;\u00a0\u2028\u200b\x1cg"), max_size=12
)
"""Text of separators, quotes and invisible characters."""
