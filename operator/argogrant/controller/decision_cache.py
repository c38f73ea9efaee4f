"""Cache of the decisions about the grants of one instance."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from argogrant.controller.related_grants import (
    EMPTY_LOOKUP,
    ObjectLookup,
    RelatedGrants,
)
from argogrant.controller.store import GrantRecord
from argogrant.grants.access.request import RelatedObjects
from argogrant.grants.decide import Decision, decide
from argogrant.grants.facts import InstanceState, build_input
from argogrant.grants.model.grant import Grant


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
        lookup: ObjectLookup = EMPTY_LOOKUP,
    ) -> None:
        """Decide about these grants, and drop the decisions about all others.

        Args:
            records: The grants of one instance.
            state: The observed state of the instance.
            now: Current time.
            lookup: Access to related grants and approvals.
        """
        is_same_state = state is self._state and now >= self.decided_at
        reusable = self._decisions if is_same_state else {}
        self.records = {record.uid: record for record in records}
        before = self._decisions
        grants = [r.grant for r in self.records.values() if r.grant is not None]
        related_grants = RelatedGrants(grants, lookup, state)
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


def _is_still_valid(
    decision: Decision, grant: Grant, related: RelatedObjects, now: datetime
) -> bool:
    """Return whether a decision would be the same now."""
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
