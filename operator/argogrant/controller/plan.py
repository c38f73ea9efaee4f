"""Planned change of policy.argogrant.csv from the decisions, or its obstacle. Pure."""

from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

from argogrant.argocd.appproject.ended_members import ReturnedMember
from argogrant.argocd.appproject.members import ProjectPlan
from argogrant.argocd.capacity import (
    MAX_BYTES,
    Claim,
    bindings_over_capacity,
    overlay_capacity,
    undivided,
)
from argogrant.argocd.overlay import (
    Overlay,
    OverlayPlan,
    Owner,
    overlay_bytes,
    plan_overlay,
    plan_removal,
)
from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.controller.argocd_state import ObservedConfigMap, Snapshot
from argogrant.grants.decide import Decision, DesiredBinding
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.reasons import Finding, Reason

CONFIG_MAP_FULL: Final = Finding(
    Reason.RBAC_TEXT_FULL,
    f"argocd-rbac-cm has no capacity for another binding ({MAX_BYTES} bytes over all"
    " keys). The older grants of a requester take precedence, a requester with most of"
    " the bindings waits before others, and a part is kept for break glass. The others"
    " are bound as soon as grants end. To add capacity now, shorten the other keys.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Writes that make Argo CD equal to the decisions, and what blocks others."""

    overlay: OverlayPlan | None
    """Change of policy.argogrant.csv; None if nothing may be written at all."""
    blocked: Finding | None
    """Why no binding is added."""
    over_capacity: frozenset[Binding] = frozenset()
    """Bindings that wait until the ConfigMap has capacity."""
    projects: tuple[ProjectPlan, ...] = ()
    """Changes of AppProjects."""
    obstacles: Mapping[Binding, Finding] = field(default_factory=dict)
    """Why single bindings cannot be changed in their AppProject."""
    already_bound_by_others: frozenset[Binding] = frozenset()
    """Desired bindings that another program or a user has already added."""
    returned: tuple[ReturnedMember, ...] = ()
    """Ended members of AppProjects that have returned."""
    foreign_projects: frozenset[str] = frozenset()
    """AppProjects whose members annotation belongs to another instance."""
    removes_key: bool = False
    """True if the key itself has to go, because Argo CD's owner withdrew permission."""
    removed_before: frozenset[Binding] = frozenset()
    """Bindings that were removed since the last report."""
    adding: frozenset[Binding] = frozenset()
    """Bindings that writes may add which have no answer yet."""
    failures: Mapping[str, Exception] = field(default_factory=dict)
    """AppProjects whose plan failed unexpectedly; nothing of them is changed."""
    is_moving: bool = False
    """True while a binding is added to the ConfigMap or an AppProject and the other
    still has it."""

    def obstacle_to(self, binding: Binding) -> Finding | None:
        """Return why one binding cannot be changed."""
        if self.blocked is None and binding in self.over_capacity:
            return CONFIG_MAP_FULL
        return self.blocked or self.obstacles.get(binding)

    @property
    def removed(self) -> frozenset[Binding]:
        """Return the bindings to remove, or removed since the last report."""
        removed = self.overlay.to_remove if self.overlay is not None else frozenset()
        of_projects = (one.to_remove for one in self.projects)
        return removed.union(self.removed_before, *of_projects)

    @property
    def capacity_finding(self) -> Finding | None:
        """Return a finding if some bindings exceed the ConfigMap's capacity."""
        return CONFIG_MAP_FULL if self.over_capacity else None

    @property
    def has_work(self) -> bool:
        """Return whether the ConfigMap has to be written."""
        return self.overlay is not None and self.overlay.text is not None

    @property
    def is_urgent(self) -> bool:
        """Return whether the write revokes access or ends an outage: never delay it."""
        return self.overlay is not None and self.overlay.is_urgent

    def overlay_exists(self, seen: Snapshot) -> bool:
        """Return whether there is a key to remove when the instance is deleted."""
        return self.overlay is not None and seen.overlay is not None


def plan(
    decisions: Collection[Decision],
    seen: Snapshot,
    *,
    owner: Owner,
    living_owners: Collection[Owner],
    refusal: Finding | None = None,
) -> Plan:
    """Plan the change of policy.argogrant.csv.

    A header that names another owner is respected, unless that is an instance of this
    namespace that is deleted, and so not among the ``living_owners``. If Argo CD's
    owner does not allow the instance (``refusal``), it claims no key, and a key that
    belongs to its namespace is removed: its header would keep out other instances.
    """
    blocked = _why_not_writable(seen, owner, living_owners)
    if blocked is not None or seen.config_map is None:
        return Plan(overlay=None, blocked=refusal or blocked)
    current, blocked = seen.config_map.overlay, _parse_finding(seen.config_map)
    if refusal is not None:
        return _plan_refused(current, refusal)
    written = current.ends if current is not None else {}
    desired: dict[Binding, datetime] = {}
    kept: dict[Binding, datetime] = {}
    for decision in decisions:
        binding, end = decision.grant.binding, decision.window.end
        if decision.desired_binding is DesiredBinding.PRESENT:
            target = desired
        elif decision.desired_binding is DesiredBinding.UNCHANGED:
            # The earlier of two ends: an unknown state never extends a binding.
            target, end = kept, min(end, written.get(binding) or end)
        else:
            continue
        other = target.get(binding)
        if other is None or end > other:
            target[binding] = end
    compose = partial(
        plan_overlay, current, owner=owner, kept=kept, may_add=blocked is None
    )
    overlay, capacity = compose(desired=desired), overlay_capacity(seen.config_map.data)
    if not overlay.to_add or overlay.is_within(undivided(capacity)):
        return Plan(overlay=overlay, blocked=blocked)
    staying = {
        binding: end
        for binding, end in {**kept, **desired}.items()
        if binding in written
    }
    waiting = _over_capacity(
        decisions,
        overlay.to_add,
        desired=desired,
        size=overlay_bytes(owner, staying),
        capacity=capacity,
    )
    fitting = {b: end for b, end in desired.items() if b not in waiting}
    return Plan(
        overlay=compose(desired=fitting), blocked=blocked, over_capacity=waiting
    )


def _plan_refused(current: Overlay | None, refusal: Finding) -> Plan:
    """Plan to remove a key that Argo CD's owner does not allow, and claim no other."""
    if current is None or current.owner is None:
        return Plan(overlay=None, blocked=refusal)
    removal = OverlayPlan(to_add=frozenset(), to_remove=frozenset(current.bindings))
    return Plan(overlay=removal, blocked=refusal, removes_key=True)


def plan_key_removals(
    seen: Snapshot,
    kept: AbstractSet[Binding],
    *,
    owner: Owner,
    living_owners: Collection[Owner],
    refusal: Finding | None = None,
) -> Plan:
    """Plan to remove all lines of policy.argogrant.csv but those of kept bindings."""
    blocked = _why_not_writable(seen, owner, living_owners)
    if blocked is not None:
        return Plan(overlay=None, blocked=blocked)
    if refusal is not None:
        return _plan_refused(seen.overlay, refusal)
    return Plan(overlay=plan_removal(seen.overlay, kept), blocked=None)


def _over_capacity(
    decisions: Iterable[Decision],
    to_add: Collection[Binding],
    *,
    desired: Mapping[Binding, datetime],
    size: int,
    capacity: int,
) -> frozenset[Binding]:
    """Return the additions that have to wait.

    A binding counts for the oldest grant that requests it, break glass before others.
    """
    claimants: dict[Binding, Decision] = {}
    wanted = (d for d in decisions if d.desired_binding is DesiredBinding.PRESENT)
    for decision in sorted(wanted, key=_precedence):
        claimants.setdefault(decision.grant.binding, decision)
    claims = [
        Claim(binding, desired[binding], one.accounted_to, one.grant.break_glass)
        for binding, one in claimants.items()
    ]
    return bindings_over_capacity(
        [claim for claim in claims if claim.binding in to_add],
        present=[claim for claim in claims if claim.binding not in to_add],
        size=size,
        capacity=capacity,
    )


def _precedence(decision: Decision) -> tuple[bool, datetime, Binding]:
    grant = decision.grant
    return not grant.break_glass, grant.created_at, grant.binding


def _why_not_writable(
    seen: Snapshot, owner: Owner, living_owners: Collection[Owner]
) -> Finding | None:
    """Return why nothing may be written, not even a removal."""
    if not seen.text_is_known:
        return Finding(
            Reason.INSTANCE_UNAVAILABLE,
            "argocd-rbac-cm could not be read yet; see the Ready condition of the"
            " ArgoCDInstance.",
        )
    if seen.config_map is None:
        return Finding(
            Reason.CONFIG_MAP_MISSING,
            "argocd-rbac-cm is missing, so the operator cannot add or remove bindings:"
            " Argo CD keeps its last rules in memory. Restore the ConfigMap, or restart"
            " argocd-server to drop those rules.",
        )
    other = seen.overlay and seen.overlay.owner
    if not other or other == owner:
        return None
    if other.namespace == owner.namespace and other not in living_owners:
        return None
    return Finding(
        Reason.OVERLAY_OWNED_BY_ANOTHER,
        f"{OVERLAY_KEY} is written by ArgoCDInstance {other.namespace}/{other.instance}"
        f" (uid {other.uid}); two writers would undo each other's changes. Delete one"
        " of the two instances. If that instance no longer exists, remove the key.",
    )


def _parse_finding(config_map: ObservedConfigMap) -> Finding | None:
    """Return which line of the other keys Argo CD cannot parse."""
    problem = next(iter(config_map.unmanaged.problems), None)
    if problem is None:
        return None
    return Finding(
        Reason.RBAC_TEXT_INVALID,
        f"{problem.statement}. {problem.consequence}",
    )
