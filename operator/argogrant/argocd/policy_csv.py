"""Argo CD's RBAC policy in ``argocd-rbac-cm``: its keys and the grammar of its lines.

Lines: argoproj/argo-cd, ``util/rbac/rbac.go``, ``loadPolicyLine``, which reads a line
with Go's ``encoding/csv`` (``TrimLeadingSpace``, one record per line).

Policy keys: the same file, ``PolicyCSV``: ``policy.csv`` first, then every
``policy.*.csv`` in byte order, with a newline before each.

Key ``scopes``: argoproj/argo-cd, ``server/server.go``, ``rbacPolicyLoader``: a YAML
list of claims that Argo CD compares with subjects; an empty value means the default. If
Argo CD cannot parse it, it does not load the ConfigMap: it keeps the policy that it
loaded before, or does not start.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Final, NamedTuple

import yaml

from argogrant.grants.effectiveness import DEFAULT_CLAIMS
from argogrant.grants.model.errors import MalformedLine, UnsafeText
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.window import read_end

CONFIG_MAP_NAME: Final = "argocd-rbac-cm"
MAIN_KEY: Final = "policy.csv"
DEFAULT_ROLE_KEY: Final = "policy.default"
MATCH_MODE_KEY: Final = "policy.matchMode"
SCOPES_KEY: Final = "scopes"
OVERLAY_KEY: Final = "policy.argogrant.csv"

GO_SPACES: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    "\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""Characters of Go's ``unicode.IsSpace``. Python's ``str.strip`` also strips U+001C to
U+001F, which Argo CD keeps."""

INERT_SECTIONS: Final = frozenset({"e", "m", "r"})
"""Casbin's other sections: Argo CD accepts such lines and ignores them."""
CACHED_LINES: Final = 1 << 15
"""Lines that stay parsed or rendered between reconciliations."""
CACHE_SLACK: Final = 1 << 10
"""Lines of ended grants that the caches may keep."""


class Rule(NamedTuple):
    """A ``p`` line, with Argo CD's column names."""

    subject: str
    resource: str
    action: str
    object: str
    effect: str


Content = Rule | Binding | MalformedLine | None
"""Parsed line, or why Argo CD cannot read it; None for a line that Argo CD skips."""


@lru_cache(maxsize=CACHED_LINES)
def parse_line(text: str) -> Rule | Binding | None:
    """Parse one line, without its newline, as Argo CD does.

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
    match fields:
        case ["g", subject, role]:
            return Binding(subject, role)
        case ["p", _, _, _, _, _]:
            return Rule(*fields[1:])
        case ["g", *_]:
            raise MalformedLine(f"a g line must have 3 fields, not {len(fields)}")
        case ["p", *_]:
            raise MalformedLine(f"a p line must have 6 fields, not {len(fields)}")
        case [kind, *_] if kind in INERT_SECTIONS:
            return None
    raise MalformedLine("a line must begin with 'p,' or 'g,', or '#' for a comment")


def parse_lines(text: str) -> Iterator[tuple[str, Content]]:
    """Yield each line of a text with its content."""
    for line in text.split("\n"):
        try:
            yield line, parse_line(line)
        except MalformedLine as error:
            yield line, error


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
        read = _quoted_field if rest.startswith('"') else _bare_field
        field, rest, is_last = read(rest)
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

    Clearing the caches of lines and expiry times bounds their memory by the number of
    existing grants. Entries that are still in use are computed again.
    """
    for cached in (parse_line, render_binding, read_end):
        if cached.cache_info().currsize > 2 * grants + CACHE_SLACK:
            cached.cache_clear()


def _render_field(text: str) -> str:
    if "," in text or '"' in text:
        return '"' + text.replace('"', '""') + '"'
    return text


def _bare_field(rest: str) -> tuple[str, str, bool]:
    field, comma, rest = rest.partition(",")
    if '"' in field:
        raise MalformedLine('a field that contains a " must be enclosed in quotes')
    return field, rest, not comma


