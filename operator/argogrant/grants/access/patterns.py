"""Regular expressions that people write into access policies.

They are RE2, as in CEL: whatever a person writes, matching takes time in proportion to
the text. Python's own ``re`` could be made to stall every revocation.
"""

from functools import lru_cache
from typing import Protocol, cast

import re2


class _Pattern(Protocol):
    def search(self, text: str) -> object: ...


def pattern_problem(pattern: str) -> str | None:
    """Say why this is no RE2 pattern, or None if it is one."""
    try:
        _compiled(pattern)
    except re2.error as error:
        return _words_of(error)
    return None


def is_found(pattern: str, text: str) -> bool:
    """Tell whether the pattern is found anywhere; what is no pattern never is."""
    try:
        return _compiled(pattern).search(text) is not None
    except re2.error:
        return False


@lru_cache(maxsize=1 << 8)
def _compiled(pattern: str) -> _Pattern:
    options = re2.Options()
    options.log_errors = False  # or it would print them itself
    return cast("_Pattern", re2.compile(pattern, options=options))


def _words_of(error: Exception) -> str:
    """The message, which re2 gives as bytes."""
    (message,) = error.args
    return message.decode() if isinstance(message, bytes) else str(message)
