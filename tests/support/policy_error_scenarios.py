"""Scenarios that provoke errors under access policies; see ``error_scenarios``."""

import time
from collections.abc import Callable

from argogrant.api.accessgrant import TRACKING_ANNOTATION
from argogrant.api.admission_drift import PROPAGATION_DELAY
from argogrant.api.admission_policies import VALIDATING_FILE
from support import admission_objects
from support.error_scenarios import instance_says
from support.live_cluster import RULES, a_grant, eventually
from support.live_policies import ClusterWithPolicies

ALICE, BOB = "oidc:alice", "oidc:bob"
Quarrel = Callable[[ClusterWithPolicies], str]
MARGIN = PROPAGATION_DELAY.total_seconds() + 1
"""Seconds after which a restored policy counts as propagated."""
BINDING = "validatingadmissionpolicybinding"


def a_role_that_no_policy_allows(world: ClusterWithPolicies) -> str:
    alice = world.user(ALICE, "developers")
    world.create_grant(alice, "g1", role={"name": "role:admin"})
    return f"NotAllowed: {world.wait_for_reason('g1', 'NotAllowed')}"


def somebody_elses_access(world: ClusterWithPolicies) -> str:
    alice = world.user(ALICE, "developers")
    world.create_grant(alice, "g1", "carol")
    return f"NotAllowed: {world.wait_for_reason('g1', 'NotAllowed')}"


def a_subject_with_rules(world: ClusterWithPolicies) -> str:
    rule = "p, alice, applications, delete, */*, allow"
    world.plane.argocd.set_rbac({"policy.csv": f"{RULES}{rule}\n"})
    try:
        world.create_grant(world.user(ALICE, "developers"), "g1")
        return f"SubjectHasRules: {world.wait_for_reason('g1', 'SubjectHasRules')}"
    finally:
        world.plane.argocd.set_rbac({"policy.csv": RULES})


def a_grant_that_waits(world: ClusterWithPolicies) -> str:
    world.create_grant(world.user(ALICE, "developers"), "g1")
    return f"AwaitingApproval: {world.wait_for_reason('g1', 'AwaitingApproval')}"


def ones_own_approval(world: ClusterWithPolicies) -> str:
    alice = world.user(ALICE, "developers", "approvers")
    approval = world.create_approval(alice, world.create_grant(alice, "g1"))
    return f"SelfApproval: {world.wait_for_counted_reason(approval, 'SelfApproval')}"


def an_approver_who_may_not(world: ClusterWithPolicies) -> str:
    grant = world.create_grant(world.user(ALICE, "developers"), "g1")
    approval = world.create_approval(world.user(BOB), grant)
    return f"NotEntitled: {world.wait_for_counted_reason(approval, 'NotEntitled')}"


def a_refusal(world: ClusterWithPolicies) -> str:
    grant = world.create_grant(world.user(ALICE, "developers"), "g1")
    bob = world.user(BOB, "approvers")
    world.create_approval(
        bob, grant, decision="Deny", comment="wait for the freeze to end"
    )
    return f"Denied: {world.wait_for_reason('g1', 'Denied')}"


def a_forged_requester(world: ClusterWithPolicies) -> str:
    alice = world.user(ALICE, "developers")
    forged = a_grant("g1", requester={"username": "oidc:root", "groups": []})
    told = alice.refused("create", "-f", "-", body=forged)
    return told[told.index("Error from server") :]


def a_duration_of_a_service_account(world: ClusterWithPolicies) -> str:
    robot = world.user("system:serviceaccount:ci:deploy", "developers")
    return _invalid(robot.refused("create", "-f", "-", body=a_grant("g1")))


def a_duration_with_the_mark_of_a_tool(world: ClusterWithPolicies) -> str:
    marked = a_grant("g1")
    marked["metadata"]["annotations"] = {TRACKING_ANNOTATION: "app:argogrant.dev/x"}
    alice = world.user(ALICE, "developers")
    return _invalid(alice.refused("create", "-f", "-", body=marked))


def _invalid(told: str) -> str:
    return told[told.index("The accessgrants") :].strip()


def a_changed_admission_policy(world: ClusterWithPolicies) -> str:
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
        a_subject_with_rules,
        a_grant_that_waits,
        ones_own_approval,
        an_approver_who_may_not,
        a_refusal,
        a_forged_requester,
        a_duration_of_a_service_account,
        a_duration_with_the_mark_of_a_tool,
        a_changed_admission_policy,
    )
}
"""Scenarios that need the admission policies."""
