"""Approvals: what an approver said about one grant."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from argogrant.grants.model.identity import Identity, IdentityPattern


class Verdict(StrEnum):
    """What an approver says."""

    APPROVE = "Approve"
    DENY = "Deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One AccessApproval."""

    uid: str
    name: str
    grant_name: str
    grant_uid: str
    verdict: Verdict
    approver: Identity | None
    """None if the object names nobody."""
    created_at: datetime
    comment: str = ""
    being_deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """Who owns an integration, and what is behind it."""

    integration: tuple[IdentityPattern, ...] = ()
    of_projects: Mapping[str, IdentityPattern] = field(default_factory=dict)
    """The owner that an AppProject names, by the project's name."""
    of_global_roles: IdentityPattern | None = None
    """The owner that ``argocd-rbac-cm`` names."""

    def named_owner(self, project: str | None) -> IdentityPattern | None:
        """The owner of a project's roles, or of global ones, as far as one is named."""
        return self.of_projects.get(project) if project else self.of_global_roles


NO_OWNERS: Final = Owners()
