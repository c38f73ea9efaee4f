"""Checks of one access policy against one request, in order.

A check is named after the fact that must hold. If it does not, the message next to it
explains the failure to the requester. ``ALLOWS`` is the specification: an Allow policy
allows a request that passes all its checks. If no policy does, the message quotes the
policy whose checks failed last, which is the closest one to allowing the request.

An extension is a grant that continues earlier access: it names it (``spec.extends``),
or it follows without a pause (``history``). A chain of grants that name each other is
listed with the nearest grant first.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from argogrant.grants.access.history import (
    MIN_PAUSE,
    NO_EARLIER_ACCESS,
    EarlierAccess,
    requested_duration,
)
from argogrant.grants.access.inheritance import RoleInheritance
from argogrant.grants.access.policy import (
    AccessPolicy,
    AccessRules,
    Approval,
    RolePattern,
    matches_pattern,
)
from argogrant.grants.access.subject_rules import ActivatedRules
from argogrant.grants.model.grant import Grant, SubjectKind
from argogrant.grants.model.identity import (
    Identity,
    IdentityKind,
    IdentityPattern,
    argocd_subject,
    is_same_user,
    matches_glob,
)
from argogrant.grants.model.name_forms import describe_difference, name_core
from argogrant.grants.model.reasons import Finding, Reason
from argogrant.grants.model.validation import quote
from argogrant.grants.model.window import (
    format_duration,
    format_instant,
    window_without_status,
)

MAX_NAMES: Final = 5
"""Number of a policy's names that a message lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedObjects:
    """Other objects that a decision about one grant depends on."""

    approvals: tuple[Approval, ...] = ()
    """All approvals that name this grant, including those that do not count."""
    chain: tuple[Grant, ...] = ()
    """Grants that this one extends, nearest first, as far as they exist."""
    extended_until: datetime | None = None
    """End of the grant that this one extends, by its spec and approvals; None if
    policies do not allow that grant, or if it is unknown."""
    earlier: EarlierAccess = NO_EARLIER_ACCESS
    """Access that earlier grants of the same subject have."""
    written_end: datetime | None = None
    """End that Argo CD's RBAC policy contains for the same binding; None if there is no
    such line, or if the decision does not depend on it."""
    extended_by: str = ""
    """Name of the grant that extends this one."""
    is_over_quota: bool = False
    """True if the requester has too many older grants that have not ended."""
    finalizer_problem: str = ""
    """Why the API server refuses the operator's finalizer on this grant."""
    original: Grant | None = None
    """The grant that this one was copied from, if it still exists."""


NO_RELATED_OBJECTS = RelatedObjects()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One grant with everything that the checks of an access policy need."""

    grant: Grant
    requester: Identity
    own_subject: str | None
    """Requester's name in Argo CD; None if Argo CD does not know the requester."""
    strip_prefix: str
    """Prefix of usernames that Argo CD's usernames lack."""
    requested_duration: timedelta
    instance_maximum: timedelta
    """Maximum duration by the ArgoCDInstance."""
    extension_number: int
    """Number of grants that this one continues, one after the other."""
    earlier: EarlierAccess
    is_bound: bool
    """True if the grant had started, and Argo CD has a line for it."""
    activated: ActivatedRules
    """Rules for the subject itself that the grant activates."""


def request_of(
    grant: Grant, requester: Identity, related: RelatedObjects, rules: AccessRules
) -> Request:
    """Build the request that access policies check; the requester is verified."""
    return Request(
        grant=grant,
        requester=requester,
        own_subject=argocd_subject(requester, rules.strip_prefix),
        strip_prefix=rules.strip_prefix,
        requested_duration=requested_duration(grant),
        instance_maximum=rules.max_duration,
        extension_number=max(
            extension_number(grant, related.chain), related.earlier.in_chain
        ),
        earlier=related.earlier,
        is_bound=is_bound(grant, related),
        activated=rules.subject_rules.activated_by(grant.subject.name, grant.role),
    )


def is_bound(grant: Grant, related: RelatedObjects) -> bool:
    """Return whether a grant had started, by its status, and Argo CD has its line.

    A status alone could be forged. The line is written by the operator, or by someone
    who can write any line. A grant with both keeps the line until the end that is
    written with it, when a condition for its start no longer holds.
    """
    return grant.frozen_end is not None and related.written_end is not None


def extension_problem(
    grant: Grant, related: RelatedObjects, *, max_duration: timedelta
) -> Finding | None:
    """Return why a grant cannot extend the grant that it names.

    The maximum of the instance also limits the earlier grant.
    """
    if grant.extends is None:
        return None
    problem: str | None = f"no such grant exists in namespace {grant.namespace}"
    if related.chain:
        problem = _problem_with(
            grant, related.chain[0], related.extended_until, max_duration
        )
    if problem is None:
        return None
    return Finding(
        Reason.EXTENSION_REFUSED,
        f"spec.extends names {quote(grant.extends)}, but {problem}. Create a new"
        " AccessGrant without spec.extends, or with the name of a grant that it can"
        " extend.",
    )


