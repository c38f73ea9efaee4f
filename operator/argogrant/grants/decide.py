"""The one decision: is this grant in force, why not, and when does that change."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from argogrant.grants.access.evaluation import Agreement
from argogrant.grants.access.request import Circumstances
from argogrant.grants.access_details import NO_GUIDANCE, Guidance, render_details
from argogrant.grants.checks import IN_FORCE, ceiling_note
from argogrant.grants.effectiveness import Advice, advise
from argogrant.grants.facts import Facts
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.reason_sets import REFUSALS
from argogrant.grants.model.reasons import Finding
from argogrant.grants.model.window import END_OF_TIME, Window, format_instant
from argogrant.grants.role_warnings import caution_about


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
    caution: str = ""
    """What a person should know of the role; empty if the grant is not in force."""
    advice: Advice | None = None
    """Whether Argo CD can match the subject, as far as that is certain."""
    guidance: Guidance | None = None
    """What those who hold the grant are told; None before it begins and after it."""
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
        caution=_caution(facts) if finding is None else "",
        advice=_advice(facts, finding),
        guidance=_guidance(facts, finding),
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


def _caution(facts: Facts) -> str:
    traits = facts.instance.role_traits.get(facts.grant.role.bound_as)
    return caution_about(traits) if traits is not None else ""


def _advice(facts: Facts, finding: Finding | None) -> Advice | None:
    sign_in, grant = facts.instance.sign_in, facts.grant
    if sign_in is None or _is_beside_the_point(facts, finding):
        return None
    return advise(grant.subject, grant.role.bound_as, sign_in)


def _guidance(facts: Facts, finding: Finding | None) -> Guidance | None:
    """Tell what people need once the grant has begun, until its end."""
    instance, grant = facts.instance, facts.grant
    has_begun = facts.agreement.is_approved and facts.window.has_opened(facts.now)
    if not has_begun or not instance.exists or _is_beside_the_point(facts, finding):
        return None
    if not instance.access_details:
        return Guidance(instance.url) if instance.url else NO_GUIDANCE
    values = {
        "subject": grant.subject.name,
        "role": grant.role.bound_as,
        "end": format_instant(facts.window.end),
        "url": instance.url,
    }
    return Guidance(instance.url, render_details(instance.access_details, values))


def _is_beside_the_point(facts: Facts, finding: Finding | None) -> bool:
    """Tell whether a grant is over, or going, or refused for what it asks for."""
    if finding is None:
        return False
    return facts.grant.being_deleted or finding.ends or finding.reason in REFUSALS


def _recheck_at(facts: Facts, finding: Finding | None) -> datetime | None:
    if facts.grant.being_deleted or (finding is not None and finding.ends):
        return None
    deadline = facts.agreement.recheck_at
    window = facts.window
    turn = window.end if window.has_opened(facts.now) else window.start
    if turn >= END_OF_TIME:
        return deadline
    return turn if deadline is None else min(turn, deadline)
