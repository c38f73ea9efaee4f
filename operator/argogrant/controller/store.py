"""What is known of our own kinds in one namespace, and who has to be woken."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from collections.abc import Collection as SizedIterable
from contextlib import suppress
from typing import Any, Final

from argogrant.controller.cached_objects import (
    ApprovalRecord,
    GrantRecord,
    InstanceRecord,
    PolicyRecord,
    record_approval,
    record_grant,
    record_instance,
    record_policy,
)
from argogrant.controller.gather import NamespaceRules
from argogrant.grants.model.identity import RequesterVerification
from argogrant.kube.client import Cluster
from argogrant.kube.errors import ClusterError, Forbidden, NotFound
from argogrant.kube.informer import Informer
from argogrant.kube.resources import (
    ACCESS_APPROVALS,
    ACCESS_GRANTS,
    ACCESS_POLICIES,
    ARGOCD_INSTANCES,
    Collection,
)

UNASSIGNED: Final = ""
"""The signal for grants whose ``spec.instance`` names nothing; no name is empty."""
POLICIES: Final = "*"
"""The signal for the access policies themselves; no instance has such a name."""


class Store:
    """Our four kinds in a namespace, kept fresh by watches.

    A change computes nothing: it updates the store and sets a signal.
    """

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.namespace = namespace
        self.on_grant_removed: Callable[[str], None] = lambda _uid: None
        """Told of every grant that is not there any longer."""
        self.grants: Informer[GrantRecord] = Informer(
            cluster,
            Collection(ACCESS_GRANTS, namespace),
            read=record_grant,
            on_change=self._grant_changed,
        )
        self.instances: Informer[InstanceRecord] = Informer(
            cluster,
            Collection(ARGOCD_INSTANCES, namespace),
            read=record_instance,
            on_change=self._instance_changed,
        )
        self.policies: Informer[PolicyRecord] = Informer(
            cluster,
            Collection(ACCESS_POLICIES, namespace),
            read=record_policy,
            on_change=self._policy_changed,
        )
        self.approvals: Informer[ApprovalRecord] = Informer(
            cluster,
            Collection(ACCESS_APPROVALS, namespace),
            read=record_approval,
            on_change=self._approval_changed,
        )
        self._approvals: dict[str, tuple[ApprovalRecord, ...]] = {}
        """By the name of the grant that they are about."""
        self._by_instance: defaultdict[str, dict[str, GrantRecord]] = defaultdict(dict)
        self._signals: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def run(self) -> None:
        """Keep the store fresh until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for kind in self._kinds():
                tasks.create_task(kind.run())

    async def relist(self) -> int:
        """List everything anew; answers how much was not as believed.

        Policies and approvals that are not served, or may not be read, keep no sweep
        from Argo CD; ``failures`` tells of them.

        Raises:
            ClusterError: Not everything could be listed.
        """
        differences = await self.grants.relist() + await self.instances.relist()
        for kind in (self.policies, self.approvals):
            with suppress(NotFound, Forbidden):
                differences += await kind.relist()
        return differences

    async def wait_until_synced(self) -> None:
        """Wait until grants and instances were listed: no deciding on half a view.

        Policies and approvals only give access, so that those which can not be listed
        do not keep anything from ending.
        """
        await self.grants.synced.wait()
        await self.instances.synced.wait()
        await self.policies.attempted.wait()
        await self.approvals.attempted.wait()

    def rules(self, identities: RequesterVerification) -> NamespaceRules:
        """What decides about all grants beside themselves.

        Args:
            identities: Whether the API server vouches for requesters and approvers.
        """
        records = self.policies.objects.values()
        return NamespaceRules(
            policies=tuple(r.policy for r in records if r.policy is not None),
            unreadable={r.name: r.problem for r in records if r.policy is None},
            are_known=self.policies.synced.is_set() and self.approvals.synced.is_set(),
            verification=identities,
        )

    def failures(self) -> tuple[tuple[Collection, ClusterError], ...]:
        """What of our own can not be read at the moment."""
        return tuple(
            (kind.collection, kind.error)
            for kind in self._kinds()
            if kind.error is not None
        )

    def is_synced(self) -> bool:
        """Tell whether every kind was listed once and can be reached."""
        return all(
            kind.synced.is_set() and kind.error is None for kind in self._kinds()
        )

    def event(self, instance: str) -> asyncio.Event:
        """The signal that is set when something about this instance changed."""
        return self._signals[instance]

    def grants_of(self, instance: str) -> SizedIterable[GrantRecord]:
        """The grants that name this instance."""
        return self._by_instance[instance].values()

    def unassigned_grants(self) -> list[GrantRecord]:
        """The grants whose instance does not exist."""
        return [
            record
            for instance, records in self._by_instance.items()
            if instance not in self.instances.objects
            for record in records.values()
        ]

    def grant(self, name: str) -> GrantRecord | None:
        """The grant of this name, if there is one."""
        return self.grants.objects.get(name)

    def approvals_of(self, grant_name: str) -> tuple[ApprovalRecord, ...]:
        """The approvals that name this grant, also those that can not count."""
        return self._approvals.get(grant_name, ())

    def orphaned_approvals(self) -> list[ApprovalRecord]:
        """The approvals that name no grant that there is."""
        return [
            record
            for name, records in self._approvals.items()
            if name not in self.grants.objects
            for record in records
        ]

    def instance(self, name: str) -> InstanceRecord | None:
        """The ArgoCDInstance of this name, if there is one."""
        return self.instances.objects.get(name)

    def _grant_changed(
        self, before: GrantRecord | None, after: GrantRecord | None
    ) -> None:
        if before is None and after is None:
            self.enqueue_all()
        if before is not None and (after is None or before.instance != after.instance):
            self._by_instance[before.instance].pop(before.name, None)
        if before is not None and (after is None or after.uid != before.uid):
            self.on_grant_removed(before.uid)
        if after is not None:
            self._by_instance[after.instance][after.name] = after
        if before is not None and after is not None and before.decides_like(after):
            return
        for record in (before, after):
            if record is not None:
                self._enqueue(record.instance)
                if record.name in self._approvals:
                    self._signals[UNASSIGNED].set()

    def _policy_changed(
        self, before: PolicyRecord | None, after: PolicyRecord | None
    ) -> None:
        if before is None or after is None or not before.decides_like(after):
            self.enqueue_all()

    def _approval_changed(
        self, before: ApprovalRecord | None, after: ApprovalRecord | None
    ) -> None:
        if before is None and after is None:
            self.enqueue_all()
        if before is not None:
            others = self._approvals.pop(before.grant_name)
            rest = tuple(record for record in others if record is not before)
            if rest:
                self._approvals[before.grant_name] = rest
        if after is not None:
            others = self.approvals_of(after.grant_name)
            self._approvals[after.grant_name] = (*others, after)
        if before is not None and after is not None and before.decides_like(after):
            return
        for record in (before, after):
            if record is not None:
                self._enqueue_for(record.grant_name)

    def _enqueue_for(self, grant_name: str) -> None:
        grant = self.grant(grant_name)
        self._enqueue(grant.instance if grant is not None else UNASSIGNED)

    def _instance_changed(
        self, before: InstanceRecord | None, after: InstanceRecord | None
    ) -> None:
        record = after or before
        if record is None:
            self.enqueue_all()
        if record is None or (before and after and before.decides_like(after)):
            return
        self._enqueue(record.name)
        self._signals[UNASSIGNED].set()

    def _kinds(self) -> tuple[Informer[Any], ...]:
        return (self.grants, self.instances, self.policies, self.approvals)

    def enqueue_all(self) -> None:
        """Set every signal."""
        for signal in self._signals.values():
            signal.set()

    def _enqueue(self, instance: str) -> None:
        self._signals[instance].set()
        if instance not in self.instances.objects:
            self._signals[UNASSIGNED].set()
