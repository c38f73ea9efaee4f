"""Informers for the four kinds of argogrant in one namespace, and their events.

A change triggers no computation here. It updates the store and sets the event of every
reconcile loop that has to run::

    AccessGrant, AccessApproval   the ArgoCDInstance of the grant
    ArgoCDInstance                this instance, and UNASSIGNED
    AccessPolicy                  all loops, since policies apply to every grant

An event is set at most once until its loop runs, so a burst of changes costs one
reconciliation. Changes of status and metadata that no decision depends on set nothing.
"""

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
"""Event key of the grants without an ArgoCDInstance; no instance has this name."""
POLICIES: Final = "*"
"""Event key of the AccessPolicies' own status; no instance has this name."""


class Store:
    """AccessGrants, ArgoCDInstances, AccessPolicies and AccessApprovals.

    Args:
        cluster: API server of these kinds.
        namespace: The namespace to list and watch.
    """

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.namespace = namespace
        self.on_grant_removed: Callable[[str], None] = lambda _uid: None
        """Called with the uid of every grant that no longer exists."""
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
        """AccessApprovals by the name of their grant."""
        self._by_instance: defaultdict[str, dict[str, GrantRecord]] = defaultdict(dict)
        self._events: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def run(self) -> None:
        """List and watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for informer in self._informers():
                tasks.create_task(informer.run())

    async def relist(self) -> int:
        """List everything again and return the number of differences.

        AccessPolicies and AccessApprovals that are not served or may not be read do
        not stop a resync; ``failures`` reports them.

        Raises:
            ClusterError: AccessGrants or ArgoCDInstances could not be listed.
        """
        differences = await self.grants.relist() + await self.instances.relist()
        for informer in (self.policies, self.approvals):
            with suppress(NotFound, Forbidden):
                differences += await informer.relist()
        return differences

    async def wait_until_synced(self) -> None:
        """Wait until grants and instances are listed, since decisions need all of them.

        A failed list of AccessPolicies or AccessApprovals is enough. If they are not
        listed, decisions that need them are UNCHANGED, and grants still expire.
        """
        await self.grants.synced.wait()
        await self.instances.synced.wait()
        await self.policies.attempted.wait()
        await self.approvals.attempted.wait()

    def rules(self, verification: RequesterVerification) -> NamespaceRules:
        """Return the rules that apply to all grants of the namespace.

        Args:
            verification: Whether the API server verifies requesters and approvers.
        """
        records = self.policies.objects.values()
        return NamespaceRules(
            policies=tuple(r.policy for r in records if r.policy is not None),
            unreadable={r.name: r.problem for r in records if r.policy is None},
            are_known=self.policies.synced.is_set() and self.approvals.synced.is_set(),
            verification=verification,
        )

    def failures(self) -> tuple[tuple[Collection, ClusterError], ...]:
        """Return the collections that cannot be read at the moment, and why."""
        return tuple(
            (informer.collection, informer.error)
            for informer in self._informers()
            if informer.error is not None
        )

    def is_synced(self) -> bool:
        """Return whether every kind is listed and list and watch work."""
        return all(
            informer.synced.is_set() and informer.error is None
            for informer in self._informers()
        )

    def event(self, instance: str) -> asyncio.Event:
        """Return the event of the reconcile loop with this name."""
        return self._events[instance]

    def grants_of(self, instance: str) -> SizedIterable[GrantRecord]:
        """Return the grants whose ``spec.instance`` is this instance."""
        return self._by_instance[instance].values()

    def unassigned_grants(self) -> list[GrantRecord]:
        """Return the grants whose ArgoCDInstance does not exist."""
        return [
            record
            for instance, records in self._by_instance.items()
            if instance not in self.instances.objects
            for record in records.values()
        ]

    def grant(self, name: str) -> GrantRecord | None:
        """Return the grant of this name, or None."""
        return self.grants.objects.get(name)

    def approvals_of(self, grant_name: str) -> tuple[ApprovalRecord, ...]:
        """Return all AccessApprovals for this grant, also those that are invalid."""
        return self._approvals.get(grant_name, ())

    def orphaned_approvals(self) -> list[ApprovalRecord]:
        """Return the AccessApprovals for grants that do not exist."""
        return [
            record
            for name, records in self._approvals.items()
            if name not in self.grants.objects
            for record in records
        ]

    def instance(self, name: str) -> InstanceRecord | None:
        """Return the ArgoCDInstance of this name, or None."""
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
                    self._events[UNASSIGNED].set()

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
        self._events[UNASSIGNED].set()

    def _informers(self) -> tuple[Informer[Any], ...]:
        return (self.grants, self.instances, self.policies, self.approvals)

    def enqueue_all(self) -> None:
        """Set the events of all reconcile loops."""
        for event in self._events.values():
            event.set()

    def _enqueue(self, instance: str) -> None:
        self._events[instance].set()
        if instance not in self.instances.objects:
            self._events[UNASSIGNED].set()