def _problem_with(
    grant: Grant, earlier: Grant, until: datetime | None, max_duration: timedelta
) -> str | None:
    """Return the first problem with the earlier grant, as a clause."""
    # The end by its approvals, or the end as if no approval were needed. A status can
    # only make it earlier.
    end = until or window_without_status(earlier, max_duration=max_duration).end
    if earlier.frozen_end is not None:
        end = min(end, earlier.frozen_end)
    subject, role = quote(earlier.subject.name), quote(earlier.role.bound_as)
    instance = quote(earlier.instance)
    is_later = (earlier.created_at, earlier.name) >= (grant.created_at, grant.name)
    is_stopped = earlier.being_deleted or earlier.revoked or earlier.recorded_finding
    problems = (
        (earlier.subject != grant.subject, f"is for another subject, {subject}"),
        (earlier.role != grant.role, f"is for another role, {role}"),
        (earlier.instance != grant.instance, f"is for another instance, {instance}"),
        (is_later, "was not created earlier"),
        (is_stopped, "was revoked, denied or deleted"),
        (end <= grant.created_at, f"had already ended at {format_instant(end)}"),
    )
    return next(
        (f"that grant {problem}" for applies, problem in problems if applies), None
    )


def extension_number(grant: Grant, chain: Sequence[Grant]) -> int:
    """Count the grants that this one extends, one after the other.

    A grant records its number when it starts, because the grants before it may be
    deleted. A record can only raise the number.
    """
    if grant.extends is None:
        return 0
    recorded = (
        distance + (one.recorded_extension or 0)
        for distance, one in enumerate((grant, *chain))
    )
    first = chain[-1] if chain else grant
    return max(len(chain) + (first.extends is not None), *recorded)


MAX_COMPARED: Final = 50
"""Names of a policy and groups of a user whose spelling is compared for a message."""


class FailedCheck(NamedTuple):
    """The first check of a policy that a request fails."""

    position: int
    policy: AccessPolicy

    @property
    def reason(self) -> Reason:
        """The reason of the condition ``Approved``."""
        holds, _ = ALLOWS[self.position]
        is_about_rules = holds is subject_has_no_rules
        return Reason.SUBJECT_HAS_RULES if is_about_rules else Reason.NOT_ALLOWED

    def message(self, request: Request) -> str:
        """Explain the failure to the requester."""
        _, explain = ALLOWS[self.position]
        return (
            f"AccessPolicy {quote(self.policy.name)} {explain(self.policy, request)}."
        )


def requester_matches(policy: AccessPolicy, request: Request) -> bool:
    """``spec.requesters`` lists the requester or one of their groups."""
    return any(pattern.matches(request.requester) for pattern in policy.requesters)


def role_matches(policy: AccessPolicy, request: Request) -> bool:
    """``spec.roles`` lists the role; patterns without a project match global roles."""
    role = request.grant.role
    return any(_covers(one, role.project, role.name) for one in policy.roles)


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
    """A longer request fails; if this policy allowed it before, its line is kept."""
    if not exceeds_maximum(policy, request):
        return True
    return request.is_bound and request.grant.recorded_policy == policy.name


def exceeds_maximum(policy: AccessPolicy, request: Request) -> bool:
    """Return whether a request is longer than the policy allows."""
    maximum = max_duration_of(policy, request)
    return maximum is not None and request.requested_duration > maximum


def extensions_are_within_maximum(policy: AccessPolicy, request: Request) -> bool:
    """The chain of extensions is not longer than ``spec.maxExtensions``."""
    maximum = policy.max_extensions
    return maximum is None or request.extension_number <= maximum


def access_ahead_is_within_maximum(policy: AccessPolicy, request: Request) -> bool:
    """A requester schedules no more without approval than one chain could have.

    Without ``spec.maxExtensions``, that is one grant: the number of extensions has no
    limit, but each is requested when it is needed. Approvers see each grant, so there
    is no limit with approval.
    """
    ahead = request.earlier.ahead
    if not ahead or (policy.approval is not None and not request.grant.break_glass):
        return True
    maximum = _lowest_maximum(policy, request)
    own = min(request.requested_duration, maximum)
    # Whole numbers do not overflow, as the longest durations would.
    return int(ahead.total_seconds() + own.total_seconds()) <= _most_ahead(
        policy, request
    )


def _lowest_maximum(policy: AccessPolicy, request: Request) -> timedelta:
    maximum = max_duration_of(policy, request)
    return min(maximum or request.instance_maximum, request.instance_maximum)


