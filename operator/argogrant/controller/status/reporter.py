"""Reports of one namespace: statuses, audit events, finalizers and deletions.

It builds the status of all four kinds and emits the audit events. Through ``writer``
and ``retention``, it also removes finalizers and schedules the deletion of grants.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, partial
from typing import Any, Final

from argogrant.api.accessgrant import BREAK_GLASS_LABEL, FINALIZER, grant_status
from argogrant.api.argocdinstance import instance_status, view_returned
from argogrant.api.conditions import status_of
from argogrant.argocd.appproject.project import Project
from argogrant.audit.audit_log import AuditLog, GrantChange
from argogrant.audit.event import InstanceData
from argogrant.audit.transitions import (
    contested,
    member_acknowledged,
    member_returned,
    orphan_removed,
    token_removed,
    token_rotated,
)
from argogrant.controller.appproject.placement import (
    managed_members,
    member_since,
    members_without_record,
    placed_members,
)
from argogrant.controller.argocd_state import ObservedConfigMap, Snapshot
from argogrant.controller.faults import Faults
from argogrant.controller.plan import Plan
from argogrant.controller.planner import DecisionCache, GatheredState
from argogrant.controller.status.instance_conditions import (
    InstanceStatusInput,
    instance_report,
)
from argogrant.controller.status.retention import (
    RetainedGrant,
    RetentionCollector,
    retained_grants,
)
from argogrant.controller.status.writer import FinalizerChange, StatusWriter
from argogrant.controller.store import (
    ApprovalRecord,
    GrantRecord,
    InstanceRecord,
    PolicyRecord,
    Store,
)
from argogrant.grants.access.policy_evaluation import without_grant
from argogrant.grants.checks import RECORD_ANNOTATION
from argogrant.grants.conditions import (
    UNKNOWN_MEMBER,
    BindingOutcome,
    Condition,
    MemberFacts,
    approval_condition,
    grant_conditions,
    policy_condition,
)
from argogrant.grants.decide import Decision, DesiredBinding
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.reasons import (
    ApprovalCondition,
    Finding,
    GrantCondition,
    InstanceCondition,
    Reason,
)
from argogrant.grants.model.record import format_record
from argogrant.grants.model.steps import Steps
from argogrant.grants.model.stored_condition import Conditions, StoredCondition
from argogrant.grants.records import record_to_write

_UNCONFIRMED: Final = frozenset(
    {Reason.CONFIG_MAP_MISSING, Reason.INSTANCE_UNAVAILABLE}
)
"""Obstacles during which no revocation is certain."""
_NOT_OURS: Final = frozenset(
    {Reason.OVERLAY_OWNED_BY_ANOTHER, Reason.NOT_ALLOWED_BY_ARGOCD}
)
"""Obstacles because of which the managed key, if not planned, is that of another."""


@dataclass(frozen=True)
class BindingState:
    """Bindings of one Argo CD after a reconciliation, and the grants they belong to."""

    decisions: DecisionCache
    planned: Plan
    seen: Snapshot

    @cached_property
    def is_confirmed(self) -> bool:
        """True if Argo CD has loaded what the operator sees.

        If so, a binding that is not in the ConfigMap is revoked.
        """
        blocked = self.planned.blocked
        is_obstructed = blocked is not None and blocked.reason in _UNCONFIRMED
        return not self._is_not_loaded and not is_obstructed

    @cached_property
    def present(self) -> AbstractSet[Binding]:
        """Bindings in the managed key and in AppProjects, if this instance owns them.

        A key of another instance contains the bindings of that instance.
        """
        blocked = self.planned.blocked
        if self.planned.overlay is None and blocked and blocked.reason in _NOT_OURS:
            return self._members
        return self._with_members(self.seen.config_map)

    @cached_property
    def leftover(self) -> AbstractSet[Binding]:
        """Bindings that Argo CD may still apply although no grant wants them.

        If the ConfigMap is missing or cannot be loaded, Argo CD keeps the policy that
        it loaded last:

            ConfigMap         Argo CD applies
            ----------------  ----------------------------------
            loadable          the ConfigMap
            missing, broken   the last one that could be loaded
        """
        present = self.present
        applies_earlier_one = self.seen.config_map is None or self._is_not_loaded
        if applies_earlier_one and self.seen.last_loaded_config_map is not None:
            present = self._with_members(self.seen.last_loaded_config_map)
        return (present | self.planned.adding) - {
            decision.grant.binding
            for decision in self.decisions.all()
            if decision.desired_binding is not DesiredBinding.ABSENT
        }

    @cached_property
    def _is_not_loaded(self) -> bool:
        """True if Argo CD cannot load the ConfigMap, and applies an earlier one."""
        config_map = self.seen.config_map
        return config_map is not None and not config_map.is_loadable

    @cached_property
    def _members(self) -> AbstractSet[Binding]:
        foreign = self.planned.foreign_projects
        managed = managed_members(self.seen, foreign)
        placed = placed_members(self.decisions.all())
        if not placed:
            return managed
        return managed | members_without_record(self.seen, placed, foreign)

    @cached_property
    def _member_since(self) -> Mapping[Binding, datetime]:
        return member_since(self.seen, self.planned.foreign_projects)

    @cached_property
    def _projects(self) -> Mapping[str, Project]:
        return {project.name: project for project in self.seen.projects}

    def member(self, decision: Decision) -> MemberFacts:
        """Return what is certain about the member of a grant in its AppProject."""
        grant = decision.grant
        if grant.role.project is None or not self.seen.projects_are_known:
            return UNKNOWN_MEMBER
        binding = grant.binding
        is_wanted = decision.desired_binding is not DesiredBinding.ABSENT
        is_blocked = self.planned.obstacle_to(binding) is not None
        if is_wanted and not is_blocked and binding in self._member_since:
            return MemberFacts(since=self._member_since[binding])
        if grant.member is None:
            return UNKNOWN_MEMBER
        project = self._projects.get(grant.role.project)
        is_member = project is not None and binding in project.memberships()
        return MemberFacts(is_absent=not is_blocked and not is_member)

    def _with_members(
        self, config_map: ObservedConfigMap | None
    ) -> AbstractSet[Binding]:
        """Return all bindings; copies none if there are no members."""
        overlay = config_map.overlay if config_map else None
        bindings: AbstractSet[Binding] = overlay.bindings if overlay else frozenset()
        return bindings | self._members if self._members else bindings

    @cached_property
    def recorded_as_bound(self) -> Counter[Binding]:
        """Number of grants by binding whose status records that they were bound."""
        decisions = (
            self.decisions.get(uid)
            for uid, record in self.decisions.records.items()
            if "boundAs" in record.status
        )
        return Counter(one.grant.binding for one in decisions if one is not None)

    def outcome(self, record: GrantRecord, decision: Decision | None) -> BindingOutcome:
        """Return the result of the reconciliation for a grant's binding."""
        if decision is None:
            return BindingOutcome(is_bound=False, blocked=self.planned.blocked)
        binding = decision.grant.binding
        return BindingOutcome(
            is_bound=binding in self.present
            or binding in self.planned.already_bound_by_others,
            blocked=self.planned.obstacle_to(binding),
            may_still_apply=self._may_still_apply(record, decision),
            member=self.member(decision),
        )

    def is_gone(self, decision: Decision | None) -> bool:
        """Return whether no binding is left that only this grant wanted."""
        return decision is None or decision.grant.binding not in self.leftover

    def is_revoked(self, decision: Decision | None) -> bool:
        """Return whether it is certain that no such binding is left."""
        return self.is_confirmed and self.is_gone(decision)

    def proves_bound(
        self,
        record: GrantRecord,
        decision: Decision | None,
        now: datetime,
        *,
        is_first: bool,
    ) -> bool:
        """Return whether Argo CD had the binding before the last write, for this grant.

        If so, and no status reports it, an operator was killed between writing the
        binding and reporting it. Grants can share a binding: if a status says that
        another grant was bound, the binding proves nothing about this grant, unless
        this grant expired, because then the binding was there during its whole window.

        ``is_first`` is True if this process has not reported the grant before: a
        binding without a report is the last process's then. Later only an end can come
        before the report, if the answer to a write was lost.
        """
        if decision is None or not (is_first or _is_over(record, decision)):
            return False
        window, binding = decision.window, decision.grant.binding
        if not window.has_opened(now) or window.end <= window.start:
            return False
        removed = self.planned.removed
        if binding not in removed and binding not in self.present:
            return False
        if decision.finding is not None and decision.finding.reason is Reason.EXPIRED:
            return True
        others = self.recorded_as_bound[binding] - ("boundAs" in record.status)
        return binding in removed and others == 0

    def _may_still_apply(self, record: GrantRecord, decision: Decision) -> bool:
        """Return whether Argo CD may still apply a binding that has ended."""
        if decision.desired_binding is not DesiredBinding.ABSENT:
            return False
        binding = decision.grant.binding
        if self.is_confirmed:
            # Only an unreadable AppProject or a slow write has a binding then.
            others = self.planned.obstacles.keys() | self.planned.adding
            return binding in others and binding in self.leftover
        if record.being_deleted:
            # The finalizer keeps the grant until the revocation is certain.
            return True
        if self.seen.last_loaded_config_map is None:
            # The operator has not seen what Argo CD applies since it started, or has
            # connected again. Only the status is left as evidence.
            return "boundAs" in record.status and "endedAt" not in record.status
        return binding in self.leftover


