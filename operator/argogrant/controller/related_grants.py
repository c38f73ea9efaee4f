"""Related objects of each grant: approvals, extensions, other active grants.

Pure. ``maxActivePerSubject`` counts active grants of a subject. A grant counts only the
grants that are older than it, so grants have to be decided in the order of their
creation, and each decision has to be recorded before the next one.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from argogrant.controller.store import ApprovalRecord, GrantRecord
from argogrant.grants.access.request import NO_RELATED_OBJECTS, RelatedObjects
from argogrant.grants.decide import Decision
from argogrant.grants.facts import InstanceState
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.reason_table import REFUSED_REASONS

LONGEST_CHAIN: Final = 128
"""Upper limit of the grants in a chain of extensions."""


class ObjectLookup(Protocol):
    """Access to grants and approvals by name."""

    def grant(self, name: str, /) -> GrantRecord | None:
        """Return the grant of this name, or None."""
        ...

    def approvals_of(self, grant_name: str, /) -> tuple[ApprovalRecord, ...]:
        """Return the approvals for this grant."""
        ...


class EmptyLookup:
    """Lookup without any objects."""

    def grant(self, _name: str, /) -> None:
        """Return None."""

    def approvals_of(self, _grant_name: str, /) -> tuple[ApprovalRecord, ...]:
        """Return no approvals."""
        return ()


EMPTY_LOOKUP: Final = EmptyLookup()


class RelatedGrants:
    """Related objects of the grants of one instance, built oldest first.

    Args:
        grants: The grants of the instance.
        lookup: Access to all grants and approvals of the namespace.
        state: The observed state of the instance.
    """

    def __init__(
        self, grants: Sequence[Grant], lookup: ObjectLookup, state: InstanceState
    ) -> None:
        self._grants = grants
        self._extensions = {
            (grant.extends, *grant.binding): grant.name
            for grant in grants
            if grant.extends is not None
        }
        self._lookup = lookup
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
        approvals = self._lookup.approvals_of(grant.name)
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
        """Count an active grant for the younger ones of the same subject."""
        if self._counts_active and _is_active(decision):
            self._active[decision.grant.subject.name].add(decision.grant.uid)

    def _chain(self, grant: Grant) -> tuple[Grant, ...]:
        chain: list[Grant] = []
        name = grant.extends
        while name is not None and len(chain) < LONGEST_CHAIN:
            record = self._lookup.grant(name)
            if record is None or record.grant is None or record.grant in chain:
                break
            chain.append(record.grant)
            name = record.grant.extends
        return tuple(chain)


def _is_active(decision: Decision) -> bool:
    """Return whether a grant counts; ended and refused ones do not."""
    if decision.has_ended or decision.grant.being_deleted:
        return False
    return decision.finding is None or decision.finding.reason not in REFUSED_REASONS
