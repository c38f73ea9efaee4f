"""What has to be written, and what stands in the way of writing. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from argogrant.argocd.appproject.plan import ProjectPlan
from argogrant.argocd.configmap_size import (
    LIMIT,
    bindings_over_capacity,
    oldest_first,
    overlay_capacity,
)
from argogrant.argocd.overlay import OverlayPlan, Owner, plan_overlay
from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.controller.argocd_state import Snapshot
from argogrant.grants.decide import Decision, DesiredBinding
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.reasons import Finding, Reason

TEXT_IS_FULL: Final = Finding(
    Reason.RBAC_TEXT_FULL,
    f"argocd-rbac-cm has no room for another binding ({LIMIT} bytes over all keys);"
    " older grants were first. The others are bound as soon as grants end or somebody"
    " shortens the other keys.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The overlay to write, and why more can not be written."""

    overlay: OverlayPlan | None
    """None if nothing may be written at all."""
    blocked: Finding | None
    """Why bindings that are wanted are not added."""
    over_capacity: frozenset[Binding] = frozenset()
    """Bindings that wait until the ConfigMap has room for them."""
    left_behind: Finding | None = None
    """What was bound in a former place of Argo CD may still be obeyed there."""
    projects: tuple[ProjectPlan, ...] = ()
    """The AppProjects that have to be written."""
    obstacles: Mapping[Binding, Finding] = field(default_factory=dict)
    """What stands in the way of a binding in its AppProject."""
    unmanaged: frozenset[Binding] = frozenset()
    """Wanted, and given by somebody else's hand already."""
    foreign_projects: frozenset[str] = frozenset()
    """AppProjects whose members are another instance's."""
    is_moving: bool = False
    """A binding is written in a new place while the old one still has it."""

    def obstacle_to(self, binding: Binding) -> Finding | None:
        """Say what stands in the way of one binding."""
        if self.blocked is None and binding in self.over_capacity:
            return TEXT_IS_FULL
        return self.blocked or self.obstacles.get(binding)

    @property
    def removed(self) -> frozenset[Binding]:
        """What is there and no grant wants, wherever it is."""
        extra = self.overlay.to_remove if self.overlay is not None else frozenset()
        return extra.union(*(one.to_remove for one in self.projects))

    @property
    def capacity_finding(self) -> Finding | None:
        """Say so if some bindings have no room."""
        return TEXT_IS_FULL if self.over_capacity else None

    @property
    def has_work(self) -> bool:
        """Whether there is anything to write."""
        return self.overlay is not None and self.overlay.text is not None

    @property
    def grants_access(self) -> bool:
        """Whether writing gives access."""
        in_text = self.overlay is not None and bool(self.overlay.to_add)
        return in_text or any(one.to_add for one in self.projects)

    @property
    def is_urgent(self) -> bool:
        """Whether writing takes access away or ends an outage; never put off."""
        return self.overlay is not None and self.overlay.is_urgent

    def overlay_exists(self, seen: Snapshot) -> bool:
        """Whether there is a key of ours to remove when the instance goes."""
        found = seen.config_map.overlay if seen.config_map else None
        return self.overlay is not None and found is not None


def plan(
    decisions: Collection[Decision],
    seen: Snapshot,
    *,
    owner: Owner,
    living_owners: Collection[Owner],
    may_add: bool = True,
) -> Plan:
    """Plan the overlay from everything that was decided.

    Args:
        decisions: One for each grant of the instance.
        seen: What Argo CD has now.
        owner: The instance that plans.
        living_owners: The instances of this namespace; another header than theirs is
            respected, unless it names this namespace and nobody alive.
        may_add: False: plan only what takes access away.
    """
    obstacle = _obstacle(seen, owner, living_owners)
    if obstacle is not None or seen.config_map is None:
        return Plan(overlay=None, blocked=obstacle)
    wanted: dict[Binding, datetime] = {}
    kept: dict[Binding, datetime] = {}
    for decision in decisions:
        binding, end = decision.grant.binding, decision.window.end
        if decision.desired_binding is DesiredBinding.PRESENT:
            target = wanted
        elif decision.desired_binding is DesiredBinding.UNCHANGED:
            target, end = kept, _no_later_than_written(binding, end, seen)
        else:
            continue
        other = target.get(binding)
        if other is None or end > other:
            target[binding] = end
    may_add = may_add and not seen.config_map.unmanaged.problems
    current = seen.config_map.overlay
    overlay = plan_overlay(
        current, owner=owner, wanted=wanted, kept=kept, may_add=may_add
    )
    room, blocked = overlay_capacity(seen.config_map.data), _text_finding(seen)
    if not overlay.to_add or overlay.is_within(room):
        return Plan(overlay=overlay, blocked=blocked)
    waiting = _without_room(decisions, overlay, wanted=wanted, room=room)
    fitting = {b: end for b, end in wanted.items() if b not in waiting}
    overlay = plan_overlay(
        current, owner=owner, wanted=fitting, kept=kept, may_add=may_add
    )
    return Plan(overlay=overlay, blocked=blocked, over_capacity=waiting)


def _no_later_than_written(binding: Binding, end: datetime, seen: Snapshot) -> datetime:
    """In doubt nothing is added to a binding, no time either."""
    written = seen.config_map.overlay if seen.config_map else None
    last = written.ends.get(binding) if written else None
    return end if last is None else min(end, last)


def _without_room(
    decisions: Iterable[Decision],
    overlay: OverlayPlan,
    *,
    wanted: Mapping[Binding, datetime],
    room: int,
) -> frozenset[Binding]:
    """Choose the additions that wait: those of the youngest grants."""
    created: dict[Binding, datetime] = {}
    for decision in decisions:
        binding, at = decision.grant.binding, decision.grant.created_at
        if decision.desired_binding is DesiredBinding.PRESENT:
            created[binding] = min(at, created.get(binding, at))
    additions = oldest_first(created, overlay.to_add)
    return bindings_over_capacity(
        additions=[(binding, wanted[binding]) for binding in additions],
        size=overlay.size_without_additions,
        capacity=room,
    )


def _obstacle(
    seen: Snapshot, owner: Owner, living_owners: Collection[Owner]
) -> Finding | None:
    """Say why nothing may be written, not even a removal."""
    if not seen.text_is_known:
        return Finding(
            Reason.INSTANCE_UNAVAILABLE,
            "argocd-rbac-cm could not be read yet; the ArgoCDInstance says why.",
        )
    if seen.config_map is None:
        return Finding(
            Reason.CONFIG_MAP_MISSING,
            "argocd-rbac-cm is missing, so nothing can be granted or revoked: Argo CD"
            " keeps its last rules in memory. Restore the ConfigMap, or restart"
            " argocd-server to drop those rules.",
        )
    other = seen.config_map.overlay and seen.config_map.overlay.owner
    if not other or other == owner:
        return None
    if other.namespace == owner.namespace and other not in living_owners:
        return None
    return Finding(
        Reason.OVERLAY_OWNED_BY_ANOTHER,
        f"{OVERLAY_KEY} is written by ArgoCDInstance {other.namespace}/{other.instance}"
        f" (uid {other.uid}); two writers would undo each other. Delete one of the two"
        " instances; if that one is gone, remove the key.",
    )


def _text_finding(seen: Snapshot) -> Finding | None:
    assert seen.config_map is not None
    problems = seen.config_map.unmanaged.problems
    if not problems:
        return None
    return Finding(
        Reason.RBAC_TEXT_INVALID,
        f"Argo CD can not read {problems[0]}. {problems[0].consequence}",
    )
