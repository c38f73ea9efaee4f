"""The decisions about an instance's grants, made anew only where they can change."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from argogrant.controller.cached_objects import GrantRecord
from argogrant.controller.related_grants import (
    EMPTY_LOOKUP,
    ObjectLookup,
    RelatedGrants,
)
from argogrant.grants.access.request import RelatedObjects
from argogrant.grants.decide import Decision, decide
from argogrant.grants.facts import InstanceState, build_input
from argogrant.grants.model.grant import Grant


class DecisionCache:
    """One decision for each grant that can be understood, by uid.

    A decision stays true until its ``recheck_at`` as long as no fact but the time
    changes, so it is kept while its grant and its instance's facts are the same.
    """

    def __init__(self) -> None:
        self.decided_at = datetime.min.replace(tzinfo=UTC)
        self.recheck_at: datetime | None = None
        self.revision = 0
        """Another one whenever a plan may have to be another."""
        self.records: dict[str, GrantRecord] = {}
        self._decisions: dict[str, Decision] = {}
        self._facts: InstanceState | None = None

    def all(self) -> Collection[Decision]:
        """Every decision."""
        return self._decisions.values()

    def get(self, uid: str) -> Decision | None:
        """The decision about one grant; None if it can not be understood."""
        return self._decisions.get(uid)

    def update(
        self,
        records: Iterable[GrantRecord],
        facts: InstanceState,
        now: datetime,
        sources: ObjectLookup = EMPTY_LOOKUP,
    ) -> None:
        """Decide about these grants, and forget all others.

        Args:
            records: The grants of one instance.
            facts: What is known of the instance.
            now: The time.
            sources: Where other objects that bear upon a grant are known.
        """
        same = facts is self._facts and now >= self.decided_at
        kept = self._decisions if same else {}
        self.records = {record.uid: record for record in records}
        before = self._decisions
        grants = [r.grant for r in self.records.values() if r.grant is not None]
        surroundings = RelatedGrants(grants, sources, facts)
        self._decisions = {}
        for grant in surroundings.ordered():
            circumstances = surroundings.get(grant)
            decision = kept.get(grant.uid)
            if decision is None or not _is_still_valid(
                decision, grant, circumstances, now
            ):
                decision = decide(build_input(grant, facts, now, circumstances))
            self._decisions[grant.uid] = decision
            surroundings.record_active(decision)
        if not _same_bindings(before, self._decisions):
            self.revision += 1
        self._facts, self.decided_at = facts, now
        instants = (decision.recheck_at for decision in self._decisions.values())
        self.recheck_at = min((i for i in instants if i is not None), default=None)


def _is_still_valid(
    decision: Decision, grant: Grant, circumstances: RelatedObjects, now: datetime
) -> bool:
    """Tell whether a decision holds still."""
    return (
        decision.grant is grant
        and decision.related == circumstances
        and (decision.recheck_at is None or now < decision.recheck_at)
    )


def _same_bindings(before: dict[str, Decision], after: dict[str, Decision]) -> bool:
    """Tell whether nothing differs that a plan is made of."""
    return before.keys() == after.keys() and all(
        decision is before[uid] or _wants(decision) == _wants(before[uid])
        for uid, decision in after.items()
    )


def _wants(decision: Decision) -> tuple[object, ...]:
    grant = decision.grant
    names = (grant.subject.name, grant.role.bound_as)
    return (*names, grant.created_at, decision.desired_binding, decision.window.end)
