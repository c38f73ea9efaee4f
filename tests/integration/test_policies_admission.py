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
    an_approval,
    an_instance,
    approved_by,
    for_role,
    for_subjects,
    owned_by,
    rejection,
    requested_by,
    rules_of,
)

OWNER = {"kind": "IntegrationOwner"}

REFUSED = [
    pytest.param(*row[1:], id=row[0])
    for row in (
        (
            "a service account of no namespace",
            requested_by(kind="ServiceAccount", name="ci"),
            "namespace is required for a ServiceAccount",
        ),
        (
            "a user of a namespace",
            requested_by(kind="User", name="alice", namespace="ci"),
            "namespace is required for a ServiceAccount",
        ),
        (
            "a service account by its user name",
            requested_by(
                kind="ServiceAccount",
                name="system:serviceaccount:ci:robot",
                namespace="ci",
            ),
            "must be the name of the object",
        ),
        (
            "service accounts of any namespace",
            requested_by(kind="ServiceAccount", name="*", namespace="*"),
            "spec.requesters[0].namespace",
        ),
        (
            "a requester whom no reader can tell from alice",
            requested_by(kind="User", name="al\u200bice"),
            "only visible characters",
        ),
        (
            "a requester of another kind",
            requested_by(kind="Role", name="x"),
            "spec.requesters[0].kind",
        ),
        ("nobody may ask", a_policy(requesters=[]), "spec.requesters"),
        ("for nobody", for_subjects(), "at least one of self: true, users and groups"),
        (
            "not for oneself",
            for_subjects(self=False),
            "at least one of self: true, users and groups",
        ),
        (
            "for no users and no groups",
            for_subjects(users=[], groups=[]),
            "at least one of self: true, users and groups",
        ),
        (
            "for a role",
            for_subjects(users=["role:*"]),
            "must not begin with role: or proj:",
        ),
        (
            "for a project's role",
            for_subjects(groups=["proj:*"]),
            "must not begin with role: or proj:",
        ),
        ("for a blank", for_subjects(groups=["on-call "]), "only visible characters"),
        ("for nobody's name", for_subjects(users=[""]), "spec.subjects.users[0]"),
        ("the same user twice", for_subjects(users=["a", "a"]), "Duplicate value"),
        ("no roles", a_policy(roles=[]), "spec.roles"),
        ("a project's role as Argo CD writes it", for_role(name="proj:*"), "project:"),
        (
            "a global role in a project",
            for_role(name="role:deployer", project="team-a"),
            "'-' and '_', such as deployer; '*' matches any text",
        ),
        (
            "a role with a blank",
            for_role(name="role:deployer "),
            "only visible characters",
        ),
        (
            "projects by a regular expression",
            for_role(name="x", project="team-.?"),
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
            approved_by({"kind": "Group"}),
            "name is required for a User or a Group",
        ),
        (
            "an owner by a name",
            approved_by({"kind": "ResourceOwner", "name": "x"}),
            "name is required for a User or a Group",
        ),
        (
            "an approver whom no reader can tell from bob",
            approved_by({"kind": "User", "name": "bob\u2060"}),
            "only visible characters",
        ),
        (
            "more approvals than users who may",
            approved_by(BOB, required=2),
            "approvers must name at least as many users as required",
        ),
        ("approvals by nobody", approved_by(), "spec.approval.approvers"),
        ("no approvals", approved_by(OWNER, required=0), "spec.approval.required"),
        (
            "too many approvals",
            approved_by(OWNER, required=11),
            "spec.approval.required",
        ),
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
                ("subjectRules", "Accept"),
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
            "certificates that are not encoded",
            an_instance(
                cluster={
                    "server": "https://far.example:6443",
                    "tokenSecret": {"name": "far"},
                    "caBundle": "-----BEGIN CERTIFICATE-----",
                }
            ),
            "must be encoded with base64",
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
        ("everybody", requested_by(kind="User", name="*")),
        ("a user with a colon", requested_by(kind="User", name="oidc:zoë@example.com")),
        ("a system group", requested_by(kind="Group", name="system:masters")),
        (
            "a service account",
            requested_by(kind="ServiceAccount", name="argocd-*", namespace="argocd"),
        ),
        ("every group", for_subjects(groups=["*"])),
        ("every role of some projects", for_role(name="*", project="team-*")),
        ("every global role", for_role(name="*")),
        ("a role named like a team", for_role(name="team-leads")),
        ("a refusal", a_policy(effect="Deny")),
        ("a pattern", a_policy(justification={"pattern": r"^[A-Z]+-\d+\b"})),
        ("two of a group", approved_by({"kind": "Group", "name": "leads"}, required=2)),
        ("rules of subjects", a_policy(subjectRules="Accept")),
        (
            "two of some users",
            approved_by({"kind": "User", "name": "*@x.org"}, required=2),
        ),
        ("two owners", approved_by(OWNER, {"kind": "ResourceOwner"}, required=2)),
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
    said = rejection(installed, "create", "--dry-run=server", body=body)

    assert words in said


@pytest.mark.parametrize("body", ACCEPTED)
def test_is_accepted(installed: ControlPlane, body: dict[str, Any]) -> None:
    assert rejection(installed, "create", "--dry-run=server", body=body) == ""


def test_policies_can_be_edited(emptied: ControlPlane) -> None:
    assert rejection(emptied, "create", body=a_policy()) == ""

    assert rejection(emptied, "replace", body=a_policy(effect="Deny")) == ""


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
