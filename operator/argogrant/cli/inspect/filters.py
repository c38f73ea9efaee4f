"""Filters of a list of grants."""

from collections.abc import Callable
from dataclasses import dataclass

from argogrant.api.accessgrant_view import AccessGrantView
from argogrant.cli.caller import Caller
from argogrant.cli.terminal.grant_state import awaits_approval, is_over
from argogrant.kube.client import Body


@dataclass(frozen=True, slots=True)
class GrantFilter:
    """Filters of a list; an empty one matches every grant."""

    subject: str = ""
    role: str = ""
    include_ended: bool = False
    owner: Caller | None = None
    """User whose grants are listed."""
    is_pending: bool = False
    """True if only grants are listed that wait for approval."""
    accepts: Callable[[Body], bool] | None = None
    """Further filter of the objects; None if there is none."""

    def matches(self, grant: AccessGrantView, body: Body) -> bool:
        """Return whether a grant passes all filters.

        A role matches in Argo CD's form (``proj:team-a:deployer``) and in that of a
        grant, without its project (``deployer``).
        """
        return (
            self.subject in ("", grant.subject)
            and self.role in ("", grant.role, grant.role.rpartition(":")[2])
            and (self.include_ended or not is_over(grant))
            and (self.owner is None or self.owner.owns(grant))
            and (not self.is_pending or awaits_approval(grant))
            and (self.accepts is None or self.accepts(body))
        )
