"""Parser and renderer for one line of Argo CD's RBAC policy.

Source: argoproj/argo-cd, ``util/rbac/rbac.go``, ``loadPolicyLine``, which reads a line
with Go's ``encoding/csv`` (``TrimLeadingSpace``, one record per line).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from argogrant.grants.model.errors import MalformedLine, UnsafeText
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.window import read_end

GO_SPACES: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    "\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""Characters of Go's ``unicode.IsSpace``. Python's ``str.strip`` also strips U+001C to
U+001F, which Argo CD keeps."""

BINDING_FIELDS: Final = 3
RULE_FIELDS: Final = 6
INERT_SECTIONS: Final = frozenset({"e", "m", "r"})
"""Casbin's other sections: Argo CD accepts such lines and ignores them."""


CACHED_LINES: Final = 1 << 15
"""Lines that stay parsed or rendered between reconciliations."""
CACHE_SLACK: Final = 1 << 10
"""Lines of ended grants that the caches may keep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A ``p`` line, with Argo CD's column names."""

    subject: str
    resource: str
    action: str
    object: str
    effect: str


@lru_cache(maxsize=CACHED_LINES)
def parse_line(text: str) -> Rule | Binding | None:
    """Parse one line as Argo CD does.

    Args:
        text: One line without its newline.

    Returns:
        A ``Rule`` for ``p``, a ``Binding`` for ``g``, None for lines that Argo CD
        skips: blank lines, comments, and casbin's inert sections.

    Raises:
        MalformedLine: Argo CD cannot read the line, and would deny every request.
    """
    line = text.strip(GO_SPACES)
    if not line or line.startswith("#"):
        return None
    fields = split_fields(line)
    match fields[0]:
        case "g" if len(fields) == BINDING_FIELDS:
            return Binding(fields[1], fields[2])
        case "p" if len(fields) == RULE_FIELDS:
            return _rule(fields)
        case "g":
            raise MalformedLine(f"a g line must have 3 fields, not {len(fields)}")
        case "p":
            raise MalformedLine(f"a p line must have 6 fields, not {len(fields)}")
        case kind if kind in INERT_SECTIONS:
            return None
    raise MalformedLine("a line must begin with 'p,' or 'g,', or '#' for a comment")


def split_fields(line: str) -> list[str]:
    """Split one record as Go's ``encoding/csv`` does with ``TrimLeadingSpace``.

    Raises:
        MalformedLine: A double quote is at a position where Go's reader allows none.

    Source: golang/go, ``src/encoding/csv/reader.go``, ``readRecord``.
    """
    if '"' not in line:
        return [field.lstrip(GO_SPACES) for field in line.split(",")]
    fields: list[str] = []
    rest = line
    while True:
        rest = rest.lstrip(GO_SPACES)
        field, rest, is_last = (
            _quoted_field(rest[1:]) if rest.startswith('"') else _bare_field(rest)
        )
        fields.append(field)
        if is_last:
            return fields


@lru_cache(maxsize=CACHED_LINES)
def render_binding(binding: Binding) -> str:
    """Render a binding as one line that parses to the same binding.

    Raises:
        UnsafeText: Argo CD would read something else: the name is empty, spans several
            lines, or has leading or trailing blanks, which Argo CD strips.
    """
    line = f"g, {_render_field(binding.subject)}, {_render_field(binding.role)}"
    try:
        same = "\n" not in line and parse_line(line) == binding
    except MalformedLine:
        same = False
    if not same or not binding.subject.strip(GO_SPACES) or not binding.role:
        raise UnsafeText(
            f"the binding of {binding.subject!a} to {binding.role!a} would not parse"
            " to the same binding; it is not written"
        )
    return line


def trim_line_caches(grants: int) -> None:
    """Clear the caches once most of their entries belong to deleted grants.

    The caches contain lines and expiry times. Clearing them bounds their memory by the
    number of existing grants. Entries that are still in use are computed again.

    Args:
        grants: Number of existing grants.
    """
    for cached in (parse_line, render_binding, read_end):
        if cached.cache_info().currsize > 2 * grants + CACHE_SLACK:
            cached.cache_clear()


def _render_field(text: str) -> str:
    if "," in text or '"' in text:
        return '"' + text.replace('"', '""') + '"'
    return text


def _rule(fields: list[str]) -> Rule:
    _, subject, resource, action, object_, effect = fields
    return Rule(
        subject=subject,
        resource=resource,
        action=action,
        object=object_,
        effect=effect,
    )


def _bare_field(rest: str) -> tuple[str, str, bool]:
    field, comma, rest = rest.partition(",")
    if '"' in field:
        raise MalformedLine('a field that contains a " must be enclosed in quotes')
    return field, rest, not comma


def _quoted_field(rest: str) -> tuple[str, str, bool]:
    parts: list[str] = []
    while True:
        part, quote, rest = rest.partition('"')
        parts.append(part)
        if not quote:
            raise MalformedLine('a quoted field lacks its closing "')
        if rest.startswith('"'):
            parts.append('"')
            rest = rest[1:]
        elif rest.startswith(","):
            return "".join(parts), rest[1:], False
        elif not rest:
            return "".join(parts), "", True
        else:
            raise MalformedLine('after a closing " only a comma may follow')
