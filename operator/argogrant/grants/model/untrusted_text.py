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
from functools import _CacheInfo, lru_cache, update_wrapper
from inspect import signature
from typing import Final, Protocol, TypeVar, TypeVarTuple, cast

Texts = TypeVarTuple("Texts")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

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


_OfTexts = Callable[[*tuple[str, ...]], T]


class CachedIfShort(Protocol[*Texts, T_co]):
    """Function of texts that remembers its results for short texts."""

    cache_clear: Callable[[], None]
    cache_info: Callable[[], _CacheInfo]

    def __call__(self, *texts: *Texts) -> T_co:
        """Return the remembered result, or compute it."""


def cached_if_short(
    entries: int, *, short: int = SHORT
) -> Callable[[Callable[[*Texts], T]], CachedIfShort[*Texts, T]]:
    """Cache a function of texts in at most this many entries.

    The texts of the cache have at most ``entries`` times ``short`` characters.
    """

    def decorate(function: Callable[[*Texts], T]) -> CachedIfShort[*Texts, T]:
        cached = lru_cache(maxsize=entries)(function)
        remember = cast("_OfTexts[T]", cached)
        compute = cast("_OfTexts[T]", function)

        # A reconciliation calls the functions of one text ten thousand times.
        def of_one(text: str) -> T:
            return remember(text) if len(text) <= short else compute(text)

        def of_several(*texts: str) -> T:
            is_short = sum(map(len, texts)) <= short
            return remember(*texts) if is_short else compute(*texts)

        takes_one = len(signature(function).parameters) == 1
        call = update_wrapper(of_one if takes_one else of_several, function)
        vars(call).update(cache_clear=cached.cache_clear, cache_info=cached.cache_info)
        return cast("CachedIfShort[*Texts, T]", call)

    return decorate