def _most_ahead(policy: AccessPolicy, request: Request) -> int:
    """Return the seconds that a requester can schedule without approval."""
    grants = 1 + (policy.max_extensions or 0)
    return int(_lowest_maximum(policy, request).total_seconds()) * grants


def subject_has_no_rules(policy: AccessPolicy, request: Request) -> bool:
    """The grant gives what the role gives, unless the policy accepts more.

    Rules that are only in AppProjects of other roles keep the line of a grant that had
    started: the text of one project ends no access elsewhere.
    """
    if not exceeds_role(policy, request):
        return True
    return request.activated.only_elsewhere and request.is_bound


def exceeds_role(policy: AccessPolicy, request: Request) -> bool:
    """Return whether a grant activates rules that the policy does not accept."""
    return not policy.accepts_subject_rules and bool(request.activated.rules.total)


def active_grants_are_within_maximum(policy: AccessPolicy, request: Request) -> bool:
    """The subject has fewer earlier grants than ``spec.maxActivePerSubject``."""
    maximum = policy.max_active_per_subject
    return maximum is None or request.earlier.active < maximum


def _other_requesters(policy: AccessPolicy, request: Request) -> str:
    allowed = listed(pattern.describe() for pattern in policy.requesters)
    return (
        f"allows requests by {allowed or 'no requester'}, not by"
        f" {quote(request.requester.username)}."
        f"{similar_identity(policy.requesters, request.requester)} Ask one of them to"
        " request the access, or ask an administrator to change the policy"
    )


def _other_roles(policy: AccessPolicy, request: Request) -> str:
    roles = listed(map(_describe_role, policy.roles)) or "no role"
    return (
        f"allows requests of {roles}, not of {quote(request.grant.role.bound_as)}."
        " Request a role that the policy lists"
    )


def _other_subjects(policy: AccessPolicy, request: Request) -> str:
    patterns, subject = policy.subjects, request.grant.subject
    allowed = [f"User {quote(glob)}" for glob in patterns.users]
    allowed += [f"Group {quote(glob)}" for glob in patterns.groups]
    if patterns.is_self:
        own = f"a user whose name begins with {quote(request.strip_prefix)}"
        if request.own_subject is not None:
            own = f"User {quote(request.own_subject)}"
        allowed.insert(0, f"the requester ({own})")
    return (
        f"allows requests for {listed(allowed) or 'no subject'}, not"
        f" for {subject.kind} {quote(subject.name)}.{_similar_subject(policy, request)}"
        " Request access for a subject that the policy lists"
    )


def _similar_subject(policy: AccessPolicy, request: Request) -> str:
    """Return that the policy lists a subject of another spelling, as a sentence."""
    subject, patterns = request.grant.subject, policy.subjects
    listed_names = list(patterns.users)
    if subject.kind is SubjectKind.GROUP:
        listed_names = list(patterns.groups)
    elif patterns.is_self and request.own_subject is not None:
        listed_names.insert(0, request.own_subject)
    core = name_core(subject.name)
    for name in listed_names[:MAX_COMPARED]:
        if name != subject.name and name_core(name) == core:
            difference = describe_difference(subject.name, name)
            return f" {quote(subject.name)} differs from {quote(name)} {difference}."
    return ""


def similar_identity(patterns: Sequence[IdentityPattern], identity: Identity) -> str:
    """Return that a policy lists a name of an identity in another spelling.

    Returns:
        A sentence with a blank before it, or an empty text.
    """
    groups = sorted(identity.groups)[:MAX_COMPARED]
    cores = {
        IdentityKind.USER: {name_core(identity.username): identity.username},
        IdentityKind.GROUP: {name_core(one): one for one in groups},
    }
    for pattern in patterns[:MAX_COMPARED]:
        name = cores.get(pattern.kind, {}).get(name_core(pattern.name))
        if name is not None and name != pattern.name:
            difference = describe_difference(name, pattern.name)
            return (
                f" {pattern.kind} {quote(name)} of {quote(identity.username)} differs"
                f" from {quote(pattern.name)} {difference}."
            )
    return ""


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
        f" extension {request.extension_number}. Grants of the same subject and role"
        f" with less than {format_duration(MIN_PAUSE)} between them count, whoever"
        " requested them. Request new access that starts later"
    )


def _too_much_ahead(policy: AccessPolicy, request: Request) -> str:
    most = timedelta(seconds=_most_ahead(policy, request))
    return (
        f"allows {quote(request.requester.username)} to schedule"
        f" {format_duration(most)} of this access without approval, and with this"
        " request it would be more. Create another grant when an earlier one has ended"
    )


def _subject_has_rules(_policy: AccessPolicy, request: Request) -> str:
    return (
        f"does not allow a grant that gives {quote(request.grant.subject.name)} more"
        " than the role: Argo CD has rules for the subject itself, which it applies"
        f" only once a grant names it: {request.activated.rules.describe()}. Name"
        " another subject, or ask an administrator to move these rules to a role, or"
        " to set subjectRules: Accept in the policy"
    )


