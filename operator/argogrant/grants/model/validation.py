"""Validation of the names of subjects, roles and projects.

A name is written to Argo CD's RBAC policy, to logs and to tables. It may therefore
contain only characters that every reader and parser interprets in the same way.

Source: tried on Argo CD's own enforcer. A subject that is written like a role gives the
new role to everyone who has that role.
"""

import re
import unicodedata
from typing import Final

MAX_NAME_LENGTH: Final = 256
"""Maximum length of a subject or role name; the CRD has the same limit."""

PROJECT_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
"""DNS subdomain, as for every Kubernetes object."""

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
"""Characters that print nothing, although their category is a visible one.

Source: Unicode ``DerivedCoreProperties.txt``, Default_Ignorable_Code_Point.
"""


def is_visible(character: str) -> bool:
    """Return whether a character is visible.

    Categories C* (control, format, unassigned) and Z* (separators) are invisible, and
    so are the letters and marks of ``INVISIBLE_RANGES``.
    """
    if unicodedata.category(character)[0] in "CZ":
        return False
    point = ord(character)
    return not any(first <= point <= last for first, last in INVISIBLE_RANGES)


def validate_name(name: str) -> str | None:
    """Return why a name must not be written to a policy line, with the remedy.

    Source: tried on Argo CD's own enforcer. An empty or blank subject gives its role to
    every user, and a subject with a trailing blank matches no user.
    """
    if not name:
        return "is empty; Argo CD would give the role to every user; write a name"
    if len(name) > MAX_NAME_LENGTH:
        return f"is longer than {MAX_NAME_LENGTH} characters; use a shorter name"
    if name != name.strip(" "):
        return "begins or ends with a blank; remove the blank"
    if name.isascii() and name.isprintable():
        return None  # fast path for almost every name
    return _character_problem(name)


def _character_problem(name: str) -> str | None:
    for position, character in enumerate(name, 1):
        if character != " " and not is_visible(character):
            return (
                f"contains {character_label(character)} at position {position}, "
                "which is invisible; remove it"
            )
    if not unicodedata.is_normalized("NFC", name):
        return (
            "is not in Unicode normal form C and could look like another name; "
            "write each accented character as one character"
        )
    return None


def character_label(character: str) -> str:
    """Return the name of an invisible character, as ``U+200B ZERO WIDTH SPACE``."""
    name = unicodedata.name(character, "unnamed character")
    return f"U+{ord(character):04X} {name}"


def quote(name: str) -> str:
    """Quote a name for a message, with every invisible character escaped.

    Returns:
        At most 80 characters between double quotes. Terminals and logs show even a
        hostile name on one line.
    """
    shown = name[:80]
    if not (shown.isascii() and shown.isprintable()):
        shown = "".join(c if c == " " or is_visible(c) else escape(c) for c in shown)
    return f'"{shown}{"…" if len(name) > 80 else ""}"'  # noqa: PLR2004


def with_full_stop(text: str) -> str:
    """Add a full stop, unless the sentence or its final quotation ends with one."""
    return text if text.rstrip('"').endswith((".", "!", "?", "…")) else f"{text}."


def escape(character: str) -> str:
    r"""Escape one character as its code point, as ``\\u200b``."""
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


def one_line(text: str) -> str:
    """Escape what a terminal, a log or a reader of lines could take for a command.

    These are the Unicode categories C* (control, format, surrogate, unassigned) and the
    separators of lines and paragraphs.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(escape(c) if _is_control(c) else c for c in text)


def _is_control(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] == "C" or category in ("Zl", "Zp")


def validate_subject(name: str) -> str | None:
    """Return why a subject of this name must not be bound, or None if it may be."""
    problem = validate_name(name)
    if problem is None and name.startswith(("role:", "proj:")):
        problem = (
            "is written like a role; Argo CD would give the new role to everyone who"
            " has that role. Name a user or an SSO group"
        )
    if problem is None and name == "admin":
        problem = (
            "is the built-in administrator of Argo CD, who needs no grant. Name another"
            " user or an SSO group"
        )
    return problem and f"spec.subject.name {quote(name)} {problem}."


def validate_role(name: str, project: str | None) -> str | None:
    """Return why a role must not be bound, or None if it may be.

    A project role has its bare name. A global role (without a project) is named as in
    Argo CD's RBAC policy.
    """
    if project is None:
        problem = validate_name(name)
        if problem is None and name.startswith("proj:"):
            problem = (
                "is a role of an AppProject; write the project in spec.role.project and"
                " the bare name in spec.role.name"
            )
    elif not PROJECT_NAME.fullmatch(project):
        return (
            f"spec.role.project {quote(project)} is not a valid name of an AppProject;"
            " use lower-case letters, digits, '-' and '.'."
        )
    elif PROJECT_ROLE_NAME.fullmatch(name):
        return None
    else:
        problem = (
            "is not a valid name of a project role; write the bare name with letters,"
            " digits, '-' and '_'"
        )
    return problem and f"spec.role.name {quote(name)} {problem}."