def _is_over(record: GrantRecord, decision: Decision | None) -> bool:
    """Return whether a grant has ended, even if Argo CD may still allow it."""
    return record.being_deleted or (decision is not None and decision.has_ended)


_ReportInput = tuple[GrantRecord, Decision | None, BindingOutcome]


class Reporter:
    """Reports the objects of one namespace: events first, then their status."""

    def __init__(
        self,
        store: Store,
        writer: StatusWriter,
        audit: AuditLog,
        retention: RetentionCollector,
    ) -> None:
        self._store = store
        self._retention = retention
        self._store.on_removed = self.forget
        self._writer = writer
        self._audit = audit
        self._reported: dict[str, _ReportInput] = {}
        """By uid: the input of the last report of a grant."""
        self._awaiting: dict[str, _ReportInput] = {}
        """By uid: the same for grants that wait for their finalizer."""
        self._reasons: dict[str, str] = {}

    def report_and_release_grants(
        self,
        decisions: DecisionCache,
        planned: Plan,
        seen: Snapshot,
        now: datetime,
        faults: Faults,
    ) -> Steps[Mapping[str, int]]:
        """Report every grant, and release those that are over; yield after each.

        1. Remove the finalizer of each deleted grant that is revoked.
        2. Report each grant that has changed: events first, then its status.
        3. Schedule the deletion of ended grants after ``spec.retention``.

        The finalizers come first because a grant that is about to be gone needs no
        status. A grant whose report fails unexpectedly leaves the others reported.
        Grants with an outdated decision are left to the next reconciliation: what the
        decision wants may be gone already.

        Returns:
            The number of grants by the reason of their Ready condition.
        """
        state = BindingState(decisions, planned, seen)
        for uid, record in decisions.records.items():
            if record.being_deleted and (
                record.force_release or state.is_revoked(decisions.get(uid))
            ):
                self._writer.release(record, self._store.grants.upsert)
        for record in decisions.records.values():
            current = self._store.grant(record.name)
            if decisions.is_outdated(record.uid, current, now):
                continue
            try:
                self._report_grant(record, state, now)
            except Exception as error:  # noqa: BLE001 - others are reported
                faults.record(f"the report of AccessGrant {record.name}", error)
                self._reported.pop(record.uid, None)
            yield 1
        with faults.contain("the deletion of ended grants"):
            self._schedule_deletions(state)
        return Counter(
            self._reasons[uid] for uid in decisions.records if uid in self._reasons
        )

    def _report_grant(
        self, record: GrantRecord, state: BindingState, now: datetime
    ) -> None:
        """Report a grant; costs nothing if nothing about it has changed."""
        decision = state.decisions.get(record.uid)
        outcome = state.outcome(record, decision)
        reported, earlier = (record, decision, outcome), self._reported.get(record.uid)
        if earlier == reported:
            return
        awaiting = self._awaiting.pop(record.uid, None)
        if _awaits_finalizer(decision, outcome):
            self._awaiting[record.uid] = reported
            if awaiting == reported and self._writer.is_pending(record):
                return
            # Nothing is true of the grant yet that the next report will not tell.
            self._reasons[record.uid] = Reason.BINDING
            finalizer = _change_of_metadata(record, decision, outcome, now)
            self._submit(record, self._writer.pending_or_stored(record), finalizer)
            return
        finalizer = _change_of_metadata(record, decision, outcome, now)
        self._reported[record.uid] = reported
        old, generation = self._writer.pending_or_stored(record), record.generation
        if decision is not None:
            conditions = grant_conditions(decision, outcome)
            new = grant_status(
                decision, outcome, old=old, generation=generation, now=now
            )
        else:
            invalid = Condition(
                type=GrantCondition.READY,
                status=False,
                reason=Reason.INVALID_GRANT,
                message=record.problem,
            )
            conditions = (invalid,)
            new = status_of(invalid, old=old, generation=generation, now=now)
        # The event comes before the status: if the process is killed in between, the
        # next one finds the old status and emits the same event with the same id.
        self._audit.grant(
            GrantChange(
                uid=record.uid,
                namespace=record.namespace,
                name=record.name,
                instance=record.instance,
                grant=record.grant,
                stored=record.status,
                new=new,
                conditions=_by_type(conditions),
                now=now,
                is_overdue=_is_over(record, decision) and outcome.may_still_apply,
                binding_found=state.proves_bound(
                    record, decision, now, is_first=earlier is None
                ),
                approvals=decision.related.approvals if decision else (),
                role_warning=decision.role_warning if decision else "",
            )
        )
        self._report_approvals(record, decision, now)
        if record.being_deleted and self._writer.is_releasing(record):
            return
        self._reasons[record.uid] = next(
            str(one.reason) for one in conditions if one.type == GrantCondition.READY
        )
        self._submit(record, new, finalizer)

    def _submit(
        self,
        record: GrantRecord,
        status: dict[str, Any],
        finalizer: FinalizerChange | None,
    ) -> None:
        self._writer.submit(
            record,
            status,
            written=self._store.grants.upsert,
            finalizer=finalizer,
            refused=partial(self._store.refuse_finalizer, record),
        )

    def _report_approvals(
        self, record: GrantRecord, decision: Decision | None, now: datetime
    ) -> None:
        """Report for each approval of a grant whether it counts.

        After the end of the grant, what was reported stays: it tells which approvals
        counted while the grant was active.
        """
        has_ended = "endedAt" in record.status
        results = decision.policy_result.approval_results if decision else ()
        conditions = {one.approval.uid: approval_condition(one) for one in results}
        for approval in self._store.approvals_of(record.name):
            if has_ended and approval.status.get("conditions"):
                continue
            if approval.uid in conditions:
                self._submit_condition(approval, conditions[approval.uid], now)
            elif approval.approval is None:
                self._submit_condition(approval, _invalid_approval(approval), now)

    def report_orphaned_approvals(self, now: datetime) -> None:
        """Report for each approval without a grant that the grant does not exist."""
        for record in self._store.orphaned_approvals():
            if record.approval is not None:
                condition = approval_condition(without_grant(record.approval))
            else:
                condition = _invalid_approval(record)
            self._submit_condition(record, condition, now)

    def report_policies(self, now: datetime) -> None:
        """Report for each policy whether it is in use."""
        for record in self._store.policies.objects.values():
            condition = policy_condition(record.problem or None)
            self._submit_condition(record, condition, now)

    def _submit_condition(
        self, record: ApprovalRecord | PolicyRecord, condition: Condition, now: datetime
    ) -> None:
        is_policy = isinstance(record, PolicyRecord)
        cache = self._store.policies if is_policy else self._store.approvals
        old = self._writer.pending_or_stored(record)
        new = status_of(condition, old=old, generation=record.generation, now=now)
        self._writer.submit(record, new, written=cache.upsert)

    def _schedule_deletions(self, state: BindingState) -> None:
        """Schedule the deletion of ended grants, if the retention is known."""
        records = state.decisions.records
        if records:
            name = next(iter(records.values())).instance
            found = self._store.instance(name)
            instance = found.instance if found is not None else None
            retained: Iterable[RetainedGrant] = ()
            if instance is not None and not instance.being_deleted:
                retained = retained_grants(
                    state.decisions,
                    instance,
                    instance_label_key=state.seen.instance_label_key,
                    is_revoked=state.is_revoked,
                    status_of=self._writer.pending_or_stored,
                )
            self._retention.schedule(name, retained)

    def forget(self, uid: str) -> None:
        """Forget a grant or an instance that no longer exists."""
        self._reported.pop(uid, None)
        self._awaiting.pop(uid, None)
        self._reasons.pop(uid, None)
        self._writer.forget(uid)
        self._audit.forget(uid)

    def report_instance(
        self,
        record: InstanceRecord,
        inputs: InstanceStatusInput,
        *,
        gathered: GatheredState | None,
        now: datetime,
        last_write_at: datetime | None,
    ) -> None:
        """Report an instance."""
        inputs = replace(inputs, undeletable=self._retention.failures.get(record.name))
        report = instance_report(inputs, gathered, last_write_at)
        old = self._writer.pending_or_stored(record)
        new = instance_status(report, old=old, generation=record.generation, now=now)
        self._audit.instance(
            _instance_data(record),
            stored=record.status,
            conditions=_by_type(report.conditions),
            now=now,
        )
        for member in view_returned(old):
            if member.id in record.acknowledged:
                known = member_acknowledged(member, record.acknowledged[member.id])
                self._audit.instance_event(_instance_data(record), known, now=now)
        self._writer.submit(record, new, written=self._store.instances.upsert)

    def report_not_ready(
        self, record: InstanceRecord, finding: Finding, now: datetime
    ) -> None:
        """Report nothing of an instance but that it is not ready, and why."""
        old = self._writer.pending_or_stored(record)
        ready = Condition(
            InstanceCondition.READY, finding.reason, finding.message, status=False
        )
        new = status_of(ready, old=old, generation=record.generation, now=now)
        others = [
            one
            for one in old.get("conditions") or ()
            if one.get("type") != InstanceCondition.READY
        ]
        new["conditions"] += others
        self._writer.submit(record, new, written=self._store.instances.upsert)

    def report_orphans(
        self,
        record: InstanceRecord,
        orphans: Collection[Binding],
        seen: Snapshot,
        now: datetime,
    ) -> None:
        """Report bindings that no grant accounts for, before they are removed."""
        if orphans and seen.config_map is not None:
            version = seen.config_map.resource_version
            removed = [orphan_removed(one, version) for one in sorted(orphans)]
            self._audit.removals(_instance_data(record), removed, now=now)

    def report_members(
        self, record: InstanceRecord, planned: Plan, now: datetime
    ) -> None:
        """Report members that returned and tokens that are removed, before the write.

        The end of a member is the end of its grants, which report it.
        """
        returned = [
            member_returned(found)
            for one in planned.projects
            for found in one.new_returns
        ]
        if returned:
            self._audit.removals(_instance_data(record), returned, now=now)
        removed = [
            token_removed(one.project, role, token, version=one.resource_version)
            for one in planned.projects
            for role, token in one.tokens
        ]
        if removed:
            self._audit.removals(_instance_data(record), removed, now=now)

    def report_contested(
        self, record: InstanceRecord, sentence: str, now: datetime
    ) -> None:
        """Report one more text that another program keeps changing."""
        further = contested(sentence, now)
        self._audit.instance_event(_instance_data(record), further, now=now)

    def report_token(
        self,
        record: InstanceRecord,
        expires_at: datetime | None,
        *,
        version: str,
        now: datetime,
    ) -> None:
        """Report a new token for a remote cluster, once it is stored."""
        rotated = token_rotated(expires_at, version)
        self._audit.instance_event(_instance_data(record), rotated, now=now)


