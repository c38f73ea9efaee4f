"""Status of AccessApprovals and AccessPolicies."""

from collections.abc import Callable
from datetime import datetime

from argogrant.api.conditions import status_of
from argogrant.controller.cached_objects import ApprovalRecord, GrantRecord, Record
from argogrant.controller.status.writer import StatusWriter, status_update
from argogrant.controller.store import Store
from argogrant.grants.access.quorum import without_grant
from argogrant.grants.conditions import (
    Condition,
    approval_condition,
    policy_condition,
)
from argogrant.grants.decide import Decision
from argogrant.grants.model.reasons import ApprovalCondition, Reason
from argogrant.kube.client import Body


class ApprovalStatus:
    """Reports the status of the approvals and policies of one namespace.

    Args:
        store: Cache of the objects.
        writer: Writes their status in the background.
    """

    def __init__(self, store: Store, writer: StatusWriter) -> None:
        self._store = store
        self._writer = writer

    def report(
        self, record: GrantRecord, decision: Decision | None, now: datetime
    ) -> None:
        """Report for each approval of a grant whether it counts."""
        results = (
            decision.policy_result.approval_results if decision is not None else ()
        )
        conditions = {one.approval.uid: approval_condition(one) for one in results}
        for approval in self._store.approvals_of(record.name):
            condition = conditions.get(approval.uid) or _invalid_approval(approval)
            if condition is not None:
                self._submit(approval, condition, now, self._store.approvals.upsert)

    def report_orphans(self, now: datetime) -> None:
        """Report for each approval without a grant that the grant does not exist."""
        for record in self._store.orphaned_approvals():
            condition = _invalid_approval(record)
            if record.approval is not None:
                condition = approval_condition(without_grant(record.approval))
            if condition is not None:
                self._submit(record, condition, now, self._store.approvals.upsert)

    def policies(self, now: datetime) -> None:
        """Report for each policy whether it is in use."""
        for record in self._store.policies.objects.values():
            condition = policy_condition(record.problem or None)
            self._submit(record, condition, now, self._store.policies.upsert)

    def _submit(
        self,
        record: Record,
        condition: Condition,
        now: datetime,
        written: Callable[[Body], object],
    ) -> None:
        old = self._writer.pending_or_stored(record.path, record.status)
        new = status_of(condition, old=old, generation=record.generation, now=now)
        self._writer.submit(status_update(record, new, written=written))


def _invalid_approval(record: ApprovalRecord) -> Condition | None:
    """Return the condition of an invalid approval, or None if it is valid."""
    if record.approval is not None:
        return None
    return Condition(
        type=ApprovalCondition.COUNTED,
        status=False,
        reason=Reason.INVALID_APPROVAL,
        message=record.problem,
    )