def _quoted_field(rest: str) -> tuple[str, str, bool]:
    parts: list[str] = []
    rest = rest[1:]
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyProblem:
    """Line that makes Argo CD reject the whole policy."""

    key: str
    line_number: int
    why: str
    consequence: str = (
        "Argo CD denies every request until that line of argocd-rbac-cm is fixed."
        " Active grants still expire; new grants wait."
    )

    def __str__(self) -> str:
        """Return the location and the problem: ``policy.csv line 3: …``."""
        return f"{self.key} line {self.line_number}: {self.why}"


_SCOPES_PROBLEM: Final = PolicyProblem(
    key=SCOPES_KEY,
    line_number=1,
    why=(
        "the value is not a YAML list of claims, such as '[groups, email]', so Argo CD"
        " does not load any change of argocd-rbac-cm"
    ),
    consequence=(
        "Fix or remove scopes. Until then Argo CD uses the policy that it loaded"
        " before: it may still allow expired grants, although their bindings are"
        " removed; new grants wait."
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedLines:
    """Lines of one key, or of several."""

    rules: tuple[Rule, ...]
    bindings: tuple[Binding, ...]
    problems: tuple[PolicyProblem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyCSV(ParsedLines):
    """Unmanaged RBAC settings: everything that Argo CD reads except the managed key."""

    default_role: str
    match_mode: str = ""
    """Value of ``policy.matchMode``; ``regex`` for regular expressions."""
    claims: tuple[str, ...] | None = DEFAULT_CLAIMS
    """Claims that Argo CD compares with subjects; None if ``scopes`` is invalid."""


def policy_keys(data: Mapping[str, str]) -> list[str]:
    """List the keys that Argo CD composes, in its order."""
    keys = (key for key in data if key.startswith("policy.") and key.endswith(".csv"))
    return sorted(keys, key=lambda key: (key != MAIN_KEY, key.encode()))


def compose(data: Mapping[str, str]) -> str:
    """Compose the policy text that Argo CD passes to its enforcer."""
    others = (data[key] for key in policy_keys(data) if key != MAIN_KEY)
    return "\n".join([data.get(MAIN_KEY, ""), *others])


def read_unmanaged_keys(data: Mapping[str, str]) -> PolicyCSV:
    """Parse every key of the ConfigMap's ``data`` except the managed one."""
    keys = [key for key in policy_keys(data) if key != OVERLAY_KEY]
    texts = [read_key_once(key, data[key]) for key in keys]
    claims = read_scopes(data.get(SCOPES_KEY, ""))
    return PolicyCSV(
        rules=tuple(rule for text in texts for rule in text.rules),
        bindings=tuple(binding for text in texts for binding in text.bindings),
        problems=(
            *(problem for text in texts for problem in text.problems),
            *([_SCOPES_PROBLEM] if claims is None else []),
        ),
        default_role=data.get(DEFAULT_ROLE_KEY, ""),
        match_mode=data.get(MATCH_MODE_KEY, ""),
        claims=claims,
    )


def read_key(key: str, text: str) -> ParsedLines:
    """Parse the lines of one key; unreadable lines become problems."""
    rules: list[Rule] = []
    bindings: list[Binding] = []
    problems: list[PolicyProblem] = []
    for number, (_, content) in enumerate(parse_lines(text), 1):
        match content:
            case Rule():
                rules.append(content)
            case Binding():
                bindings.append(content)
            case MalformedLine():
                why = str(content)
                problems.append(PolicyProblem(key=key, line_number=number, why=why))
    return ParsedLines(
        rules=tuple(rules), bindings=tuple(bindings), problems=tuple(problems)
    )


read_key_once = lru_cache(maxsize=1 << 11)(read_key)
"""Parse an unmanaged key and cache the result, because such keys rarely change."""

_SCALARS: Final = (str, bool, int, float, date, datetime)
"""YAML types that Argo CD's parser accepts where it expects a string."""


@lru_cache(maxsize=16)
def read_scopes(text: str) -> tuple[str, ...] | None:
    """Parse the claims; return None if Argo CD cannot parse them.

    The text is empty if the ConfigMap lacks the key.
    """
    try:
        # Go's YAML parser skips tabs.
        claims: object = yaml.safe_load(text.replace("\t", " "))
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    if claims is None:
        return DEFAULT_CLAIMS
    if not isinstance(claims, list):
        return None
    if not all(one is None or isinstance(one, _SCALARS) for one in claims):
        return None
    return tuple("" if one is None else str(one) for one in claims)
