"""The rules by which the people of one instance give access to each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from argogrant.grants.access.approval import Owners
from argogrant.grants.access.policy import AccessPolicy
from argogrant.grants.model.identity import Identities


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRules:
    """Everything about an instance that who-may-ask and who-agrees depend on."""

    max_duration: timedelta = timedelta(hours=24)
    """The ceiling for every grant, whatever a policy says."""
    policies: tuple[AccessPolicy, ...] = ()
    """Those for this instance, and no others."""
    policies_are_known: bool = True
    """Whether policies and approvals could be read; else one may forbid anything."""
    unreadable_policies: Mapping[str, str] = field(default_factory=dict)
    """Policies that can not be understood, by name, and why."""
    requires_access_policy: bool = False
    """Without any policy nothing is allowed, rather than everything."""
    strip_prefix: str = ""
    """What Kubernetes puts before Argo CD's name for a person."""
    owners: Owners = field(default_factory=Owners)
    identities: Identities = field(default_factory=Identities)
    are_open: bool = field(init=False, repr=False, compare=False)
    """Whether Kubernetes' RBAC alone decides who gets access."""

    def __post_init__(self) -> None:
        """Find out once what every decision asks first."""
        are_closed = (
            self.policies
            or self.requires_access_policy
            or self.unreadable_policies
            or not self.policies_are_known
        )
        object.__setattr__(self, "are_open", not are_closed)
