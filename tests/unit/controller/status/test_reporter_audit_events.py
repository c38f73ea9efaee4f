"""Audit events of a running operator, with failures between two reports."""

import asyncio

import pytest

from argogrant.argocd.overlay import OverlayPlan
from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.controller.argocd_state import Snapshot
from argogrant.controller.plan import Plan
from argogrant.controller.planner import DecisionCache
from argogrant.controller.status.reporter import BindingState
from argogrant.controller.store import GrantRecord
from argogrant.grants.model.steps import completed
from argogrant.kube.errors import Forbidden, Unavailable
from support.builders import NOON, a_grant, an_instance
from support.in_memory_operator import (
    GRANTS,
    RBAC,
    SETTLED,
    SOON,
    InMemoryOperator,
    an_operator,
    running,
)
from support.live_cluster import RULES

OUTAGE = Unavailable("503")
ORPHAN = "g, eve, role:admin\n"


def ids(operator: InMemoryOperator, name: str) -> list[str]:
    return [one.id for one in operator.audit_records if one.data.name == name]


def forget_status(operator: InMemoryOperator, name: str) -> None:
    """Remove the status of a grant, as if none had been written."""
    written = operator.cluster.object(f"{GRANTS}/{name}")["status"]
    operator.cluster.edit(f"{GRANTS}/{name}/status", {"status": dict.fromkeys(written)})


@pytest.mark.parametrize(
    ("is_first", "grant", "is_found"),
    [
        pytest.param(True, {}, True, id="an earlier process did not report it"),
        pytest.param(False, {}, False, id="this process has yet to report it"),
        pytest.param(
            False, {"revoked": True}, True, id="its end comes before a report"
        ),
    ],
)
def test_removed_binding_without_a_report_is_found(is_first, grant, is_found) -> None:
    """While the operator runs, a binding is reported by its condition alone."""
    record = GrantRecord(
        uid="u1",
        namespace="argogrant",
        name="g1",
        instance="default",
        generation=1,
        version="1",
        finalizers=(),
        status={},
        being_deleted=False,
        force_release=False,
        grant=a_grant(uid="u1", **grant),
    )
    decisions = DecisionCache()
    completed(decisions.decide([record], an_instance(), NOON))
    removal = OverlayPlan(
        text="", to_add=frozenset(), to_remove=frozenset({record.grant.binding})
    )
    state = BindingState(decisions, Plan(overlay=removal, blocked=None), Snapshot())
    decision = decisions.get("u1")

    assert state.proves_bound(record, decision, NOON, is_first=is_first) is is_found


async def test_events_of_a_grant_are_emitted_in_order() -> None:
    async with an_operator() as operator:
        operator.grant("g1", duration="1m")
        await asyncio.sleep(SOON)
        assert operator.happened("g1") == ["requested", "bound"]
        await asyncio.sleep(60)

        assert operator.happened("g1") == ["requested", "bound", "ended"]
        assert len(set(ids(operator, "g1"))) == 3


async def test_event_contains_the_grant_and_the_reason() -> None:
    async with an_operator() as operator:
        operator.grant("g1", duration="1m")
        await asyncio.sleep(61)

        event = operator.audit_records[-1]
        data = event.model_dump(by_alias=True, exclude_none=True)["data"]
        assert event.source == "/argogrant/argogrant/default"
        assert event.type == "dev.argogrant.grant.ended"
        assert event.subject == "argogrant/g1"
        assert data.pop("uid").startswith("uid-")
        assert data == {
            "name": "g1",
            "namespace": "argogrant",
            "instance": "default",
            "subject": {"kind": "User", "name": "alice"},
            "role": "role:deployer",
            "startedAt": "2026-11-24T12:00:08Z",
            "expiresAt": "2026-11-24T12:01:08Z",
            "endedAt": "2026-11-24T12:01:08Z",
            "approval": "PolicyNotRequired",
            "approvals": [],
            "breakGlass": False,
            "wasBound": True,
            "reason": "Expired",
            "message": "The grant expired at 2026-11-24T12:01:08Z."
            " Create a new AccessGrant for new access.",
        }


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        pytest.param(InMemoryOperator.revoke, "Revoked", id="revoked"),
        pytest.param(
            InMemoryOperator.delete,
            "Deleted",
            id="deleted, before the finalizer is removed",
        ),
    ],
)
async def test_ended_event_has_the_reason_of_the_end(end, reason) -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        end(operator, "g1")
        await asyncio.sleep(SETTLED)

        assert operator.happened("g1") == ["requested", "bound", "ended"]
        assert operator.audit_records[-1].data.reason == reason


