"""Bindings that Argo CD has, and those that it may still apply. Pure."""

from collections import Counter
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final

from argogrant.controller.appproject.placement import managed_members
from argogrant.controller.argocd_state import ObservedConfigMap, Snapshot
from argogrant.controller.decision_cache import DecisionCache
from argogrant.controller.plan import Plan
from argogrant.controller.store import GrantRecord
from argogrant.grants.conditions import BindingOutcome
from argogrant.grants.decide import Decision, DesiredBinding
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.reasons import Reason

_UNCONFIRMED: Final = frozenset(
    {Reason.CONFIG_MAP_MISSING, Reason.INSTANCE_UNAVAILABLE}
)
"""Obstacles during which no revocation is certain."""


@dataclass(frozen=True)
class BindingState:
    """Bindings of one Argo CD after a reconciliation, and the grants they belong to."""

    decisions: DecisionCache
    planned: Plan
    seen: Snapshot

    @cached_property
    def is_confirmed(self) -> bool:
        """True if Argo CD has loaded what the operator sees.

        If so, a binding that is not in the ConfigMap is revoked.
        """
        blocked = self.planned.blocked
        is_obstructed = blocked is not None and blocked.reason in _UNCONFIRMED
        return not self._is_not_loaded and not is_obstructed

    @cached_property
    def present(self) -> AbstractSet[Binding]:
        """Bindings in the managed key and in AppProjects, if this instance owns them.

        A key of another instance contains the bindings of that instance.
        """
        blocked = self.planned.blocked
        if blocked and blocked.reason is Reason.OVERLAY_OWNED_BY_ANOTHER:
            return self._members
        return self._with_members(self.seen.config_map)

    @cached_property
    def leftover(self) -> AbstractSet[Binding]:
        """Bindings that Argo CD may still apply although no grant wants them.

        If the ConfigMap is missing or cannot be loaded, Argo CD keeps the policy that
        it loaded last:

            ConfigMap         Argo CD applies
            ----------------  ----------------------------------
            loadable          the ConfigMap
            missing, broken   the last one that could be loaded
        """
        present = self.present
        applies_earlier_one = self.seen.config_map is None or self._is_not_loaded
        if applies_earlier_one and self.seen.last_loaded_config_map is not None:
            present = self._with_members(self.seen.last_loaded_config_map)
        return present - {
            decision.grant.binding
            for decision in self.decisions.all()
            if decision.desired_binding is not DesiredBinding.ABSENT
        }

    @cached_property
    def _is_not_loaded(self) -> bool:
        """True if Argo CD cannot load the ConfigMap, and applies an earlier one."""
        config_map = self.seen.config_map
        return config_map is not None and not config_map.is_loadable

    @cached_property
    def _members(self) -> AbstractSet[Binding]:
        return managed_members(self.seen, self.planned.foreign_projects)

    def _with_members(
        self, config_map: ObservedConfigMap | None
    ) -> AbstractSet[Binding]:
        """Return all bindings; copies none if there are no members."""
        overlay = config_map.overlay if config_map else None
        bindings: AbstractSet[Binding] = overlay.bindings if overlay else frozenset()
        return bindings | self._members if self._members else bindings

    @cached_property
    def recorded_as_bound(self) -> Counter[Binding]:
        """Number of grants by binding whose status records that they were bound."""
        decisions = (
            self.decisions.get(uid)
            for uid, record in self.decisions.records.items()
            if "boundAs" in record.status
        )
        return Counter(one.grant.binding for one in decisions if one is not None)

    def outcome(self, record: GrantRecord, decision: Decision | None) -> BindingOutcome:
        """Return the result of the reconciliation for a grant's binding."""
        if decision is None:
            return BindingOutcome(is_bound=False, blocked=self.planned.blocked)
        binding = decision.grant.binding
        return BindingOutcome(
            is_bound=binding in self.present
            or binding in self.planned.already_bound_by_others,
            blocked=self.planned.obstacle_to(binding),
            may_still_apply=self._may_still_apply(record, decision),
        )

    def is_gone(self, decision: Decision | None) -> bool:
        """Return whether no binding is left that only this grant wanted."""
        return decision is None or decision.grant.binding not in self.leftover

    def is_revoked(self, decision: Decision | None) -> bool:
        """Return whether it is certain that no such binding is left."""
        return self.is_confirmed and self.is_gone(decision)

    def proves_bound(
        self,
        record: GrantRecord,
        decision: Decision | None,
        now: datetime,
        *,
        is_first: bool,
    ) -> bool:
        """Return whether Argo CD had the binding before the last write, for this grant.

        If so, and no status reports it, an operator was killed between writing the
        binding and reporting it. Grants can share a binding: if a status says that
        another grant was bound, the binding proves nothing about this grant, unless
        this grant expired, because then the binding was there during its whole window.

        ``is_first`` is True if this process has not reported the grant before: a
        binding without a report is the last process's then. Later only an end can come
        before the report, if the answer to a write was lost.
        """
        if decision is None or not (is_first or is_over(record, decision)):
            return False
        window, binding = decision.window, decision.grant.binding
        if not window.has_opened(now) or window.end <= window.start:
            return False
        removed = self.planned.removed
        if binding not in removed and binding not in self.present:
            return False
        if decision.finding is not None and decision.finding.reason is Reason.EXPIRED:
            return True
        others = self.recorded_as_bound[binding] - ("boundAs" in record.status)
        return binding in removed and others == 0

    def _may_still_apply(self, record: GrantRecord, decision: Decision) -> bool:
        """Return whether Argo CD may still apply a binding that has ended."""
        if decision.desired_binding is not DesiredBinding.ABSENT:
            return False
        binding = decision.grant.binding
        if self.is_confirmed:
            # Only an unreadable AppProject keeps a binding then.
            return binding in self.planned.obstacles and binding in self.leftover
        if record.being_deleted:
            # The finalizer keeps the grant until the revocation is certain.
            return True
        if self.seen.last_loaded_config_map is None:
            # The operator has not seen what Argo CD applies since it started, or has
            # connected again. Only the status is left as evidence.
            return "boundAs" in record.status and "endedAt" not in record.status
        return binding in self.leftover


def is_over(record: GrantRecord, decision: Decision | None) -> bool:
    """Return whether a grant has ended, even if Argo CD may still allow it."""
    return record.being_deleted or (decision is not None and decision.has_ended)
