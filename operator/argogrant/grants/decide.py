"""The one decision: is this grant in force, why not, and when does that change."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from argogrant.grants.agreement import Agreement
from argogrant.grants.checks import IN_FORCE, ceiling_note
from argogrant.grants.circumstances import Circumstances
from argogrant.grants.facts import Facts
from argogrant.grants.finding import Finding
from argogrant.grants.grant import Grant
from argogrant.grants.window import END_OF_TIME, Window


class Holding(StrEnum):
    """What a grant wants of its binding."""

    BIND = "bind"  # in force: write it if it is not there
    KEEP = "keep"  # in doubt: leave it if it is there, never add it
    RELEASE = "release"  # not in force: remove it, unless another grant wants it


class Decision(NamedTuple):
    """The answer for one grant at one instant.

    A tuple, since ten thousand of them are made when a fact about an instance changes.
    """

    grant: Grant
    agreement: Agreement
    """Who agrees to it, or why nobody does."""
    circumstances: Circumstances
    """The other objects that were looked at."""
    window: Window
    holding: Holding
    finding: Finding | None
    """The first check that failed; None if the grant is in force."""
    note: str = ""
    """What a person should know although the grant is in force."""
    recheck_at: datetime | None = None
    """The next instant at which the answer can change by itself."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing can put this grant in force again."""
        return self.finding is not None and self.finding.ends

    def has_begun(self, now: datetime) -> bool:
        """Tell whether everybody agrees and the start has come."""
        return (
            self.agreement.is_approved
            and self.window.has_opened(now)
            and not self.has_ended
        )


def decide(facts: Facts) -> Decision:
    """Ask every check in order; the first finding answers.

    Args:
        facts: One grant, its instance and the time.

    Returns:
        A decision that stays true until ``recheck_at`` as long as no fact but the time
        changes.
    """
    finding = _first_finding(facts)
    return Decision(
        grant=facts.grant,
        agreement=facts.agreement,
        circumstances=facts.circumstances,
        window=facts.window,
        holding=_holding(finding),
        finding=finding,
        note=ceiling_note(facts) if finding is None else "",
        recheck_at=_recheck_at(facts, finding),
    )


def _first_finding(facts: Facts) -> Finding | None:
    for check in IN_FORCE:
        found = check(facts)
        if found is not None:
            return found
    return None


def _holding(finding: Finding | None) -> Holding:
    if finding is None:
        return Holding.BIND
    return Holding.KEEP if finding.is_doubt else Holding.RELEASE


def _recheck_at(facts: Facts, finding: Finding | None) -> datetime | None:
    if facts.grant.being_deleted or (finding is not None and finding.ends):
        return None
    deadline = facts.agreement.recheck_at
    window = facts.window
    turn = window.end if window.has_opened(facts.now) else window.start
    if turn >= END_OF_TIME:
        return deadline
    return turn if deadline is None else min(turn, deadline)
