"""What the API server itself refuses of policies, approvals and instances.

Every rule of their CRDs is broken here once, and the answer says what to do.
"""

from typing import Any

import pytest

from argogrant.api.crd import ACCESS_APPROVAL, ACCESS_POLICY, ARGOCD_INSTANCE
from controlplane import ControlPlane
from support.sample_objects import (
    BOB,
    a_policy,
    a_role,
    about,
    agreed,
    an_approval,
    an_instance,
    asking,
    owned_by,
    rules_of,
    told,
)

OWNER = {"kind": "IntegrationOwner"}

REFUSED = [
    pytest.param(*row[1:], id=row[0])
    for row in (
        (
            "a service account of no namespace",
            asking(kind="ServiceAccount", name="ci"),
            "namespace is required for a ServiceAccount",
        ),
        (
            "a user of a namespace",
            asking(kind="User", name="alice", namespace="ci"),
            "namespace is required for a ServiceAccount",
        ),
        (
            "a service account by its user name",
            asking(
                kind="ServiceAccount",
                name="system:serviceaccount:ci:robot",
                namespace="ci",
            ),
            "must be the name of the object",
        ),
        (
            "service accounts of any namespace",
            asking(kind="ServiceAccount", name="*", namespace="*"),
            "spec.requesters[0].namespace",
        ),
        (
            "a requester whom no reader can tell from alice",
            asking(kind="User", name="al\u200bice"),
            "only visible characters",
        ),
        (
            "a requester of another kind",
            asking(kind="Role", name="x"),
            "spec.requesters[0].kind",
        ),
        ("nobody may ask", a_policy(requesters=[]), "spec.requesters"),
        ("for nobody", about(), "at least one of self: true, users and groups"),
        (
            "not for oneself",
            about(self=False),
            "at least one of self: true, users and groups",
        ),
        (
            "for no users and no groups",
            about(users=[], groups=[]),
            "at least one of self: true, users and groups",
        ),
        ("for a role", about(users=["role:*"]), "must not begin with role: or proj:"),
        (
            "for a project's role",
            about(groups=["proj:*"]),
            "must not begin with role: or proj:",
        ),
        ("for a blank", about(groups=["on-call "]), "only visible characters"),
        ("for nobody's name", about(users=[""]), "spec.subjects.users[0]"),
        ("the same user twice", about(users=["a", "a"]), "Duplicate value"),
        ("no roles", a_policy(roles=[]), "spec.roles"),
        ("a project's role as Argo CD writes it", a_role(name="proj:*"), "project:"),
        (
            "a global role in a project",
            a_role(name="role:deployer", project="team-a"),
            "'-' and '_', such as deployer; '*' matches any text",
        ),
        (
            "a role with a blank",
            a_role(name="role:deployer "),
            "only visible characters",
        ),
        (
            "projects by a regular expression",
            a_role(name="x", project="team-.?"),
            "spec.roles[0].project",
        ),
        (
            "an instance that can not be one",
            a_policy(instances=["Blue"]),
            "spec.instances[0]",
        ),
        ("another effect", a_policy(effect="Maybe"), "spec.effect"),
        ("days", a_policy(maxDuration="1d"), "spec.maxDuration"),
        (
            "less than a second",
            a_policy(maxDuration="10ms"),
            "must be at least one second",
        ),
        ("a negative number", a_policy(maxExtensions=-1), "spec.maxExtensions"),
        ("too long a chain", a_policy(maxExtensions=31), "spec.maxExtensions"),
        (
            "no active grants at all",
            a_policy(maxActivePerSubject=0),
            "spec.maxActivePerSubject",
        ),
        (
            "a pattern that is no regular expression",
            a_policy(justification={"pattern": "CHG-[0-9"}),
            "missing closing ]",
        ),
        (
            "a pattern that is none, with what to read",
            a_policy(justification={"pattern": "(?=x)"}),
            "must be a regular expression in RE2 syntax",
        ),
        (
            "an approver without a name",
            agreed({"kind": "Group"}),
            "name is required for a User or a Group",
        ),
        (
            "an owner by a name",
            agreed({"kind": "ResourceOwner", "name": "x"}),
            "name is required for a User or a Group",
        ),
        (
            "an approver whom no reader can tell from bob",
            agreed({"kind": "User", "name": "bob\u2060"}),
            "only visible characters",
        ),
        (
            "more approvals than users who may",
            agreed(BOB, required=2),
            "approvers must name at least as many users as required",
        ),
        ("approvals by nobody", agreed(), "spec.approval.approvers"),
        ("no approvals", agreed(OWNER, required=0), "spec.approval.required"),
        ("too many approvals", agreed(OWNER, required=11), "spec.approval.required"),
        *(
            (
                f"a refusal with {field}",
                a_policy(effect="Deny", **{field: value}),
                "cannot have maxDuration",
            )
            for field, value in (
                ("maxDuration", "1h"),
                ("maxExtensions", 0),
                ("maxActivePerSubject", 1),
                ("justification", {"required": True}),
                ("approval", {"required": 1, "approvers": [OWNER]}),
                ("breakGlass", {"allowed": False}),
            )
        ),
        (
            "an emergency that is not said to be allowed",
            a_policy(breakGlass={"maxDuration": "1h"}),
            "spec.breakGlass.allowed",
        ),
        (
            "an approval of a name alone",
            an_approval(grant={"name": "tried"}),
            "spec.grant.uid",
        ),
        ("an undecided approval", an_approval(decision="Maybe"), "spec.decision"),
        (
            "an approver in a group twice",
            an_approval(approver={"username": "bob", "groups": ["a", "a"]}),
            "Duplicate value",
        ),
        (
            "an approver without a name of his own",
            an_approval(approver={"groups": ["a"]}),
            "spec.approver.username",
        ),
        (
            "resource owners without owners to fall back on",
            an_instance(owners={"resource": {"key": "owner", "kind": "User"}}),
            "resource requires integration",
        ),
        (
            "the same, said with an empty list",
            owned_by(resource={"key": "owner", "kind": "User"}),
            "resource requires integration",
        ),
        (
            "a key that no label can have",
            owned_by(BOB, resource={"key": "an owner", "kind": "User"}),
            "spec.owners.resource.key",
        ),
        (
            "owners by a pattern",
            owned_by({"kind": "Group", "name": "team-*"}),
            "patterns are allowed only in AccessPolicies",
        ),
        (
            "a prefix of blanks",
            an_instance(identity={"stripPrefix": "oidc: "}),
            "only visible characters",
        ),
        (
            "details with a placeholder of their own",
            an_instance(accessDetails="Ask {owner}."),
            "must contain only these placeholders",
        ),
        (
            "a token that is renewed all the time",
            an_instance(
                cluster={
                    "server": "https://far.example:6443",
                    "tokenSecret": {"name": "far"},
                    "tokenRotation": {"every": "5m", "serviceAccount": "argogrant"},
                }
            ),
            "must be at least 10m",
        ),
    )
]

