"""Attempts to act as another user, each rejected with its cause.

All users can create grants and approvals in Kubernetes. Their names have the prefix
``oidc:``, like those of an identity provider.
"""

from collections.abc import Callable

import pytest

from support import live_policies
from support.admission_objects import Asker, Body
from support.live_cluster import a_grant, after, eventually
from support.live_policies import (
    ClusterWithPolicies,
    an_approval,
    refused_patch,
    wait_until_processed,
)


def test_forged_requester_is_rejected(world: ClusterWithPolicies) -> None:
    """Mallory names a developer as the requester."""
    mallory = world.user("oidc:mallory")
    forged = {"username": "oidc:alice", "groups": ["developers"]}
    refusal = mallory.refused(
        "create", "-f", "-", body=a_grant("forged", requester=forged)
    )

    assert "spec.requester is not the user who creates the AccessGrant" in refusal
    assert 'username: "oidc:mallory"' in refusal
    assert not world.exists("accessgrant", "forged")


def test_forged_group_of_an_approver_is_rejected(
    world: ClusterWithPolicies, waiting: Body
) -> None:
    """Mallory writes the own name and another group."""
    mallory = world.user("oidc:mallory")
    forged = {"username": "oidc:mallory", "groups": ["people", "approvers"]}
    body = an_approval(waiting, approver=forged)
    refusal = mallory.refused("create", "-f", "-", body=body)

    assert "spec.approver is not the user who creates the AccessApproval" in refusal
    assert not world.may_sync()


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param("oidc:alice", id="the same"),
        pytest.param("oidc:Alice", id="in upper case"),
        pytest.param("alice", id="without the prefix"),
        pytest.param("oidc:\uff41lice", id="in wide letters"),
    ],
)
def test_recipient_cannot_approve_under_another_spelling(
    world: ClusterWithPolicies, waiting: Body, spelling: str
) -> None:
    """Alice also has an account in the approvers' group."""
    herself = world.user(spelling, "developers", "approvers")
    approval = world.create_approval(herself, waiting)
    message = world.wait_for_counted_reason(approval, "SelfApproval")

    assert message
    assert world.reason_and_message("wanted")[0] == "AwaitingApproval"
    assert not world.may_sync()


def test_approval_does_not_count_for_a_recreated_grant(
    world: ClusterWithPolicies, alice: Asker, bob: Asker
) -> None:
    """Bob approved ten minutes; Alice requests an hour under the same name."""
    first = world.create_grant(alice, "wanted", duration="10m")
    approval = world.create_approval(bob, first)
    eventually(world.may_sync, within=live_policies.TIMEOUT)
    world.delete("wanted")
    world.create_grant(alice, "wanted", duration="2h")
    world.wait_for_reason("wanted", "AwaitingApproval")

    assert "wanted" in world.wait_for_counted_reason(approval, "AnotherGrant")
    eventually(lambda: not world.may_sync(), within=10)


def test_approval_is_immutable(
    world: ClusterWithPolicies, waiting: Body, bob: Asker
) -> None:
    """An admin cannot change a denial either."""
    approval = world.create_approval(bob, waiting, decision="Deny")
    world.wait_for_reason("wanted", "Denied")
    admin = live_policies.who(world.plane, "admin")
    name = approval["metadata"]["name"]
    refusal = refused_patch(
        admin, "accessapproval", name, {"spec": {"decision": "Approve"}}
    )

    assert "delete it and create another" in refusal
    assert not world.may_sync()


def test_grant_stays_denied_after_the_denial_is_deleted(
    world: ClusterWithPolicies, waiting: Body, bob: Asker
) -> None:
    approval = world.create_approval(bob, waiting, "no", decision="Deny")
    world.wait_for_reason("wanted", "Denied")
    bob.kubectl("delete", "accessapproval", approval["metadata"]["name"])
    world.create_approval(world.user("oidc:carol", "approvers"), waiting)
    wait_until_processed(world)

    assert world.reason_and_message("wanted")[0] == "Denied"
    assert not world.may_sync()


def _lasts(duration: str) -> Callable[[], Body]:
    return lambda: {"duration": duration}


def _ends(seconds: float) -> Callable[[], Body]:
    """An end that counts from the run of the test, not from its reading."""
    return lambda: {"expiresAt": after(seconds)}


@pytest.mark.parametrize(
    ("asked", "changed"),
    [
        pytest.param(_lasts("10m"), _lasts("2h"), id="a longer duration"),
        pytest.param(_ends(600), _ends(7200), id="a later end"),
        pytest.param(
            _lasts("10m"),
            lambda: {"duration": None} | _ends(7200)(),
            id="an end instead of a duration",
        ),
        pytest.param(
            _lasts("10m"), lambda: {"role": {"name": "role:admin"}}, id="another role"
        ),
        pytest.param(
            _lasts("10m"),
            lambda: {"subject": {"name": "mallory"}},
            id="another subject",
        ),
    ],
)
def test_approved_grant_is_immutable(
    world: ClusterWithPolicies,
    alice: Asker,
    bob: Asker,
    asked: Callable[[], Body],
    changed: Callable[[], Body],
) -> None:
    grant = world.create_grant(alice, "wanted", **asked())
    world.create_approval(bob, grant)
    world.wait_for_reason("wanted", "Bound")
    end = world.grant("wanted")["status"]["expiresAt"]
    refusal = refused_patch(alice, "accessgrant", "wanted", {"spec": changed()})

    assert "is invalid" in refusal
    assert world.grant("wanted")["status"]["expiresAt"] == end