def _too_many_active_grants(policy: AccessPolicy, request: Request) -> str:
    return (
        f"allows at most {policy.max_active_per_subject} grants at a time for"
        f" {quote(request.grant.subject.name)}, who already has"
        f" {request.earlier.active}. The grant takes effect as soon as one of them has"
        " ended"
    )


Holds = Callable[[AccessPolicy, Request], bool]
Explain = Callable[[AccessPolicy, Request], str]
ALLOWS: Final[tuple[tuple[Holds, Explain], ...]] = (
    (requester_matches, _other_requesters),  # who requests
    (role_matches, _other_roles),  # which role
    (subject_matches, _other_subjects),  # for whom
    (break_glass_is_allowed, _no_break_glass),  # with or without approval
    (justification_is_present, _justification_missing),  # why
    (justification_matches, _justification_differs),
    (duration_is_within_maximum, _duration_too_long),  # for how long
    (extensions_are_within_maximum, _too_many_extensions),  # how often
    (access_ahead_is_within_maximum, _too_much_ahead),
    (subject_has_no_rules, _subject_has_rules),  # and nothing else
    (active_grants_are_within_maximum, _too_many_active_grants),
    # The last check comes last because its result changes without a new request.
)
"""Checks, each with the clause that follows the policy's name if it does not hold."""


def first_failed_check(policy: AccessPolicy, request: Request) -> FailedCheck | None:
    """Run all checks of an Allow policy; return None if it allows the request."""
    for position, (holds, _) in enumerate(ALLOWS):
        if not holds(policy, request):
            return FailedCheck(position, policy)
    return None


class Denial(NamedTuple):
    """A Deny policy that matches a request."""

    policy: AccessPolicy
    inherited: str | None = None
    """Role that the policy names and the requested role inherits; None if the policy
    names the requested role."""

    def message(self, request: Request) -> str:
        """Explain the denial to the requester, as a clause."""
        name = f"AccessPolicy {quote(self.policy.name)}"
        if self.inherited is None:
            return f"{name} denies this grant"
        role = quote(request.grant.role.bound_as)
        return f"{name} denies {quote(self.inherited)}, which {role} inherits"


def denial_by(
    policy: AccessPolicy, request: Request, inheritance: RoleInheritance
) -> Denial | None:
    """Return the denial of a request by a Deny policy; None if it does not match.

    It matches more than an Allow policy with the same fields. Argo CD compares bare
    strings, so the kind of the subject is ignored; ``self`` includes every spelling of
    the requester's name; ``*`` includes the accounts of Kubernetes itself; and a role
    matches if it inherits one that matches.
    """
    subject, patterns = request.grant.subject.name, policy.subjects
    matches_people = any(
        p.matches(request.requester, also_system=True) for p in policy.requesters
    ) and (
        any(matches_glob(g, subject) for g in (*patterns.users, *patterns.groups))
        or (
            patterns.is_self
            and is_same_user(request.requester.username, subject, request.strip_prefix)
        )
    )
    if not matches_people:
        return None
    if role_matches(policy, request):
        return Denial(policy)

    def is_named(name: str) -> bool:
        return any(_covers(one, *_split_role(name)) for one in policy.roles)

    inherited = inheritance.inherited_role(request.grant.role, policy.uid, is_named)
    return None if inherited is None else Denial(policy, inherited)


def why_only_kept(policy: AccessPolicy, request: Request) -> Finding:
    """Explain why a grant that had started gets no new binding under a policy."""
    is_longer = exceeds_maximum(policy, request)
    explain = _duration_too_long if is_longer else _subject_has_rules
    reason = Reason.NOT_ALLOWED if is_longer else Reason.SUBJECT_HAS_RULES
    message = f"AccessPolicy {quote(policy.name)} {explain(policy, request)}."
    return Finding(reason, message)


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


def _covers(pattern: RolePattern, project: str | None, name: str) -> bool:
    if pattern.project is None or project is None:
        return pattern.project is project and matches_glob(pattern.name, name)
    return matches_glob(pattern.name, name) and matches_glob(pattern.project, project)


def _split_role(name: str) -> tuple[str | None, str]:
    """Split a role as written in the RBAC policy into its project, if any, and name."""
    prefix, _, rest = name.partition(":")
    project, colon, role = rest.partition(":")
    return (project, role) if prefix == "proj" and colon else (None, name)


def _describe_role(pattern: RolePattern) -> str:
    prefix = "" if pattern.project is None else f"proj:{pattern.project}:"
    return quote(prefix + pattern.name)


def _hint(policy: AccessPolicy) -> str:
    hint = policy.justification.hint
    return f": {quote(hint)}" if hint else ""
