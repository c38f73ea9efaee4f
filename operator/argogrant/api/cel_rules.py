r"""CEL validation rules of the CRDs, with their messages.

The API server evaluates the rules at ``kubectl apply``. ``argogrant.grants`` checks the
same again, for objects from the time of an older CRD. CEL's regular expressions are
RE2: ``\pC`` does not contain unassigned code points, and CEL cannot test Unicode normal
forms; only the operator checks these two.

Patterns of AccessPolicies contain names and ``*``, so the same characters are valid in
a pattern as in a name.
"""

from typing import Final

from argogrant.grants.decide import PLACEHOLDERS
from argogrant.grants.model.validation import INVISIBLE_RANGES

_INVISIBLE: Final = "".join(
    f"\\x{{{first:04X}}}" + (f"-\\x{{{last:04X}}}" if last > first else "")
    for first, last in INVISIBLE_RANGES
)
_VISIBLE_ONE: Final = f"[^\\pC\\pZ{_INVISIBLE}]"
_VISIBLE: Final = f"{_VISIBLE_ONE}+"
TEXT_RULE: Final = (
    f"self.matches(r'^{_VISIBLE}( +{_VISIBLE})*$')",
    "must contain only visible characters, with spaces (U+0020) only between them, such"
    " as alice@example.com or role:deployer: no control, format or invisible"
    " characters, no other white space, and no leading or trailing spaces",
)

SUBJECT_RULES: Final = (
    TEXT_RULE,
    (
        "!self.startsWith('role:') && !self.startsWith('proj:')",
        "must not begin with role: or proj:, because binding a role as a subject would"
        " grant the new role to everyone who has it; name a user or an SSO group, such"
        " as alice@example.com",
    ),
    (
        "self != 'admin'",
        "must not be admin, Argo CD's built-in administrator, who needs no grant; name"
        " another user or an SSO group, such as alice@example.com",
    ),
)

_PROJECT_ROLE_RULE: Final = (
    "has(self.project) || !self.name.startsWith('proj:')",
    "a role of an AppProject must be written as project: team-a and name: deployer,"
    " not as proj:team-a:deployer",
)
ROLE_RULES: Final = (
    _PROJECT_ROLE_RULE,
    (
        "!has(self.project) ||"
        " self.name.matches('^[a-zA-Z0-9]([-_a-zA-Z0-9]*[a-zA-Z0-9])?$')",
        "name of a project role must be a bare name of letters, digits, '-' and '_',"
        " such as deployer",
    ),
)

LABEL_KEY_PATTERN: Final = (
    r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[a-zA-Z0-9]([-_.a-zA-Z0-9]*[a-zA-Z0-9])?$"
)
"""Source: Kubernetes, "Labels and Selectors", syntax and character set."""

OWNER_NAME_RULE: Final = (
    "!self.contains('*')",
    "must be the name of one user or group, such as platform-team; patterns are"
    " allowed only in AccessPolicies",
)

_FILLED_IN: Final = "".join(f".replace('{{{name}}}', '_')" for name in PLACEHOLDERS)
DETAILS_RULES: Final = (
    (
        f"self.matches(r'^({_VISIBLE_ONE}|[ \\n])*$')",
        "must contain only visible characters, spaces (U+0020) and newlines",
    ),
    (
        f"!self{_FILLED_IN}.matches(r'\\{{[^{{}}]*\\}}')",
        "must contain only these placeholders: "
        + ", ".join(f"{{{name}}}" for name in PLACEHOLDERS),
    ),
)
"""Rules that ``argogrant.grants.decide`` also checks."""

OWNERS_RULE: Final = (
    "!has(self.resource) || (has(self.integration) && size(self.integration) > 0)",
    "resource requires integration: the owners of roles whose project names no"
    " owner, such as kind: Group and name: platform-team",
)

