"""What else bears upon each grant, looked up in the store. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from argogrant.controller.cached_objects import ApprovalRecord, GrantRecord
from argogrant.grants.access.request import NO_RELATED_OBJECTS, RelatedObjects
from argogrant.grants.decide import Decision
from argogrant.grants.facts import InstanceState
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.reason_table import REFUSED_REASONS

LONGEST_CHAIN: Final = 128
"""Grants that are followed backwards."""


class ObjectLookup(Protocol):
    """Where the other objects are known."""

    def grant(self, name: str, /) -> GrantRecord | None:
        """The grant of this name, if there is one."""
        ...

    def approvals_of(self, grant_name: str, /) -> tuple[ApprovalRecord, ...]:
        """The approvals that name this grant."""
        ...


class EmptyLookup:
    """Nothing is known but the grants themselves."""

    def grant(self, _name: str, /) -> None:
        """There is no other grant."""

    def approvals_of(self, _grant_name: str, /) -> tuple[ApprovalRecord, ...]:
        """Nobody has said anything."""
        return ()


EMPTY_LOOKUP: Final = EmptyLookup()


class RelatedGrants:
    """The circumstances of the grants of one instance, asked for oldest first.

    Args:
        grants: The grants of the instance.
        sources: Where the other objects are known.
        facts: What is known of the instance.
    """

    def __init__(
        self, grants: Sequence[Grant], sources: ObjectLookup, facts: InstanceState
    ) -> None:
        self._grants = grants
        self._extensions = {
            (grant.extends, *grant.binding): grant.name
            for grant in grants
            if grant.extends is not None
        }
        self._sources = sources
        self._active: defaultdict[str, set[str]] = defaultdict(set)
        self._counts_active = any(
            policy.max_active_per_subject is not None for policy in facts.policies
        )

    def ordered(self) -> Iterable[Grant]:
        """The grants; by age, if it matters."""
        if not self._counts_active:
            return self._grants
        return sorted(self._grants, key=lambda grant: (grant.created_at, grant.name))

    def get(self, grant: Grant) -> RelatedObjects:
        """Put together what bears upon one grant beside itself."""
        approvals = self._sources.approvals_of(grant.name)
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
        """Count a grant for those that are younger, unless it is over or refused."""
        if self._counts_active and _is_active(decision):
            self._active[decision.grant.subject.name].add(decision.grant.uid)

    def _chain(self, grant: Grant) -> tuple[Grant, ...]:
        chain: list[Grant] = []
        name = grant.extends
        while name is not None and len(chain) < LONGEST_CHAIN:
            record = self._sources.grant(name)
            if record is None or record.grant is None or record.grant in chain:
                break
            chain.append(record.grant)
            name = record.grant.extends
        return tuple(chain)


def _is_active(decision: Decision) -> bool:
    """Tell whether a grant takes a place; one that is refused takes nobody's."""
    if decision.has_ended or decision.grant.being_deleted:
        return False
    return decision.finding is None or decision.finding.reason not in REFUSED_REASONS