def _change_of_metadata(
    record: GrantRecord,
    decision: Decision | None,
    outcome: BindingOutcome,
    now: datetime,
) -> FinalizerChange | None:
    """Return the finalizer and the record of a grant that starts, is bound, or ends.

    None if it needs neither. A grant that ends keeps the finalizer if it has it.
    """
    if record.being_deleted or decision is None:
        return None
    is_wanted = decision.desired_binding is not DesiredBinding.ABSENT
    needs_finalizer = outcome.is_bound or is_wanted
    missing = record_to_write(decision, now, is_bound=outcome.is_bound)
    if not needs_finalizer and missing is None:
        return None
    is_break_glass = record.grant is not None and record.grant.break_glass
    lacks_label = needs_finalizer and is_break_glass and not record.is_labelled
    return FinalizerChange(
        wanted=needs_finalizer or FINALIZER in record.finalizers,
        finalizers=record.finalizers,
        labels={BREAK_GLASS_LABEL: "true"} if lacks_label else {},
        annotations={RECORD_ANNOTATION: format_record(missing)} if missing else {},
        is_awaited=_awaits_finalizer(decision, outcome),
    )


def _awaits_finalizer(decision: Decision | None, outcome: BindingOutcome) -> bool:
    """Return whether a binding is added as soon as the grant has the finalizer."""
    return (
        decision is not None
        and decision.desired_binding is DesiredBinding.PRESENT
        and not (decision.grant.is_recorded or outcome.is_bound)
    )


def _invalid_approval(record: ApprovalRecord) -> Condition:
    return Condition(
        type=ApprovalCondition.COUNTED,
        status=False,
        reason=Reason.INVALID_APPROVAL,
        message=record.problem,
    )


def _by_type(conditions: Iterable[Condition]) -> Conditions:
    return {
        str(one.type): StoredCondition(one.status, str(one.reason), one.message)
        for one in conditions
    }


def _instance_data(record: InstanceRecord) -> InstanceData:
    return InstanceData(uid=record.uid, name=record.name, namespace=record.namespace)
