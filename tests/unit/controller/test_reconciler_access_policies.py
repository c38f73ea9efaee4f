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
from support.in_memory_operator import (
    GRANTS,
    INSTANCE_PATH,
    SETTLED,
    InMemoryOperator,
    running,
)
from support.in_memory_policies import (
    APPROVALS,
    CAROL,
    OIDC_PREFIX,
    POLICIES,
    a_policy,
    approval_required,
    approve,
    counted_reason,
    install_admission_policies,
    operator_with_policies,
    request_grant,
)


async def test_instance_requires_policies_while_one_exists() -> None:
    async with operator_with_policies() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        assert operator.ready("g1") == "+Bound"
        operator.cluster.add(POLICIES, a_policy())
        await asyncio.sleep(SETTLED)
        assert operator.ready("g1") == "-RequesterUnverified"
        assert not operator.bound
        operator.cluster.delete_object(f"{POLICIES}/deployers")
        await asyncio.sleep(SETTLED)

        assert operator.ready("g1") == "+Bound"


async def test_allowed_grant_is_bound_and_reports_its_policy() -> None:
    async with operator_with_policies(a_policy()) as operator:
        request_grant(operator)
        await asyncio.sleep(SETTLED)

        assert operator.ready("g1") == "+Bound"
        assert operator.cluster.object(f"{GRANTS}/g1")["status"]["accessPolicy"] == (
            "deployers"
        )


async def test_binding_follows_the_approval() -> None:
    async with operator_with_policies(a_policy(**approval_required())) as operator:
        request_grant(operator)
        await asyncio.sleep(SETTLED)
        assert operator.ready("g1") == "-AwaitingApproval"
        approve(operator, "g1")
        await asyncio.sleep(SETTLED)
        assert operator.ready("g1") == "+Bound"
        assert counted_reason(operator, "g1-bob") == "+Counts"
        operator.cluster.delete_object(f"{APPROVALS}/g1-bob")
        await asyncio.sleep(SETTLED)

        assert operator.ready("g1") == "-AwaitingApproval"
        assert not operator.bound


async def test_denial_stays_after_its_approval_is_deleted() -> None:
    async with operator_with_policies(a_policy(**approval_required())) as operator:
        request_grant(operator)
        await asyncio.sleep(SETTLED)
        approve(operator, "g1", decision="Deny")
        await asyncio.sleep(SETTLED)
        assert operator.ready("g1") == "-Denied"
        operator.cluster.delete_object(f"{APPROVALS}/g1-bob")
        approve(operator, "g1", CAROL)
        await asyncio.sleep(SETTLED)

        assert operator.ready("g1") == "-Denied"
        assert operator.has_ended("g1")


async def test_approval_without_a_grant_is_reported_until_one_exists() -> None:
    async with operator_with_policies(a_policy(**approval_required())) as operator:
        request_grant(operator)
        approve(operator, "g1")
        operator.cluster.delete_object(f"{GRANTS}/g1")
        await asyncio.sleep(SETTLED)
        assert counted_reason(operator, "g1-bob") == "-GrantNotFound"
        request_grant(operator)
        await asyncio.sleep(SETTLED)

        assert counted_reason(operator, "g1-bob") == "-AnotherGrant"
        assert operator.ready("g1") == "-AwaitingApproval"


async def test_no_grant_is_allowed_until_admission_policies_exist() -> None:
    """Requesters of grants that were created before stay unverified."""
    async with operator_with_policies(a_policy(), admission=False) as operator:
        request_grant(operator)
        await asyncio.sleep(SETTLED)
        assert operator.ready("g1") == "-RequesterUnverified"
        verified = operator.condition(INSTANCE_PATH, "RequesterVerified")
        assert (verified["status"], verified["reason"]) == (
            "False",
            "AdmissionPolicyMissing",
        )
        install_admission_policies(operator)
        await asyncio.sleep(PROPAGATION_DELAY.total_seconds())
        request_grant(operator, "g2")
        await asyncio.sleep(SETTLED)

        assert operator.ready("g1") == "-RequesterUnverified"
        assert operator.ready("g2") == "+Bound"


async def test_removed_admission_policy_takes_effect_at_once() -> None:
    async with operator_with_policies(a_policy()) as operator:
        request_grant(operator)
        await asyncio.sleep(SETTLED)
        operator.cluster.delete_object(
            VALIDATING_BINDINGS.path("", "argogrant-requester")
        )
        await asyncio.sleep(1)

        assert operator.ready("g1") == "-RequesterUnverified"
        assert not operator.bound


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
    operator = InMemoryOperator()
    operator.install()
    operator.cluster.fail("list", error, times=10_000, path=collection.plural)
    async with running(operator):
        operator.grant("g1", expiresAt="2026-11-24T12:01:00Z")
        await asyncio.sleep(SETTLED)
        assert operator.ready("g1") == "-AccessPoliciesUnknown"
        assert not operator.bound
        await asyncio.sleep(60)

        assert operator.ready("g1") == "-Expired"


