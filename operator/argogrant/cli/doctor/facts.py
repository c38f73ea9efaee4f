"""Input of the checks: what ``collect`` has read, or why it could not."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from argogrant.controller.cached_objects import GrantRecord, InstanceRecord
from argogrant.kube.permissions import Permission

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe(Generic[T]):
    """Result of one read: a value, nothing (it does not exist), or a problem."""

    value: T | None = None
    """None if it does not exist or could not be read."""
    problem: str = ""
    """Why it could not be read; empty if it was read or does not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CRDFact:
    """State of one CustomResourceDefinition of argogrant."""

    plural: str
    is_served: Probe[bool]
    is_current: Probe[bool]
    """True if the installed CRD equals the one of this version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseFact:
    """Holder of the operator's Lease, and its last renewal."""

    holder: str
    renewed_at: datetime | None
    seconds: float
    """Duration of the Lease."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionFact:
    """A permission that the operator needs, and whether it has it."""

    permission: Permission
    is_granted: Probe[bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """State of the operator and of its cluster."""

    namespace: str
    now: datetime
    """Current time by the API server's clock."""
    kubernetes: Probe[str]
    """Version, such as v1.37.0."""
    admission_kinds: Probe[frozenset[str]]
    """Plurals of the admission policy kinds that the API server serves."""
    crds: tuple[CRDFact, ...]
    lease: Probe[LeaseFact]
    permissions: tuple[PermissionFact, ...] = ()
    """Permissions without which the operator cannot report that it lacks them."""
    admission_drift: Probe[str]
    """Difference from the shipped admission policies; empty if there is none."""
    instances: Probe[tuple[InstanceRecord, ...]]
    grants: Probe[tuple[GrantRecord, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceFacts:
    """State of one ArgoCDInstance, of its grants and of its Argo CD."""

    record: InstanceRecord
    argocd_version: Probe[str]
    grants: Probe[tuple[GrantRecord, ...]]
    """AccessGrants that name this instance."""

    @property
    def argocd_namespace(self) -> str:
        """Namespace of Argo CD; its default if the instance cannot be parsed."""
        instance = self.record.instance
        return instance.argocd_namespace if instance is not None else "argocd"

    @property
    def is_remote(self) -> bool:
        """True if Argo CD runs in another cluster, which the doctor does not read."""
        instance = self.record.instance
        return instance is not None and instance.cluster is not None
