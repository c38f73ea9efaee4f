"""Limits of policies: break glass, active grants, extensions and owners."""

import asyncio

from support.in_memory_operator import GRANTS, SETTLED, SOON
from support.in_memory_policies import (
    BOB,
    CAROL,
    a_policy,
    approval_required,
    approve,
    counted_reason,
    operator_with_policies,
    request_grant,
)
from support.live_cluster import RULES


async def test_break_glass_grant_is_labelled() -> None:
    policy = a_policy(
        breakGlass={"allowed": True, "maxDuration": "30m"}, **approval_required()
    )
    async with operator_with_policies(policy) as operator:
        request_grant(operator, breakGlass=True, duration="30m")
        await asyncio.sleep(SETTLED)
        body = operator.cluster.object(f"{GRANTS}/g1")

        assert operator.ready("g1") == "+Bound"
        assert body["metadata"]["labels"] == {"argogrant.dev/break-glass": "true"}


async def test_number_of_active_grants_of_a_subject_is_limited() -> None:
    """The oldest grants are bound first; the next follows when one ends."""
    async with operator_with_policies(a_policy(maxActivePerSubject=1)) as operator:
        request_grant(operator, "g1", duration="1m")
        await asyncio.sleep(1)
        request_grant(operator, "g2")
        await asyncio.sleep(SETTLED)
        assert (operator.ready("g1"), operator.ready("g2")) == ("+Bound", "-NotAllowed")
        await asyncio.sleep(60)

        assert (operator.ready("g1"), operator.ready("g2")) == ("-Expired", "+Bound")


async def test_extension_has_no_gap_and_both_grants_report_it() -> None:
    async with operator_with_policies(a_policy(maxExtensions=1)) as operator:
        request_grant(operator, "g1", duration="1m")
        await asyncio.sleep(30)
        request_grant(operator, "g2", duration="1m", extends="g1")
        await asyncio.sleep(SETTLED)
        assert operator.cluster.object(f"{GRANTS}/g1")["status"]["extendedBy"] == "g2"
        assert operator.cluster.object(f"{GRANTS}/g2")["status"]["extensionOf"] == [
            "g1"
        ]
        writes = operator.writes
        await asyncio.sleep(40)

        assert operator.bound == {"alice"}
        assert operator.ready("g1") == "-Expired"
        assert operator.writes == writes


async def test_extension_stays_after_the_extended_grant_is_deleted() -> None:
    async with operator_with_policies(a_policy(maxExtensions=1)) as operator:
        request_grant(operator, "g1")
        await asyncio.sleep(SETTLED)
        request_grant(operator, "g2", extends="g1")
        await asyncio.sleep(SETTLED)
        operator.tear_away("g1")
        await asyncio.sleep(SETTLED)

        assert operator.ready("g2") == "+Bound"


async def test_owner_named_by_a_project_may_approve() -> None:
    rule = {"required": 1, "approvers": [{"kind": "ResourceOwner"}]}
    policy = a_policy(roles=[{"project": "team-a", "name": "deployer"}], approval=rule)
    async with operator_with_policies(policy) as operator:
        owners = {
            "integration": [{"kind": "Group", "name": "platform"}],
            "resource": {"key": "example.com/owner", "kind": "User"},
        }
        operator.edit_instance(owners=owners)
        operator.mark_project("team-a", {"example.com/owner": "oidc:carol"})
        request_grant(operator, role={"project": "team-a", "name": "deployer"})
        await asyncio.sleep(SETTLED)
        approve(operator, "g1", BOB)
        await asyncio.sleep(SETTLED)
        assert counted_reason(operator, "g1-bob") == "-NotEntitled"
        approve(operator, "g1", CAROL)
        await asyncio.sleep(SETTLED)

        assert counted_reason(operator, "g1-carol") == "+Counts"
        assert operator.ready("g1") == "+Bound"


async def test_new_inheritance_of_a_denied_role_ends_access() -> None:
    never = a_policy("never", effect="Deny", roles=[{"name": "role:admin"}])
    async with operator_with_policies(a_policy(), never) as operator:
        request_grant(operator)
        await asyncio.sleep(SETTLED)
        assert operator.ready("g1") == "+Bound"
        text = f"{RULES}\ng, role:deployer, role:admin"
        operator.edit_rbac(policy_csv=text)
        await asyncio.sleep(SOON)

        assert operator.bound == set()
        assert operator.ready("g1") == "-NotAllowed"


async def test_grants_beyond_the_quota_of_a_requester_wait() -> None:
    async with operator_with_policies(a_policy()) as operator:
        operator.edit_instance(maxOpenPerRequester=2)
        for number in range(3):
            request_grant(operator, f"g{number}", duration="1m")
            await asyncio.sleep(1)
        await asyncio.sleep(SETTLED)
        assert operator.ready("g2") == "-QuotaExceeded"
        operator.revoke("g0")
        await asyncio.sleep(SETTLED)

        assert operator.ready("g2") == "+Bound"
        assert operator.happened("g2") == ["requested", "approved", "refused", "bound"]
