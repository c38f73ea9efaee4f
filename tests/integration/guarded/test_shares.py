"""One requester who asks for as much as there is, and everybody else."""

from collections.abc import Iterator

import pytest

from support import live_policies
from support.live_cluster import RULES, eventually
from support.live_policies import OIDC_PREFIX, ClusterWithPolicies, a_policy

ANYBODY = a_policy(subjects={"users": ["*"]}, breakGlass={"allowed": True})
EMERGENCY = {"breakGlass": True, "justification": "production is down"}


@pytest.fixture
def crowded(world: ClusterWithPolicies) -> Iterator[ClusterWithPolicies]:
    """Space for about a hundred bindings, and developers who need no approval."""
    world.apply_policies(ANYBODY, **OIDC_PREFIX)
    world.crowd(room=4000)
    yield world
    world.clean_up()
    world.plane.argocd.set_rbac({"policy.csv": RULES})


@pytest.mark.long
def test_flood_fills_its_share_and_others_are_bound(
    crowded: ClusterWithPolicies,
) -> None:
    mallory = crowded.user("oidc:mallory", "developers")
    for number in range(100):
        crowded.create_grant(mallory, f"f-{number:03}", f"nobody-{number:03}")
    crowded.wait_for_reason("f-099", "RBACTextFull")
    crowded.create_grant(crowded.user("oidc:alice", "developers"), "alices")
    eventually(crowded.may_sync, within=live_policies.TIMEOUT)
    oncall = crowded.user("oidc:oncall", "developers")
    crowded.create_grant(oncall, "urgent", "erin", duration="30m", **EMERGENCY)
    eventually(lambda: crowded.may_sync("erin"), within=live_policies.TIMEOUT)

    assert "nobody-000" in crowded.overlay()
    assert "nobody-099" not in crowded.overlay()


def test_requester_with_too_many_open_grants_waits(
    world: ClusterWithPolicies,
) -> None:
    """Neither another requester nor break glass does."""
    world.apply_policies(ANYBODY, maxOpenPerRequester=2, **OIDC_PREFIX)
    mallory = world.user("oidc:mallory", "developers")
    for number in range(3):
        world.create_grant(mallory, f"f-{number}", f"nobody-{number}")
    message = world.wait_for_reason("f-2", "QuotaExceeded")
    world.create_grant(mallory, "urgent", "erin", duration="30m", **EMERGENCY)
    world.create_grant(world.user("oidc:alice", "developers"), "alices")
    eventually(world.may_sync, within=live_policies.TIMEOUT)
    eventually(lambda: world.may_sync("erin"), within=live_policies.TIMEOUT)

    assert '"oidc:mallory" may have at most 2 grants' in message
    assert "nobody-2" not in world.overlay()
