"""Decision about one grant: its state, the reason of the state, and its end.

The lifecycle of a grant, by the reason of its condition ``Ready``:

    kubectl apply
         │
         ▼
    NotAllowed, AwaitingApproval   not allowed by a policy, or approvals missing ◀──┐
         │                                               policy or approval removed │
         ▼                                                                          │
    Scheduled                      approved, before spec.notBefore                  │
         │                                                                          │
         ▼                                                                          │
    RoleNotFound, ProjectInvalid   started, but Argo CD has no such role ◀──────────┤
         │                                            role removed, project invalid │
         ▼                                                                          │
    Binding ──▶ Bound              in force; Ready=True once the line is written ───┘
         │
         ▼
    Expired, Revoked, Denied,      ended permanently: only a new AccessGrant grants
    ApprovalTimedOut               access (any state above can end)

This is the usual course. A grant that is deleted is Deleted in any state: its binding
is removed, and the condition Ended is not set. Other reasons replace the state that
they prevent: SubjectRefused, RoleRefused, AbsoluteEndRequired, InstanceNotFound and
InstanceUnavailable; ``reasons.Reason`` lists all.

Every decision is derived again from the objects and the time. A grant skips states that
do not apply (without access policies, most are bound at once) and returns to an earlier
state if a policy, an approval or the role is removed. The status stores only what
cannot be derived again: the end that was reported at the start (``frozen_end``), the
policy that allowed the grant (``recorded_policy``), the number of its extensions
(``recorded_extension``), and a denial or approval timeout (``recorded_finding``). A
status only takes access away. Where a grant that has started is treated better than a
new one, the line in Argo CD proves that it has started: it stays until the end that is
written with it, and no status adds one.

The checks in ``checks.IN_FORCE`` decide. The first one that fails returns the finding:

    finding                       desired binding   effect on Argo CD's policy
    none: all checks pass         PRESENT           the line is added if it is missing
    ``is_unknown``: not readable, UNCHANGED         an existing line stays, none added
    or only a start is refused
    any other                     ABSENT            the line is removed, unless another
                                                    grant needs the same line

A decision is valid until ``recheck_at``: the start, the end, or an approval deadline.
The controller decides again at that time, and when an object changes. The module also
renders ``spec.accessDetails`` for the recipient, and ``delete_after`` returns when the
object of an ended grant may be deleted (``spec.retention``).
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from argogrant.grants.access.evaluation import PolicyResult
from argogrant.grants.access.history import Outcome
from argogrant.grants.access.policy_checks import NO_RELATED_OBJECTS, RelatedObjects
from argogrant.grants.access.subject_rules import NO_RULES, RuleList
from argogrant.grants.checks import (
    IN_FORCE,
    OVER,
    Check,
    DecisionInput,
    InstanceState,
    shortened_by_max_duration,
)
from argogrant.grants.effectiveness import Effectiveness
from argogrant.grants.model.grant import Grant, accounted_to
from argogrant.grants.model.reasons import REFUSED_REASONS, Finding
from argogrant.grants.model.validation import character_label, is_visible
from argogrant.grants.model.window import (
    END_OF_TIME,
    Window,
    add_capped,
    format_instant,
    pending_window,
)

PLACEHOLDERS: Final = ("subject", "role", "end", "url")
"""Names that ``spec.accessDetails`` of an instance may contain in braces."""
MAX_DETAILS: Final = 2048
"""Maximum number of characters of the rendered text."""
_SECOND: Final = timedelta(seconds=1)
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_KNOWN: Final = re.compile("{(" + "|".join(PLACEHOLDERS) + ")}")


class AccessDetails(NamedTuple):
    """Argo CD's URL and the text for recipients; empty if the instance has none."""

    url: str = ""
    details: str = ""


NO_ACCESS_DETAILS: Final = AccessDetails()
_UNKNOWN_INSTANCE: Final = InstanceState(name="")


class DesiredBinding(StrEnum):
    """Desired state of a grant's line in Argo CD's RBAC policy."""

    PRESENT = "present"  # in force: add the line if it is missing
    UNCHANGED = "unchanged"  # unknown: leave an existing line, but never add one
    ABSENT = "absent"  # not in force: remove the line, unless another grant needs it


