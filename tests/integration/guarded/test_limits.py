"""Limits of policies that hold across grants, with access judged by argocd-server.

The whole matrix is in ``tests/unit/grants/access/test_history.py`` and
``test_inheritance.py``, and that of forged statuses in
``tests/unit/controller/test_planner_forged_status.py``.
"""

import json
from collections.abc import Iterator

import pytest

from argogrant.argocd.policy_csv import OVERLAY_KEY
from support import live_policies
from support.admission_objects import Asker, Body
from support.live_cluster import RULES, after, eventually, sleep_until
from support.live_policies import (
    OIDC_PREFIX,
    ClusterWithPolicies,
    a_policy,
    approved_by,
    wait_until_processed,
)

FOR_ALICE = {"subjects": {"users": ["alice"]}, "maxDuration": "4h"}
NO_EXTENSION = a_policy(**FOR_ALICE, maxExtensions=0)
NO_ADMIN = a_policy(
    "never", effect="Deny", subjects={"users": ["*"]}, roles=[{"name": "role:admin"}]
)
STATUS_RIGHT = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "Role",
    "metadata": {"name": "status-writer", "namespace": "argogrant"},
    "rules": [
        {
            "apiGroups": ["argogrant.dev"],
            "resources": ["accessgrants/status"],
            "verbs": ["get", "patch"],
        }
    ],
}


@pytest.fixture
def carol(world: ClusterWithPolicies) -> Asker:
    return world.user("oidc:carol", "developers")


@pytest.fixture
def editable(world: ClusterWithPolicies) -> Iterator[ClusterWithPolicies]:
    """Restore the RBAC text that a test changes."""
    yield world
    world.edit({"policy.csv": RULES})


def forge(world: ClusterWithPolicies, name: str) -> None:
    """Write the status of a grant that started long ago and lasts for days."""
    world.apply(STATUS_RIGHT, live_policies.a_role_binding("status-writer", "writers"))
    writer = world.user("oidc:mallory", "writers")
    now = after(-5)
    true = {"status": "True", "message": "", "lastTransitionTime": now}
    status = {
        "startedAt": now,
        "expiresAt": after(200_000),
        "boundAs": "role:deployer",
        "accessPolicy": "deployers",
        "extensionOf": [],
        "conditions": [
            {"type": "Approved", "reason": "AutoApproved", **true},
            {"type": "Ready", "reason": "Bound", **true},
        ],
    }
    writer.kubectl(
        *("patch", "accessgrant", name, "--type=merge", "--subresource=status"),
        *("-p", json.dumps({"status": status})),
    )


def change(person: Asker, name: str, spec: Body) -> None:
    """Change the spec of a grant as a user."""
    person.kubectl(
        *("patch", "accessgrant", name, "--type=merge"),
        *("-p", json.dumps({"spec": spec})),
    )


def test_grants_that_follow_are_extensions_whoever_requests_them(
    world: ClusterWithPolicies, alice: Asker, carol: Asker
) -> None:
    world.apply_policies(NO_EXTENSION, **OIDC_PREFIX)
    world.create_grant(alice, "first", duration="3s")
    world.wait_for_reason("first", "Expired")
    world.create_grant(alice, "next", duration="1h")
    world.create_grant(carol, "by-carol", duration="1h")
    world.create_grant(alice, "later", duration="1h", notBefore=after(1800))

    message = world.wait_for_reason("next", "NotAllowed")
    assert "at most 0 extensions in a row; this is extension 1" in message
    world.wait_for_reason("by-carol", "NotAllowed")
    world.wait_for_reason("later", "Scheduled")
    assert not world.may_sync()


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"revoked": True}, id="after a revocation"),
        pytest.param({"expiresAt": "2020-01-01T00:00:00Z"}, id="with a past end"),
    ],
)
def test_ended_grant_is_no_way_to_begin_again(
    world: ClusterWithPolicies, alice: Asker, spec: Body
) -> None:
    world.apply_policies(NO_EXTENSION, **OIDC_PREFIX)
    world.create_grant(alice, "first", expiresAt=after(3600))
    eventually(world.may_sync, within=live_policies.TIMEOUT)
    world.wait_for_reason("first", "Bound")
    change(alice, "first", spec)
    world.create_grant(alice, "next", duration="1h")

    world.wait_for_reason("next", "NotAllowed")
    eventually(lambda: not world.may_sync(), within=live_policies.TIMEOUT)


def test_grants_that_are_scheduled_at_once_are_bounded(
    world: ClusterWithPolicies, alice: Asker
) -> None:
    """Without maxExtensions, one grant may lie ahead."""
    world.apply_policies(a_policy(**FOR_ALICE), **OIDC_PREFIX)
    for number in range(4):
        start = after(3600 * (1 + 4 * number))
        world.create_grant(alice, f"g{number}", duration="4h", notBefore=start)
    refusals = [world.wait_for_reason(f"g{number}", "NotAllowed") for number in (1, 3)]

    assert all('allows "oidc:alice" to schedule 4h' in one for one in refusals)
    world.wait_for_reason("g0", "Scheduled")


def test_extension_within_the_limit_has_no_gap(
    world: ClusterWithPolicies, alice: Asker
) -> None:
    world.apply_policies(a_policy(**FOR_ALICE, maxExtensions=1), **OIDC_PREFIX)
    world.create_grant(alice, "first", expiresAt=after(3600))
    eventually(world.may_sync, within=live_policies.TIMEOUT)
    world.create_grant(alice, "second", duration="1h", extends="first")
    world.wait_for_reason("second", "Bound")
    world.create_grant(alice, "third", duration="1h", extends="second")

    world.wait_for_reason("third", "NotAllowed")
    change(alice, "first", {"expiresAt": after(3)})
    world.wait_for_reason("first", "Expired")
    assert world.may_sync()


