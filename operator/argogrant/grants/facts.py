"""Everything that a decision may look at, gathered before the first check runs."""

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
    """What is known of one ArgoCDInstance and of the Argo CD behind it."""

    name: str
    exists: bool = True
    text_is_known: bool = True
    """Whether `argocd-rbac-cm` could be read; without it nothing may be added."""
    projects_are_known: bool = True
    """Whether the AppProjects could be read; without them no role is judged missing."""
    roles: frozenset[str] = frozenset()
    """The roles that exist, as the RBAC text says them."""
    unreadable_projects: Mapping[str, str] = field(default_factory=dict)
    """AppProjects whose roles Argo CD ignores, and the line that makes it do so."""
    names_used_as_roles: frozenset[str] = frozenset()
    """Names that are a role to somebody: as a subject they would raise his rights."""
    role_risks: Mapping[str, RoleRisks] = field(default_factory=dict)
    """The roles of which a person should know something, as the RBAC text says them."""
    login: LoginConfig | None = None
    """How people come to this Argo CD; None if that is not known."""
    url: str = ""
    access_details: str = ""
    """What those who hold a grant are told, with placeholders."""


class DecisionInput(NamedTuple):
    """One grant, its instance, and the instant for which the question is asked.

    A tuple, since one is made for every decision.
    """

    grant: Grant
    instance: InstanceState
    related: RelatedObjects
    policy_result: PolicyResult
    """Whether those who have to agree do."""
    window: Window
    now: datetime


def build_input(
    grant: Grant,
    instance: InstanceState,
    now: datetime,
    circumstances: RelatedObjects = NO_RELATED_OBJECTS,
) -> DecisionInput:
    """Put the facts about one grant together.

    Whether people agree, and with it the window, is derived here.
    """
    agreement = evaluate(grant, instance, circumstances, now)
    window = agreement.window_of(grant, max_duration=instance.max_duration)
    return DecisionInput(grant, instance, circumstances, agreement, window, now)
