"""Planner of one instance: gathers the input, decides about grants, plans the writes.

It reads the cache (the store and the snapshot of Argo CD) and performs no I/O.
`argogrant plan` runs it to show what the operator would write.
"""

from collections.abc import Sequence
from datetime import datetime

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
from argogrant.controller.decision_cache import DecisionCache
from argogrant.controller.gather import GatheredState, StateGatherer
from argogrant.controller.plan import Plan
from argogrant.controller.store import InstanceRecord, Store


class PlanCache:
    """The last plan, kept until an input of it changes.

    Most changes of a grant are the operator's own status updates. Planning for all
    grants at each of them would take quadratic time.
    """

    def __init__(self) -> None:
        self._inputs: tuple[object, ...] = ()
        self._seen: Snapshot | None = None
        self._plan: Plan | None = None

    def plan(
        self,
        decisions: DecisionCache,
        seen: Snapshot,
        *,
        owner: Owner,
        living_owners: Sequence[Owner],
        mode: BindingMode = IN_CONFIG_MAP,
    ) -> Plan:
        """Return the last plan if it is still valid, or plan again."""
        projects = tuple(id(one) for one in seen.projects if mode.concerns(one))
        inputs = (
            *(decisions.revision, seen.text_is_known, owner, tuple(living_owners)),
            *(mode, projects, mode.in_projects and seen.projects_are_known),
        )
        is_same_config_map = (
            self._seen is not None and self._seen.config_map is seen.config_map
        )
        if self._plan is None or not is_same_config_map or inputs != self._inputs:
            self._plan = plan_bindings(
                decisions.all(),
                seen,
                owner=owner,
                living_owners=living_owners,
                mode=mode,
                now=decisions.decided_at,
            )
            self._seen, self._inputs = seen, inputs
        return self._plan


class Planner:
    """Decisions and plans of one instance.

    Args:
        name: Name of the instance, in the store's namespace.
        store: Objects of argogrant's own kinds.
        verification: Watcher of the admission policies, which verify requesters.
        clock: Returns the time in UTC.
    """

    def __init__(
        self,
        name: str,
        *,
        store: Store,
        verification: AdmissionWatcher,
        clock: Clock,
    ) -> None:
        self.decisions = DecisionCache()
        self._name = name
        self._store = store
        self._verification = verification
        self._clock = clock
        self._gatherer = StateGatherer(name)
        self._plans = PlanCache()

    def gather(self, record: InstanceRecord, seen: Snapshot) -> GatheredState:
        """Build the input that all decisions share."""
        rules = self._store.rules(self._verification.verification())
        return self._gatherer.gather(record, seen, rules)

    def decide(self, record: InstanceRecord, seen: Snapshot, now: datetime) -> None:
        """Decide about every grant of the instance."""
        state = self.gather(record, seen).state
        grants = self._store.grants_of(self._name)
        self.decisions.update(grants, state, now, self._store)

    def plan(self, record: InstanceRecord, seen: Snapshot) -> Plan:
        """Decide about every grant, and plan the required writes."""
        self.decide(record, seen, self._clock())
        return self._plans.plan(
            self.decisions,
            seen,
            owner=record.owner,
            living_owners=[r.owner for r in self._store.instances.objects.values()],
            mode=binding_mode(record.instance),
        )