async def test_unreadable_admission_policies_leave_bindings_unchanged() -> None:
    """A missing permission must not look like a missing policy."""
    operator = InMemoryOperator()
    install_admission_policies(operator)
    operator.install()
    operator.edit_instance(**OIDC_PREFIX)
    operator.cluster.add(POLICIES, a_policy())
    operator.cluster.fail(
        "list", Forbidden("403"), times=10_000, path=VALIDATING_POLICIES.plural
    )
    async with running(operator):
        request_grant(operator)
        await asyncio.sleep(SETTLED)
        verified = operator.condition(INSTANCE_PATH, "RequesterVerified")

        assert operator.ready("g1") == "-AccessPoliciesUnknown"
        assert verified["status"] == "Unknown"
        assert "ClusterRole argogrant-identity" in verified["message"]


async def test_invalid_policy_blocks_additions_only() -> None:
    broken = {"metadata": {"name": "broken"}, "spec": {"requesters": "everybody"}}
    async with operator_with_policies(a_policy()) as operator:
        request_grant(operator)
        await asyncio.sleep(SETTLED)
        operator.cluster.add(POLICIES, broken)
        await asyncio.sleep(SETTLED)
        request_grant(operator, "g2")
        await asyncio.sleep(SETTLED)

        assert operator.ready("g1") == "+Bound"
        assert operator.ready("g2") in {"-AccessPolicyInvalid", "+Bound"}


async def test_condition_of_a_policy_reports_whether_it_is_in_use() -> None:
    broken = {"metadata": {"name": "broken"}, "spec": {"requesters": "everybody"}}
    async with operator_with_policies(a_policy(), broken) as operator:
        await asyncio.sleep(SETTLED)
        said = {
            name: operator.condition(f"{POLICIES}/{name}", "Ready")["reason"]
            for name in ("deployers", "broken")
        }

        assert said == {"deployers": "InUse", "broken": "InvalidPolicy"}


async def test_grant_created_while_an_admission_policy_differed_stays_unverified() -> (
    None
):
    """Restoring the policy does not change that."""
    async with operator_with_policies(a_policy()) as operator:
        path = VALIDATING_BINDINGS.path("", "argogrant-requester")
        operator.cluster.edit(path, {"spec": {"validationActions": ["Audit"]}})
        await asyncio.sleep(SETTLED)
        request_grant(operator)
        await asyncio.sleep(1)
        operator.cluster.edit(path, {"spec": {"validationActions": ["Deny"]}})
        await asyncio.sleep(2 * SETTLED)
        request_grant(operator, "g2")
        await asyncio.sleep(SETTLED)

        assert operator.ready("g1") == "-RequesterUnverified"
        assert operator.ready("g2") == "+Bound"


async def test_ended_grant_keeps_its_approvers() -> None:
    """Approvals can be deleted once the grant has ended."""
    async with operator_with_policies(a_policy(**approval_required())) as operator:
        request_grant(operator, duration="1m")
        await asyncio.sleep(SETTLED)
        approve(operator, "g1")
        await asyncio.sleep(SETTLED + 60)
        assert operator.ready("g1") == "-Expired"
        before = operator.cluster.object(f"{GRANTS}/g1")["status"]
        operator.cluster.delete_object(f"{APPROVALS}/g1-bob")
        await asyncio.sleep(SETTLED)

        assert operator.cluster.object(f"{GRANTS}/g1")["status"] == before
        assert before["approvals"][0]["approver"] == "oidc:bob"


async def test_audit_event_has_the_comment_of_the_approver() -> None:
    async with operator_with_policies(a_policy(**approval_required())) as operator:
        request_grant(operator)
        await asyncio.sleep(SETTLED)
        approve(operator, "g1", comment="Looked at it.")
        await asyncio.sleep(SETTLED)
        told = {str(one.event_type): one.data for one in operator.audit_records}

        assert [one.comment for one in told["approved"].approvals] == ["Looked at it."]


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(NotFound("404"), id="whose CRD is not installed"),
        pytest.param(Forbidden("403"), id="that the operator may not read"),
    ],
)
async def test_resync_compares_argocd_without_policies(error) -> None:
    """Reverting a change in Argo CD does not depend on them."""
    operator = InMemoryOperator()
    operator.install()
    operator.cluster.fail("list", error, times=10_000, path=ACCESS_POLICIES.plural)
    async with running(operator):
        operator.cluster.silent = True
        operator.edit_rbac(policy_argogrant_csv="g, mallory, role:deployer\n")
        await asyncio.sleep(SETTLED)
        assert operator.bound == {"mallory"}
        await operator.namespace.resync("default")
        await asyncio.sleep(SETTLED)

        assert operator.bound == set()
