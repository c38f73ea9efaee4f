"""What those who hold a grant are told: the instance's text, with the grant's own."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from argogrant.grants.model.validation import character_label, is_visible

PLACEHOLDERS: Final = ("subject", "role", "end", "url")
MAX_DETAILS: Final = 2048
"""Characters of the text with everything filled in."""
_PLACE: Final = re.compile(r"\{([^{}]*)\}")
_KNOWN: Final = re.compile("{(" + "|".join(PLACEHOLDERS) + ")}")


class AccessDetails(NamedTuple):
    """Where to go, and what to know; empty if the instance says nothing."""

    url: str = ""
    details: str = ""


NO_ACCESS_DETAILS: Final = AccessDetails()


def validate_template(template: str) -> str | None:
    """Say why a text can not be shown to people, or None if it can.

    Returns:
        A clause that follows the field in a sentence, remedy included.
    """
    for character in template:
        if character not in " \n" and not is_visible(character):
            return (
                f"holds {character_label(character)}, which a reader cannot see;"
                " remove it"
            )
    # A filled-in place is no brace any longer: "{{url}}" is no place in a place.
    unknown = _PLACE.search(_KNOWN.sub("_", template))
    if unknown is None:
        return None
    known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    return f"holds {unknown.group()}, which stands for nothing; there are {known}"


def render_details(template: str, values: Mapping[str, str]) -> str:
    """Fill the placeholders in, once: what is filled in is not read again.

    Args:
        template: The text, of which ``details_problem`` says nothing.
        values: What each of ``PLACEHOLDERS`` stands for.

    Returns:
        At most ``MAX_DETAILS`` characters.
    """
    text = _KNOWN.sub(lambda place: values[place[1]], template)
    return text if len(text) <= MAX_DETAILS else f"{text[: MAX_DETAILS - 1]}…"
