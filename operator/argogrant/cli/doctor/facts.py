"""What the doctor has seen: plain facts, each of them perhaps not readable."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from argogrant.controller.argocd_state import ObservedConfigMap
from argogrant.controller.cached_objects import GrantRecord, InstanceRecord
from argogrant.kube.permissions import Permission

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe(Generic[T]):
    """Something that was looked for: there, not there, or not to be read."""

    value: T | None = None
    """None if it is not there, or could not be read."""
    problem: str = ""
    """Why it could not be read; empty if it could, or is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CRDFact:
    """One of our kinds, as the API server has it."""

    plural: str
    is_served: Probe[bool]
    is_current: Probe[bool]
    """Whether the CRD says what this version's says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseFact:
    """Who leads, and when that was last confirmed."""

    holder: str
    renewed_at: datetime | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionFact:
    """A right of the operator, and whether it has it."""

    right: Permission
    is_given: Probe[bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """What is so in the cluster of the operator, whatever the instance."""

    namespace: str
    now: datetime
    """The time, by the API server's clock."""
    kubernetes: Probe[str]
    """The version, such as v1.37.0."""
    admission_kinds: Probe[frozenset[str]]
    """The kinds of admission policies that are served, by their plural."""
    crds: tuple[CRDFact, ...]
    lease: Probe[LeaseFact]
    admission_drift: Probe[str]
    """What is wrong with our admission policies; empty if nothing is."""
    instances: Probe[tuple[InstanceRecord, ...]]
    grants: Probe[tuple[GrantRecord, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceFacts:
    """What is so of one ArgoCDInstance and its Argo CD."""

    record: InstanceRecord
    argocd_namespace: str
    is_elsewhere: bool
    """Whether its Argo CD runs in another cluster, which the doctor does not enter."""
    config_map: Probe[ObservedConfigMap]
    argocd_version: Probe[str]
    grants: Probe[tuple[GrantRecord, ...]]
    """Those that name this instance."""
    permissions: tuple[PermissionFact, ...] = field(default=())
    """Those that the operator needs for it."""
