"""The one decision: is this grant in force, why not, and when does that change."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from argogrant.grants.access.evaluation import PolicyResult
from argogrant.grants.access.request import RelatedObjects
from argogrant.grants.access_details import (
    NO_ACCESS_DETAILS,
    AccessDetails,
    render_details,
)
from argogrant.grants.checks import IN_FORCE, shortened_by_max_duration
from argogrant.grants.effectiveness import Effectiveness, check_effectiveness
from argogrant.grants.facts import DecisionInput
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.reason_table import REFUSED_REASONS
from argogrant.grants.model.reasons import Finding
from argogrant.grants.model.window import END_OF_TIME, Window, format_instant
from argogrant.grants.role_warnings import role_warning


class DesiredBinding(StrEnum):
    """What a grant wants of its binding."""

    PRESENT = "bind"  # in force: write it if it is not there
    UNCHANGED = "keep"  # in doubt: leave it if it is there, never add it
    ABSENT = "release"  # not in force: remove it, unless another grant wants it


class Decision(NamedTuple):
    """The answer for one grant at one instant.

    A tuple, since ten thousand of them are made when a fact about an instance changes.
    """

    grant: Grant
    policy_result: PolicyResult
    """Who agrees to it, or why nobody does."""
    related: RelatedObjects
    """The other objects that were looked at."""
    window: Window
    desired_binding: DesiredBinding
    finding: Finding | None
    """The first check that failed; None if the grant is in force."""
    duration_note: str = ""
    """What a person should know although the grant is in force."""
    role_warning: str = ""
    """What a person should know of the role; empty if the grant is not in force."""
    effectiveness: Effectiveness | None = None
    """Whether Argo CD can match the subject, as far as that is certain."""
    access_details: AccessDetails | None = None
    """What those who hold the grant are told; None before it begins and after it."""
    recheck_at: datetime | None = None
    """The next instant at which the answer can change by itself."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing can put this grant in force again."""
        return self.finding is not None and self.finding.is_final

    def is_active(self, now: datetime) -> bool:
        """Tell whether everybody agrees and the start has come."""
        return (
            self.policy_result.is_approved
            and self.window.has_opened(now)
            and not self.has_ended
        )


def decide(facts: DecisionInput) -> Decision:
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
        policy_result=facts.policy_result,
        related=facts.related,
        window=facts.window,
        desired_binding=_desired_binding(finding),
        finding=finding,
        duration_note=shortened_by_max_duration(facts) if finding is None else "",
        role_warning=_role_warning(facts) if finding is None else "",
        effectiveness=_effectiveness(facts, finding),
        access_details=_access_details(facts, finding),
        recheck_at=_recheck_at(facts, finding),
    )


def _first_finding(facts: DecisionInput) -> Finding | None:
    for check in IN_FORCE:
        found = check(facts)
        if found is not None:
            return found
    return None


def _desired_binding(finding: Finding | None) -> DesiredBinding:
    if finding is None:
        return DesiredBinding.PRESENT
    return DesiredBinding.UNCHANGED if finding.is_unknown else DesiredBinding.ABSENT


def _role_warning(facts: DecisionInput) -> str:
    traits = facts.instance.role_risks.get(facts.grant.role.bound_as)
    return role_warning(traits) if traits is not None else ""


def _effectiveness(
    facts: DecisionInput, finding: Finding | None
) -> Effectiveness | None:
    sign_in, grant = facts.instance.login, facts.grant
    if sign_in is None or _needs_no_hints(facts, finding):
        return None
    return check_effectiveness(grant.subject, grant.role.bound_as, sign_in)


def _access_details(
    facts: DecisionInput, finding: Finding | None
) -> AccessDetails | None:
    """Tell what people need once the grant has begun, until its end."""
    instance, grant = facts.instance, facts.grant
    has_begun = facts.policy_result.is_approved and facts.window.has_opened(facts.now)
    if not has_begun or not instance.exists or _needs_no_hints(facts, finding):
        return None
    if not instance.access_details:
        return AccessDetails(instance.url) if instance.url else NO_ACCESS_DETAILS
    values = {
        "subject": grant.subject.name,
        "role": grant.role.bound_as,
        "end": format_instant(facts.window.end),
        "url": instance.url,
    }
    return AccessDetails(instance.url, render_details(instance.access_details, values))


def _needs_no_hints(facts: DecisionInput, finding: Finding | None) -> bool:
    """Tell whether a grant is over, or going, or refused for what it asks for."""
    if finding is None:
        return False
    return (
        facts.grant.being_deleted
        or finding.is_final
        or finding.reason in REFUSED_REASONS
    )


def _recheck_at(facts: DecisionInput, finding: Finding | None) -> datetime | None:
    if facts.grant.being_deleted or (finding is not None and finding.is_final):
        return None
    deadline = facts.policy_result.recheck_at
    window = facts.window
    turn = window.end if window.has_opened(facts.now) else window.start
    if turn >= END_OF_TIME:
        return deadline
    return turn if deadline is None else min(turn, deadline)