class Decision(NamedTuple):
    """Result for one grant at one instant.

    A tuple, as ten thousand are created when an instance changes.
    """

    grant: Grant
    policy_result: PolicyResult
    """Approval of the grant, or why it is not approved."""
    related: RelatedObjects
    """Other objects that the decision depends on."""
    window: Window
    desired_binding: DesiredBinding
    finding: Finding | None
    """Result of the first check that failed; None if the grant is in force."""
    duration_note: str = ""
    """Note that a maximum duration shortened the grant; empty if none did."""
    accounted_to: str | None = None
    """User whose share of the capacity it uses; see ``grant.accounted_to``."""
    access_details: AccessDetails | None = None
    """Information for the recipient; None before the start and after the end."""
    recheck_at: datetime | None = None
    """Next instant at which the decision changes without a change of any object."""
    role_warning: str = ""
    """Note: warning about the role; empty if the grant is not in force."""
    hint: str = ""
    """Note: sentence to append to the message of the finding, or empty."""
    activated: RuleList = NO_RULES
    """Note: rules for the subject itself that the grant activates."""
    effectiveness: Effectiveness | None = None
    """Note: content of the condition ``Effective``; None if it is unknown."""

    @property
    def has_ended(self) -> bool:
        """Return whether the grant has ended permanently."""
        return self.finding is not None and self.finding.is_final

    @property
    def is_refused(self) -> bool:
        """Return whether its spec is refused, and not even an existing line stays."""
        finding = self.finding
        return (
            finding is not None
            and finding.reason in REFUSED_REASONS
            and not finding.is_unknown
        )

    def is_active(self, now: datetime) -> bool:
        """Return whether the grant is approved, has started and has not ended."""
        return (
            self.policy_result.is_approved
            and self.window.has_opened(now)
            and not self.has_ended
        )

    def outcome(self, now: datetime) -> Outcome:
        """Return the part of the decision that decisions about later grants need."""
        is_over = self.has_ended or self.grant.being_deleted or self.is_refused
        access, reported_end = self.policy_result.access, self.grant.frozen_end
        if self.is_refused:
            access = None  # for another cause than a policy, such as a quota
        if access is not None and reported_end is not None:
            # The spec can be given an earlier end after the access was used, and times
            # have whole seconds: a grant that started counts for one at least.
            used_until = max(reported_end, add_capped(access.start, _SECOND))
            access = Window(access.start, max(access.end, used_until))
        return Outcome(
            access=None if access is None or access.end <= access.start else access,
            approved_at=self.policy_result.approved_at,
            is_open=not is_over,
            is_active=self.is_active(now) and not is_over,
        )


def decide(facts: DecisionInput) -> Decision:
    """Run all checks in order; the first finding decides.

    The decision is valid until its ``recheck_at``, unless another input changes.
    """
    finding = _first_finding(facts)
    has_access = finding is None or finding is facts.policy_result.only_kept
    return Decision(
        grant=facts.grant,
        policy_result=facts.policy_result,
        related=facts.related,
        window=facts.window,
        desired_binding=_desired_binding(finding),
        finding=finding,
        duration_note=shortened_by_max_duration(facts) if has_access else "",
        accounted_to=accounted_to(facts.grant, facts.instance.identities.named_since),
        access_details=_access_details(facts, finding),
        recheck_at=_recheck_at(facts, finding),
    )


def decide_alone(grant: Grant, now: datetime, unknown: Finding) -> Decision:
    """Decide by the grant's own object alone, if nothing else is known.

    A grant that is deleted, revoked, denied or past its end is over. The binding of any
    other one is UNCHANGED.

    Args:
        grant: The grant.
        now: Current time.
        unknown: Why nothing else is known; with ``is_unknown``.
    """
    result = _unknown_result(unknown)
    window = pending_window(grant, approval_timeout=None)
    facts = DecisionInput(
        grant, _UNKNOWN_INSTANCE, NO_RELATED_OBJECTS, result, window, now
    )
    finding = _first_finding(facts, OVER) or unknown
    return Decision(
        grant=grant,
        policy_result=result,
        related=NO_RELATED_OBJECTS,
        window=window,
        desired_binding=_desired_binding(finding),
        finding=finding,
        recheck_at=_recheck_at(facts, finding),
    )


