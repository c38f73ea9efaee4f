"""What is kept of each of our objects: typed, small, never a reason to crash."""

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
    """What is kept of every object of ours, whatever its kind."""

    resource: ClassVar[Resource]
    uid: str
    namespace: str
    name: str
    generation: int
    version: str
    """The resource version."""
    status: dict[str, Any]
    problem: str = ""
    """Why it can not be understood; empty if it can."""

    @property
    def path(self) -> str:
        """Where it is on the API server."""
        return self.resource.path(self.namespace, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRecord(Record):
    """An AccessGrant as last seen; ``grant`` is None if it can not be understood."""

    resource = ACCESS_GRANTS
    instance: str
    finalizers: tuple[str, ...]
    being_deleted: bool
    force_release: bool
    """A person asked not to wait for the revocation when the grant is deleted."""
    grant: Grant | None
    is_labelled: bool = False
    """Whether it has the label by which break-glass grants are found."""

    def decides_like(self, other: "GrantRecord") -> bool:
        """Tell whether nothing differs that a decision or a deletion looks at."""
        return (
            self.grant == other.grant
            and self.problem == other.problem
            and self.being_deleted == other.being_deleted
            and self.force_release == other.force_release
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRecord(Record):
    """An ArgoCDInstance as last seen; ``instance`` is None if not understood."""

    resource = ARGOCD_INSTANCES
    being_deleted: bool
    force_release: bool
    """A person asked not to wait until it is clean when the instance is deleted."""
    instance: Instance | None

    def decides_like(self, other: "InstanceRecord") -> bool:
        """Tell whether nothing differs that a convergence looks at."""
        return (
            self.uid == other.uid
            and self.instance == other.instance
            and self.problem == other.problem
            and self.being_deleted == other.being_deleted
            and self.force_release == other.force_release
        )

    @property
    def is_force_released(self) -> bool:
        """Whether it may vanish whatever is left of it in Argo CD."""
        return self.being_deleted and self.force_release

    @property
    def owner(self) -> Owner:
        """What its overlay is marked with."""
        return Owner(namespace=self.namespace, instance=self.name, uid=self.uid)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRecord(Record):
    """An AccessPolicy as last seen; ``policy`` is None if not understood."""

    resource = ACCESS_POLICIES
    policy: AccessPolicy | None

    def decides_like(self, other: "PolicyRecord") -> bool:
        """Tell whether nothing differs that a decision looks at."""
        return self.policy == other.policy and self.problem == other.problem


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRecord(Record):
    """An AccessApproval as last seen; ``approval`` is None if not understood."""

    resource = ACCESS_APPROVALS
    grant_name: str
    """The grant that it is about."""
    approval: Approval | None

    def decides_like(self, other: "ApprovalRecord") -> bool:
        """Tell whether nothing differs that a decision looks at."""
        return (
            self.approval == other.approval
            and self.grant_name == other.grant_name
            and self.problem == other.problem
        )


def record_grant(body: Body) -> GrantRecord:
    """Keep what matters of an AccessGrant."""
    metadata, spec = body["metadata"], body.get("spec")
    grant, problem = _understood(read_grant, body)
    named = spec.get("instance") if isinstance(spec, dict) else None
    return GrantRecord(
        **_common(body),
        instance=named if isinstance(named, str) else "default",
        finalizers=tuple(metadata.get("finalizers") or ()),
        is_labelled=(metadata.get("labels") or {}).get(BREAK_GLASS_LABEL) == "true",
        being_deleted="deletionTimestamp" in metadata,
        force_release=_is_abandoned(metadata),
        grant=grant,
        problem=problem,
    )


def record_instance(body: Body) -> InstanceRecord:
    """Keep what matters of an ArgoCDInstance."""
    instance, problem = _understood(read_instance, body)
    return InstanceRecord(
        **_common(body),
        being_deleted="deletionTimestamp" in body["metadata"],
        force_release=_is_abandoned(body["metadata"]),
        instance=instance,
        problem=problem,
    )


def record_policy(body: Body) -> PolicyRecord:
    """Keep what matters of an AccessPolicy."""
    policy, problem = _understood(read_policy, body)
    return PolicyRecord(**_common(body), policy=policy, problem=problem)


def record_approval(body: Body) -> ApprovalRecord:
    """Keep what matters of an AccessApproval."""
    approval, problem = _understood(read_approval, body)
    return ApprovalRecord(
        **_common(body),
        grant_name=approval.grant_name if approval else "",
        approval=approval,
        problem=problem,
    )


def _understood(read: Callable[[Body], T], body: Body) -> tuple[T | None, str]:
    """Read an object, or say why it can not be understood."""
    try:
        return read(body), ""
    except AccessGrantError as error:
        return None, str(error)


def _common(body: Body) -> dict[str, Any]:
    """What is kept of every object."""
    metadata = body["metadata"]
    return {
        "uid": metadata["uid"],
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "generation": metadata.get("generation", 0),
        "version": metadata.get("resourceVersion", ""),
        "status": body.get("status") or {},
    }


def _is_abandoned(metadata: Body) -> bool:
    return (metadata.get("annotations") or {}).get(ABANDON_ANNOTATION) == "true"
