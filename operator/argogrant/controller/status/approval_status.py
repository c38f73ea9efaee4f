"""What approvers and authors of policies are told: the status of their objects."""

from collections.abc import Callable
from datetime import datetime

from argogrant.api.conditions import status_of
from argogrant.controller.cached_objects import ApprovalRecord, GrantRecord, Record
from argogrant.controller.status.writer import StatusWriter, status_update
from argogrant.controller.store import Store
from argogrant.grants.access.approvals import without_grant
from argogrant.grants.conditions import (
    Condition,
    approval_condition,
    policy_condition,
)
from argogrant.grants.decide import Decision
from argogrant.grants.model.reasons import ApprovalCondition, Reason
from argogrant.kube.client import Body


class ApprovalStatus:
    """Reports about the approvals and policies of one namespace.

    Args:
        store: Where the objects are known.
        writer: Writes their status in the background.
    """

    def __init__(self, store: Store, writer: StatusWriter) -> None:
        self._store = store
        self._writer = writer

    def report(
        self, record: GrantRecord, decision: Decision | None, now: datetime
    ) -> None:
        """Tell everybody who said something about a grant whether it counts."""
        verdicts = (
            decision.policy_result.approval_results if decision is not None else ()
        )
        told = {one.approval.uid: approval_condition(one) for one in verdicts}
        for approval in self._store.approvals_of(record.name):
            condition = told.get(approval.uid) or _not_understood(approval)
            if condition is not None:
                self._answer(approval, condition, now, self._store.approvals.upsert)

    def report_orphans(self, now: datetime) -> None:
        """Tell those who approve a grant that is not there."""
        for record in self._store.orphaned_approvals():
            condition = _not_understood(record)
            if record.approval is not None:
                condition = approval_condition(without_grant(record.approval))
            if condition is not None:
                self._answer(record, condition, now, self._store.approvals.upsert)

    def policies(self, now: datetime) -> None:
        """Tell the authors of policies whether they are obeyed."""
        for record in self._store.policies.objects.values():
            condition = policy_condition(record.problem or None)
            self._answer(record, condition, now, self._store.policies.upsert)

    def _answer(
        self,
        record: Record,
        condition: Condition,
        now: datetime,
        written: Callable[[Body], object],
    ) -> None:
        old = self._writer.pending_or_stored(record.path, record.status)
        new = status_of(condition, old=old, generation=record.generation, now=now)
        self._writer.submit(status_update(record, new, written=written))


def _not_understood(record: ApprovalRecord) -> Condition | None:
    """Say why an approval can not be understood, if it can not."""
    if record.approval is not None:
        return None
    return Condition(
        type=ApprovalCondition.COUNTED,
        status=False,
        reason=Reason.INVALID_APPROVAL,
        message=record.problem,
    )