async def test_role_that_is_removed_and_added_again_binds_twice() -> None:
    """With an id for each binding."""
    async with an_operator() as operator:
        role = "p, role:new, applications, get, */*, allow\n"
        operator.grant("g1", role={"name": "role:new"})
        for text in (RULES + role, RULES, RULES + role):
            operator.edit_rbac(policy_csv=text)
            await asyncio.sleep(SETTLED)

        assert operator.happened("g1") == ["requested", "bound", "unbound", "bound"]
        assert len(set(ids(operator, "g1"))) == 4


async def test_event_is_emitted_once_while_no_status_can_be_written() -> None:
    async with an_operator() as operator:
        forbidden = Forbidden("403")
        operator.cluster.fail("merge_patch", forbidden, times=99, path="/status")
        operator.grant("g1", duration="1m")
        await asyncio.sleep(SETTLED)
        operator.cluster.edit(f"{GRANTS}/g1", {"metadata": {"labels": {"a": "b"}}})
        await asyncio.sleep(61)

        assert operator.happened("g1") == ["requested", "bound", "ended"]


async def test_restart_emits_no_event_again() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
    again = InMemoryOperator(operator.cluster)
    async with running(again):
        await asyncio.sleep(SETTLED)

        assert again.audit_records == []


async def test_crash_between_event_and_status_repeats_the_event_with_its_id() -> None:
    async with an_operator() as operator:
        operator.cluster.fail("merge_patch", OUTAGE, times=99, path="/status")
        operator.grant("g1", duration="1m")
        await asyncio.sleep(SETTLED)
        assert operator.happened("g1") == ["requested", "bound"]
    await asyncio.sleep(61)
    operator.cluster.stop_failing()
    again = InMemoryOperator(operator.cluster)
    async with running(again):
        await asyncio.sleep(SETTLED)

        assert again.happened("g1") == ["requested", "bound", "ended"]
        assert ids(again, "g1")[:2] == ids(operator, "g1")
        assert again.bound == set()


async def test_crash_between_binding_and_event_loses_no_event() -> None:
    """The binding in the ConfigMap is the only trace."""
    async with an_operator() as operator:
        operator.grant("g1", duration="1m")
        await asyncio.sleep(SETTLED)
    forget_status(operator, "g1")
    await asyncio.sleep(61)
    again = InMemoryOperator(operator.cluster)
    async with running(again):
        await asyncio.sleep(SETTLED)

        assert again.happened("g1") == ["requested", "bound", "ended"]


async def test_binding_without_report_that_was_removed_again_is_reported() -> None:
    """The operator was killed before any report, and then the role was deleted."""
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
    forget_status(operator, "g1")
    operator.edit_rbac(policy_csv="")
    again = InMemoryOperator(operator.cluster)
    async with running(again):
        await asyncio.sleep(SETTLED)

        assert again.happened("g1") == ["requested", "bound", "unbound"]


async def test_lost_answer_to_a_write_loses_no_event() -> None:
    """The binding was written, but the grant ended before the operator learned it."""
    async with an_operator() as operator:

        def lose_the_answer() -> None:
            operator.cluster.fail("merge_patch", OUTAGE, times=99, path=RBAC)
            raise OUTAGE

        operator.cluster.after("merge_patch", lose_the_answer, path=RBAC)
        operator.grant("g1", duration="20s")
        await asyncio.sleep(21)
        operator.cluster.stop_failing()
        await asyncio.sleep(SETTLED)

        assert operator.happened("g1") == ["requested", "bound", "overdue", "ended"]


