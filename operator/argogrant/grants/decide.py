"""The one decision: is this grant in force, why not, and when does that change."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from argogrant.grants.checks import IN_FORCE, Finding, ceiling_note
from argogrant.grants.facts import Facts
from argogrant.grants.grant import Grant
from argogrant.grants.window import Window


class Holding(StrEnum):
    """What a grant wants of its binding."""

    BIND = "bind"  # in force: write it if it is not there
    KEEP = "keep"  # in doubt: leave it if it is there, never add it
    RELEASE = "release"  # not in force: remove it, unless another grant wants it


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer for one grant at one instant."""

    grant: Grant
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


def decide(facts: Facts) -> Decision:
    """Ask every check in order; the first finding answers.

    Args:
        facts: One grant, its instance and the time.

    Returns:
        A decision that stays true until ``recheck_at`` as long as no fact but the time
        changes.
    """
    finding = next((found for check in IN_FORCE if (found := check(facts))), None)
    return Decision(
        grant=facts.grant,
        window=facts.window,
        holding=_holding(finding),
        finding=finding,
        note=ceiling_note(facts) if finding is None else "",
        recheck_at=_recheck_at(facts, finding),
    )


def _holding(finding: Finding | None) -> Holding:
    if finding is None:
        return Holding.BIND
    return Holding.KEEP if finding.is_doubt else Holding.RELEASE


def _recheck_at(facts: Facts, finding: Finding | None) -> datetime | None:
    if facts.grant.being_deleted or (finding is not None and finding.ends):
        return None
    if not facts.window.has_opened(facts.now):
        return facts.window.start
    return facts.window.end
