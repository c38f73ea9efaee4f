"""Access policies and approvals, from the objects to the binding and back."""

import asyncio

import pytest

from argogrant.api.admission_drift import PROPAGATION_DELAY
from argogrant.kube.errors import Forbidden, NotFound
from argogrant.kube.resources import (
    ACCESS_APPROVALS,
    ACCESS_POLICIES,
    VALIDATING_BINDINGS,
    VALIDATING_POLICIES,
)
from support.guarded_cluster import (
    APPROVALS,
    CAROL,
    POLICIES,
    PREFIX,
    a_guarded_room,
    a_policy,
    approve,
    ask,
    counted,
    install_admission,
    reviewed,
)
from support.in_memory_operator import GRANTS, INSTANCE_PATH, SETTLED, Room, running


async def test_instance_requires_policies_while_one_exists() -> None:
    async with a_guarded_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        assert room.ready("g1") == "+Bound"
        room.cluster.add(POLICIES, a_policy())
        await asyncio.sleep(SETTLED)
        assert room.ready("g1") == "-RequesterUnverified"
        assert not room.bound
        room.cluster.delete_object(f"{POLICIES}/deployers")
        await asyncio.sleep(SETTLED)

        assert room.ready("g1") == "+Bound"


async def test_allowed_grant_is_bound_and_reports_its_policy() -> None:
    async with a_guarded_room(a_policy()) as room:
        ask(room)
        await asyncio.sleep(SETTLED)

        assert room.ready("g1") == "+Bound"
        assert room.cluster.object(f"{GRANTS}/g1")["status"]["accessPolicy"] == (
            "deployers"
        )


async def test_binding_follows_the_approval() -> None:
    async with a_guarded_room(a_policy(**reviewed())) as room:
        ask(room)
        await asyncio.sleep(SETTLED)
        assert room.ready("g1") == "-AwaitingApproval"
        approve(room, "g1")
        await asyncio.sleep(SETTLED)
        assert room.ready("g1") == "+Bound"
        assert counted(room, "g1-bob") == "+Counts"
        room.cluster.delete_object(f"{APPROVALS}/g1-bob")
        await asyncio.sleep(SETTLED)

        assert room.ready("g1") == "-AwaitingApproval"
        assert not room.bound


async def test_denial_stays_after_its_approval_is_deleted() -> None:
    async with a_guarded_room(a_policy(**reviewed())) as room:
        ask(room)
        await asyncio.sleep(SETTLED)
        approve(room, "g1", decision="Deny")
        await asyncio.sleep(SETTLED)
        assert room.ready("g1") == "-Denied"
        room.cluster.delete_object(f"{APPROVALS}/g1-bob")
        approve(room, "g1", CAROL)
        await asyncio.sleep(SETTLED)

        assert room.ready("g1") == "-Denied"
        assert room.has_ended("g1")


async def test_approval_without_a_grant_is_reported_until_one_exists() -> None:
    async with a_guarded_room(a_policy(**reviewed())) as room:
        ask(room)
        approve(room, "g1")
        room.cluster.delete_object(f"{GRANTS}/g1")
        await asyncio.sleep(SETTLED)
        assert counted(room, "g1-bob") == "-GrantNotFound"
        ask(room)
        await asyncio.sleep(SETTLED)

        assert counted(room, "g1-bob") == "-AnotherGrant"
        assert room.ready("g1") == "-AwaitingApproval"


async def test_no_grant_is_allowed_until_admission_policies_exist() -> None:
    """Requesters of grants that were created before stay unverified."""
    async with a_guarded_room(a_policy(), admission=False) as room:
        ask(room)
        await asyncio.sleep(SETTLED)
        assert room.ready("g1") == "-RequesterUnverified"
        verified = room.condition(INSTANCE_PATH, "RequesterVerified")
        assert (verified["status"], verified["reason"]) == (
            "False",
            "AdmissionPolicyMissing",
        )
        install_admission(room)
        await asyncio.sleep(PROPAGATION_DELAY.total_seconds())
        ask(room, "g2")
        await asyncio.sleep(SETTLED)

        assert room.ready("g1") == "-RequesterUnverified"
        assert room.ready("g2") == "+Bound"


async def test_removed_admission_policy_takes_effect_at_once() -> None:
    async with a_guarded_room(a_policy()) as room:
        ask(room)
        await asyncio.sleep(SETTLED)
        room.cluster.delete_object(VALIDATING_BINDINGS.path("", "argogrant-requester"))
        await asyncio.sleep(1)

        assert room.ready("g1") == "-RequesterUnverified"
        assert not room.bound


