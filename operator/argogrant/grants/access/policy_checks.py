"""The questions that one access policy asks about one request, in the order asked.

A check is named after the fact that it wants to hold; beside it stands what is said to
the person who asked if it does not. ``ALLOWS`` is the specification: the policy whose
first failure comes latest is the nearest to allowing the request, and is quoted.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Final, NamedTuple

from argogrant.grants.access.policy import AccessPolicy, RolePattern, matches_pattern
from argogrant.grants.access.request import Request
from argogrant.grants.model.grant import RoleRef, SubjectKind
from argogrant.grants.model.identity import is_same_user, matches_glob
from argogrant.grants.model.validation import quote
from argogrant.grants.model.window import format_duration

SHOWN: Final = 5
"""How many of a policy's names a message shows."""


class PolicyCheck(NamedTuple):
    """A question, and what is said if the answer is no."""

    holds: Callable[[AccessPolicy, Request], bool]
    message: Callable[[AccessPolicy, Request], str]
    """A clause that follows the policy's name."""


class FailedCheck(NamedTuple):
    """The first check of a policy that a request fails."""

    position: int
    policy: AccessPolicy

    def message(self, request: Request) -> str:
        """Say it to the person who asked."""
        return (
            f"AccessPolicy {quote(self.policy.name)}"
            f" {ALLOWS[self.position].message(self.policy, request)}."
        )


def requester_is_named(policy: AccessPolicy, request: Request) -> bool:
    """A policy says who may ask."""
    return any(pattern.matches(request.requester) for pattern in policy.requesters)


def role_is_covered(policy: AccessPolicy, request: Request) -> bool:
    """A policy says for what; a pattern without project is a global role's."""
    return any(_is_role(pattern, request.grant.role) for pattern in policy.roles)


def subject_is_covered(policy: AccessPolicy, request: Request) -> bool:
    """A policy says for whom: oneself, users, or groups."""
    subject, patterns = request.grant.subject, policy.subjects
    if subject.kind is SubjectKind.GROUP:
        return any(matches_glob(glob, subject.name) for glob in patterns.groups)
    return (patterns.is_self and subject.name == request.own_subject) or any(
        matches_glob(glob, subject.name) for glob in patterns.users
    )


def break_glass_is_allowed(policy: AccessPolicy, request: Request) -> bool:
    """An emergency is no way around a policy that knows none."""
    return policy.break_glass.allowed or not request.grant.break_glass


def justification_is_given(policy: AccessPolicy, request: Request) -> bool:
    """In an emergency always, else if the policy wants one."""
    is_wanted = policy.justification.required or request.grant.break_glass
    return not is_wanted or bool(request.grant.justification.strip())


def justification_fits(policy: AccessPolicy, request: Request) -> bool:
    """The policy's pattern is found in it; none at all fits only if that matches."""
    pattern = policy.justification.pattern
    return pattern is None or matches_pattern(pattern, request.grant.justification)


def duration_is_within(policy: AccessPolicy, request: Request) -> bool:
    """More is refused; but what has begun under this policy is only shortened."""
    ceiling = max_duration_of(policy, request)
    if ceiling is None or request.asked <= ceiling:
        return True
    grant = request.grant
    return grant.frozen_end is not None and grant.recorded_policy == policy.name


def extensions_are_within(policy: AccessPolicy, request: Request) -> bool:
    """A policy says how often access may be continued."""
    return policy.max_extensions is None or request.depth <= policy.max_extensions


def active_grants_are_within(policy: AccessPolicy, request: Request) -> bool:
    """A policy says how many grants a subject may have at a time."""
    most = policy.max_active_per_subject
    return most is None or request.active_before < most


def _names_others(policy: AccessPolicy, request: Request) -> str:
    named = listed(pattern.describe() for pattern in policy.requesters)
    return (
        f"lets {named} ask for access, not {quote(request.requester.username)}. Ask"
        " somebody who may, or whoever writes the policies"
    )


def _covers_other_roles(policy: AccessPolicy, request: Request) -> str:
    roles = listed(map(_role_words, policy.roles))
    return (
        f"lets you ask for {roles}, not for {quote(request.grant.role.bound_as)}. Ask"
        " for one of those"
    )


def _covers_other_subjects(policy: AccessPolicy, request: Request) -> str:
    patterns, subject = policy.subjects, request.grant.subject
    own = []
    if patterns.is_self and request.own_subject is not None:
        own = [f"yourself (User {quote(request.own_subject)})"]
    elif patterns.is_self:
        own = [
            f"yourself (a user whose name begins with {quote(request.strip_prefix)})"
        ]
    users = [f"User {quote(glob)}" for glob in patterns.users]
    groups = [f"Group {quote(glob)}" for glob in patterns.groups]
    return (
        f"lets you ask for {listed([*own, *users, *groups])}, not for"
        f" {subject.kind} {quote(subject.name)}. Ask for one of those"
    )