TIME_PATTERN: Final = (
    r"^("
    r"([0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)-"
    r"((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    r"|02-(0[1-9]|1[0-9]|2[0-8]))"
    r"|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([2468][048]|0[48]|[13579][26])00)-02-29"
    r")T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
"""RFC 3339, for dates that exist: CEL cannot turn a failed conversion into false.

``format: date-time`` would do the same, and answer *must be of type date-time*.
"""

BASE64_RULE: Final = (
    "self.matches('^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$')",
    "must be encoded with base64, such as LS0tLS1CRUdJTi…; `base64 -w0 ca.crt` prints"
    " it",
)
"""``format: byte`` would do the same, and answer *must be of type byte*."""

DURATION_RULE: Final = (
    "duration(self) >= duration('1s')",
    "must be at least one second, such as 2h30m; fractions of a second are dropped",
)

_NEW_GRANT: Final = "create a new AccessGrant instead"


def _never_changes(field: str, remedy: str) -> tuple[str, str]:
    """Build a rule that makes an optional field immutable, even if it is omitted."""
    return (
        f"has(self.{field}) == has(oldSelf.{field}) &&"
        f" (!has(self.{field}) || self.{field} == oldSelf.{field})",
        f"{field} is immutable; {remedy}",
    )


SPEC_RULES: Final = (
    (
        "has(self.expiresAt) != has(self.duration)",
        "exactly one of expiresAt (such as 2026-11-24T18:00:00Z) and duration (such as"
        " 2h30m, from the start) is required",
    ),
    (
        f"!has(self.notBefore) || !self.notBefore.matches(r'{TIME_PATTERN}') ||"
        f" !has(self.expiresAt) || !self.expiresAt.matches(r'{TIME_PATTERN}') ||"
        " timestamp(self.notBefore) < timestamp(self.expiresAt)",
        "expiresAt must be later than notBefore, such as notBefore:"
        " 2026-11-24T16:00:00Z and expiresAt: 2026-11-24T18:00:00Z",
    ),
    (
        "!has(self.revocation) || (has(self.revoked) && self.revoked)",
        "revocation requires revoked: true; set both",
    ),
    (
        "!has(self.breakGlass) || !self.breakGlass || (has(self.justification) &&"
        f" self.justification.matches(r'{_VISIBLE}'))",
        "breakGlass requires a justification; describe the emergency, such as:"
        " production is down, incident 4711",
    ),
    ("self.instance == oldSelf.instance", f"instance is immutable; {_NEW_GRANT}"),
    ("self.subject == oldSelf.subject", f"subject is immutable; {_NEW_GRANT}"),
    ("self.role == oldSelf.role", f"role is immutable; {_NEW_GRANT}"),
    _never_changes(
        "duration",
        f"set revoked: true to end the grant early; for more time, {_NEW_GRANT}",
    ),
    (
        "!has(oldSelf.expiresAt) || (has(self.expiresAt) &&"
        " (self.expiresAt == oldSelf.expiresAt ||"
        f" !self.expiresAt.matches(r'{TIME_PATTERN}') ||"
        " timestamp(self.expiresAt) <= timestamp(oldSelf.expiresAt)))",
        "expiresAt can only become earlier after creation; for more time,"
        f" {_NEW_GRANT}",
    ),
    _never_changes("notBefore", _NEW_GRANT),
    _never_changes("justification", _NEW_GRANT),
    _never_changes(
        "requester",
        "keep it unchanged when you apply the grant again; for another requester,"
        f" {_NEW_GRANT}",
    ),
    _never_changes("extends", _NEW_GRANT),
    (
        "(has(self.breakGlass) && self.breakGlass) =="
        " (has(oldSelf.breakGlass) && oldSelf.breakGlass)",
        f"breakGlass is immutable; {_NEW_GRANT}",
    ),
    (
        "!has(oldSelf.revoked) || !oldSelf.revoked ||"
        " (has(self.revoked) && self.revoked)",
        f"revoked cannot be unset; for new access, {_NEW_GRANT}",
    ),
    (
        "!has(oldSelf.revocation) ||"
        " (has(self.revocation) && self.revocation == oldSelf.revocation)",
        "revocation is immutable once it is set",
    ),
)


