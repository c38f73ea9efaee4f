r"""Texts that other people write: valid Unicode, and caches of bounded size.

JSON and YAML can spell a lone surrogate (``\ud800``), which has no UTF-8: every later
``str.encode`` would raise. Readers therefore pass each text through ``valid_text``
once, where it enters.

A cache that is keyed by such texts keeps a copy of each. ``cached_if_short`` bounds it
by bytes: the result for a long text is computed again each time. What is parsed from a
long text stays with the object that contains the text, and is dropped with it.
"""

import re
from collections.abc import Callable
from functools import lru_cache, update_wrapper
from typing import Final, Generic, TypeVar, TypeVarTuple

Texts = TypeVarTuple("Texts")
T = TypeVar("T")

SHORT: Final = 160
"""Characters of the texts that a cache keeps as one key; most lines have up to 100."""
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


def valid_text(text: str) -> str:
    """Replace each lone surrogate with U+FFFD, as Go's ``encoding/json`` does."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def utf8_size(text: str) -> int:
    """Return the bytes of a text in UTF-8; a lone surrogate has three."""
    if text.isascii():
        return len(text)
    return len(text.encode("utf-8", "surrogatepass"))


class CachedIfShort(Generic[*Texts, T]):
    """Function of texts that remembers its results for short texts."""

    def __init__(
        self, function: Callable[[*Texts], T], entries: int, short: int
    ) -> None:
        cached = lru_cache(maxsize=entries)(function)
        self.cache_clear, self.cache_info = cached.cache_clear, cached.cache_info
        self._function, self._cached, self._short = function, cached, short
        update_wrapper(self, function)

    def __call__(self, *texts: *Texts) -> T:
        """Return the remembered result, or compute it."""
        if sum(map(len, texts)) <= self._short:  # type: ignore[arg-type]
            return self._cached(*texts)
        return self._function(*texts)


def cached_if_short(
    entries: int, *, short: int = SHORT
) -> Callable[[Callable[[*Texts], T]], CachedIfShort[*Texts, T]]:
    """Cache a function of texts in at most this many entries.

    The texts of the cache have at most ``entries`` times ``short`` characters.
    """
    return lambda function: CachedIfShort(function, entries, short)