def _knows_no_emergency(_policy: AccessPolicy, _request: Request) -> str:
    return (
        "would allow this, but not as breakGlass. Create the grant without"
        " spec.breakGlass"
    )


def _wants_a_justification(policy: AccessPolicy, _request: Request) -> str:
    return f"wants a justification{_hint(policy)}. Write spec.justification"


def _wants_another_justification(policy: AccessPolicy, _request: Request) -> str:
    pattern = quote(policy.justification.pattern or "")
    return (
        f"wants a justification in which {pattern} is found{_hint(policy)}. Write"
        " spec.justification so"
    )


def _allows_less(policy: AccessPolicy, request: Request) -> str:
    most = format_duration(max_duration_of(policy, request) or timedelta())
    return (
        f"would allow this for at most {most}; you asked for"
        f" {format_duration(request.asked)}. Ask for less"
    )


def _allows_fewer_extensions(policy: AccessPolicy, request: Request) -> str:
    return (
        f"would allow this with at most {policy.max_extensions} extensions after each"
        f" other; this is extension {request.depth}. Ask for access anew when it has"
        " ended"
    )


def _allows_fewer_grants(policy: AccessPolicy, request: Request) -> str:
    return (
        f"would allow this with at most {policy.max_active_per_subject} grants at a"
        f" time for {quote(request.grant.subject.name)}, who has"
        f" {request.active_before} older ones. It is allowed as soon as one of those"
        " has ended"
    )


ALLOWS: Final[tuple[PolicyCheck, ...]] = (
    PolicyCheck(requester_is_named, _names_others),  # who
    PolicyCheck(role_is_covered, _covers_other_roles),  # what
    PolicyCheck(subject_is_covered, _covers_other_subjects),  # for whom
    PolicyCheck(break_glass_is_allowed, _knows_no_emergency),  # and then how
    PolicyCheck(justification_is_given, _wants_a_justification),
    PolicyCheck(justification_fits, _wants_another_justification),
    PolicyCheck(duration_is_within, _allows_less),
    PolicyCheck(extensions_are_within, _allows_fewer_extensions),
    PolicyCheck(active_grants_are_within, _allows_fewer_grants),  # changes by itself
)


def first_failed_check(policy: AccessPolicy, request: Request) -> FailedCheck | None:
    """Ask an Allow policy everything; None if nothing stands in the way."""
    for position, (holds, _) in enumerate(ALLOWS):
        if not holds(policy, request):
            return FailedCheck(position, policy)
    return None


def closest_policy(misses: Iterable[FailedCheck]) -> FailedCheck | None:
    """The policy that would have to give way least."""
    return min(misses, key=lambda m: (-m.position, m.policy.name), default=None)


def denies(policy: AccessPolicy, request: Request) -> bool:
    """Tell whether a Deny policy is meant.

    It must not be too narrow. Argo CD compares bare strings, so a subject that calls
    itself a group is a user all the same; ``self`` is every spelling of the requester;
    and "everybody" includes the cluster's own accounts.
    """
    subject, patterns = request.grant.subject.name, policy.subjects
    return (
        any(p.matches(request.requester, also_system=True) for p in policy.requesters)
        and role_is_covered(policy, request)
        and (
            any(matches_glob(g, subject) for g in (*patterns.users, *patterns.groups))
            or (
                patterns.is_self
                and is_same_user(
                    request.requester.username, subject, request.strip_prefix
                )
            )
        )
    )


def max_duration_of(policy: AccessPolicy, request: Request) -> timedelta | None:
    """How long the access may last; None: as long as the instance allows."""
    if request.grant.break_glass:
        return policy.break_glass.max_duration
    return policy.max_duration


def listed(names: Iterable[str]) -> str:
    """Write ``a, b or c``, and no more than a reader can take in."""
    every = list(names)
    shown = every[:SHOWN]
    if len(every) > SHOWN:
        return f"{', '.join(shown)} or {len(every) - SHOWN} others"
    return " or ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def _is_role(pattern: RolePattern, role: RoleRef) -> bool:
    if pattern.project is None or role.project is None:
        return pattern.project is role.project and matches_glob(pattern.name, role.name)
    return matches_glob(pattern.name, role.name) and matches_glob(
        pattern.project, role.project
    )


def _role_words(pattern: RolePattern) -> str:
    if pattern.project is None:
        return quote(pattern.name)
    return quote(f"proj:{pattern.project}:{pattern.name}")


def _hint(policy: AccessPolicy) -> str:
    hint = policy.justification.hint
    return f": {quote(hint)}" if hint else ""
