"""Access details: the instance's text for recipients, filled in for one grant."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from argogrant.grants.model.validation import character_label, is_visible

PLACEHOLDERS: Final = ("subject", "role", "end", "url")
MAX_DETAILS: Final = 2048
"""Maximum number of characters of the rendered text."""
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_KNOWN: Final = re.compile("{(" + "|".join(PLACEHOLDERS) + ")}")


class AccessDetails(NamedTuple):
    """Argo CD's URL and the text for recipients; empty if the instance has none."""

    url: str = ""
    details: str = ""


NO_ACCESS_DETAILS: Final = AccessDetails()


def validate_template(template: str) -> str | None:
    """Return why a template is invalid, or None if it is valid.

    Returns:
        A clause that follows the field in a sentence, with the remedy.
    """
    for character in template:
        if character not in " \n" and not is_visible(character):
            label = character_label(character)
            return f"contains {label}, which is invisible; remove it"
    # Known placeholders are replaced first. Otherwise "{{url}}" would be parsed as a
    # placeholder inside of braces, which is not what a reader expects.
    unknown = _PLACEHOLDER.search(_KNOWN.sub("_", template))
    if unknown is None:
        return None
    known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    return f"contains the unknown placeholder {unknown.group()}; use {known}"


def render_details(template: str, values: Mapping[str, str]) -> str:
    """Replace the placeholders once; values are not searched for placeholders.

    Args:
        template: A template that ``validate_template`` accepts.
        values: Values of all ``PLACEHOLDERS``.

    Returns:
        At most ``MAX_DETAILS`` characters.
    """
    text = _KNOWN.sub(lambda placeholder: values[placeholder[1]], template)
    return text if len(text) <= MAX_DETAILS else f"{text[: MAX_DETAILS - 1]}…"
