"""Argo CD's RBAC policy in ``argocd-rbac-cm``: its keys and the grammar of its lines.

Lines: argoproj/argo-cd, ``util/rbac/rbac.go``, ``loadPolicyLine``, which reads a line
with Go's ``encoding/csv`` (``TrimLeadingSpace``, one record per line).

Policy keys: the same file, ``PolicyCSV``: ``policy.csv`` first, then every
``policy.*.csv`` in byte order, with a newline before each.

Key ``scopes``: argoproj/argo-cd, ``server/server.go``, ``rbacPolicyLoader``: a YAML
list of claims that Argo CD compares with subjects; an empty value means the default. If
Argo CD cannot parse it, it does not load the ConfigMap: it keeps the policy that it
loaded before, or does not start.

Other people write these texts. Every reader here takes any text, in time and memory in
proportion to its size, and reports what it cannot read or what exceeds a limit.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import yaml

from argogrant.grants.effectiveness import DEFAULT_CLAIMS
from argogrant.grants.model.errors import MalformedLine, UnsafeText
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.untrusted_text import cached_if_short, utf8_size, valid_text
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
MAX_UNMANAGED_LINES: Final = 20_000
MAX_UNMANAGED_BYTES: Final = 1 << 20
"""Limits of all unmanaged policy keys together. A ConfigMap has at most 1 MiB."""
MAX_SCOPES: Final = 4096
"""Characters of ``scopes``."""
MAX_CLAIMS: Final = 64
"""Items of ``scopes``."""


class Rule(NamedTuple):
    """A ``p`` line, with Argo CD's column names."""

    subject: str
    resource: str
    action: str
    object: str
    effect: str


class Place(NamedTuple):
    """Location of a line."""

    key: str
    """Key of the ConfigMap, or ``AppProject`` and its name."""
    line: int

    def __str__(self) -> str:
        """Return the location for a message: ``policy.csv line 3``."""
        return f"{self.key} line {self.line}"


Content = Rule | Binding | MalformedLine | None
"""Parsed line, or why Argo CD cannot read it; None for a line that Argo CD skips."""


@cached_if_short(CACHED_LINES)
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
    position: int | None = 0
    while position is not None:
        position = _SPACES.match(line, position).end()  # type: ignore[union-attr]
        read = _quoted_field if line.startswith('"', position) else _bare_field
        field, position = read(line, position)
        fields.append(field)
    return fields


def render_binding(binding: Binding) -> str:
    """Render a binding as one line that parses to the same binding.

    Raises:
        UnsafeText: Argo CD would read something else: the name is empty, spans several
            lines, or has leading or trailing blanks, which Argo CD strips.
    """
    return render_line(binding.subject, binding.role)


@cached_if_short(CACHED_LINES)
def render_line(subject: str, role: str) -> str:
    """Render the line of one binding; see ``render_binding``."""
    line = f"g, {_render_field(subject)}, {_render_field(role)}"
    try:
        same = "\n" not in line and parse_line(line) == Binding(subject, role)
    except MalformedLine:
        same = False
    if not same or not subject.strip(GO_SPACES) or not role:
        raise UnsafeText(
            f"the binding of {subject!a} to {role!a} would not parse"
            " to the same binding; it is not written"
        )
    return line


def trim_line_caches(grants: int) -> None:
    """Clear the caches once most of their entries belong to deleted grants.

    Clearing the caches of lines and expiry times bounds their memory by the number of
    existing grants. Entries that are still in use are computed again.
    """
    for cached in (parse_line, render_line, read_end):
        if cached.cache_info().currsize > 2 * grants + CACHE_SLACK:
            cached.cache_clear()


def render_rule(rule: Rule) -> str:
    """Render a rule as a ``p`` line."""
    return ", ".join(("p", *map(_render_field, rule)))


def _render_field(text: str) -> str:
    if "," in text or '"' in text:
        return '"' + text.replace('"', '""') + '"'
    return text


_SPACES: Final = re.compile(f"[{re.escape(GO_SPACES)}]*")

# Both readers of a field take the position of its first character, and return the field
# and the position of the next one; None after the last field. They scan each character
# once: an unmanaged line can have a mebibyte.


