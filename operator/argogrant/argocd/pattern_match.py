"""Pattern matching of ``p`` lines as in Argo CD.

Source: argoproj/argo-cd, ``util/rbac/rbac.go``, ``globMatchFunc`` and
``SetMatchMode``: gobwas/glob without separators. If ``policy.matchMode`` is ``regex``:
Go's regular expressions, which may match anywhere in the text.
"""

import re
from typing import Final

from argogrant.grants.access.policy import matches_foreign_pattern
from argogrant.grants.model.untrusted_text import cached_if_short

REGEX_MODE: Final = "regex"
"""Value of ``policy.matchMode`` for regular expressions; all others mean globs."""


def pattern_matches(pattern: str, text: str, *, mode: str) -> bool:
    """Return whether a pattern of a ``p`` line matches a text of a request.

    An invalid pattern matches nothing. ``mode`` is the value of ``policy.matchMode``.
    """
    if mode == REGEX_MODE:
        return _expression_matches(pattern, text)
    if pattern == "*":
        return True
    if not _SPECIAL.search(pattern):
        return pattern == text
    return _glob_matches(pattern, text)


@cached_if_short(1 << 12)
def _expression_matches(pattern: str, text: str) -> bool:
    return matches_foreign_pattern(pattern, text)


@cached_if_short(1 << 12)
def _glob_matches(glob: str, text: str) -> bool:
    expression = _expression_of(glob)
    return expression is not None and matches_foreign_pattern(expression, text)


_SPECIAL: Final = re.compile(r"[*?{\[\\]")
"""Characters without which a glob is literal."""


def _expression_of(glob: str) -> str | None:
    r"""Translate a glob into an equivalent regular expression.

    Returns:
        None if the glob is invalid: a bracket or a brace is not closed.

    Source: gobwas/glob, ``readme.md``: ``*``, ``**``, ``?``, ``[abc]``, ``[!a-z]``,
    ``{one,other}``, and ``\`` before a literal character.
    """
    tokens = glob_tokens(glob)
    if tokens is None:
        return None
    parts: list[str] = []
    depth = 0
    for token in tokens:
        parts.append(_translated(token, inside=depth > 0))
        depth += _depth(token, depth)
    return rf"\A(?s:{''.join(parts)})\z"


def glob_tokens(glob: str) -> list[str] | None:
    """Split a glob into its tokens; None if it is invalid."""
    tokens: list[str] = []
    depth, position = 0, 0
    while position < len(glob):
        token = _TOKEN.match(glob, position)
        if token is None:
            return None
        position = token.end()
        tokens.append(token[0])
        depth += _depth(token[0], depth)
    return tokens if depth == 0 else None


def _depth(part: str, depth: int) -> int:
    """Return by how much a token changes the depth of braces."""
    return (part == "{") - (part == "}" and depth > 0)


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