@pytest.mark.parametrize(
    "collection",
    [
        pytest.param(ACCESS_POLICIES, id="policies"),
        pytest.param(ACCESS_APPROVALS, id="approvals"),
    ],
)
@pytest.mark.parametrize(
    "error",
    [
        pytest.param(Forbidden("403"), id="that the operator may not read"),
        pytest.param(NotFound("404"), id="whose CRD is not installed"),
    ],
)
async def test_unknown_policies_block_additions_and_no_removals(
    collection, error
) -> None:
    room = Room()
    room.install()
    room.cluster.fail("list", error, times=10_000, path=collection.plural)
    async with running(room):
        room.grant("g1", expiresAt="2026-11-24T12:01:00Z")
        await asyncio.sleep(SETTLED)
        assert room.ready("g1") == "-AccessPoliciesUnknown"
        assert not room.bound
        await asyncio.sleep(60)

        assert room.ready("g1") == "-Expired"


async def test_unreadable_admission_policies_leave_bindings_unchanged() -> None:
    """A missing permission must not look like a missing policy."""
    room = Room()
    install_admission(room)
    room.install()
    room.edit_instance(**PREFIX)
    room.cluster.add(POLICIES, a_policy())
    room.cluster.fail(
        "list", Forbidden("403"), times=10_000, path=VALIDATING_POLICIES.plural
    )
    async with running(room):
        ask(room)
        await asyncio.sleep(SETTLED)
        verified = room.condition(INSTANCE_PATH, "RequesterVerified")

        assert room.ready("g1") == "-AccessPoliciesUnknown"
        assert verified["status"] == "Unknown"
        assert "ClusterRole argogrant-identity" in verified["message"]


async def test_invalid_policy_blocks_additions_only() -> None:
    broken = {"metadata": {"name": "broken"}, "spec": {"requesters": "everybody"}}
    async with a_guarded_room(a_policy()) as room:
        ask(room)
        await asyncio.sleep(SETTLED)
        room.cluster.add(POLICIES, broken)
        await asyncio.sleep(SETTLED)
        ask(room, "g2")
        await asyncio.sleep(SETTLED)

        assert room.ready("g1") == "+Bound"
        assert room.ready("g2") in {"-AccessPolicyInvalid", "+Bound"}


async def test_condition_of_a_policy_reports_whether_it_is_in_use() -> None:
    broken = {"metadata": {"name": "broken"}, "spec": {"requesters": "everybody"}}
    async with a_guarded_room(a_policy(), broken) as room:
        await asyncio.sleep(SETTLED)
        said = {
            name: room.condition(f"{POLICIES}/{name}", "Ready")["reason"]
            for name in ("deployers", "broken")
        }

        assert said == {"deployers": "InUse", "broken": "InvalidPolicy"}


async def test_grant_created_while_an_admission_policy_differed_stays_unverified() -> (
    None
):
    """Restoring the policy does not change that."""
    async with a_guarded_room(a_policy()) as room:
        path = VALIDATING_BINDINGS.path("", "argogrant-requester")
        room.cluster.edit(path, {"spec": {"validationActions": ["Audit"]}})
        await asyncio.sleep(SETTLED)
        ask(room)
        await asyncio.sleep(1)
        room.cluster.edit(path, {"spec": {"validationActions": ["Deny"]}})
        await asyncio.sleep(2 * SETTLED)
        ask(room, "g2")
        await asyncio.sleep(SETTLED)

        assert room.ready("g1") == "-RequesterUnverified"
        assert room.ready("g2") == "+Bound"


async def test_ended_grant_keeps_its_approvers() -> None:
    """Approvals can be deleted once the grant has ended."""
    async with a_guarded_room(a_policy(**reviewed())) as room:
        ask(room, duration="1m")
        await asyncio.sleep(SETTLED)
        approve(room, "g1")
        await asyncio.sleep(SETTLED + 60)
        assert room.ready("g1") == "-Expired"
        before = room.cluster.object(f"{GRANTS}/g1")["status"]
        room.cluster.delete_object(f"{APPROVALS}/g1-bob")
        await asyncio.sleep(SETTLED)

        assert room.cluster.object(f"{GRANTS}/g1")["status"] == before
        assert before["approvals"][0]["approver"] == "oidc:bob"


async def test_audit_event_has_the_comment_of_the_approver() -> None:
    async with a_guarded_room(a_policy(**reviewed())) as room:
        ask(room)
        await asyncio.sleep(SETTLED)
        approve(room, "g1", comment="Looked at it.")
        await asyncio.sleep(SETTLED)
        told = {str(one.transition.type): one.event.data for one in room.told}

        assert [one.comment for one in told["approved"].approvals] == ["Looked at it."]


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(NotFound("404"), id="whose CRD is not installed"),
        pytest.param(Forbidden("403"), id="that the operator may not read"),
    ],
)
async def test_resync_compares_argocd_without_policies(error) -> None:
    """The second path to every revocation does not depend on them."""
    room = Room()
    room.install()
    room.cluster.fail("list", error, times=10_000, path=ACCESS_POLICIES.plural)
    async with running(room):
        room.cluster.silent = True
        room.edit_rbac(policy_argogrant_csv="g, mallory, role:deployer\n")
        await asyncio.sleep(SETTLED)
        assert room.bound == {"mallory"}
        await room.namespace.resync("default")
        await asyncio.sleep(SETTLED)

        assert room.bound == set()
