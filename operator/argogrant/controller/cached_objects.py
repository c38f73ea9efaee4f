"""Typed records of argogrant's own objects, as the store keeps them.

An object that cannot be parsed has a record also, with the reason in ``problem``: the
CRD may be older than the operator, or an object may have been stored before a rule of
the CRD existed. Parsing never raises, since one bad object must not stop the informer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from argogrant.api.accessapproval import read_approval
from argogrant.api.accessgrant import (
    ABANDON_ANNOTATION,
    BREAK_GLASS_LABEL,
    read_grant,
)
from argogrant.api.accesspolicy import read_policy
from argogrant.api.argocdinstance import Instance, read_instance
from argogrant.argocd.overlay import Owner
from argogrant.grants.access.policy import AccessPolicy, Approval
from argogrant.grants.model.errors import AccessGrantError
from argogrant.grants.model.grant import Grant
from argogrant.kube.client import Body
from argogrant.kube.resources import (
    ACCESS_APPROVALS,
    ACCESS_GRANTS,
    ACCESS_POLICIES,
    ARGOCD_INSTANCES,
    Resource,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Fields that all four kinds have."""

    resource: ClassVar[Resource]
    uid: str
    namespace: str
    name: str
    generation: int
    version: str
    """The resourceVersion."""
    status: dict[str, Any]
    problem: str = ""
    """Why the object cannot be parsed; empty if it can."""

    @property
    def path(self) -> str:
        """Path of the object on the API server."""
        return self.resource.path(self.namespace, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRecord(Record):
    """An AccessGrant as last observed; ``grant`` is None if it cannot be parsed."""

    resource = ACCESS_GRANTS
    instance: str
    finalizers: tuple[str, ...]
    being_deleted: bool
    force_release: bool
    """The annotation argogrant.dev/abandon asks for deletion without a revocation."""
    grant: Grant | None
    is_labelled: bool = False
    """True if it has the label of break-glass grants."""

    def decides_like(self, other: "GrantRecord") -> bool:
        """Return whether a decision and the finalizer would be the same for both."""
        return (
            self.grant == other.grant
            and self.problem == other.problem
            and self.being_deleted == other.being_deleted
            and self.force_release == other.force_release
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRecord(Record):
    """An ArgoCDInstance as last observed; ``instance`` is None if not parsable."""

    resource = ARGOCD_INSTANCES
    being_deleted: bool
    force_release: bool
    """The annotation argogrant.dev/abandon asks for deletion without a cleanup."""
    instance: Instance | None

    def decides_like(self, other: "InstanceRecord") -> bool:
        """Return whether a reconciliation would be the same for both."""
        return (
            self.uid == other.uid
            and self.instance == other.instance
            and self.problem == other.problem
            and self.being_deleted == other.being_deleted
            and self.force_release == other.force_release
        )

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
    policy: AccessPolicy | None

    def decides_like(self, other: "PolicyRecord") -> bool:
        """Return whether a decision would be the same for both."""
        return self.policy == other.policy and self.problem == other.problem


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRecord(Record):
    """An AccessApproval as last observed; ``approval`` is None if not parsable."""

    resource = ACCESS_APPROVALS
    grant_name: str
    """Name of the AccessGrant; empty if it cannot be parsed."""
    approval: Approval | None

    def decides_like(self, other: "ApprovalRecord") -> bool:
        """Return whether a decision would be the same for both."""
        return (
            self.approval == other.approval
            and self.grant_name == other.grant_name
            and self.problem == other.problem
        )


def record_grant(body: Body) -> GrantRecord:
    """Parse an AccessGrant into its record."""
    metadata, spec = body["metadata"], body.get("spec")
    grant, problem = _parsed(read_grant, body)
    instance = spec.get("instance") if isinstance(spec, dict) else None
    return GrantRecord(
        **_common_fields(body),
        instance=instance if isinstance(instance, str) else "default",
        finalizers=tuple(metadata.get("finalizers") or ()),
        is_labelled=(metadata.get("labels") or {}).get(BREAK_GLASS_LABEL) == "true",
        being_deleted="deletionTimestamp" in metadata,
        force_release=_has_abandon_annotation(metadata),
        grant=grant,
        problem=problem,
    )


def record_instance(body: Body) -> InstanceRecord:
    """Parse an ArgoCDInstance into its record."""
    instance, problem = _parsed(read_instance, body)
    return InstanceRecord(
        **_common_fields(body),
        being_deleted="deletionTimestamp" in body["metadata"],
        force_release=_has_abandon_annotation(body["metadata"]),
        instance=instance,
        problem=problem,
    )


def record_policy(body: Body) -> PolicyRecord:
    """Parse an AccessPolicy into its record."""
    policy, problem = _parsed(read_policy, body)
    return PolicyRecord(**_common_fields(body), policy=policy, problem=problem)


def record_approval(body: Body) -> ApprovalRecord:
    """Parse an AccessApproval into its record."""
    approval, problem = _parsed(read_approval, body)
    return ApprovalRecord(
        **_common_fields(body),
        grant_name=approval.grant_name if approval else "",
        approval=approval,
        problem=problem,
    )


def _parsed(read: Callable[[Body], T], body: Body) -> tuple[T | None, str]:
    """Return the parsed object, or None and why it cannot be parsed."""
    try:
        return read(body), ""
    except AccessGrantError as error:
        return None, str(error)


def _common_fields(body: Body) -> dict[str, Any]:
    """Return the fields that all records have."""
    metadata = body["metadata"]
    return {
        "uid": metadata["uid"],
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "generation": metadata.get("generation", 0),
        "version": metadata.get("resourceVersion", ""),
        "status": body.get("status") or {},
    }


def _has_abandon_annotation(metadata: Body) -> bool:
    return (metadata.get("annotations") or {}).get(ABANDON_ANNOTATION) == "true"
