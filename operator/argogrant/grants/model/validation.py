"""Text rules for the names of subjects, roles and projects.

A name ends up in a line of Argo CD's RBAC text, in logs and in tables. So it may hold
only what every reader of those sees and understands alike.

Which subjects and roles may be written into Argo CD's RBAC text, and why not.

Source: a name that is written like a role raises the rights of everybody who holds that
role; tried on Argo CD's own enforcer, as the text rule of ``validation``.
"""

import re
import unicodedata
from typing import Final

MAX_NAME_LENGTH: Final = 256
"""Characters in a subject or role name (the CRD says the same)."""

PROJECT_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
"""An AppProject is a Kubernetes object: its name is a DNS subdomain."""

PROJECT_ROLE_NAME: Final = re.compile(r"[a-zA-Z0-9]([-_a-zA-Z0-9]*[a-zA-Z0-9])?")
"""Source: argoproj/argo-cd, ``pkg/apis/application/v1alpha1/types.go``."""

INVISIBLE_RANGES: Final = (
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x115F, 0x1160),  # Hangul fillers
    (0x17B4, 0x17B5),  # Khmer inherent vowels
    (0x180B, 0x180F),  # Mongolian variation selectors
    (0x2800, 0x2800),  # Braille blank
    (0x3164, 0x3164),  # Hangul filler
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFFA0, 0xFFA0),  # half-width Hangul filler
    (0xE0100, 0xE01EF),  # variation selectors supplement
)
"""Characters that print nothing although Unicode calls them letters, marks or symbols.

Source: Unicode ``DerivedCoreProperties.txt``, Default_Ignorable_Code_Point.
"""


def is_visible(character: str) -> bool:
    """Tell whether a reader sees this character.

    Categories C* (control, format, unassigned) and Z* (separators) are not visible,
    nor are the letters and marks of ``INVISIBLE_RANGES``.
    """
    if unicodedata.category(character)[0] in "CZ":
        return False
    point = ord(character)
    return not any(first <= point <= last for first, last in INVISIBLE_RANGES)


def validate_name(name: str) -> str | None:
    """Say why a name must not be written into RBAC text, or None if it may be.

    Args:
        name: A subject or a role as a person wrote it.

    Returns:
        A clause that follows the name in a sentence, remedy included.

    Source: an empty or blank subject grants its role to everybody, and a trailing
    blank grants it to nobody; both were tried on Argo CD's own enforcer.
    """
    if not name:
        return "is empty; Argo CD would give the role to everybody; write a name"
    if len(name) > MAX_NAME_LENGTH:
        return f"is longer than {MAX_NAME_LENGTH} characters; use a shorter name"
    if name != name.strip(" "):
        return "begins or ends with a blank; remove the blank"
    if name.isascii() and name.isprintable():
        return None  # almost every name: nothing below can find anything
    return _character_problem(name)


def _character_problem(name: str) -> str | None:
    for position, character in enumerate(name, 1):
        if character != " " and not is_visible(character):
            return (
                f"holds {character_label(character)} at position {position}, "
                "which a reader cannot see; remove it"
            )
    if not unicodedata.is_normalized("NFC", name):
        return (
            "is not in Unicode normal form C, so it could look like another name; "
            "write its accented characters as single ones"
        )
    return None


def character_label(character: str) -> str:
    """Name a character that may not be printed, as ``U+200B ZERO WIDTH SPACE``."""
    name = unicodedata.name(character, "unnamed character")
    return f"U+{ord(character):04X} {name}"


def quote(name: str) -> str:
    """Show a name inside a message: every invisible character is escaped.

    Returns:
        At most 80 characters between double quotes; whatever a hostile name holds, a
        terminal or a log shows it on one line.
    """
    shown = name[:80]
    if not (shown.isascii() and shown.isprintable()):
        shown = "".join(c if c == " " or is_visible(c) else escape(c) for c in shown)
    return f'"{shown}{"…" if len(name) > 80 else ""}"'  # noqa: PLR2004


def with_full_stop(text: str) -> str:
    """End a sentence with a full stop, unless what it quotes has ended it already."""
    return text if text.rstrip('"').endswith((".", "!", "?", "…")) else f"{text}."


def escape(character: str) -> str:
    r"""Write one character as its code point, as ``\\u200b``."""
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


def validate_subject(name: str) -> str | None:
    """Say why nobody of this name gets a role, or None if somebody may."""
    problem = validate_name(name)
    if problem is None and name.startswith(("role:", "proj:")):
        problem = (
            "is written like a role; Argo CD would raise the rights of everybody who"
            " holds that role. Name a user or an SSO group"
        )
    if problem is None and name == "admin":
        problem = (
            "is Argo CD's built-in administrator, who needs no grant. Name another"
            " user or an SSO group"
        )
    return problem and f"spec.subject.name {quote(name)} {problem}."


def validate_role(name: str, project: str | None) -> str | None:
    """Say why a role of this name is not bound, or None if it may be.

    Args:
        name: As Argo CD's RBAC text says it; the bare name if it is a project's.
        project: The AppProject; None for a global role.
    """
    if project is None:
        problem = validate_name(name)
        if problem is None and name.startswith("proj:"):
            problem = (
                "is a project's role; write the project in spec.role.project and the"
                " bare name in spec.role.name"
            )
    elif not PROJECT_NAME.fullmatch(project):
        return (
            f"spec.role.project {quote(project)} is no name of an AppProject;"
            " write lower-case letters, digits, '-' and '.'."
        )
    elif PROJECT_ROLE_NAME.fullmatch(name):
        return None
    else:
        problem = (
            "is no name of a project's role; write the bare name, letters, digits, '-'"
            " and '_'"
        )
    return problem and f"spec.role.name {quote(name)} {problem}."
