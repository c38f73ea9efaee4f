"""What is said: the status of grants and instances, and which deletions may finish."""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from argogrant.api.accessgrant import BREAK_GLASS_LABEL
from argogrant.api.argocdinstance import InstanceReport, instance_status
from argogrant.api.conditions import status_of
from argogrant.api.grantstatus import grant_status
from argogrant.grants.conditions import Condition, Delivery
from argogrant.grants.decide import Decision, Holding
from argogrant.grants.grant import Binding
from argogrant.grants.reasons import GrantCondition, Reason
from argogrant.instance.answers import Answers
from argogrant.instance.argocd import Snapshot
from argogrant.instance.audited import grant_news, place_of_instance, token_removed
from argogrant.instance.decisions import Decisions
from argogrant.instance.health import Health, instance_conditions
from argogrant.instance.plan import Plan
from argogrant.instance.records import GrantRecord, InstanceRecord
from argogrant.instance.release import Releases
from argogrant.instance.standing import Standing
from argogrant.instance.status import Hold, Writer, report_of
from argogrant.instance.store import Store
from argogrant.outlets.audit import Audit
from argogrant.rbac.roles import DiscoveredRole


class Reporter:
    """Reports about the grants and instances of one namespace.

    Args:
        store: Where the objects are known.
        writer: Writes their status in the background.
        audit: Told of everything before it is written.
    """

    def __init__(self, store: Store, writer: Writer, audit: Audit) -> None:
        self._store = store
        self._store.on_gone = self.forget
        self._writer = writer
        self._audit = audit
        self._said: dict[str, tuple[GrantRecord, object]] = {}
        self._reasons: dict[str, str] = {}
        self._releases = Releases(store, writer)
        self._answers = Answers(store, writer)

    def report_grants(
        self, decisions: Decisions, planned: Plan, seen: Snapshot, now: datetime
    ) -> Mapping[str, int]:
        """Say what became of each grant, and let clean deletions finish.

        A grant about which nothing changed since it was last looked at costs nothing.

        Returns:
            How many grants there are by the reason of their Ready condition.
        """
        standing = Standing(decisions, planned, seen)
        self._releases.release(decisions.records.values(), standing)
        for uid, record in decisions.records.items():
            decision = decisions.of(uid)
            delivery = standing.delivery(record, decision)
            said = (decision, delivery)
            if self._said.get(uid) == (record, said):
                continue
            self._said[uid] = (record, said)
            new = self._status_of(record, decision, delivery, now)
            self._audit.grant(
                grant_news(
                    record, decision, delivery, new=new, standing=standing, now=now
                )
            )
            self._answers.approvals_of(record, decision, now)
            if record.being_deleted and self._releases.is_on_its_way(record):
                continue
            self._submit_grant(record, decision, delivery, new)
        return Counter(
            self._reasons[uid] for uid in decisions.records if uid in self._reasons
        )

    def report_stray_approvals(self, now: datetime) -> None:
        """Tell those who approve a grant that is not there."""
        self._answers.stray_approvals(now)

    def report_policies(self, now: datetime) -> None:
        """Tell the authors of policies whether they are obeyed."""
        self._answers.policies(now)

    def forget(self, uid: str) -> None:
        """Forget a grant that is gone."""
        self._said.pop(uid, None)
        self._reasons.pop(uid, None)
        self._releases.forget(uid)
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
            place = place_of_instance(record)
            self._audit.orphans(place, orphans, version=version, now=now)

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
            self._audit.tokens(place_of_instance(record), removed, now=now)

    def report_instance(
        self,
        record: InstanceRecord,
        health: Health,
        *,
        roles: tuple[DiscoveredRole, ...],
        now: datetime,
        last_write_at: datetime | None,
    ) -> None:
        """Say what is known of an instance."""
        config_map = health.seen.config_map
        overlay = config_map.overlay if config_map else None
        report = InstanceReport(
            conditions=instance_conditions(health),
            bindings=len(overlay.bindings) if overlay else 0,
            overlay_bytes=len(overlay.text.encode()) if overlay else 0,
            roles=roles,
            scopes=config_map.scopes if config_map else None,
            default_role=config_map.others.default_role if config_map else None,
            last_write_at=last_write_at,
        )
        old = self._writer.current(record.path, record.status)
        new = instance_status(report, old=old, generation=record.generation, now=now)
        place = place_of_instance(record)
        self._audit.instance(place, stored=record.status, new=new, now=now)
        self._writer.submit(report_of(record, new, written=self._store.instances.note))

    def _status_of(
        self,
        record: GrantRecord,
        decision: Decision | None,
        delivery: Delivery,
        now: datetime,
    ) -> dict[str, Any]:
        old = self._writer.current(record.path, record.status)
        if decision is not None:
            return grant_status(
                decision, delivery, old=old, generation=record.generation, now=now
            )
        condition = Condition(
            type=GrantCondition.READY,
            status=False,
            reason=Reason.INVALID_GRANT,
            message=record.problem,
        )
        return status_of(condition, old=old, generation=record.generation, now=now)

    def _submit_grant(
        self,
        record: GrantRecord,
        decision: Decision | None,
        delivery: Delivery,
        new: dict[str, Any],
    ) -> None:
        self._reasons[record.uid] = _ready_reason(new)
        hold = None
        if not record.being_deleted and (delivery.is_bound or _is_wanted(decision)):
            is_loud = record.grant is not None and record.grant.break_glass
            hold = Hold(
                wanted=True,
                finalizers=record.finalizers,
                labels={BREAK_GLASS_LABEL: "true"}
                if is_loud and not record.is_labelled
                else {},
            )
        self._writer.submit(
            report_of(record, new, written=self._store.grants.note, hold=hold)
        )


def _ready_reason(status: Mapping[str, Any]) -> str:
    ready = (c for c in status["conditions"] if c["type"] == GrantCondition.READY)
    return str(next(ready)["reason"])


def _is_wanted(decision: Decision | None) -> bool:
    return decision is not None and decision.holding is not Holding.RELEASE
