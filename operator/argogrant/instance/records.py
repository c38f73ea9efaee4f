"""What is kept of each of our objects: typed, small, never a reason to crash."""

from dataclasses import dataclass
from typing import Any

from argogrant.api.accessapproval import read_approval
from argogrant.api.accessgrant import (
    ABANDON_ANNOTATION,
    BREAK_GLASS_LABEL,
    read_grant,
)
from argogrant.api.accesspolicy import read_policy
from argogrant.api.argocdinstance import Instance, read_instance
from argogrant.grants.access_policy import AccessPolicy
from argogrant.grants.approval import Approval
from argogrant.grants.errors import AccessGrantError
from argogrant.grants.grant import Grant
from argogrant.kube.cluster import Body
from argogrant.rbac.overlay import Owner


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRecord:
    """An AccessGrant as last seen; ``grant`` is None if it can not be understood."""

    uid: str
    namespace: str
    name: str
    instance: str
    generation: int
    version: str
    """The resource version."""
    finalizers: tuple[str, ...]
    status: dict[str, Any]
    being_deleted: bool
    abandoned: bool
    """A person asked not to wait for the revocation when the grant is deleted."""
    grant: Grant | None
    problem: str = ""
    is_labelled: bool = False
    """Whether it has the label by which break-glass grants are found."""

    def decides_like(self, other: "GrantRecord") -> bool:
        """Tell whether nothing differs that a decision or a deletion looks at."""
        return (
            self.grant == other.grant
            and self.problem == other.problem
            and self.being_deleted == other.being_deleted
            and self.abandoned == other.abandoned
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRecord:
    """An ArgoCDInstance as last seen; ``instance`` is None if not understood."""

    uid: str
    namespace: str
    name: str
    generation: int
    version: str
    """The resource version."""
    status: dict[str, Any]
    being_deleted: bool
    abandoned: bool
    """A person asked not to wait until it is clean when the instance is deleted."""
    instance: Instance | None
    problem: str = ""

    def decides_like(self, other: "InstanceRecord") -> bool:
        """Tell whether nothing differs that a convergence looks at."""
        return (
            self.uid == other.uid
            and self.instance == other.instance
            and self.problem == other.problem
            and self.being_deleted == other.being_deleted
            and self.abandoned == other.abandoned
        )

    @property
    def is_given_up(self) -> bool:
        """Whether it may vanish whatever is left of it in Argo CD."""
        return self.being_deleted and self.abandoned

    @property
    def owner(self) -> Owner:
        """What its overlay is marked with."""
        return Owner(namespace=self.namespace, instance=self.name, uid=self.uid)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRecord:
    """An AccessPolicy as last seen; ``policy`` is None if not understood."""

    uid: str
    namespace: str
    name: str
    generation: int
    version: str
    """The resource version."""
    status: dict[str, Any]
    policy: AccessPolicy | None
    problem: str = ""

    def decides_like(self, other: "PolicyRecord") -> bool:
        """Tell whether nothing differs that a decision looks at."""
        return self.policy == other.policy and self.problem == other.problem


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRecord:
    """An AccessApproval as last seen; ``approval`` is None if not understood."""

    uid: str
    namespace: str
    name: str
    generation: int
    version: str
    """The resource version."""
    status: dict[str, Any]
    grant_name: str
    """The grant that it is about."""
    approval: Approval | None
    problem: str = ""

    def decides_like(self, other: "ApprovalRecord") -> bool:
        """Tell whether nothing differs that a decision looks at."""
        return (
            self.approval == other.approval
            and self.grant_name == other.grant_name
            and self.problem == other.problem
        )


def record_grant(body: Body) -> GrantRecord:
    """Keep what matters of an AccessGrant."""
    metadata = body["metadata"]
    grant, problem = None, ""
    try:
        grant = read_grant(body)
    except AccessGrantError as error:
        problem = str(error)
    spec = body.get("spec")
    named = spec.get("instance") if isinstance(spec, dict) else None
    return GrantRecord(
        uid=metadata["uid"],
        namespace=metadata["namespace"],
        name=metadata["name"],
        instance=named if isinstance(named, str) else "default",
        generation=metadata.get("generation", 0),
        version=metadata.get("resourceVersion", ""),
        finalizers=tuple(metadata.get("finalizers") or ()),
        is_labelled=(metadata.get("labels") or {}).get(BREAK_GLASS_LABEL) == "true",
        status=body.get("status") or {},
        being_deleted="deletionTimestamp" in metadata,
        abandoned=_is_abandoned(metadata),
        grant=grant,
        problem=problem,
    )


def _is_abandoned(metadata: Body) -> bool:
    return (metadata.get("annotations") or {}).get(ABANDON_ANNOTATION) == "true"


def record_instance(body: Body) -> InstanceRecord:
    """Keep what matters of an ArgoCDInstance."""
    metadata = body["metadata"]
    instance, problem = None, ""
    try:
        instance = read_instance(body)
    except AccessGrantError as error:
        problem = str(error)
    return InstanceRecord(
        uid=metadata["uid"],
        namespace=metadata["namespace"],
        name=metadata["name"],
        generation=metadata.get("generation", 0),
        version=metadata.get("resourceVersion", ""),
        status=body.get("status") or {},
        being_deleted="deletionTimestamp" in metadata,
        abandoned=_is_abandoned(metadata),
        instance=instance,
        problem=problem,
    )


def record_policy(body: Body) -> PolicyRecord:
    """Keep what matters of an AccessPolicy."""
    metadata = body["metadata"]
    policy, problem = None, ""
    try:
        policy = read_policy(body)
    except AccessGrantError as error:
        problem = str(error)
    return PolicyRecord(
        uid=metadata["uid"],
        namespace=metadata["namespace"],
        name=metadata["name"],
        generation=metadata.get("generation", 0),
        version=metadata.get("resourceVersion", ""),
        status=body.get("status") or {},
        policy=policy,
        problem=problem,
    )


def record_approval(body: Body) -> ApprovalRecord:
    """Keep what matters of an AccessApproval."""
    metadata = body["metadata"]
    approval, problem = None, ""
    try:
        approval = read_approval(body)
    except AccessGrantError as error:
        problem = str(error)
    return ApprovalRecord(
        uid=metadata["uid"],
        namespace=metadata["namespace"],
        name=metadata["name"],
        generation=metadata.get("generation", 0),
        version=metadata.get("resourceVersion", ""),
        status=body.get("status") or {},
        grant_name=approval.grant_name if approval else "",
        approval=approval,
        problem=problem,
    )
