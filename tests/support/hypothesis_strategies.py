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

hostile: Final = st.text(
    st.sampled_from("ab ,\"'\n\r\t#:*\\;\u00a0\u2028\u200b\x1cg"), max_size=12
)
"""Text of separators, quotes and invisible characters."""
