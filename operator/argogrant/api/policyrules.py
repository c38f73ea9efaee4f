"""What CEL checks of AccessPolicies, with the messages that people read.

Patterns hold names as grants and the API server write them, and ``*`` for any text. So
they may hold what such a name may hold.
"""

from typing import Final

from argogrant.api.cel_rules import TEXT_RULE

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
