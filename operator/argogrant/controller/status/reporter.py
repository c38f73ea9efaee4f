"""What is said: the status of grants and instances, and which deletions may finish."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from argogrant.api.accessgrant import BREAK_GLASS_LABEL
from argogrant.api.accessgrant_status import grant_status
from argogrant.api.argocdinstance import InstanceReport, instance_status
from argogrant.api.bound_locations import ArgoCDLocation
from argogrant.api.conditions import status_of
from argogrant.audit.audit_log import Audit
from argogrant.audit.transitions import token_rotated
from argogrant.controller.argocd_state import Snapshot
from argogrant.controller.cached_objects import GrantRecord, InstanceRecord
from argogrant.controller.decision_cache import DecisionCache
from argogrant.controller.gather import GatheredState
from argogrant.controller.plan import Plan
from argogrant.controller.status.approval_status import ApprovalStatus
from argogrant.controller.status.audit_records import (
    by_type,
    grant_change,
    instance_ref,
    token_removed,
)
from argogrant.controller.status.binding_state import BindingState
from argogrant.controller.status.finalizers import FinalizerReleaser
from argogrant.controller.status.instance_conditions import (
    InstanceStatusInput,
    instance_conditions,
)
from argogrant.controller.status.retention import RetentionCollector, records_kept
from argogrant.controller.status.writer import (
    FinalizerChange,
    StatusWriter,
    status_update,
)
from argogrant.controller.store import Store
from argogrant.grants.conditions import (
    BindingOutcome,
    Condition,
    grant_conditions,
)
from argogrant.grants.decide import Decision, DesiredBinding
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.reasons import GrantCondition, Reason


class Reporter:
    """Reports about the grants and instances of one namespace.

    Args:
        store: Where the objects are known.
        writer: Writes their status in the background.
        audit: Told of everything before it is written.
        disposal: Deletes what need not be kept.
    """

    def __init__(
        self,
        store: Store,
        writer: StatusWriter,
        audit: Audit,
        disposal: RetentionCollector,
    ) -> None:
        self._store = store
        self._disposal = disposal
        self._store.on_grant_removed = self.forget
        self._writer = writer
        self._audit = audit
        self._said: dict[str, tuple[GrantRecord, object]] = {}
        self._reasons: dict[str, str] = {}
        self._releases = FinalizerReleaser(store, writer)
        self._answers = ApprovalStatus(store, writer)

    def report_grants(
        self, decisions: DecisionCache, planned: Plan, seen: Snapshot, now: datetime
    ) -> Mapping[str, int]:
        """Say what became of each grant, and let clean deletions finish.

        A grant about which nothing changed since it was last looked at costs nothing.

        Returns:
            How many grants there are by the reason of their Ready condition.
        """
        standing = BindingState(decisions, planned, seen)
        self._releases.release(decisions.records.values(), standing)
        for uid, record in decisions.records.items():
            decision = decisions.get(uid)
            delivery = standing.outcome(record, decision)
            said = (decision, delivery)
            if self._said.get(uid) == (record, said):
                continue
            is_first = uid not in self._said
            self._said[uid] = (record, said)
            conditions = _conditions(record, decision, delivery)
            new = self._status_of(record, decision, delivery, now)
            self._audit.grant(
                grant_change(
                    record,
                    decision,
                    delivery,
                    conditions=conditions,
                    new=new,
                    state=standing,
                    is_first=is_first,
                    now=now,
                )
            )
            self._answers.report(record, decision, now)
            if record.being_deleted and self._releases.is_releasing(record):
                continue
            self._submit_grant(record, decision, delivery, new)
        self._keep_records(standing)
        return Counter(
            self._reasons[uid] for uid in decisions.records if uid in self._reasons
        )

    def report_orphaned_approvals(self, now: datetime) -> None:
        """Tell those who approve a grant that is not there."""
        self._answers.report_orphans(now)

    def report_policies(self, now: datetime) -> None:
        """Tell the authors of policies whether they are obeyed."""
        self._answers.policies(now)

    def forget(self, uid: str) -> None:
        """Forget a grant that is gone."""
        self._said.pop(uid, None)
        self._reasons.pop(uid, None)
        self._releases.forget(uid)
        self._disposal.forget(uid)
        self._audit.forget(uid)

    def report_orphans(
        self,
        record: InstanceRecord,
        orphans: Collection[Binding],
        seen: Snapshot,
        now: datetime,
    ) -> None:
        """Say what is about to be removed that nobody granted."""
        if orphans and seen.config_map is not None:
            version = seen.config_map.resource_version
            place = instance_ref(record)
            self._audit.orphans(place, orphans, version=version, now=now)

    def report_token(
        self,
        record: InstanceRecord,
        expires_at: datetime | None,
        *,
        version: str,
        now: datetime,
    ) -> None:
        """Tell of a new token for another cluster.

        Args:
            record: The instance.
            expires_at: Until when it is good, as far as that is known.
            version: The version of the Secret that holds it.
            now: When.
        """
        place = instance_ref(record)
        self._audit.token(place, token_rotated(expires_at, version), now=now)

    def report_tokens(
        self, record: InstanceRecord, planned: Plan, now: datetime
    ) -> None:
        """Say which tokens are about to be removed with the members who made them."""
        removed = [
            token_removed(one.project, role, token, version=one.resource_version)
            for one in planned.projects
            for role, token in one.tokens
        ]
        if removed:
            self._audit.tokens(instance_ref(record), removed, now=now)

    def report_instance(  # noqa: PLR0913
        self,
        record: InstanceRecord,
        health: InstanceStatusInput,
        *,
        gathered: GatheredState,
        now: datetime,
        last_write_at: datetime | None,
        bound_in: tuple[ArgoCDLocation, ...] | None = None,
    ) -> None:
        """Say what is known of an instance."""
        config_map = health.seen.config_map
        overlay = config_map.overlay if config_map else None
        token = health.maintenance.token
        conditions = instance_conditions(
            replace(health, undeletable=self._disposal.failures.get(record.name))
        )
        report = InstanceReport(
            conditions=conditions,
            bindings=len(overlay.bindings) if overlay else 0,
            overlay_bytes=len(overlay.text.encode()) if overlay else 0,
            roles=gathered.roles,
            owners=gathered.inputs.owners,
            scopes=config_map.scopes if config_map else None,
            default_role=config_map.unmanaged.default_role if config_map else None,
            last_write_at=last_write_at,
            token_expires_at=token.lifetime.expires_at if token else None,
            bound_in=bound_in,
        )
        old = self._writer.pending_or_stored(record.path, record.status)
        new = instance_status(report, old=old, generation=record.generation, now=now)
        place = instance_ref(record)
        self._audit.instance(
            place, stored=record.status, conditions=by_type(conditions), now=now
        )
        self._writer.submit(
            status_update(record, new, written=self._store.instances.upsert)
        )

    def _current(self, record: GrantRecord) -> dict[str, Any]:
        """The status that a grant will have once everything is written."""
        return self._writer.pending_or_stored(record.path, record.status)

    def _keep_records(self, standing: BindingState) -> None:
        """Let what is over be deleted in time, if the instance says when that is."""
        records = standing.decisions.records
        if records:
            name = next(iter(records.values())).instance
            found = self._store.instance(name)
            instance = found.instance if found is not None else None
            if instance is None or instance.being_deleted:
                self._disposal.plan(name, ())
            else:
                kept = records_kept(standing, instance.retention, self._current)
                self._disposal.plan(name, kept)

    def _status_of(
        self,
        record: GrantRecord,
        decision: Decision | None,
        delivery: BindingOutcome,
        now: datetime,
    ) -> dict[str, Any]:
        old = self._writer.pending_or_stored(record.path, record.status)
        if decision is not None:
            return grant_status(
                decision, delivery, old=old, generation=record.generation, now=now
            )
        (condition,) = _conditions(record, None, delivery)
        return status_of(condition, old=old, generation=record.generation, now=now)

    def _submit_grant(
        self,
        record: GrantRecord,
        decision: Decision | None,
        delivery: BindingOutcome,
        new: dict[str, Any],
    ) -> None:
        self._reasons[record.uid] = _ready_reason(new)
        hold = None
        if not record.being_deleted and (delivery.is_bound or _is_wanted(decision)):
            is_loud = record.grant is not None and record.grant.break_glass
            hold = FinalizerChange(
                wanted=True,
                finalizers=record.finalizers,
                labels={BREAK_GLASS_LABEL: "true"}
                if is_loud and not record.is_labelled
                else {},
            )
        self._writer.submit(
            status_update(record, new, written=self._store.grants.upsert, hold=hold)
        )


def _conditions(
    record: GrantRecord, decision: Decision | None, outcome: BindingOutcome
) -> tuple[Condition, ...]:
    """Return the conditions of a grant, and of one whose spec is invalid."""
    if decision is not None:
        return grant_conditions(decision, outcome)
    invalid = Condition(
        type=GrantCondition.READY,
        status=False,
        reason=Reason.INVALID_GRANT,
        message=record.problem,
    )
    return (invalid,)


def _ready_reason(status: Mapping[str, Any]) -> str:
    ready = (c for c in status["conditions"] if c["type"] == GrantCondition.READY)
    return str(next(ready)["reason"])


def _is_wanted(decision: Decision | None) -> bool:
    return (
        decision is not None and decision.desired_binding is not DesiredBinding.ABSENT
    )
