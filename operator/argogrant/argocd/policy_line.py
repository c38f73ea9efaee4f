"""One line of Argo CD's RBAC text.

Source: argoproj/argo-cd, ``util/rbac/rbac.go``, ``loadPolicyLine``, which reads a line
with Go's ``encoding/csv`` (``TrimLeadingSpace``, one record a line).
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
"""What Go's ``unicode.IsSpace`` says; Python's ``str.strip`` takes U+001C to U+001F
for blanks as well, and Argo CD does not."""

BINDING_FIELDS: Final = 3
RULE_FIELDS: Final = 6
INERT_SECTIONS: Final = frozenset({"e", "m", "r"})
"""Casbin's other sections: Argo CD accepts such lines, and they do nothing."""


LINES_REMEMBERED: Final = 1 << 15
"""Lines read or rendered before; a convergence meets the same ones again."""
LINES_SPARED: Final = 1 << 10
"""Lines of ended grants that are not worth forgetting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A ``p`` line: what a subject may do, in Argo CD's own column names."""

    subject: str
    resource: str
    action: str
    object: str
    effect: str


@lru_cache(maxsize=LINES_REMEMBERED)
def parse_line(text: str) -> Rule | Binding | None:
    """Read one line as Argo CD does.

    Args:
        text: One line without its newline.

    Returns:
        A ``Rule`` for ``p``, a ``Binding`` for ``g``, None for what Argo CD skips:
        blank lines, comments, and casbin's inert sections.

    Raises:
        MalformedLine: Argo CD would refuse the line, and with it every request.
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
            raise MalformedLine(f"a g line has 3 fields, this one has {len(fields)}")
        case "p":
            raise MalformedLine(f"a p line has 6 fields, this one has {len(fields)}")
        case kind if kind in INERT_SECTIONS:
            return None
    raise MalformedLine("a line begins with 'p,' or 'g,' (or '#' for a comment)")


def split_fields(line: str) -> list[str]:
    """Split one record as Go's ``encoding/csv`` does with ``TrimLeadingSpace``.

    Raises:
        MalformedLine: A double quote stands where that reader allows none.

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


@lru_cache(maxsize=LINES_REMEMBERED)
def render_binding(binding: Binding) -> str:
    """Write a binding as one line that reads back as exactly itself.

    Raises:
        UnsafeText: Argo CD would read something else: the name is empty, spans lines,
            or has blanks that are lost on the way.
    """
    line = f"g, {_render_field(binding.subject)}, {_render_field(binding.role)}"
    try:
        same = "\n" not in line and parse_line(line) == binding
    except MalformedLine:
        same = False
    if not same or not binding.subject.strip(GO_SPACES) or not binding.role:
        raise UnsafeText(
            f"the binding of {binding.subject!a} to {binding.role!a} would"
            " not read back as itself; it is not written"
        )
    return line


def trim_line_caches(grants: int) -> None:
    """Forget all lines once most of them are of grants that are there no longer.

    The same holds for the ends of grants. What is remembered stays in proportion to
    the grants that there are, and not to the grants that there were. What is still in
    use is read once more.

    Args:
        grants: How many there are.
    """
    for remembered in (parse_line, render_binding, read_end):
        if remembered.cache_info().currsize > 2 * grants + LINES_SPARED:
            remembered.cache_clear()


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
        raise MalformedLine('a field with a " in it must be quoted as a whole')
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
