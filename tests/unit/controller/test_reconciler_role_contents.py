"""Rules for a subject itself, and roles that allow nothing, in statuses."""

import asyncio

from support.in_memory_operator import GRANTS, SETTLED, InMemoryOperator, an_operator
from support.in_memory_policies import (
    a_policy,
    approval_required,
    approve,
    operator_with_policies,
    request_grant,
)
from support.live_cluster import RULES

RULE = "p, alice, applications, delete, */*, allow"
LINE = RULES.count("\n") + 1
ENTRY = {"where": f"policy.csv line {LINE}", "rule": RULE}


def add_to_rules(operator: InMemoryOperator, line: str) -> None:
    operator.edit_rbac(**{"policy.csv": f"{RULES}{line}\n"})


def subject_rules(operator: InMemoryOperator, name: str = "g1") -> list[dict[str, str]]:
    status = operator.cluster.object(f"{GRANTS}/{name}")["status"]
    return status.get("subjectRules", [])


async def test_rule_for_the_subject_refuses_the_grant_until_it_is_gone() -> None:
    async with operator_with_policies(a_policy()) as operator:
        add_to_rules(operator, RULE)
        request_grant(operator)
        await asyncio.sleep(SETTLED)
        assert operator.ready("g1") == "-SubjectHasRules"
        assert subject_rules(operator) == [ENTRY]
        assert not operator.bound
        add_to_rules(operator, "# nothing")
        await asyncio.sleep(SETTLED)

        assert operator.ready("g1") == "+Bound"
        assert subject_rules(operator) == []


async def test_rule_that_is_added_ends_an_active_grant() -> None:
    async with operator_with_policies(a_policy()) as operator:
        request_grant(operator)
        await asyncio.sleep(SETTLED)
        assert operator.ready("g1") == "+Bound"
        add_to_rules(operator, RULE)
        await asyncio.sleep(SETTLED)

        assert operator.ready("g1") == "-SubjectHasRules"
        assert not operator.bound


async def test_second_grant_of_a_subject_has_the_same_result() -> None:
    """The line of the first one must not count as a g line of others."""
    accepting = a_policy(subjectRules="Accept")
    async with operator_with_policies(accepting) as operator:
        add_to_rules(operator, RULE)
        request_grant(operator)
        await asyncio.sleep(SETTLED)
        assert operator.ready("g1") == "+Bound"
        request_grant(operator, "g2", duration="2h")
        await asyncio.sleep(SETTLED)

        assert operator.ready("g2") == "+Bound"
        assert subject_rules(operator) == subject_rules(operator, "g2") == [ENTRY]


async def test_approver_sees_the_rules_that_the_policy_accepts() -> None:
    policy = a_policy(subjectRules="Accept", **approval_required())
    async with operator_with_policies(policy) as operator:
        add_to_rules(operator, RULE)
        request_grant(operator)
        await asyncio.sleep(SETTLED)
        assert operator.ready("g1") == "-AwaitingApproval"
        assert subject_rules(operator) == [ENTRY]
        approve(operator, "g1")
        await asyncio.sleep(SETTLED)

        ready = operator.condition(f"{GRANTS}/g1", "Ready")
        assert f"policy.csv line {LINE} ({RULE})" in ready["message"]


async def test_without_policies_the_rules_are_listed() -> None:
    async with an_operator() as operator:
        add_to_rules(operator, RULE)
        operator.grant("g1")
        await asyncio.sleep(SETTLED)

        assert operator.ready("g1") == "+Bound"
        assert subject_rules(operator) == [ENTRY]


async def test_role_that_allows_nothing_is_bound_without_effect() -> None:
    async with an_operator() as operator:
        add_to_rules(operator, "p, role:viewer, application, get, */*, allow")
        operator.grant("g1", role={"name": "role:viewer"})
        await asyncio.sleep(SETTLED)

        effective = operator.condition(f"{GRANTS}/g1", "Effective")
        assert operator.ready("g1") == "+Bound"
        assert effective["status"] == "False"
        assert effective["reason"] == "RoleAllowsNothing"
        assert 'Argo CD has no resource "application"' in effective["message"]


async def test_name_without_rules_is_no_role() -> None:
    async with an_operator() as operator:
        add_to_rules(operator, "g, dev, leads\np, viewers, projects, get, *, allow")
        operator.grant("g1", role={"name": "leads"})
        operator.grant("g2", role={"name": "viewers"})
        await asyncio.sleep(SETTLED)

        assert operator.ready("g1") == operator.ready("g2") == "-RoleNotFound"
        ready = operator.condition(f"{GRANTS}/g2", "Ready")
        assert 'rules for the subject "viewers"' in ready["message"]
