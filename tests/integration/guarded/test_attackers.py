"""Attempts to act as another user, each rejected with its cause.

All users can create grants and approvals in Kubernetes. Their names have the prefix
``oidc:``, like those of an identity provider.
"""

from collections.abc import Callable

import pytest

from support import approval_flow
from support.admission_objects import Asker, Body
from support.approval_flow import ClosedWorld, an_approval, patch, settles
from support.live_cluster import a_grant, after, eventually


def test_forged_requester_is_rejected(world: ClosedWorld) -> None:
    """Mallory names a developer as the requester."""
    mallory = world.person("oidc:mallory")
    forged = {"username": "oidc:alice", "groups": ["developers"]}
    refusal = mallory.refused(
        "create", "-f", "-", body=a_grant("forged", requester=forged)
    )

    assert "spec.requester is not the user who creates the AccessGrant" in refusal
    assert 'username: "oidc:mallory"' in refusal
    assert not world.exists("accessgrant", "forged")


def test_forged_group_of_an_approver_is_rejected(
    world: ClosedWorld, waiting: Body
) -> None:
    """Mallory writes the own name and another group."""
    mallory = world.person("oidc:mallory")
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
    world: ClosedWorld, waiting: Body, spelling: str
) -> None:
    """Alice also has an account in the approvers' group."""
    herself = world.person(spelling, "developers", "approvers")
    approval = world.agree(herself, waiting)
    message = world.comes_to_count_as(approval, "SelfApproval")

    assert message
    assert world.says("wanted")[0] == "AwaitingApproval"
    assert not world.may_sync()


def test_approval_does_not_count_for_a_recreated_grant(
    world: ClosedWorld, alice: Asker, bob: Asker
) -> None:
    """Bob approved ten minutes; Alice requests an hour under the same name."""
    first = world.ask(alice, "wanted", duration="10m")
    approval = world.agree(bob, first)
    eventually(world.may_sync, within=approval_flow.PATIENCE)
    world.delete("wanted")
    world.ask(alice, "wanted", duration="2h")
    world.comes_to_say("wanted", "AwaitingApproval")

    assert "wanted" in world.comes_to_count_as(approval, "AnotherGrant")
    eventually(lambda: not world.may_sync(), within=10)


def test_approval_is_immutable(world: ClosedWorld, waiting: Body, bob: Asker) -> None:
    """An admin cannot change a denial either."""
    approval = world.agree(bob, waiting, decision="Deny")
    world.comes_to_say("wanted", "Denied")
    admin = approval_flow.who(world.plane, "admin")
    name = approval["metadata"]["name"]
    refusal = patch(admin, "accessapproval", name, {"spec": {"decision": "Approve"}})

    assert "delete it and create another" in refusal
    assert not world.may_sync()


def test_grant_stays_denied_after_the_denial_is_deleted(
    world: ClosedWorld, waiting: Body, bob: Asker
) -> None:
    approval = world.agree(bob, waiting, "no", decision="Deny")
    world.comes_to_say("wanted", "Denied")
    bob.kubectl("delete", "accessapproval", approval["metadata"]["name"])
    world.agree(world.person("oidc:carol", "approvers"), waiting)
    settles(world)

    assert world.says("wanted")[0] == "Denied"
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
    world: ClosedWorld,
    alice: Asker,
    bob: Asker,
    asked: Callable[[], Body],
    changed: Callable[[], Body],
) -> None:
    grant = world.ask(alice, "wanted", **asked())
    world.agree(bob, grant)
    world.comes_to_say("wanted", "Bound")
    end = world.grant("wanted")["status"]["expiresAt"]
    refusal = patch(alice, "accessgrant", "wanted", {"spec": changed()})

    assert "is invalid" in refusal
    assert world.grant("wanted")["status"]["expiresAt"] == end