@lru_cache(maxsize=16)
def _unknown_result(unknown: Finding) -> PolicyResult:
    """Return the result for a finding; ten thousand grants share one object."""
    return PolicyResult(reason=unknown.reason, message=unknown.message, finding=unknown)


def _first_finding(
    facts: DecisionInput, checks: Iterable[Check] = IN_FORCE
) -> Finding | None:
    # A loop: a generator costs a sixth of the decisions about 10,000 grants.
    for check in checks:
        finding = check(facts)
        if finding is not None:
            return finding
    return None


def _desired_binding(finding: Finding | None) -> DesiredBinding:
    if finding is None:
        return DesiredBinding.PRESENT
    return DesiredBinding.UNCHANGED if finding.is_unknown else DesiredBinding.ABSENT


def _access_details(
    facts: DecisionInput, finding: Finding | None
) -> AccessDetails | None:
    """Return the instance's text for recipients from the start to the end."""
    instance, grant = facts.instance, facts.grant
    has_started = facts.policy_result.is_approved and facts.window.has_opened(facts.now)
    if not has_started or not instance.exists or _is_ended_or_refused(facts, finding):
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


def _is_ended_or_refused(facts: DecisionInput, finding: Finding | None) -> bool:
    """Return whether a grant has ended, is being deleted, or has an invalid spec."""
    return finding is not None and (
        facts.grant.being_deleted
        or finding.is_final
        or (finding.reason in REFUSED_REASONS and not finding.is_unknown)
    )


def _recheck_at(facts: DecisionInput, finding: Finding | None) -> datetime | None:
    if facts.grant.being_deleted or (finding is not None and finding.is_final):
        return None
    deadline = facts.policy_result.recheck_at
    window = facts.window
    change = window.end if window.has_opened(facts.now) else window.start
    if change >= END_OF_TIME:
        return deadline
    return change if deadline is None else min(change, deadline)


def validate_template(template: str) -> str | None:
    """Return why a text for recipients is invalid, as a clause with the remedy."""
    for character in template:
        if character not in " \n" and not is_visible(character):
            label = character_label(character)
            return f"contains {label}, which is invisible; remove it"
    # Known placeholders are replaced first. Otherwise "{{url}}" would be parsed as a
    # placeholder inside of braces, which is not what a reader expects.
    unknown = _PLACEHOLDER.search(_KNOWN.sub("_", template))
    if unknown is None:
        return None
    known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    return f"contains the unknown placeholder {unknown.group()}; use {known}"


def render_details(template: str, values: Mapping[str, str]) -> str:
    """Replace the placeholders once; values are not searched for placeholders."""
    text = _KNOWN.sub(lambda placeholder: values[placeholder[1]], template)
    return text if len(text) <= MAX_DETAILS else f"{text[: MAX_DETAILS - 1]}…"


class EndedGrant(NamedTuple):
    """A grant that has ended; a tuple, as ten thousand are created at a time."""

    grant: Grant
    ended_at: datetime
    """End in its status."""
    latest_end: datetime
    """Latest end that its spec could still give; see ``window.latest_end``."""
    is_gone: bool
    """True if its binding is confirmed to be removed from Argo CD."""
    is_continued: bool = False
    """True if a grant that has not ended extends it, directly or through others."""
    is_applied_again: bool = False
    """True if it has the mark of a tool that applies its objects again and again."""


def delete_after(ended: EndedGrant, retention: timedelta) -> datetime | None:
    """Return when the object of an ended grant may be deleted; None: not yet.

    The object is the only record of what was requested, so it is kept if anything about
    its end is unknown. Its status could report too early an end, but no grant ends
    before its creation. It is also the only obstacle to the same object again, which
    could be applied from a manifest without the revocation, so it is kept until the
    latest end that its spec could still give.
    """
    if (
        ended.is_applied_again  # Argo CD would create it again
        or ended.grant.being_deleted  # nothing to do
        or not ended.is_gone  # the object shows who may still have access
        or ended.is_continued  # the number of extensions is counted along the chain
    ):
        return None
    instant = add_capped(max(ended.ended_at, ended.grant.created_at), retention)
    instant = max(instant, ended.latest_end)
    return None if instant == END_OF_TIME else instant
