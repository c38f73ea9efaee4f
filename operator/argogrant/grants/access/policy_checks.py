"""Checks of one access policy against one request, in order.

A check is named after the fact that must hold. If it does not, the message next to it
explains the failure to the requester. ``ALLOWS`` is the specification: an Allow policy
allows a request that passes all its checks. If no policy does, the message quotes the
policy whose checks failed last, which is the closest one to allowing the request.
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

MAX_NAMES: Final = 5
"""Number of a policy's names that a message lists."""


class PolicyCheck(NamedTuple):
    """A condition on a request, and the message if it does not hold."""

    holds: Callable[[AccessPolicy, Request], bool]
    message: Callable[[AccessPolicy, Request], str]
    """Clause that follows the policy's name, with what to do."""


class FailedCheck(NamedTuple):
    """The first check of a policy that a request fails."""

    position: int
    policy: AccessPolicy

    def message(self, request: Request) -> str:
        """Explain the failure to the requester."""
        return (
            f"AccessPolicy {quote(self.policy.name)}"
            f" {ALLOWS[self.position].message(self.policy, request)}."
        )


def requester_matches(policy: AccessPolicy, request: Request) -> bool:
    """``spec.requesters`` lists the requester or one of their groups."""
    return any(pattern.matches(request.requester) for pattern in policy.requesters)


def role_matches(policy: AccessPolicy, request: Request) -> bool:
    """``spec.roles`` lists the role; patterns without a project match global roles."""
    return any(_covers(pattern, request.grant.role) for pattern in policy.roles)


def subject_matches(policy: AccessPolicy, request: Request) -> bool:
    """``spec.subjects`` lists the user or group, or the requester with ``self``."""
    subject, patterns = request.grant.subject, policy.subjects
    if subject.kind is SubjectKind.GROUP:
        return any(matches_glob(glob, subject.name) for glob in patterns.groups)
    return (patterns.is_self and subject.name == request.own_subject) or any(
        matches_glob(glob, subject.name) for glob in patterns.users
    )


def break_glass_is_allowed(policy: AccessPolicy, request: Request) -> bool:
    """Only a policy with ``spec.breakGlass`` allows emergency access."""
    return policy.break_glass.allowed or not request.grant.break_glass


def justification_is_present(policy: AccessPolicy, request: Request) -> bool:
    """Emergency access always needs a justification; a policy can also require one."""
    is_required = policy.justification.required or request.grant.break_glass
    return not is_required or bool(request.grant.justification.strip())


def justification_matches(policy: AccessPolicy, request: Request) -> bool:
    """The policy's pattern matches the justification, even an empty one."""
    pattern = policy.justification.pattern
    return pattern is None or matches_pattern(pattern, request.grant.justification)


def duration_is_within_maximum(policy: AccessPolicy, request: Request) -> bool:
    """A longer request fails; a grant that this policy already allowed is shortened."""
    maximum = max_duration_of(policy, request)
    if maximum is None or request.requested_duration <= maximum:
        return True
    grant = request.grant
    return grant.frozen_end is not None and grant.recorded_policy == policy.name


def extensions_are_within_maximum(policy: AccessPolicy, request: Request) -> bool:
    """The chain of extensions is not longer than ``spec.maxExtensions``."""
    maximum = policy.max_extensions
    return maximum is None or request.extension_number <= maximum


def active_grants_are_within_maximum(policy: AccessPolicy, request: Request) -> bool:
    """The subject has fewer older grants than ``spec.maxActivePerSubject``."""
    maximum = policy.max_active_per_subject
    return maximum is None or request.active_before < maximum


def _other_requesters(policy: AccessPolicy, request: Request) -> str:
    allowed = (
        listed(pattern.describe() for pattern in policy.requesters) or "no requester"
    )
    return (
        f"allows requests by {allowed}, not by"
        f" {quote(request.requester.username)}. Ask one of them to request the access,"
        " or ask an administrator to change the policy"
    )


def _other_roles(policy: AccessPolicy, request: Request) -> str:
    roles = listed(map(_describe_role, policy.roles)) or "no role"
    return (
        f"allows you to request {roles}, not {quote(request.grant.role.bound_as)}."
        " Request a role that the policy lists"
    )


def _other_subjects(policy: AccessPolicy, request: Request) -> str:
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
        f"allows requests for {listed([*own, *users, *groups]) or 'no subject'}, not"
        f" for {subject.kind} {quote(subject.name)}. Request access for a subject that"
        " the policy lists"
    )


