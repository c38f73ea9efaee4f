"""Texts that patterns of ``p`` lines match, as languages that can be compared.

``find_text`` decides whether some text matches one pattern and none of several others:
whether an allow rule still allows something beside the deny rules. It follows the
derivatives of the patterns (Brzozowski), one character after the other, up to a limit.

A language is a tree of tuples. Regular expressions are translated as far as the usual
rules need them; others are ``UNSUPPORTED``, and the result is then unknown.
"""

import re
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from typing import Any, Final

from argogrant.argocd.pattern_match import REGEX_MODE, glob_tokens

Language = tuple[Any, ...]  # type: ignore[explicit-any]
NOTHING: Final[Language] = ("nothing",)
EMPTY: Final[Language] = ("empty",)
"""The language of the empty text."""
MAX_STATES: Final = 400
"""States that one search visits, after which its result is unknown."""
MAX_LENGTH: Final = 128
"""Characters of a pattern; a longer one is not translated."""
_FRESH: Final = "\ue000"
"""A character that stands for all those that no pattern contains."""


def chars(listed: Iterable[str], *, negated: bool = False) -> Language:
    """Return the language of one character of a set, or of one outside of it."""
    return ("chars", negated, frozenset(listed))


ANY: Final = chars((), negated=True)


def concat(*parts: Language) -> Language:
    """Return the language of one text after the other."""
    result = EMPTY
    for part in reversed(parts):
        if NOTHING in (part, result):
            return NOTHING
        if result == EMPTY:
            result = part
        elif part[0] == "concat":
            result = concat(part[1], concat(part[2], result))
        elif part != EMPTY:
            result = ("concat", part, result)
    return result


def either(*choices: Language) -> Language:
    """Return the union of languages."""
    found: set[Language] = set()
    for one in choices:
        found |= one[1] if one[0] == "either" else {one}
    found.discard(NOTHING)
    if ANYTHING in found:
        return ANYTHING
    if len(found) > 1:
        return ("either", frozenset(found))
    return next(iter(found), NOTHING)


def repeated(one: Language) -> Language:
    """Return the language of any number of texts of a language."""
    if one in (NOTHING, EMPTY):
        return EMPTY
    return one if one[0] == "repeated" else ("repeated", one)


ANYTHING: Final[Language] = ("repeated", ANY)


def literal(text: str) -> Language:
    """Return the language of one text."""
    return concat(*(chars(character) for character in text))


def has_empty_text(language: Language) -> bool:
    """Return whether a language contains the empty text."""
    match language:
        case ("empty",) | ("repeated", _):
            return True
        case ("concat", first, rest):
            return has_empty_text(first) and has_empty_text(rest)
        case ("either", choices):
            return any(map(has_empty_text, choices))
    return False


def derivative(language: Language, character: str) -> Language:
    """Return how the texts that begin with a character continue."""
    match language:
        case ("chars", negated, listed):
            return EMPTY if (character in listed) is not negated else NOTHING
        case ("concat", first, rest):
            begun = concat(derivative(first, character), rest)
            if not has_empty_text(first):
                return begun
            return either(begun, derivative(rest, character))
        case ("either", choices):
            return either(*(derivative(one, character) for one in choices))
        case ("repeated", one):
            return concat(derivative(one, character), language)
    return NOTHING


def _characters(language: Language) -> set[str]:
    match language:
        case ("chars", _, listed):
            return set(listed)
        case ("concat", first, rest):
            return _characters(first) | _characters(rest)
        case ("either", choices):
            return set[str]().union(*map(_characters, choices))
        case ("repeated", one):
            return _characters(one)
    return set()


def find_text(
    wanted: Sequence[Language], excluded: Language
) -> Generator[int, None, bool | None]:
    """Return whether some text is in all wanted languages, and not in the excluded one.

    Yields:
        The work since the last pause.

    Returns:
        None if the limit of the search does not suffice.
    """
    alphabet = sorted(
        set[str]().union({_FRESH}, *map(_characters, (*wanted, excluded)))
    )
    begin = (*wanted, excluded)
    seen, queue = {begin}, deque([begin])
    while queue:
        *inside, outside = queue.popleft()
        yield len(alphabet)
        if all(map(has_empty_text, inside)) and not has_empty_text(outside):
            return True
        for character in alphabet:
            following = tuple(derivative(one, character) for one in (*inside, outside))
            is_hopeless = NOTHING in following[:-1] or following[-1] == ANYTHING
            if is_hopeless or following in seen:
                continue
            if len(seen) >= MAX_STATES:
                return None
            seen.add(following)
            queue.append(following)
    return False


