"""Informers for the four kinds of argogrant in one namespace, and their events.

The store keeps a typed record of every object, also of one that cannot be parsed: the
CRD may be older than the operator, or the object older than a rule of the CRD. Parsing
never raises, since one bad object must not stop the informer.

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
from collections.abc import Callable, Mapping
from collections.abc import Collection as SizedIterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final, TypeVar

from argogrant.api.accessapproval import read_approval
from argogrant.api.accessgrant import (
    ABANDON_ANNOTATION,
    BREAK_GLASS_LABEL,
    FINALIZER,
    read_grant,
)
from argogrant.api.accesspolicy import read_policy
from argogrant.api.argocdinstance import Instance, read_acknowledged, read_instance
from argogrant.api.conditions import read_status
from argogrant.api.json_fields import get_dict, get_int, get_str, get_texts
from argogrant.api.metadata_limits import MAX_ENTRIES
from argogrant.argocd.overlay import Owner
from argogrant.controller.faults import log_failure
from argogrant.grants.access.policy import AccessPolicy, Approval
from argogrant.grants.model.errors import AccessGrantError
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.identity import UNVERIFIED, RequesterVerification
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import ClusterError, Forbidden, NotFound
from argogrant.kube.informer import Informer
from argogrant.kube.resources import (
    ACCESS_APPROVALS,
    ACCESS_GRANTS,
    ACCESS_POLICIES,
    ARGOCD_INSTANCES,
    NAMESPACES,
    Collection,
    Resource,
)

T = TypeVar("T")

OBSERVE_TIMEOUT: Final = 5.0
"""Seconds after which the first reconciliation runs without what was not read yet."""
UNASSIGNED: Final = ""
"""Event key of the grants without an ArgoCDInstance; no instance has this name."""
NAMESPACE_BACKOFF: Final = 300.0
"""Longest seconds between attempts to read a Namespace; access to it is optional."""
MAX_FINALIZERS: Final = MAX_ENTRIES["finalizers"]
POLICIES: Final = "*"
"""Event key of the AccessPolicies' own status; no instance has this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Fields that all four kinds have."""

    resource: ClassVar[Resource]
    deciding_fields: ClassVar[tuple[str, ...]]
    """Fields that a reconciliation depends on."""
    uid: str
    namespace: str
    name: str
    generation: int
    version: str
    """The resourceVersion."""
    status: dict[str, Any]
    being_deleted: bool = False
    force_release: bool = False
    """The annotation argogrant.dev/abandon asks for deletion without a cleanup."""
    problem: str = ""
    """Why the object cannot be parsed; empty if it can."""

    @property
    def path(self) -> str:
        """Path of the object on the API server."""
        return self.resource.path(self.namespace, self.name)

    def decides_like(self, other: "Record") -> bool:
        """Return whether a reconciliation would be the same for both."""
        return all(getattr(self, f) == getattr(other, f) for f in self.deciding_fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRecord(Record):
    """An AccessGrant as last observed; ``grant`` is None if it cannot be parsed."""

    resource = ACCESS_GRANTS
    deciding_fields = ("grant", "problem", "being_deleted", "force_release")
    instance: str
    finalizers: tuple[str, ...]
    """At most ``MAX_FINALIZERS``, and always argogrant's own."""
    has_more_finalizers: bool = False
    grant: Grant | None
    is_labelled: bool = False
    """True if it has the label of break-glass grants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRecord(Record):
    """An ArgoCDInstance as last observed; ``instance`` is None if not parsable."""

    resource = ARGOCD_INSTANCES
    deciding_fields = (
        *("uid", "instance", "problem", "being_deleted", "force_release"),
        "acknowledged",
    )
    instance: Instance | None
    acknowledged: Mapping[str, str] = field(default_factory=dict)
    """Ids of returned members that are acknowledged, with the reasons."""

    @property
    def is_force_released(self) -> bool:
        """True if its deletion does not wait for the cleanup of Argo CD."""
        return self.being_deleted and self.force_release

    @property
    def owner(self) -> Owner:
        """Owner in the header of its managed key."""
        return Owner(namespace=self.namespace, instance=self.name, uid=self.uid)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRecord(Record):
    """An AccessPolicy as last observed; ``policy`` is None if it cannot be parsed."""

    resource = ACCESS_POLICIES
    deciding_fields = ("policy", "problem")
    policy: AccessPolicy | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRecord(Record):
    """An AccessApproval as last observed; ``approval`` is None if not parsable."""

    resource = ACCESS_APPROVALS
    deciding_fields = ("approval", "grant_name", "problem")
    grant_name: str
    """Name of the AccessGrant; empty if it cannot be parsed."""
    approval: Approval | None


def record_grant(body: Body) -> GrantRecord:
    """Parse an AccessGrant into its record."""
    metadata = get_dict(body, "metadata")
    finalizers = get_texts(metadata, "finalizers")
    has_more = len(finalizers) > MAX_FINALIZERS
    if has_more:
        ours_first = sorted(finalizers, key=lambda name: name != FINALIZER)
        finalizers = tuple(ours_first[:MAX_FINALIZERS])
    return GrantRecord(
        **_fields(body, "grant", read_grant),
        instance=get_str(get_dict(body, "spec"), "instance") or "default",
        finalizers=finalizers,
        has_more_finalizers=has_more,
        is_labelled=get_dict(metadata, "labels").get(BREAK_GLASS_LABEL) == "true",
    )


def record_instance(body: Body) -> InstanceRecord:
    """Parse an ArgoCDInstance into its record."""
    annotations = get_dict(get_dict(body, "metadata"), "annotations")
    return InstanceRecord(
        **_fields(body, "instance", read_instance),
        acknowledged=read_acknowledged(annotations),
    )


def record_policy(body: Body) -> PolicyRecord:
    """Parse an AccessPolicy into its record."""
    return PolicyRecord(**_fields(body, "policy", read_policy))


def record_approval(body: Body) -> ApprovalRecord:
    """Parse an AccessApproval into its record."""
    fields = _fields(body, "approval", read_approval)
    approval: Approval | None = fields["approval"]
    return ApprovalRecord(**fields, grant_name=approval.grant_name if approval else "")


def _fields(body: Body, key: str, read: Callable[[Body], object]) -> dict[str, Any]:
    """Return the fields that all records have, and the parsed object as ``key``."""
    metadata = get_dict(body, "metadata")
    annotations = get_dict(metadata, "annotations")
    parsed, problem = None, ""
    try:
        parsed = read(body)
    except AccessGrantError as error:
        problem = str(error)
    except Exception as error:  # noqa: BLE001 - one object must not stop the informer
        log_failure(f"{key} {metadata['namespace']}/{metadata['name']}", error)
        problem = f"it cannot be parsed ({type(error).__name__})"
    return {
        "uid": get_str(metadata, "uid"),
        "namespace": get_str(metadata, "namespace"),
        "name": get_str(metadata, "name"),
        "generation": get_int(metadata, "generation"),
        "version": get_str(metadata, "resourceVersion"),
        "status": read_status(body),
        "being_deleted": "deletionTimestamp" in metadata,
        "force_release": annotations.get(ABANDON_ANNOTATION) == "true",
        "problem": problem,
        key: parsed,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceRules:
    """Rules that apply to all grants of a namespace."""

    policies: tuple[AccessPolicy, ...] = ()
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """AccessPolicies that cannot be parsed, and why."""
    are_known: bool = True
    """True if AccessPolicies and AccessApprovals are listed."""
    verification: RequesterVerification = UNVERIFIED
    """Verification of requesters and approvers by the API server."""


class Store:
    """AccessGrants, ArgoCDInstances, AccessPolicies and AccessApprovals.

    Args:
        cluster: API server of the objects.
        namespace: Their namespace.
        operator_namespace: The operator's own namespace; empty if it has none.
    """

    def __init__(
        self, cluster: Cluster, namespace: str, operator_namespace: str = ""
    ) -> None:
        def inform(
            resource: Resource,
            read: Callable[[Body], T],
            on_change: Callable[[T | None, T | None], None],
        ) -> Informer[T]:
            collection = Collection(resource, namespace)
            return Informer(cluster, collection, read=read, on_change=on_change)

        self.namespace = namespace
        self.operator_namespace = operator_namespace
        self.on_removed: Callable[[str], None] = lambda _uid: None
        """Called with the uid of every grant and instance that no longer exists."""
        self.grants = inform(ACCESS_GRANTS, record_grant, self._grant_changed)
        self.instances = inform(
            ARGOCD_INSTANCES, record_instance, self._instance_changed
        )
        self.policies = inform(ACCESS_POLICIES, record_policy, self._policy_changed)
        self.approvals = inform(
            ACCESS_APPROVALS, record_approval, self._approval_changed
        )
        self.own_namespaces = tuple(
            Informer(
                cluster,
                Collection(NAMESPACES, "", name),
                read=lambda body: "deletionTimestamp" in get_dict(body, "metadata"),
                on_change=lambda _before, _after: self.enqueue_all(),
                longest_backoff=NAMESPACE_BACKOFF,
            )
            for name in dict.fromkeys((namespace, operator_namespace))
            if name
        )
        """Informers of this namespace and of the operator's: are they being deleted?

        Permission for them is optional, and nothing waits for them.
        """
        self.refused_finalizers: dict[str, str] = {}
        """Why the API server refuses the finalizer, by the uid of the grant."""
        self._approvals: dict[str, tuple[ApprovalRecord, ...]] = {}
        """AccessApprovals by the name of their grant."""
        self._by_instance: defaultdict[str, dict[str, GrantRecord]] = defaultdict(dict)
        self._events: dict[str, asyncio.Event] = {}
        """Events of the loops that run, by the name of their instance."""

    async def relist(self) -> int:
        """List everything again and return the number of differences.

        Finalizers that the API server refused are tried again. AccessPolicies and
        AccessApprovals that are not served or may not be read do not stop a resync;
        ``failures`` reports them.

        Raises:
            ClusterError: AccessGrants or ArgoCDInstances could not be listed.
        """
        self.refused_finalizers.clear()
        differences = await self.grants.relist() + await self.instances.relist()
        for informer in (self.policies, self.approvals):
            with suppress(NotFound, Forbidden):
                differences += await informer.relist()
        return differences

    async def wait_until_synced(self) -> None:
        """Wait until grants and instances are listed, since decisions need all of them.

        A failed or slow list of AccessPolicies or AccessApprovals is enough. If they
        are not listed, decisions that need them are UNCHANGED, and grants still expire.
        """
        await self.grants.synced.wait()
        await self.instances.synced.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(OBSERVE_TIMEOUT):
                await self.policies.attempted.wait()
                await self.approvals.attempted.wait()

    def rules(self, verification: RequesterVerification) -> NamespaceRules:
        """Return the rules that apply to all grants of the namespace."""
        records = self.policies.objects.values()
        return NamespaceRules(
            policies=tuple(r.policy for r in records if r.policy is not None),
            unreadable={r.name: r.problem for r in records if r.policy is None},
            are_known=self.policies.synced.is_set() and self.approvals.synced.is_set(),
            verification=verification,
        )

    def failures(self) -> tuple[tuple[Collection, ClusterError], ...]:
        """Return the collections that cannot be read at the moment, and why."""
        return tuple((i.collection, i.error) for i in self.informers if i.error)

    def is_synced(self) -> bool:
        """Return whether every kind is listed and list and watch work."""
        return all(one.synced.is_set() and not one.error for one in self.informers)

    def event(self, instance: str) -> asyncio.Event:
        """Return the event of the reconcile loop with this name."""
        return self._events.setdefault(instance, asyncio.Event())

    def forget_event(self, instance: str) -> None:
        """Forget the event of a reconcile loop that has ended."""
        self._events.pop(instance, None)

    def grants_of(self, instance: str) -> SizedIterable[GrantRecord]:
        """Return the grants whose ``spec.instance`` is this instance."""
        return self._by_instance.get(instance, {}).values()

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

    @property
    def is_ending(self) -> bool:
        """The namespace, or the operator's own, is being deleted.

        Kubernetes then deletes the operator, its account and its Roles in any order.
        What they are needed for has to be done before.
        """
        return any(any(one.objects.values()) for one in self.own_namespaces)

    def as_ending(self, record: InstanceRecord) -> InstanceRecord:
        """Return an instance as deleted if its namespace is being deleted."""
        if record.being_deleted or not self.is_ending:
            return record
        instance = record.instance
        if instance is not None:
            instance = replace(instance, being_deleted=True)
        return replace(record, being_deleted=True, instance=instance)

    def refuse_finalizer(self, record: GrantRecord, problem: str) -> None:
        """Record that the API server refuses the finalizer on a grant for good."""
        self.refused_finalizers[record.uid] = problem
        self._enqueue(record.instance)

    def enqueue_all(self) -> None:
        """Set the events of all reconcile loops."""
        for event in self._events.values():
            event.set()

    def _grant_changed(
        self, before: GrantRecord | None, after: GrantRecord | None
    ) -> None:
        if before is None and after is None:
            self.enqueue_all()
        if before is not None and (after is None or before.instance != after.instance):
            of_instance = self._by_instance[before.instance]
            of_instance.pop(before.name, None)
            if not of_instance:
                del self._by_instance[before.instance]
        if before is not None and (after is None or after.uid != before.uid):
            self.refused_finalizers.pop(before.uid, None)
            self.on_removed(before.uid)
        if after is not None:
            self._by_instance[after.instance][after.name] = after
        if before is not None and after is not None and before.decides_like(after):
            return
        for record in (before, after):
            if record is not None:
                self._enqueue(record.instance)
                if record.name in self._approvals:
                    self._wake(UNASSIGNED)

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
                grant = self.grant(record.grant_name)
                self._enqueue(grant.instance if grant is not None else UNASSIGNED)

    def _instance_changed(
        self, before: InstanceRecord | None, after: InstanceRecord | None
    ) -> None:
        record = after or before
        if record is None:
            self.enqueue_all()
        elif not (before and after and before.decides_like(after)):
            self._enqueue(record.name)
            self._wake(UNASSIGNED)
        if before is not None and (after is None or before.uid != after.uid):
            self.on_removed(before.uid)

    @property
    def informers(self) -> tuple[Informer[Any], ...]:
        """The informers, each of which has to run."""
        return (self.grants, self.instances, self.policies, self.approvals)

    def _enqueue(self, instance: str) -> None:
        self._wake(instance)
        if instance not in self.instances.objects:
            self._wake(UNASSIGNED)

    def _wake(self, name: str) -> None:
        """Set the event of a loop; one that starts later reads everything anyway."""
        if name in self._events:
            self._events[name].set()
