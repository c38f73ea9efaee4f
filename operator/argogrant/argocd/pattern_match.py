"""Pattern matching of ``p`` lines as in Argo CD.

Source: argoproj/argo-cd, ``util/rbac/rbac.go``, ``globMatchFunc`` and
``SetMatchMode``: gobwas/glob without separators. If ``policy.matchMode`` is ``regex``:
Go's regular expressions, which may match anywhere in the text.
"""

import re
from functools import lru_cache
from typing import Final

from argogrant.grants.access.policy import matches_pattern

REGEX_MODE: Final = "regex"
"""Value of ``policy.matchMode`` for regular expressions; all others mean globs."""


@lru_cache(maxsize=1 << 12)
def pattern_matches(pattern: str, text: str, *, mode: str) -> bool:
    """Return whether a pattern of a ``p`` line matches a text of a request.

    An invalid pattern matches nothing. ``mode`` is the value of ``policy.matchMode``.
    """
    if mode == REGEX_MODE:
        return matches_pattern(pattern, text)
    expression = _expression_of(pattern)
    return expression is not None and matches_pattern(expression, text)


def _expression_of(glob: str) -> str | None:
    r"""Translate a glob into an equivalent regular expression.

    Returns:
        None if the glob is invalid: a bracket or a brace is not closed.

    Source: gobwas/glob, ``readme.md``: ``*``, ``**``, ``?``, ``[abc]``, ``[!a-z]``,
    ``{one,other}``, and ``\`` before a literal character.
    """
    parts: list[str] = []
    depth, position = 0, 0
    while position < len(glob):
        token = _TOKEN.match(glob, position)
        if token is None:
            return None
        position = token.end()
        parts.append(_translated(token[0], inside=depth > 0))
        depth += (token[0] == "{") - (token[0] == "}" and depth > 0)
    return rf"\A(?s:{''.join(parts)})\z" if depth == 0 else None


_TOKEN: Final = re.compile(r"\\.|\[!?[^\]\\]+\]|[^\\\[]", re.DOTALL)
_OUTSIDE: Final = {"*": ".*", "?": ".", "{": "(?:"}
_INSIDE: Final = {**_OUTSIDE, ",": "|", "}": ")"}


def _translated(token: str, *, inside: bool) -> str:
    """Translate one token of a glob; ``inside`` braces a comma separates choices."""
    if token[0] == "[":
        negated = token[1] == "!"
        listed = token[1 + negated : -1].replace("^", r"\^")
        return f"[{'^' if negated else ''}{listed}]"
    return (_INSIDE if inside else _OUTSIDE).get(token, re.escape(token[-1]))
