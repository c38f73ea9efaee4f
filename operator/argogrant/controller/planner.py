"""From what is known of an instance to what has to be written: gather, decide, plan.

The last plan, kept as long as nothing that it was made of has changed.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from argogrant.argocd.overlay import Owner
from argogrant.controller.admission import AdmissionWatcher
from argogrant.controller.apply import Clock
from argogrant.controller.appproject.placement import (
    IN_CONFIG_MAP,
    BindingMode,
    binding_mode,
    plan_bindings,
)
from argogrant.controller.argocd_state import Snapshot
from argogrant.controller.cached_objects import InstanceRecord
from argogrant.controller.decision_cache import DecisionCache
from argogrant.controller.gather import GatheredState, StateGatherer
from argogrant.controller.plan import Plan
from argogrant.controller.store import Store
from argogrant.grants.model.reasons import Finding
from argogrant.kube.errors import ClusterError


class PlanCache:
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
        decisions: DecisionCache,
        seen: Snapshot,
        *,
        owner: Owner,
        living_owners: Sequence[Owner],
        where: BindingMode = IN_CONFIG_MAP,
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
            self._plan = plan_bindings(
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


class KnownLocations(Protocol):
    """Knows where Argo CD is and was; ``Whereabouts`` does."""

    @property
    def left_behind(self) -> Finding | None:
        """Why a former place is not clean yet, if one is not."""
        ...

    async def remember(self, record: InstanceRecord) -> None:
        """Write down where something is about to be bound."""
        ...


class Planner:
    """Decides about the grants of one instance, and plans what follows.

    Args:
        name: The instance, in the store's namespace.
        store: Our own kinds.
        verification: Tells whether requesters and approvers are who they say.
        whereabouts: Where Argo CD is; remembered before anything is bound there.
        clock: Tells the time in UTC.
    """

    def __init__(
        self,
        name: str,
        *,
        store: Store,
        verification: AdmissionWatcher,
        whereabouts: KnownLocations,
        clock: Clock,
    ) -> None:
        self.decisions = DecisionCache()
        self._name = name
        self._store = store
        self._verification = verification
        self._whereabouts = whereabouts
        self._clock = clock
        self._gatherer = StateGatherer(name)
        self._planner = PlanCache()

    def gather(self, record: InstanceRecord, seen: Snapshot) -> GatheredState:
        """Put together what is known."""
        rules = self._store.rules(self._verification.verification())
        return self._gatherer.gather(record, seen, rules)

    def decide(self, record: InstanceRecord, seen: Snapshot, now: datetime) -> None:
        """Decide about every grant."""
        facts = self.gather(record, seen).inputs
        grants = self._store.grants_of(self._name)
        self.decisions.update(grants, facts, now, self._store)

    async def plan(
        self, record: InstanceRecord, seen: Snapshot
    ) -> tuple[Plan, ClusterError | None]:
        """Decide, and plan what has to be written.

        Returns:
            The plan. Where it can not be remembered in which place something is about
            to be bound, it only takes access away, and the reason comes with it.
        """
        planned = self._plan(record, seen)
        if planned.grants_access and not record.being_deleted:
            try:
                await self._whereabouts.remember(record)
            except ClusterError as error:
                return self._plan(record, seen, may_add=False), error
        return planned, None

    def _plan(
        self, record: InstanceRecord, seen: Snapshot, *, may_add: bool = True
    ) -> Plan:
        self.decide(record, seen, self._clock())
        planned = self._planner.plan(
            self.decisions,
            seen,
            owner=record.owner,
            living_owners=[r.owner for r in self._store.instances.objects.values()],
            where=binding_mode(record.instance),
            may_add=may_add,
        )
        return replace(planned, left_behind=self._whereabouts.left_behind)
