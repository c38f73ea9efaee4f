"""Input of a decision, complete before the first check runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from argogrant.grants.access.evaluation import PolicyResult, evaluate
from argogrant.grants.access.policy import AccessRules
from argogrant.grants.access.request import NO_RELATED_OBJECTS, RelatedObjects
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.sign_in import LoginConfig
from argogrant.grants.model.window import Window
from argogrant.grants.role_warnings import RoleRisks


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceState(AccessRules):
    """Observed state of one ArgoCDInstance and its Argo CD."""

    name: str
    exists: bool = True
    text_is_known: bool = True
    """True if ``argocd-rbac-cm`` could be read; otherwise no binding is added."""
    projects_are_known: bool = True
    """True if the AppProjects could be read; otherwise no role counts as missing."""
    roles: frozenset[str] = frozenset()
    """Existing roles, as written in Argo CD's RBAC policy."""
    unreadable_projects: Mapping[str, str] = field(default_factory=dict)
    """AppProjects whose roles Argo CD ignores, with the line that it cannot parse."""
    names_used_as_roles: frozenset[str] = frozenset()
    """Names that are used as roles. Binding one as a subject would grant the new role
    to everyone who has it."""
    role_risks: Mapping[str, RoleRisks] = field(default_factory=dict)
    """Roles that need a warning, as written in Argo CD's RBAC policy."""
    login: LoginConfig | None = None
    """How users sign in to this Argo CD; None if it is unknown."""
    url: str = ""
    access_details: str = ""
    """Text for recipients of a grant, with placeholders."""


class DecisionInput(NamedTuple):
    """One grant with everything that its checks need.

    A tuple, because one is created for every decision.
    """

    grant: Grant
    instance: InstanceState
    related: RelatedObjects
    policy_result: PolicyResult
    """Approval of the grant by access policies."""
    window: Window
    """When the grant may be in force."""
    now: datetime


def build_input(
    grant: Grant,
    instance: InstanceState,
    now: datetime,
    related: RelatedObjects = NO_RELATED_OBJECTS,
) -> DecisionInput:
    """Build the input of a decision; evaluate access policies and derive the window."""
    policy_result = evaluate(grant, instance, related, now)
    window = policy_result.window_of(grant, max_duration=instance.max_duration)
    return DecisionInput(grant, instance, related, policy_result, window, now)
