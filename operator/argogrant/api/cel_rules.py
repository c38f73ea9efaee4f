r"""What CEL checks at ``kubectl apply``, with the messages that people read.

The rules repeat, as far as CEL can say them, what ``argogrant.grants`` checks again.
CEL's regular expressions are RE2: ``\pC`` there lacks the unassigned code points, and
Unicode normal forms can not be asked for; those two are checked by the operator alone.

What CEL checks of AccessPolicies, with the messages that people read.

Patterns hold names as grants and the API server write them, and ``*`` for any text. So
they may hold what such a name may hold.
"""

from typing import Final

from argogrant.grants.access_details import PLACEHOLDERS
from argogrant.grants.model.validation import INVISIBLE_RANGES

_INVISIBLE: Final = "".join(
    f"\\x{{{first:04X}}}" + (f"-\\x{{{last:04X}}}" if last > first else "")
    for first, last in INVISIBLE_RANGES
)
_VISIBLE_ONE: Final = f"[^\\pC\\pZ{_INVISIBLE}]"
_VISIBLE: Final = f"{_VISIBLE_ONE}+"
TEXT_RULE: Final = (
    f"self.matches(r'^{_VISIBLE}( +{_VISIBLE})*$')",
    "must hold only characters that a reader can see, and blanks (U+0020) only inside:"
    " no control, format or invisible character, no other kind of blank, nothing"
    " before or after the name",
)

SUBJECT_RULES: Final = (
    TEXT_RULE,
    (
        "!self.startsWith('role:') && !self.startsWith('proj:')",
        "is written like a role; binding it would raise the rights of everybody who"
        " holds that role; name a user or an SSO group",
    ),
    (
        "self != 'admin'",
        "is Argo CD's built-in administrator, who needs no grant; name another user or"
        " an SSO group",
    ),
)

ROLE_RULES: Final = (
    (
        "has(self.project) || !self.name.startsWith('proj:')",
        "a project's role is written as project: team-a and name: deployer, not as"
        " proj:team-a:deployer",
    ),
    (
        "!has(self.project) ||"
        " self.name.matches('^[a-zA-Z0-9]([-_a-zA-Z0-9]*[a-zA-Z0-9])?$')",
        "a project's role has a bare name of letters, digits, '-' and '_', such as"
        " deployer",
    ),
)

LABEL_KEY_PATTERN: Final = (
    r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[a-zA-Z0-9]([-_.a-zA-Z0-9]*[a-zA-Z0-9])?$"
)
"""Source: Kubernetes, "Labels and Selectors", syntax and character set."""

OWNER_NAME_RULES: Final = (
    (
        "!self.contains('*')",
        "names one user or group as an owner; patterns belong into AccessPolicies",
    ),
)

_FILLED_IN: Final = "".join(f".replace('{{{name}}}', '_')" for name in PLACEHOLDERS)
DETAILS_RULES: Final = (
    (
        f"self.matches(r'^({_VISIBLE_ONE}|[ \\n])*$')",
        "must hold only characters that a reader can see, blanks (U+0020) and newlines",
    ),
    (
        f"!self{_FILLED_IN}.matches(r'\\{{[^{{}}]*\\}}')",
        "holds a placeholder that stands for nothing; there are "
        + ", ".join(f"{{{name}}}" for name in PLACEHOLDERS),
    ),
)
"""What ``argogrant.grants.access_details`` checks again."""

OWNERS_RULES: Final = (
    (
        "!has(self.resource) || (has(self.integration) && size(self.integration) > 0)",
        "resource needs integration beside it: owners who decide where a project names"
        " nobody",
    ),
)

DURATION_RULES: Final = (
    (
        "duration(self) >= duration('1s')",
        "must be at least one second, such as 2h30m; fractions of a second are dropped",
    ),
)

_NEW_GRANT: Final = "create a new AccessGrant instead"


def _never_changes(field: str, remedy: str) -> tuple[str, str]:
    """Hold an optional field as it was created, also if it was left out."""
    return (
        f"has(self.{field}) == has(oldSelf.{field}) &&"
        f" (!has(self.{field}) || self.{field} == oldSelf.{field})",
        f"{field} can not change after creation; {remedy}",
    )