async def test_binding_of_another_grant_is_no_evidence() -> None:
    """Two grants share a binding; only one of them was ever in force."""
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.grant("g2", notBefore="2026-11-25T12:00:00Z")
        await asyncio.sleep(SETTLED)
        operator.revoke("g2")
        operator.revoke("g1")
        await asyncio.sleep(SETTLED)

        assert operator.happened("g1") == ["requested", "bound", "ended"]
        assert operator.happened("g2") == ["requested", "ended"]
        assert [one.data.was_bound for one in operator.audit_records[-2:]] == [
            True,
            False,
        ]  # type: ignore[union-attr]


async def test_binding_of_another_grant_is_no_evidence_after_a_restart():
    """Both end while no operator runs, and only one of them was bound."""
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
    operator.grant("g2")
    operator.revoke("g1")
    operator.revoke("g2")
    again = InMemoryOperator(operator.cluster)
    async with running(again):
        await asyncio.sleep(SETTLED)

        assert again.happened("g1") == ["ended"]
        assert again.happened("g2") == ["requested", "ended"]


async def test_shared_binding_without_report_is_reported() -> None:
    """The binding was there during the whole window; another grant keeps it."""
    async with an_operator() as operator:
        operator.grant("g1")
        operator.grant("g2", duration="1m")
        await asyncio.sleep(SETTLED)
    forget_status(operator, "g2")
    await asyncio.sleep(61)
    again = InMemoryOperator(operator.cluster)
    async with running(again):
        await asyncio.sleep(SETTLED)

        assert again.happened("g2") == ["requested", "bound", "ended"]
        assert again.bound == {"alice"}


async def test_refused_grant_is_not_reported_as_bound() -> None:
    async with an_operator() as operator:
        operator.grant("g1", duration="1m")
        operator.grant("g2", subject="role:x", duration="1m")
        await asyncio.sleep(61)

        assert operator.happened("g2") == ["requested", "refused", "ended"]


async def test_grant_is_overdue_while_its_revocation_cannot_be_written() -> None:
    async with an_operator() as operator:
        operator.grant("g1", duration="1m")
        await asyncio.sleep(SETTLED)
        operator.cluster.delete_object(RBAC)
        await asyncio.sleep(61)
        assert operator.happened("g1")[-2:] == ["unbound", "overdue"]
        operator.write_rbac({"policy.csv": RULES})
        await asyncio.sleep(SETTLED)

        assert operator.happened("g1")[-2:] == ["overdue", "ended"]


async def test_orphan_is_reported_once_although_its_removal_is_retried() -> None:
    async with an_operator() as operator:
        operator.cluster.fail("merge_patch", OUTAGE, times=3, path=RBAC)
        operator.edit_rbac(policy_argogrant_csv=ORPHAN)
        await asyncio.sleep(SETTLED)
        assert operator.happened("default") == ["orphan-removed"]
        operator.edit_rbac(policy_argogrant_csv=operator.data[OVERLAY_KEY] + ORPHAN)
        await asyncio.sleep(SETTLED)

        orphan = operator.audit_records[-1].model_dump(by_alias=True)["data"]
        assert (orphan["subject"], orphan["role"]) == ("eve", "role:admin")
        assert operator.happened("default").count("orphan-removed") == 2
        assert len(set(ids(operator, "default"))) == 2


async def test_contested_instance_is_reported() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        for _ in range(8):
            operator.edit_rbac(policy_argogrant_csv=None)
            await asyncio.sleep(3)

        assert operator.happened("default") == ["contested"]


async def test_invalid_grant_is_reported() -> None:
    async with an_operator() as operator:
        operator.grant("g1", duration="no time")
        await asyncio.sleep(SETTLED)

        assert operator.happened("g1") == ["requested", "refused"]
        assert operator.audit_records[-1].data.reason == "InvalidGrant"


async def test_deleted_grant_is_forgotten() -> None:
    """Thousands of deleted grants must not stay in memory."""
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.delete("g1")
        await asyncio.sleep(SETTLED)
        assert not operator.has("g1")
        log = operator.namespace._reporter._audit

        assert not log._unstored  # type: ignore[attr-defined]