def test_new_inheritance_of_a_denied_role_ends_access(
    editable: ClusterWithPolicies, alice: Asker
) -> None:
    world = editable
    world.apply_policies(a_policy(), NO_ADMIN, **OIDC_PREFIX)
    world.create_grant(alice, "wanted")
    eventually(world.may_sync, within=live_policies.TIMEOUT)
    through = "g, role:deployer, role:ops\ng, role:ops, role:admin\n"
    world.edit({"policy.csv": RULES + through})

    eventually(lambda: not world.may_sync(), within=live_policies.TIMEOUT)
    message = world.wait_for_reason("wanted", "NotAllowed")
    assert 'denies "role:admin", which "role:deployer" inherits' in message
    world.edit({"policy.csv": RULES})
    eventually(world.may_sync, within=live_policies.TIMEOUT)


def test_built_in_admin_inherits_a_denied_readonly(
    world: ClusterWithPolicies, alice: Asker
) -> None:
    never = {**NO_ADMIN["spec"], "roles": [{"name": "role:readonly"}]}
    world.apply_policies(
        a_policy(roles=[{"name": "*"}]), {**NO_ADMIN, "spec": never}, **OIDC_PREFIX
    )
    world.create_grant(alice, "wanted", role={"name": "role:admin"})

    message = world.wait_for_reason("wanted", "NotAllowed")
    assert 'denies "role:readonly", which "role:admin" inherits' in message
    assert not world.may_sync()


def test_pending_request_of_another_person_blocks_nobody(
    world: ClusterWithPolicies, alice: Asker, bob: Asker, carol: Asker
) -> None:
    policy = a_policy(
        **FOR_ALICE,
        maxActivePerSubject=1,
        approval=approved_by("approvers"),
        breakGlass={"allowed": True},
    )
    world.apply_policies(policy, **OIDC_PREFIX)
    world.create_grant(carol, "by-carol")
    world.wait_for_reason("by-carol", "AwaitingApproval")
    wanted = world.create_grant(alice, "wanted", duration="1h")
    world.create_approval(bob, wanted)
    world.wait_for_reason("wanted", "Bound")
    urgent = {"breakGlass": True, "justification": "fire", "duration": "5m"}
    world.create_grant(alice, "urgent", **urgent)
    world.wait_for_reason("urgent", "Bound")
    world.create_grant(alice, "urgent-too", **urgent)

    message = world.wait_for_reason("urgent-too", "NotAllowed")
    assert "at most 1 grants at a time" in message
    assert world.may_sync()


@pytest.mark.parametrize(
    ("grant", "reason"),
    [
        pytest.param({"extends": "gone"}, "ExtensionRefused", id="that extends none"),
        pytest.param({"duration": "5h"}, "NotAllowed", id="that is too long"),
        pytest.param({"extends": "first"}, "NotAllowed", id="that is one too many"),
        pytest.param({}, "NotAllowed", id="that follows another one"),
    ],
)
def test_forged_status_passes_no_limit(
    world: ClusterWithPolicies, alice: Asker, grant: Body, reason: str
) -> None:
    world.apply_policies(NO_EXTENSION, **OIDC_PREFIX)
    if reason == "NotAllowed":
        world.create_grant(alice, "first", expiresAt=after(3600))
        world.wait_for_reason("first", "Bound")
    world.create_grant(alice, "wanted", **grant)
    world.wait_for_reason("wanted", reason)
    forge(world, "wanted")
    if reason == "NotAllowed":
        end = after(3)
        change(alice, "first", {"expiresAt": end})
        forge(world, "first")
        sleep_until(end)
        eventually(lambda: not world.may_sync(), within=live_policies.TIMEOUT)
    world.wait_for_reason("wanted", reason)
    wait_until_processed(world)

    assert not world.may_sync()
    assert "alice" not in world.overlay()


def test_lowered_maximum_shortens_the_line_and_a_status_does_not_lengthen_it(
    world: ClusterWithPolicies, alice: Asker
) -> None:
    world.apply_policies(NO_EXTENSION, **OIDC_PREFIX)
    world.create_grant(alice, "wanted", duration="2h")
    world.wait_for_reason("wanted", "Bound")
    end = world.grant("wanted")["status"]["expiresAt"]
    world.apply(a_policy(**{**FOR_ALICE, "maxDuration": "30m"}, maxExtensions=0))
    eventually(lambda: end not in world.overlay(), within=live_policies.TIMEOUT)
    shortened = world.overlay()
    forge(world, "wanted")
    wait_until_processed(world)

    assert world.overlay() == shortened
    assert world.may_sync()
    world.wait_for_reason("wanted", "Bound")


def test_extension_of_a_deleted_grant_keeps_its_line_and_gets_no_new_one(
    world: ClusterWithPolicies, alice: Asker
) -> None:
    world.apply_policies(a_policy(**FOR_ALICE, maxExtensions=1), **OIDC_PREFIX)
    world.create_grant(alice, "first", duration="1h")
    world.wait_for_reason("first", "Bound")
    world.create_grant(alice, "second", duration="1h", extends="first")
    world.wait_for_reason("second", "Bound")
    world.delete("first")
    wait_until_processed(world)
    assert world.may_sync()
    assert world.ready("second")[1] == "Bound"
    world.edit({OVERLAY_KEY: None})

    assert "no such grant" in world.wait_for_reason("second", "ExtensionRefused")
    eventually(lambda: not world.may_sync(), within=live_policies.TIMEOUT)