SPEC_RULES: Final = (
    (
        "has(self.expiresAt) != has(self.duration)",
        "write exactly one of expiresAt (an absolute end) and duration (counted from"
        " the start)",
    ),
    (
        "!has(self.notBefore) || !has(self.expiresAt) ||"
        " self.notBefore < self.expiresAt",
        "expiresAt must be later than notBefore",
    ),
    (
        "!has(self.revocation) || (has(self.revoked) && self.revoked)",
        "revocation explains revoked: true; set both",
    ),
    (
        "!has(self.breakGlass) || !self.breakGlass || (has(self.justification) &&"
        f" self.justification.matches(r'{_VISIBLE}'))",
        "access in an emergency (breakGlass) needs a justification; say what happened",
    ),
    (
        "self.instance == oldSelf.instance",
        f"instance can not change after creation; {_NEW_GRANT}",
    ),
    (
        "self.subject == oldSelf.subject",
        f"subject can not change after creation; {_NEW_GRANT}",
    ),
    (
        "self.role == oldSelf.role",
        f"role can not change after creation; {_NEW_GRANT}",
    ),
    _never_changes(
        "duration",
        f"end the grant early with revoked: true, or, for more time, {_NEW_GRANT}",
    ),
    (
        "!has(oldSelf.expiresAt) ||"
        " (has(self.expiresAt) && self.expiresAt <= oldSelf.expiresAt)",
        f"expiresAt can only move earlier after creation; for more time, {_NEW_GRANT}",
    ),
    _never_changes("notBefore", _NEW_GRANT),
    _never_changes("justification", _NEW_GRANT),
    _never_changes(
        "requester",
        "leave it as it is, also when you apply the grant anew; to ask as somebody"
        f" else, {_NEW_GRANT}",
    ),
    _never_changes("extends", _NEW_GRANT),
    (
        "(has(self.breakGlass) && self.breakGlass) =="
        " (has(oldSelf.breakGlass) && oldSelf.breakGlass)",
        f"breakGlass can not change after creation; {_NEW_GRANT}",
    ),
    (
        "!has(oldSelf.revoked) || !oldSelf.revoked ||"
        " (has(self.revoked) && self.revoked)",
        f"a revocation is final; {_NEW_GRANT}",
    ),
    (
        "!has(oldSelf.revocation) ||"
        " (has(self.revocation) && self.revocation == oldSelf.revocation)",
        "revocation is set once and then stays as the record",
    ),
)


ROLE_PATTERN_RULES: Final = (
    (
        "has(self.project) || !self.name.startsWith('proj:')",
        "a project's role is written as project: team-a and name: deployer, not as"
        " proj:team-a:deployer",
    ),
    (
        "!has(self.project) || self.name.matches('^[-_a-zA-Z0-9*]+$')",
        "a project's role has a bare name of letters, digits, '-' and '_', such as"
        " deployer; '*' stands for any text",
    ),
)

SUBJECT_PATTERN_RULES: Final = (
    TEXT_RULE,
    (
        "!self.startsWith('role:') && !self.startsWith('proj:')",
        "is written like a role, which is never bound; name users or SSO groups",
    ),
)

SUBJECTS_RULES: Final = (
    (
        "(has(self.self) && self.self) || (has(self.users) && size(self.users) > 0) ||"
        " (has(self.groups) && size(self.groups) > 0)",
        "name for whom access may be asked: self: true, users or groups; '*' among"
        " users and among groups means everybody",
    ),
)

REQUESTER_RULES: Final = (
    (
        "(self.kind == 'ServiceAccount') == has(self.__namespace__)",
        "a ServiceAccount needs its namespace, and nothing else has one",
    ),
    (
        "self.kind != 'ServiceAccount' || self.name.matches('^[-a-z0-9.*]+$')",
        "a ServiceAccount is named as its object is, such as deployer, not"
        " system:serviceaccount:ci:deployer; '*' stands for any text",
    ),
)

JUSTIFICATION_PATTERN_RULES: Final = (
    (
        "''.matches(self) in [true, false]",
        "is no regular expression that RE2 understands; see"
        " https://github.com/google/re2/wiki/Syntax",
    ),
)

APPROVER_RULES: Final = (
    (
        "(self.kind in ['User', 'Group']) == has(self.name)",
        "a User or a Group needs a name; IntegrationOwner and ResourceOwner have none:"
        " the ArgoCDInstance says who they are (spec.owners)",
    ),
)

APPROVAL_RULE_RULES: Final = (
    (
        "size(self.approvers) >= self.required ||"
        " self.approvers.exists(a, a.kind != 'User' || a.name.contains('*'))",
        "approvers names fewer users than required asks for, so that nothing could"
        " ever be approved; name more, or a Group",
    ),
)

POLICY_SPEC_RULES: Final = (
    (
        "self.effect != 'Deny' || !(has(self.maxDuration) || has(self.maxExtensions) ||"
        " has(self.maxActivePerSubject) || has(self.justification) ||"
        " has(self.approval) || has(self.breakGlass))",
        "a policy with effect: Deny refuses whatever it matches; remove maxDuration,"
        " maxExtensions, maxActivePerSubject, justification, approval and breakGlass,"
        " which would do nothing",
    ),
)
