"""Attempts to get more than a policy allows, each rejected with its cause.

All users can create grants and approvals in Kubernetes. Their names have the prefix
``oidc:``, like those of an identity provider.
"""

import json

import pytest

from support import admission_objects, live_policies
from support.admission_objects import Asker, Body
from support.live_cluster import a_grant, after, eventually
from support.live_policies import (
    OIDC_PREFIX,
    ONE_APPROVAL,
    ClusterWithPolicies,
    a_policy,
    approved_by,
    wait_until_processed,
)


def test_deleted_policy_blocks_a_waiting_grant(
    world: ClusterWithPolicies, waiting: Body, bob: Asker
) -> None:
    """The instance requires a policy, hence a missing one does not allow everything."""
    world.apply_policies(requireAccessPolicy=True, **OIDC_PREFIX)
    world.ours("delete", "accesspolicy", "deployers")
    approval = world.create_approval(bob, waiting)
    world.wait_for_reason("wanted", "NotAllowed")

    assert world.wait_for_counted_reason(approval, "NotEntitled")
    assert not world.may_sync()


def test_deleted_policy_ends_access(
    world: ClusterWithPolicies, waiting: Body, bob: Asker
) -> None:
    world.apply_policies(requireAccessPolicy=True, **OIDC_PREFIX)
    world.create_approval(bob, waiting)
    eventually(world.may_sync, within=live_policies.TIMEOUT)
    world.ours("delete", "accesspolicy", "deployers")

    eventually(lambda: not world.may_sync(), within=live_policies.TIMEOUT)
    world.wait_for_reason("wanted", "NotAllowed")


def test_grant_in_an_unserved_namespace_gives_no_access(
    world: ClusterWithPolicies,
) -> None:
    """Mallory administers a namespace and creates a policy there."""
    elsewhere: Body = {"metadata": {"namespace": "elsewhere"}}
    bodies = [a_policy(requesters=[{"kind": "User", "name": "*"}]), a_grant("wanted")]
    for body in bodies:
        body["metadata"] |= elsewhere["metadata"]
    world.plane.kubectl("create", "namespace", "elsewhere")
    world.apply(*bodies)
    wait_until_processed(world)
    found = json.loads(
        world.plane.kubectl(
            *("-n", "elsewhere", "get", "accessgrant", "wanted", "-o", "json")
        ).stdout
    )
    world.plane.kubectl(
        "-n", "elsewhere", "delete", "accessgrants,accesspolicies", "--all"
    )

    assert not found.get("status", {}).get("conditions")
    assert not world.may_sync()


@pytest.mark.parametrize(
    "duration", ["999999999h", "9999999999999h", "999999999h999999999h", "-1h", "1e9h"]
)
def test_overflowing_duration_is_rejected(alice: Asker, duration: str) -> None:
    """The API server names the field."""
    refusal = alice.refused(
        "create", "-f", "-", body=a_grant("wanted", duration=duration)
    )

    assert "spec.duration" in refusal


def test_longest_valid_duration_exceeds_the_policy(
    world: ClusterWithPolicies, alice: Asker
) -> None:
    world.create_grant(alice, "wanted", duration="2562047h")

    assert "at most 2h" in world.wait_for_reason("wanted", "NotAllowed")
    assert not world.may_sync()


def test_wildcard_does_not_match_service_accounts(world: ClusterWithPolicies) -> None:
    """``*`` matches human users only, for users and for groups."""
    everybody = [{"kind": kind, "name": "*"} for kind in ("User", "Group")]
    world.apply_policies(
        a_policy("all", requesters=everybody, subjects={"users": ["*"]})
    )
    world.ours("create", "serviceaccount", "robot")
    binding = live_policies.a_role_binding("argogrant-requester", "robot")
    binding["subjects"] = [{"kind": "ServiceAccount", "name": "robot"}]
    world.apply(binding)
    robot = admission_objects.service_account(world.plane, "robot", "argogrant")
    world.create_grant(robot, "wanted", expiresAt=after(600))
    world.wait_for_reason("wanted", "NotAllowed")
    world.ours("delete", "serviceaccount", "robot")

    assert not world.may_sync()


@pytest.mark.parametrize(
    ("pattern", "asked"),
    [
        pytest.param(
            {"name": "*"},
            {"project": "team-a", "name": "deployer"},
            id="every global role is no project's",
        ),
        pytest.param(
            {"project": "team.a", "name": "deployer"},
            {"project": "team-a", "name": "deployer"},
            id="a dot is a dot",
        ),
        pytest.param(
            {"project": "*", "name": "deployer"},
            {"name": "role:deployer"},
            id="every project's role is no global one",
        ),
        pytest.param(
            {"name": "role:dep"}, {"name": "role:deployer"}, id="a beginning is not all"
        ),
    ],
)
def test_pattern_matches_no_other_roles(
    world: ClusterWithPolicies, alice: Asker, pattern: Body, asked: Body
) -> None:
    world.apply_policies(a_policy(roles=[pattern]), **OIDC_PREFIX)
    world.create_grant(alice, "wanted", role=asked)
    world.wait_for_reason("wanted", "NotAllowed")

    assert not world.may_sync()


def test_approval_stops_counting_when_the_policy_drops_its_approver(
    world: ClusterWithPolicies, waiting: Body, bob: Asker
) -> None:
    """Access ends at once, and returns with another approval."""
    approval = world.create_approval(bob, waiting)
    eventually(world.may_sync, within=live_policies.TIMEOUT)
    world.apply(a_policy(approval=approved_by("auditors"), maxDuration="2h"))
    eventually(lambda: not world.may_sync(), within=live_policies.TIMEOUT)
    world.wait_for_reason("wanted", "AwaitingApproval")
    assert world.wait_for_counted_reason(approval, "NotEntitled")
    world.apply(ONE_APPROVAL)

    eventually(world.may_sync, within=live_policies.TIMEOUT)
