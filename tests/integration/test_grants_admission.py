"""What the API server itself refuses of grants, and what is immutable of any kind.

Every rule of these is broken here once, and the answer says what to do.
"""

from typing import Any

import pytest

from argogrant.api.crd import ACCESS_GRANT, KINDS
from controlplane import ControlPlane
from support.live_cluster import a_grant
from support.sample_objects import (
    ALICE,
    a_project_role_grant,
    an_approval,
    an_instance,
    rejection,
    rules_of,
)

BLANKS = " \t\u00a0\u2003\u2800 "
NOON, EVENING = "2036-11-24T12:00:00Z", "2036-11-24T18:00:00Z"

REFUSED = [
    pytest.param(*row[1:], id=row[0])
    for row in (
        (
            "a requester without a name",
            a_grant("tried", requester={"groups": []}),
            "spec.requester.username",
        ),
        (
            "an emergency without a justification",
            a_grant("tried", breakGlass=True),
            "breakGlass requires a justification",
        ),
        (
            "an emergency with a blank one",
            a_grant("tried", breakGlass=True, justification=BLANKS),
            "breakGlass requires a justification",
        ),
        ("an extension of no name", a_grant("tried", extends="A b"), "spec.extends"),
        (
            "two ends",
            a_grant("tried", duration="1h", expiresAt=EVENING),
            "exactly one of expiresAt",
        ),
        (
            "a moment",
            a_grant("tried", duration="10ms"),
            "must be at least one second",
        ),
        (
            "a name that ends with a blank",
            a_grant("tried", "bob "),
            "only visible characters",
        ),
        (
            "an end before the start",
            a_grant("tried", notBefore=EVENING, expiresAt=NOON),
            "expiresAt must be later than notBefore",
        ),
        (
            "a revocation that is none",
            a_grant("tried", revocation={"justification": "x"}),
            "revocation requires revoked: true",
        ),
        ("a grant for the administrator", a_grant("tried", "admin"), "needs no grant"),
        (
            "a grant for a role",
            a_grant("tried", "role:x"),
            "must not begin with role: or proj:",
        ),
        (
            "a grant of a project's role as Argo CD writes it",
            a_grant("tried", role={"name": "proj:a:b"}),
            "not as proj:team-a:deployer",
        ),
        (
            "a grant of a global role in a project",
            a_project_role_grant("role:x"),
            "must be a bare name of letters, digits, '-' and '_', such as deployer",
        ),
    )
]