ACCEPTED = [
    pytest.param(body, id=name)
    for name, body in (
        ("the least policy", a_policy()),
        ("a policy for one instance", a_policy(instances=["blue"])),
        ("everybody", asking(kind="User", name="*")),
        ("a user with a colon", asking(kind="User", name="oidc:zoë@example.com")),
        ("a system group", asking(kind="Group", name="system:masters")),
        (
            "a service account",
            asking(kind="ServiceAccount", name="argocd-*", namespace="argocd"),
        ),
        ("every group", about(groups=["*"])),
        ("every role of some projects", a_role(name="*", project="team-*")),
        ("every global role", a_role(name="*")),
        ("a role named like a team", a_role(name="team-leads")),
        ("a refusal", a_policy(effect="Deny")),
        ("a pattern", a_policy(justification={"pattern": r"^[A-Z]+-\d+\b"})),
        ("two of a group", agreed({"kind": "Group", "name": "leads"}, required=2)),
        ("two of some users", agreed({"kind": "User", "name": "*@x.org"}, required=2)),
        ("two owners", agreed(OWNER, {"kind": "ResourceOwner"}, required=2)),
        ("the least approval", an_approval()),
        (
            "owners",
            owned_by(BOB, resource={"key": "example.com/owner", "kind": "Group"}),
        ),
        ("a policy demanded", an_instance(requireAccessPolicy=True)),
    )
]


@pytest.mark.parametrize(("body", "words"), REFUSED)
def test_is_refused_with_what_to_do(
    installed: ControlPlane, body: dict[str, Any], words: str
) -> None:
    said = told(installed, "create", "--dry-run=server", body=body)

    assert words in said


@pytest.mark.parametrize("body", ACCEPTED)
def test_is_accepted(installed: ControlPlane, body: dict[str, Any]) -> None:
    assert told(installed, "create", "--dry-run=server", body=body) == ""


def test_policies_can_be_edited(emptied: ControlPlane) -> None:
    assert told(emptied, "create", body=a_policy()) == ""

    assert told(emptied, "replace", body=a_policy(effect="Deny")) == ""


@pytest.mark.parametrize(
    "message",
    sorted(
        {
            message
            for rule, message in rules_of(
                ACCESS_POLICY, ACCESS_APPROVAL, ARGOCD_INSTANCE
            )
            if "oldSelf" not in rule
        }
    ),
)
def test_every_rule_is_tried(message: str) -> None:
    """A rule that nothing breaks may never refuse anything."""
    words = [str(row.values[-1]) for row in REFUSED]

    assert [one for one in words if one in message]
