"""What people try who want more than a policy gives: each fails, and is told why.

Everybody here may create grants and approvals in Kubernetes. ``oidc:`` stands before
names there, as an identity provider would put it.
"""

import json

import pytest

from support import admission_objects, approval_flow
from support.admission_objects import Asker, Body
from support.approval_flow import (
    BY_ONE,
    PREFIX,
    ClosedWorld,
    a_policy,
    approved_by,
    settles,
)
from support.live_cluster import a_grant, eventually


def test_a_policy_that_is_deleted_before_the_approval_admits_nobody(
    world: ClosedWorld, waiting: Body, bob: Asker
) -> None:
    """The instance requires a policy, so that their absence does not open it."""
    world.install(requireAccessPolicy=True, **PREFIX)
    world.ours("delete", "accesspolicy", "deployers")
    approval = world.agree(bob, waiting)
    world.comes_to_say("wanted", "NotAllowed")

    assert world.comes_to_count_as(approval, "NotEntitled")
    assert not world.may_sync()


def test_a_policy_that_is_deleted_takes_access_away(
    world: ClosedWorld, waiting: Body, bob: Asker
) -> None:
    world.install(requireAccessPolicy=True, **PREFIX)
    world.agree(bob, waiting)
    eventually(world.may_sync, within=approval_flow.PATIENCE)
    world.ours("delete", "accesspolicy", "deployers")

    eventually(lambda: not world.may_sync(), within=approval_flow.PATIENCE)
    world.comes_to_say("wanted", "NotAllowed")


def test_a_grant_in_another_namespace_gives_nothing(world: ClosedWorld) -> None:
    """Mallory rules a namespace of her own, and writes the policy there as well."""
    elsewhere: Body = {"metadata": {"namespace": "elsewhere"}}
    bodies = [a_policy(requesters=[{"kind": "User", "name": "*"}]), a_grant("wanted")]
    for body in bodies:
        body["metadata"] |= elsewhere["metadata"]
    world.plane.kubectl("create", "namespace", "elsewhere")
    world.apply(*bodies)
    settles(world)
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
def test_a_duration_that_overflows_is_refused(alice: Asker, duration: str) -> None:
    """The API server says which field it is."""
    refusal = alice.refused(
        "create", "-f", "-", body=a_grant("wanted", duration=duration)
    )

    assert "spec.duration" in refusal


def test_the_longest_duration_that_can_be_written_is_more_than_a_policy_gives(
    world: ClosedWorld, alice: Asker
) -> None:
    world.ask(alice, "wanted", duration="2562047h")

    assert "at most 2h" in world.comes_to_say("wanted", "NotAllowed")
    assert not world.may_sync()


def test_everybody_does_not_mean_service_accounts(world: ClosedWorld) -> None:
    """``*`` among users means people, and among groups as well."""
    everybody = [{"kind": kind, "name": "*"} for kind in ("User", "Group")]
    world.install(a_policy("all", requesters=everybody, subjects={"users": ["*"]}))
    world.ours("create", "serviceaccount", "robot")
    binding = approval_flow.a_binding("argogrant-requester", "robot")
    binding["subjects"] = [{"kind": "ServiceAccount", "name": "robot"}]
    world.apply(binding)
    robot = admission_objects.service_account(world.plane, "robot", "argogrant")
    world.ask(robot, "wanted")
    world.comes_to_say("wanted", "NotAllowed")
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
def test_a_pattern_means_no_more_than_it_says(
    world: ClosedWorld, alice: Asker, pattern: Body, asked: Body
) -> None:
    world.install(a_policy(roles=[pattern]), **PREFIX)
    world.ask(alice, "wanted", role=asked)
    world.comes_to_say("wanted", "NotAllowed")

    assert not world.may_sync()


def test_an_approval_no_longer_counts_when_its_approver_is_no_approver(
    world: ClosedWorld, waiting: Body, bob: Asker
) -> None:
    """The policy is edited afterwards; the access ends at once, and may return."""
    approval = world.agree(bob, waiting)
    eventually(world.may_sync, within=approval_flow.PATIENCE)
    world.apply(a_policy(approval=approved_by("auditors"), maxDuration="2h"))
    eventually(lambda: not world.may_sync(), within=approval_flow.PATIENCE)
    world.comes_to_say("wanted", "AwaitingApproval")
    assert world.comes_to_count_as(approval, "NotEntitled")
    world.apply(BY_ONE)

    eventually(world.may_sync, within=approval_flow.PATIENCE)
