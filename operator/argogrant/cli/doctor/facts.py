"""What the doctor has seen: plain facts, each of them perhaps not readable."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from argogrant.controller.argocd_state import ObservedConfigMap
from argogrant.controller.cached_objects import GrantRecord, InstanceRecord
from argogrant.kube.permissions import Right

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Generic[T]):
    """Something that was looked for: there, not there, or not to be read."""

    value: T | None = None
    """None if it is not there, or could not be read."""
    problem: str = ""
    """Why it could not be read; empty if it could, or is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CRDFact:
    """One of our kinds, as the API server has it."""

    plural: str
    is_served: Reading[bool]
    is_current: Reading[bool]
    """Whether the CRD says what this version's says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseFact:
    """Who leads, and when that was last confirmed."""

    holder: str
    renewed_at: datetime | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RightFact:
    """A right of the operator, and whether it has it."""

    right: Right
    is_given: Reading[bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """What is so in the cluster of the operator, whatever the instance."""

    namespace: str
    now: datetime
    """The time, by the API server's clock."""
    kubernetes: Reading[str]
    """The version, such as v1.37.0."""
    admission_kinds: Reading[frozenset[str]]
    """The kinds of admission policies that are served, by their plural."""
    crds: tuple[CRDFact, ...]
    lease: Reading[LeaseFact]
    admission_problem: Reading[str]
    """What is wrong with our admission policies; empty if nothing is."""
    instances: Reading[tuple[InstanceRecord, ...]]
    grants: Reading[tuple[GrantRecord, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceFacts:
    """What is so of one ArgoCDInstance and its Argo CD."""

    record: InstanceRecord
    argocd_namespace: str
    is_elsewhere: bool
    """Whether its Argo CD runs in another cluster, which the doctor does not enter."""
    config_map: Reading[ObservedConfigMap]
    argocd_version: Reading[str]
    grants: Reading[tuple[GrantRecord, ...]]
    """Those that name this instance."""
    rights: tuple[RightFact, ...] = field(default=())
    """Those that the operator needs for it."""
