"""What Argo CD goes by: what it has of ours, and what it may still obey. Pure."""

from collections import Counter
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from argogrant.controller.appproject.placement import managed_members
from argogrant.controller.argocd_state import Snapshot
from argogrant.controller.cached_objects import GrantRecord
from argogrant.controller.decision_cache import DecisionCache
from argogrant.controller.plan import Plan
from argogrant.grants.conditions import BindingOutcome
from argogrant.grants.decide import Decision, DesiredBinding
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.reasons import Reason

_HOLDING: Final = frozenset({Reason.CONFIG_MAP_MISSING, Reason.INSTANCE_UNAVAILABLE})
"""While these stand in the way, no revocation is certain."""


@dataclass(frozen=True)
class BindingState:
    """What stands after a convergence, for the grants of one instance."""

    decisions: DecisionCache
    planned: Plan
    seen: Snapshot

    @cached_property
    def is_confirmed(self) -> bool:
        """Whether Argo CD goes by what is seen, and what is not wanted is gone."""
        blocked = self.planned.blocked
        if self.planned.left_behind is not None or self._is_not_loaded:
            return False
        return blocked is None or blocked.reason not in _HOLDING

    @cached_property
    def present(self) -> AbstractSet[Binding]:
        """What our key and projects hold; what is another instance's is not ours."""
        blocked, config_map = self.planned.blocked, self.seen.config_map
        if blocked and blocked.reason is Reason.OVERLAY_OWNED_BY_ANOTHER:
            return self._members
        overlay = config_map.overlay if config_map else None
        return _joined(overlay.bindings if overlay else frozenset(), self._members)

    @cached_property
    def leftover(self) -> AbstractSet[Binding]:
        """What Argo CD may still obey although no grant wants it."""
        present = self.present
        goes_by_another = self.seen.config_map is None or self._is_not_loaded
        if goes_by_another and self.seen.last_loaded_config_map is not None:
            overlay = self.seen.last_loaded_config_map.overlay
            present = _joined(
                overlay.bindings if overlay else frozenset(), self._members
            )
        return present - {
            decision.grant.binding
            for decision in self.decisions.all()
            if decision.desired_binding is not DesiredBinding.ABSENT
        }

    @cached_property
    def _is_not_loaded(self) -> bool:
        """Whether Argo CD still goes by what it read before."""
        config_map = self.seen.config_map
        return config_map is not None and not config_map.is_loadable

    @cached_property
    def _members(self) -> AbstractSet[Binding]:
        return managed_members(self.seen, self.planned.foreign_projects)

    @cached_property
    def recorded_as_bound(self) -> Counter[Binding]:
        """How many grants there are, by binding, whose status says they were bound."""
        found = (
            self.decisions.get(uid)
            for uid, record in self.decisions.records.items()
            if "boundAs" in record.status
        )
        return Counter(one.grant.binding for one in found if one is not None)

    def outcome(self, record: GrantRecord, decision: Decision | None) -> BindingOutcome:
        """Say what became of a grant's binding."""
        if decision is None:
            return BindingOutcome(is_bound=False, blocked=self.planned.blocked)
        binding = decision.grant.binding
        lingers = (
            self._can_not_leave(decision, binding)
            if self.is_confirmed
            else self._may_still_apply(record, decision, binding)
        )
        left_behind = self.planned.left_behind if lingers else None
        return BindingOutcome(
            is_bound=binding in self.present or binding in self.planned.unmanaged,
            blocked=self.planned.obstacle_to(binding) or left_behind,
            may_still_apply=lingers,
        )

    def is_gone(self, decision: Decision | None) -> bool:
        """Tell whether nothing of a grant is left that only it wanted."""
        return decision is None or decision.grant.binding not in self.leftover

    def _can_not_leave(self, decision: Decision, binding: Binding) -> bool:
        """Tell whether a project keeps what nobody wants, since it can not be read."""
        return (
            decision.desired_binding is DesiredBinding.ABSENT
            and binding in self.planned.obstacles
            and binding in self.leftover
        )

    def _may_still_apply(
        self, record: GrantRecord, decision: Decision, binding: Binding
    ) -> bool:
        if decision.desired_binding is not DesiredBinding.ABSENT:
            return False
        if record.being_deleted:
            return True  # it is held until the revocation is certain
        if (
            self.seen.last_loaded_config_map is None
            or self.planned.left_behind is not None
        ):
            # Nothing was seen since the operator started, or not at every place.
            return "boundAs" in record.status and "endedAt" not in record.status
        return binding in self.leftover


def _joined(
    text: AbstractSet[Binding], members: AbstractSet[Binding]
) -> AbstractSet[Binding]:
    """Join what both places hold, without a copy where only one of them does."""
    return text | members if members else text
