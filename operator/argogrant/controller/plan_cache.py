"""The last plan, kept as long as nothing that it was made of has changed."""

from collections.abc import Sequence

from argogrant.argocd.overlay import Owner
from argogrant.controller.appproject.placement import IN_CONFIG_MAP, Where, plan_places
from argogrant.controller.argocd_state import Snapshot
from argogrant.controller.decision_cache import Decisions
from argogrant.controller.plan import Plan


class Planner:
    """Plans anew only when a decision, the ConfigMap or an owner is another.

    Most changes of a grant are echoes of what was written about it; planning for all
    grants at each of them would cost their number squared.
    """

    def __init__(self) -> None:
        self._made_of: tuple[object, ...] = ()
        self._seen: Snapshot | None = None
        self._plan: Plan | None = None

    def plan(  # noqa: PLR0913
        self,
        decisions: Decisions,
        seen: Snapshot,
        *,
        owner: Owner,
        living_owners: Sequence[Owner],
        where: Where = IN_CONFIG_MAP,
        may_add: bool = True,
    ) -> Plan:
        """Plan both places, or answer the last plan if it is still right."""
        projects = tuple(id(one) for one in seen.projects if where.concerns(one))
        made_of = (
            *(decisions.revision, seen.text_is_known, owner, tuple(living_owners)),
            *(may_add, where, projects, where.in_projects and seen.projects_are_known),
        )
        known = self._seen is not None and self._seen.config_map is seen.config_map
        if self._plan is None or not known or made_of != self._made_of:
            self._plan = plan_places(
                decisions.all(),
                seen,
                owner=owner,
                living_owners=living_owners,
                where=where,
                may_add=may_add,
                now=decisions.decided_at,
            )
            self._seen, self._made_of = seen, made_of
        return self._plan