def _bare_field(line: str, start: int) -> tuple[str, int | None]:
    comma = line.find(",", start)
    field = line[start:] if comma < 0 else line[start:comma]
    if '"' in field:
        raise MalformedLine('a field that contains a " must be enclosed in quotes')
    return field, None if comma < 0 else comma + 1


def _quoted_field(line: str, start: int) -> tuple[str, int | None]:
    parts: list[str] = []
    while True:
        quote = line.find('"', start + 1)
        if quote < 0:
            raise MalformedLine('a quoted field lacks its closing "')
        parts.append(line[start + 1 : quote])
        start = quote + 1
        if start == len(line):
            return '"'.join(parts), None
        if line[start] == ",":
            return '"'.join(parts), start + 1
        if line[start] != '"':
            raise MalformedLine('after a closing " only a comma may follow')


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyProblem:
    """Line that makes Argo CD reject the whole text, or limit that a text exceeds."""

    key: str
    line_number: int | None = None
    """None if the text exceeds a limit of argogrant; Argo CD may read it."""
    why: str
    consequence: str = (
        "Argo CD denies every request until that line of argocd-rbac-cm is fixed."
        " Active grants still expire; new grants wait."
    )

    def __str__(self) -> str:
        """Return the location and the problem: ``policy.csv line 3: …``."""
        line = f" line {self.line_number}" if self.line_number is not None else ""
        return f"{self.key}{line}: {self.why}"

    @property
    def statement(self) -> str:
        """The program that cannot read it, the location and the problem."""
        reader = "argogrant does not" if self.line_number is None else "Argo CD cannot"
        return f"{reader} parse {self}"


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
_SCOPES_NOT_READ: Final = PolicyProblem(
    key=SCOPES_KEY,
    why=(
        "the value has an anchor, an alias, a tag, more than"
        f" {MAX_SCOPES} characters or more than {MAX_CLAIMS} claims"
    ),
    consequence=(
        "Write a plain list, such as '[groups, email]'. Until then it is unknown which"
        " claims Argo CD compares, and whether it loads changes of argocd-rbac-cm."
        " Bindings of ended grants are removed; new grants wait."
    ),
)
_TOO_LARGE: Final = PolicyProblem(
    key="argocd-rbac-cm",
    why=(
        f"the policy keys of others have more than {MAX_UNMANAGED_LINES} lines or"
        f" {MAX_UNMANAGED_BYTES} bytes"
    ),
    consequence=(
        "Shorten them. Until then the roles are unknown: existing bindings stay until"
        " their grants end, and new grants wait."
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedLines:
    """Lines of one key, or of several."""

    rules: tuple[Rule, ...]
    bindings: tuple[Binding, ...]
    problems: tuple[PolicyProblem, ...]
    places: tuple[Place, ...] = ()
    """Location of each rule."""

    def placed_rules(self) -> Iterator[tuple[Rule, Place]]:
        """Yield each rule with its location."""
        return zip(self.rules, self.places, strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyCSV(ParsedLines):
    """Unmanaged RBAC settings: everything that Argo CD reads except the managed key."""

    default_role: str
    match_mode: str = ""
    """Value of ``policy.matchMode``; ``regex`` for regular expressions."""
    claims: tuple[str, ...] | None = DEFAULT_CLAIMS
    """Claims that Argo CD compares with subjects; None if ``scopes`` is invalid."""
    is_too_large: bool = False
    """The keys exceed a limit, so ``rules`` and ``bindings`` are unknown."""


def policy_keys(data: Mapping[str, str]) -> list[str]:
    """List the keys that Argo CD composes, in its order."""
    keys = (key for key in data if key.startswith("policy.") and key.endswith(".csv"))
    return sorted(keys, key=lambda key: (key != MAIN_KEY, key))


def compose(data: Mapping[str, str]) -> str:
    """Compose the policy text that Argo CD passes to its enforcer."""
    others = (data[key] for key in policy_keys(data) if key != MAIN_KEY)
    return "\n".join([data.get(MAIN_KEY, ""), *others])


def read_unmanaged_keys(data: Mapping[str, str]) -> PolicyCSV:
    """Parse every key of the ConfigMap's ``data`` except the managed one."""
    keys = [key for key in policy_keys(data) if key != OVERLAY_KEY]
    is_too_large = (
        sum(data[key].count("\n") + 1 for key in keys) > MAX_UNMANAGED_LINES
        or sum(utf8_size(data[key]) for key in keys) > MAX_UNMANAGED_BYTES
    )
    texts = [] if is_too_large else [read_key(key, data[key]) for key in keys]
    claims = parse_scopes(data.get(SCOPES_KEY, ""))
    return PolicyCSV(
        rules=tuple(rule for text in texts for rule in text.rules),
        bindings=tuple(binding for text in texts for binding in text.bindings),
        places=tuple(place for text in texts for place in text.places),
        problems=(
            *([_TOO_LARGE] if is_too_large else []),
            *(problem for text in texts for problem in text.problems),
            *([claims] if isinstance(claims, PolicyProblem) else []),
        ),
        default_role=data.get(DEFAULT_ROLE_KEY, ""),
        match_mode=data.get(MATCH_MODE_KEY, ""),
        claims=None if isinstance(claims, PolicyProblem) else claims,
        is_too_large=is_too_large,
    )


def read_key(key: str, text: str) -> ParsedLines:
    """Parse the lines of one key; unreadable lines become problems."""
    rules: list[Rule] = []
    places: list[Place] = []
    bindings: list[Binding] = []
    problems: list[PolicyProblem] = []
    known: dict[str, str] = {}
    """Fields, by themselves: lines share theirs, which saves half of the memory."""
    for number, (_, content) in enumerate(parse_lines(text), 1):
        match content:
            case Rule():
                rules.append(Rule._make(map(known.setdefault, content, content)))
                places.append(Place(key, number))
            case Binding():
                bindings.append(content)
            case MalformedLine():
                why = str(content)
                problems.append(PolicyProblem(key=key, line_number=number, why=why))
    return ParsedLines(
        rules=tuple(rules),
        bindings=tuple(bindings),
        problems=tuple(problems),
        places=tuple(places),
    )


class _NotRead(yaml.YAMLError):
    """The text has an anchor, an alias or a tag."""


class _PlainLoader(yaml.SafeLoader):
    """Loader of a flat list of untagged scalars.

    Aliases and merge keys can multiply a short text into gigabytes, tags call
    constructors that raise any exception, and nested lists exhaust the stack.
    """

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        """Compose one node; refuse it before anything is constructed."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if event.anchor is not None or getattr(event, "tag", None) is not None:
            raise _NotRead
        if parent is not None and isinstance(event, yaml.CollectionStartEvent):
            raise yaml.YAMLError("a list in a list")
        node: yaml.Node | None = super().compose_node(parent, index)  # type: ignore[arg-type]
        return node


def read_scopes(text: str) -> tuple[str, ...] | None:
    """Parse the claims; return None if they are unknown, see ``parse_scopes``."""
    claims = parse_scopes(text)
    return None if isinstance(claims, PolicyProblem) else claims


def parse_scopes(text: str) -> tuple[str, ...] | PolicyProblem:
    """Parse the claims; the text is empty if the ConfigMap lacks the key.

    Returns:
        The claims, or why they are unknown: Argo CD cannot parse them, or the text is
        beyond what argogrant parses (Argo CD resolves anchors, aliases and tags).
    """
    if len(text) > MAX_SCOPES:
        return _SCOPES_NOT_READ
    try:
        # Go's YAML parser skips tabs.
        claims: object = yaml.load(text.replace("\t", " "), _PlainLoader)  # noqa: S506
        texts = _texts(claims)
    except _NotRead:
        return _SCOPES_NOT_READ
    except (yaml.YAMLError, ValueError, OverflowError):
        return _SCOPES_PROBLEM
    return _SCOPES_NOT_READ if len(texts) > MAX_CLAIMS else texts


def _texts(claims: object) -> tuple[str, ...]:
    """Convert a YAML value as Argo CD does.

    Raises:
        ValueError: It is not a list. Its items are scalars, which Argo CD accepts.
    """
    if claims is None:
        return DEFAULT_CLAIMS
    if not isinstance(claims, list):
        raise ValueError("not a list")  # noqa: TRY004 - as for any other value
    texts = tuple("" if one is None else str(one) for one in claims)
    if any(one != valid_text(one) for one in texts):
        raise ValueError("the escape of a surrogate, which Go's YAML parser rejects")
    return texts