ACCEPTED = [
    pytest.param(body, id=name)
    for name, body in (
        ("a grant by somebody", a_grant("tried", requester=ALICE)),
        (
            "a justified emergency",
            a_grant("tried", breakGlass=True, justification="the shop is down"),
        ),
        ("no emergency", a_grant("tried", breakGlass=False)),
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


A_GRANT = {
    "expiresAt": EVENING,
    "notBefore": NOON,
    "justification": "CHG-7",
    "requester": ALICE,
    "extends": "before",
    "breakGlass": True,
    "revoked": True,
    "revocation": {"justification": "done"},
}
A_DURATION = {"requester": ALICE, "duration": "1h"}


def altered(**changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A grant, and the same after a change; None takes a field away."""
    new = {**A_GRANT, **changes}
    kept = {key: value for key, value in new.items() if value is not None}
    before, after = a_grant("tried", **A_GRANT), a_grant("tried", **kept)
    if "duration" in changes:
        before = a_grant("tried", **A_DURATION)
        after = a_grant("tried", **{**A_DURATION, **changes})
    return before, after


CLUSTER = {"server": "https://far.example:6443", "tokenSecret": {"name": "far"}}

CHANGES = [
    pytest.param(*row[1:], id=row[0])
    for row in (
        ("another instance", *altered(instance="blue"), "instance is immutable"),
        (
            "another subject",
            *altered(subject="bob"),
            "subject is immutable",
        ),
        ("another role", *altered(role={"name": "role:x"}), "role is immutable"),
        ("a longer time", *altered(duration="2h"), "duration is immutable"),
        (
            "a later end",
            *altered(expiresAt="2036-11-24T18:00:01Z"),
            "expiresAt can only become earlier",
        ),
        ("no start", *altered(notBefore=None), "notBefore is immutable"),
        (
            "another justification",
            *altered(justification="CHG-8"),
            "justification is immutable",
        ),
        (
            "another requester",
            *altered(requester={"username": "bob"}),
            "requester is immutable",
        ),
        (
            "another group",
            *altered(requester={**ALICE, "groups": ["admins"]}),
            "requester is immutable",
        ),
        ("no requester", *altered(requester=None), "keep it unchanged when you apply"),
        (
            "a requester afterwards",
            a_grant("tried"),
            a_grant("tried", requester=ALICE),
            "requester is immutable",
        ),
        (
            "an emergency afterwards",
            a_grant("tried", justification="x"),
            a_grant("tried", justification="x", breakGlass=True),
            "breakGlass is immutable",
        ),
        ("another predecessor", *altered(extends="x"), "extends is immutable"),
        (
            "no emergency after all",
            *altered(breakGlass=False),
            "breakGlass is immutable",
        ),
        (
            "a revocation taken back",
            *altered(revoked=False, revocation=None),
            "revoked cannot be unset",
        ),
        (
            "another revocation",
            *altered(revocation={"justification": "x"}),
            "revocation is immutable once",
        ),
        (
            "a refusal instead of an approval",
            an_approval(),
            an_approval(decision="Deny"),
            "delete it and create another",
        ),
        (
            "a comment afterwards",
            an_approval(),
            an_approval(comment="x"),
            "delete it and create another",
        ),
        (
            "an approver afterwards",
            an_approval(),
            an_approval(approver=ALICE),
            "delete it and create another",
        ),
        (
            "another namespace of an instance",
            an_instance(),
            an_instance(namespace="elsewhere"),
            "namespace is immutable; delete this ArgoCDInstance and create another",
        ),
        (
            "another server of an instance",
            an_instance(cluster=CLUSTER),
            an_instance(cluster={**CLUSTER, "server": "https://other.example:6443"}),
            "cluster.server is immutable; delete this ArgoCDInstance and create",
        ),
        (
            "a cluster added to an instance",
            an_instance(),
            an_instance(cluster=CLUSTER),
            "cluster.server is immutable",
        ),
        (
            "a cluster removed from an instance",
            an_instance(cluster=CLUSTER),
            an_instance(),
            "cluster.server is immutable",
        ),
    )
]


@pytest.mark.parametrize(("before", "after", "words"), CHANGES)
def test_can_not_change(
    emptied: ControlPlane, before: dict[str, Any], after: dict[str, Any], words: str
) -> None:
    """Neither to another value, nor to none where there was one, nor back."""
    assert rejection(emptied, "create", body=before) == ""

    assert words in rejection(emptied, "replace", body=after)


def test_credentials_of_an_instance_can_change(emptied: ControlPlane) -> None:
    """The certificates, the Secret and the rotation of the token are mutable."""
    rotation = {"every": "1h", "serviceAccount": "argogrant"}
    changed = {
        **CLUSTER,
        "tokenSecret": {"name": "newer", "key": "token"},
        "caBundle": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==",
        "tokenRotation": rotation,
    }
    assert rejection(emptied, "create", body=an_instance(cluster=CLUSTER)) == ""

    assert rejection(emptied, "replace", body=an_instance(cluster=changed)) == ""


def test_groups_are_a_set(emptied: ControlPlane) -> None:
    """Whoever applies a grant anew may name them in another order."""
    turned = {**ALICE, "groups": ALICE["groups"][::-1]}
    assert rejection(emptied, "create", body=a_grant("tried", requester=ALICE)) == ""

    assert rejection(emptied, "replace", body=a_grant("tried", requester=turned)) == ""


TRIED = {message for rule, message in rules_of(*KINDS) if "oldSelf" in rule}
TRIED |= {message for _, message in rules_of(ACCESS_GRANT)}


@pytest.mark.parametrize("message", sorted(TRIED))
def test_every_rule_is_tried(message: str) -> None:
    """A rule that nothing breaks may never refuse anything."""
    words = [str(row.values[-1]) for row in REFUSED + CHANGES]

    assert [one for one in words if one in message]
