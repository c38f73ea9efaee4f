"""Decisions about the grants of one instance, cached, and the objects they depend on.

Related objects of a grant are its approvals, its extensions and, for
``maxActivePerSubject``, the older active grants of its subject. So grants are decided
in the order of their creation, and each decision is counted before the next one.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from argogrant.controller.store import GrantRecord, Store
from argogrant.grants.access.policy_checks import NO_RELATED_OBJECTS, RelatedObjects
from argogrant.grants.checks import InstanceState, build_input
from argogrant.grants.decide import Decision, decide
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.reasons import REFUSED_REASONS

LONGEST_CHAIN: Final = 128
"""Upper limit of the grants in a chain of extensions."""


class DecisionCache:
    """One decision for each grant that can be parsed, by uid.

    A decision depends on the grant, its related objects, the state of the instance and
    the time. It changes with time alone at its ``recheck_at`` only. So a decision is
    reused while its inputs are the same objects and ``recheck_at`` has not come. If the
    clock was set back, nothing is reused.
    """

    def __init__(self) -> None:
        self.decided_at = datetime.min.replace(tzinfo=UTC)
        self.recheck_at: datetime | None = None
        self.revision = 0
        """Changes whenever the desired bindings may have changed."""
        self.records: dict[str, GrantRecord] = {}
        self._decisions: dict[str, Decision] = {}
        self._state: InstanceState | None = None

    def all(self) -> Collection[Decision]:
        """Return all decisions."""
        return self._decisions.values()

    def get(self, uid: str) -> Decision | None:
        """Return the decision about one grant; None if it cannot be parsed."""
        return self._decisions.get(uid)

    def update(
        self,
        records: Iterable[GrantRecord],
        state: InstanceState,
        now: datetime,
        store: Store | None = None,
    ) -> None:
        """Decide about these grants, and drop the decisions about all others.

        Without a store, grants have no approvals and extend no grant.
        """
        is_same_state = state is self._state and now >= self.decided_at
        reusable = self._decisions if is_same_state else {}
        self.records = {record.uid: record for record in records}
        before = self._decisions
        grants = [r.grant for r in self.records.values() if r.grant is not None]
        related_grants = _RelatedGrants(grants, store, state)
        self._decisions = {}
        for grant in related_grants.ordered():
            related = related_grants.get(grant)
            decision = reusable.get(grant.uid)
            if decision is None or not _is_still_valid(decision, grant, related, now):
                decision = decide(build_input(grant, state, now, related))
            self._decisions[grant.uid] = decision
            related_grants.record_active(decision)
        if not _same_bindings(before, self._decisions):
            self.revision += 1
        self._state, self.decided_at = state, now
        instants = (decision.recheck_at for decision in self._decisions.values())
        self.recheck_at = min((i for i in instants if i is not None), default=None)


class _RelatedGrants:
    """Related objects of the grants of one instance, built oldest first."""

    def __init__(
        self, grants: Sequence[Grant], store: Store | None, state: InstanceState
    ) -> None:
        self._grants = grants
        self._extensions = {
            (grant.extends, *grant.binding): grant.name
            for grant in grants
            if grant.extends is not None
        }
        self._store = store
        self._active: defaultdict[str, set[str]] = defaultdict(set)
        self._counts_active = any(
            policy.max_active_per_subject is not None for policy in state.policies
        )

    def ordered(self) -> Iterable[Grant]:
        """Return the grants, by age if any policy limits the active grants."""
        if not self._counts_active:
            return self._grants
        return sorted(self._grants, key=lambda grant: (grant.created_at, grant.name))

    def get(self, grant: Grant) -> RelatedObjects:
        """Return the objects that a decision about this grant depends on."""
        approvals = self._store.approvals_of(grant.name) if self._store else ()
        active = self._active[grant.subject.name] if self._counts_active else ()
        extended_by = ""
        if self._extensions:
            extended_by = self._extensions.get((grant.name, *grant.binding), "")
        if not (approvals or grant.extends or active or extended_by):
            return NO_RELATED_OBJECTS
        chain = self._chain(grant)
        return RelatedObjects(
            approvals=tuple(r.approval for r in approvals if r.approval is not None),
            chain=chain,
            active_before=len(set(active) - {one.uid for one in chain}),
            extended_by=extended_by,
        )

    def record_active(self, decision: Decision) -> None:
        """Count an active grant, neither ended nor refused, for younger ones."""
        grant, finding = decision.grant, decision.finding
        if (
            self._counts_active
            and not (decision.has_ended or grant.being_deleted)
            and (finding is None or finding.reason not in REFUSED_REASONS)
        ):
            self._active[grant.subject.name].add(grant.uid)

    def _chain(self, grant: Grant) -> tuple[Grant, ...]:
        chain: list[Grant] = []
        name = grant.extends
        while self._store and name is not None and len(chain) < LONGEST_CHAIN:
            record = self._store.grant(name)
            if record is None or record.grant is None or record.grant in chain:
                break
            chain.append(record.grant)
            name = record.grant.extends
        return tuple(chain)


def _is_still_valid(
    decision: Decision, grant: Grant, related: RelatedObjects, now: datetime
) -> bool:
    return (
        decision.grant is grant
        and decision.related == related
        and (decision.recheck_at is None or now < decision.recheck_at)
    )


def _same_bindings(before: dict[str, Decision], after: dict[str, Decision]) -> bool:
    """Return whether a plan would be the same for both."""
    return before.keys() == after.keys() and all(
        decision is before[uid] or _binding(decision) == _binding(before[uid])
        for uid, decision in after.items()
    )


def _binding(decision: Decision) -> tuple[object, ...]:
    """Return the part of a decision that a plan depends on."""
    grant = decision.grant
    names = (grant.subject.name, grant.role.bound_as)
    return (*names, grant.created_at, decision.desired_binding, decision.window.end)