def _no_break_glass(_policy: AccessPolicy, _request: Request) -> str:
    return (
        "allows this request, but not with breakGlass. Create the grant without"
        " spec.breakGlass"
    )


def _justification_missing(policy: AccessPolicy, _request: Request) -> str:
    return f"requires a justification{_hint(policy)}. Set spec.justification"


def _justification_differs(policy: AccessPolicy, _request: Request) -> str:
    pattern = quote(policy.justification.pattern or "")
    return (
        f"requires a justification that matches {pattern}{_hint(policy)}. Change"
        " spec.justification"
    )


def _duration_too_long(policy: AccessPolicy, request: Request) -> str:
    maximum = format_duration(max_duration_of(policy, request) or timedelta())
    return (
        f"allows this request for at most {maximum}, not for"
        f" {format_duration(request.requested_duration)}. Request a shorter duration"
    )


def _too_many_extensions(policy: AccessPolicy, request: Request) -> str:
    return (
        f"allows at most {policy.max_extensions} extensions in a row; this is"
        f" extension {request.extension_number}. Request new access when the present"
        " grant has ended"
    )


def _too_many_active_grants(policy: AccessPolicy, request: Request) -> str:
    return (
        f"allows at most {policy.max_active_per_subject} grants at a time for"
        f" {quote(request.grant.subject.name)}, who already has"
        f" {request.active_before}. The grant takes effect as soon as one of them has"
        " ended"
    )


ALLOWS: Final[tuple[PolicyCheck, ...]] = (
    PolicyCheck(requester_matches, _other_requesters),  # who requests
    PolicyCheck(role_matches, _other_roles),  # which role
    PolicyCheck(subject_matches, _other_subjects),  # for whom
    PolicyCheck(break_glass_is_allowed, _no_break_glass),  # with or without approval
    PolicyCheck(justification_is_present, _justification_missing),  # why
    PolicyCheck(justification_matches, _justification_differs),
    PolicyCheck(duration_is_within_maximum, _duration_too_long),  # for how long
    PolicyCheck(extensions_are_within_maximum, _too_many_extensions),  # how often
    PolicyCheck(active_grants_are_within_maximum, _too_many_active_grants),
    # The last check comes last because its result changes without a new request.
)


def first_failed_check(policy: AccessPolicy, request: Request) -> FailedCheck | None:
    """Run all checks of an Allow policy; return None if it allows the request."""
    for position, (holds, _) in enumerate(ALLOWS):
        if not holds(policy, request):
            return FailedCheck(position, policy)
    return None


def closest_policy(failed: Iterable[FailedCheck]) -> FailedCheck | None:
    """Return the check that failed last, of the first policy by name."""
    return min(failed, key=lambda one: (-one.position, one.policy.name), default=None)


def denies(policy: AccessPolicy, request: Request) -> bool:
    """Return whether a Deny policy matches a request.

    It matches more than an Allow policy with the same fields. Argo CD compares bare
    strings, so the kind of the subject is ignored; ``self`` includes every spelling of
    the requester's name; and ``*`` includes the accounts of Kubernetes itself.
    """
    subject, patterns = request.grant.subject.name, policy.subjects
    return (
        any(p.matches(request.requester, also_system=True) for p in policy.requesters)
        and role_matches(policy, request)
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
    """Return the maximum duration; None if only that of the instance applies."""
    if request.grant.break_glass:
        return policy.break_glass.max_duration
    return policy.max_duration


def listed(names: Iterable[str]) -> str:
    """Join names as ``a, b or c``, and count those after the first ``MAX_NAMES``."""
    every = list(names)
    shown = every[:MAX_NAMES]
    if len(every) > MAX_NAMES:
        return f"{', '.join(shown)} or {len(every) - MAX_NAMES} others"
    return " or ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def _covers(pattern: RolePattern, role: RoleRef) -> bool:
    if pattern.project is None or role.project is None:
        return pattern.project is role.project and matches_glob(pattern.name, role.name)
    return matches_glob(pattern.name, role.name) and matches_glob(
        pattern.project, role.project
    )


def _describe_role(pattern: RolePattern) -> str:
    if pattern.project is None:
        return quote(pattern.name)
    return quote(f"proj:{pattern.project}:{pattern.name}")


def _hint(policy: AccessPolicy) -> str:
    hint = policy.justification.hint
    return f": {quote(hint)}" if hint else ""