def language_of(pattern: str, mode: str) -> Language | None:
    """Return the texts that a pattern matches; None if it is not translated.

    An invalid glob matches nothing. Of an invalid regular expression, which makes Argo
    CD deny the request, the result has no meaning.
    """
    if len(pattern) > MAX_LENGTH:
        return None
    if mode == REGEX_MODE:
        return _Expression(pattern).language()
    tokens = glob_tokens(pattern)
    return NOTHING if tokens is None else _glob(tokens)


def _glob(tokens: Sequence[str]) -> Language:
    """Translate the tokens of a valid glob."""
    stack: list[list[list[Language]]] = [[[]]]
    for token in tokens:
        inside = len(stack) > 1
        match token:
            case "*":
                stack[-1][-1].append(ANYTHING)
            case "?":
                stack[-1][-1].append(ANY)
            case "{":
                stack.append([[]])
            case "," if inside:
                stack[-1].append([])
            case "}" if inside:
                choices = stack.pop()
                stack[-1][-1].append(either(*(concat(*one) for one in choices)))
            case _ if token[0] == "[":
                negated = token[1] == "!"
                stack[-1][-1].append(_listed(token[1 + negated : -1], negated=negated))
            case _:
                stack[-1][-1].append(chars(token[-1]))
    return concat(*stack[0][0])


_RANGE: Final = re.compile(r"(.)-(.)|(.)", re.DOTALL)


def _listed(text: str, *, negated: bool) -> Language:
    listed: set[str] = set()
    for first, last, one in _RANGE.findall(text):
        points = range(ord(first), ord(last) + 1) if first else ()
        listed |= {one} if one else set(map(chr, points[:256]))
    return chars(listed, negated=negated)


class _Unsupported(Exception):
    """The expression has a construct that is not translated."""


_CLASSES: Final = {
    "d": "0123456789",
    "w": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz",
    "s": "\t\n\f\r ",
}


class _Expression:
    """Parser of a regular expression, which may match anywhere in a text."""

    def __init__(self, pattern: str) -> None:
        self._rest = deque(pattern)

    def language(self) -> Language | None:
        """Return the texts in which the expression matches; None if unsupported."""
        choices = []
        try:
            while True:
                choices.append(self._anchored())
                if not self._rest:
                    return either(*choices)
                if self._rest.popleft() != "|":
                    return None
        except (_Unsupported, IndexError):
            return None

    def _anchored(self) -> Language:
        """Parse one choice at the top, where anchors are supported."""
        begins = bool(self._rest) and self._rest[0] == "^"
        if begins:
            self._rest.popleft()
        body = self._sequence()
        ends = bool(self._rest) and self._rest[0] == "$"
        if ends:
            self._rest.popleft()
            if self._rest and self._rest[0] != "|":
                raise _Unsupported
        before, after = EMPTY if begins else ANYTHING, EMPTY if ends else ANYTHING
        return concat(before, body, after)

    def _sequence(self) -> Language:
        parts: list[Language] = []
        while self._rest and self._rest[0] not in "|)$":
            parts.append(self._repetition())
        return concat(*parts)

    def _repetition(self) -> Language:
        one = self._atom()
        while self._rest and self._rest[0] in "*+?{":
            match self._rest.popleft():
                case "*":
                    one = repeated(one)
                case "+":
                    one = concat(one, repeated(one))
                case "?":
                    one = either(one, EMPTY)
                case _:
                    raise _Unsupported
        return one

    def _atom(self) -> Language:
        match self._rest.popleft():
            case ".":
                return chars("\n", negated=True)
            case "(":
                return self._group()
            case "[":
                return self._class()
            case "\\":
                return self._escape()
            case "^" | "*" | "+" | "?" | "{":
                raise _Unsupported
            case character:
                return chars(character)

    def _group(self) -> Language:
        if self._rest[0] == "?":
            self._rest.popleft()
            if self._rest.popleft() != ":":
                raise _Unsupported
        choices = [self._sequence()]
        while self._rest[0] == "|":
            self._rest.popleft()
            choices.append(self._sequence())
        if self._rest.popleft() != ")":
            raise _Unsupported
        return either(*choices)

    def _class(self) -> Language:
        negated = self._rest[0] == "^"
        if negated:
            self._rest.popleft()
        text = ""
        while (character := self._rest.popleft()) != "]":
            if character in "[\\":
                raise _Unsupported
            text += character
        if not text:
            raise _Unsupported
        return _listed(text, negated=negated)

    def _escape(self) -> Language:
        character = self._rest.popleft()
        if character in _CLASSES:
            return chars(_CLASSES[character])
        if character.isalnum():
            raise _Unsupported
        return chars(character)