_NEW_INSTANCE: Final = "delete this ArgoCDInstance and create another"
INSTANCE_RULES: Final = (
    (
        "has(self.__namespace__) == has(oldSelf.__namespace__) &&"
        " (!has(self.__namespace__) || self.__namespace__ == oldSelf.__namespace__)",
        f"namespace is immutable; {_NEW_INSTANCE}",
    ),
    (
        "has(self.cluster) == has(oldSelf.cluster) && (!has(self.cluster) ||"
        " self.cluster.server == oldSelf.cluster.server)",
        f"cluster.server is immutable; {_NEW_INSTANCE}",
    ),
)
"""Otherwise bindings could stay in an Argo CD that no instance names any more.

``namespace`` is a reserved word of CEL, which Kubernetes escapes. The field is always
present; ``has`` is for the API server, which tries the rule with the default of spec.
"""

ROLE_PATTERN_RULES: Final = (
    _PROJECT_ROLE_RULE,
    (
        "!has(self.project) || self.name.matches('^[-_a-zA-Z0-9*]+$')",
        "name of a project role must be a bare name of letters, digits, '-' and '_',"
        " such as deployer; '*' matches any text",
    ),
)

SUBJECT_PATTERN_RULES: Final = (
    TEXT_RULE,
    (
        "!self.startsWith('role:') && !self.startsWith('proj:')",
        "must not begin with role: or proj:, because a role is never a subject; name"
        " users or SSO groups, such as '*@example.com'",
    ),
)

SUBJECTS_RULE: Final = (
    "(has(self.self) && self.self) || (has(self.users) && size(self.users) > 0) ||"
    " (has(self.groups) && size(self.groups) > 0)",
    "at least one of self: true, users and groups is required; '*' in users and in"
    " groups matches every subject",
)

REQUESTER_RULES: Final = (
    (
        "(self.kind == 'ServiceAccount') == has(self.__namespace__)",
        "namespace is required for a ServiceAccount, such as argocd, and not allowed"
        " for other kinds",
    ),
    (
        "self.kind != 'ServiceAccount' || self.name.matches('^[-a-z0-9.*]+$')",
        "name of a ServiceAccount must be the name of the object, such as deployer, not"
        " system:serviceaccount:ci:deployer; '*' matches any text",
    ),
)

JUSTIFICATION_PATTERN_RULE: Final = (
    "''.matches(self) in [true, false]",
    "must be a regular expression in RE2 syntax, such as 'CHG-[0-9]+'; see"
    " https://github.com/google/re2/wiki/Syntax",
)

APPROVER_RULE: Final = (
    "(self.kind in ['User', 'Group']) == has(self.name)",
    "name is required for a User or a Group, such as approvers, and not allowed for"
    " IntegrationOwner and ResourceOwner, which spec.owners of the ArgoCDInstance"
    " defines",
)

ENOUGH_APPROVERS_RULE: Final = (
    "size(self.approvers) >= self.required ||"
    " self.approvers.exists(a, !has(a.kind) || a.kind != 'User' || !has(a.name) ||"
    " a.name.contains('*'))",
    "approvers must name at least as many users as required, or a Group; otherwise"
    " no grant can be approved",
)

POLICY_SPEC_RULE: Final = (
    "self.effect != 'Deny' || !(has(self.maxDuration) || has(self.maxExtensions) ||"
    " has(self.maxActivePerSubject) || has(self.justification) ||"
    " has(self.approval) || has(self.breakGlass) || has(self.subjectRules))",
    "a policy with effect: Deny cannot have maxDuration, maxExtensions,"
    " maxActivePerSubject, justification, approval, breakGlass or subjectRules,"
    " because it denies every match; remove these fields",
)
