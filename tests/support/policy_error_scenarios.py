"""Scenarios that provoke errors under access policies; see ``error_scenarios``."""

import time
from collections.abc import Callable

from argogrant.api.admission_drift import PROPAGATION_DELAY
from argogrant.api.admission_policies import VALIDATING_FILE
from support import admission_objects
from support.approval_flow import ClosedWorld
from support.error_scenarios import instance_says
from support.live_cluster import a_grant, eventually

ALICE, BOB = "oidc:alice", "oidc:bob"
Quarrel = Callable[[ClosedWorld], str]
MARGIN = PROPAGATION_DELAY.total_seconds() + 1
"""Seconds after which a restored policy counts as propagated."""
BINDING = "validatingadmissionpolicybinding"


def a_role_that_no_policy_allows(world: ClosedWorld) -> str:
    alice = world.person(ALICE, "developers")
    world.ask(alice, "g1", role={"name": "role:admin"})
    return f"NotAllowed: {world.comes_to_say('g1', 'NotAllowed')}"


def somebody_elses_access(world: ClosedWorld) -> str:
    alice = world.person(ALICE, "developers")
    world.ask(alice, "g1", "carol")
    return f"NotAllowed: {world.comes_to_say('g1', 'NotAllowed')}"


def a_grant_that_waits(world: ClosedWorld) -> str:
    world.ask(world.person(ALICE, "developers"), "g1")
    return f"AwaitingApproval: {world.comes_to_say('g1', 'AwaitingApproval')}"


def ones_own_approval(world: ClosedWorld) -> str:
    alice = world.person(ALICE, "developers", "approvers")
    approval = world.agree(alice, world.ask(alice, "g1"))
    return f"SelfApproval: {world.comes_to_count_as(approval, 'SelfApproval')}"


def an_approver_who_may_not(world: ClosedWorld) -> str:
    grant = world.ask(world.person(ALICE, "developers"), "g1")
    approval = world.agree(world.person(BOB), grant)
    return f"NotEntitled: {world.comes_to_count_as(approval, 'NotEntitled')}"


def a_refusal(world: ClosedWorld) -> str:
    grant = world.ask(world.person(ALICE, "developers"), "g1")
    bob = world.person(BOB, "approvers")
    world.agree(bob, grant, decision="Deny", comment="wait for the freeze to end")
    return f"Denied: {world.comes_to_say('g1', 'Denied')}"


def a_forged_requester(world: ClosedWorld) -> str:
    alice = world.person(ALICE, "developers")
    forged = a_grant("g1", requester={"username": "oidc:root", "groups": []})
    told = alice.refused("create", "-f", "-", body=forged)
    return told[told.index("Error from server") :]


def a_changed_admission_policy(world: ClosedWorld) -> str:
    plane = world.plane
    patch = '{"spec":{"validationActions":["Audit"]}}'
    name = "argogrant-requester"
    plane.kubectl("patch", BINDING, name, "--type=merge", "-p", patch)
    try:
        return instance_says(world, "AdmissionPolicyChanged", "RequesterVerified")
    finally:
        plane.apply(admission_objects.ROOT / VALIDATING_FILE)
        eventually(
            lambda: world.instance_says("RequesterVerified")[0] == "True", within=30
        )
        time.sleep(MARGIN)


QUARRELS: dict[str, Quarrel] = {
    function.__name__: function
    for function in (
        a_role_that_no_policy_allows,
        somebody_elses_access,
        a_grant_that_waits,
        ones_own_approval,
        an_approver_who_may_not,
        a_refusal,
        a_forged_requester,
        a_changed_admission_policy,
    )
}
"""Scenarios that need the admission policies."""
