"""Checks that a grant must pass to be in force, in order.

``IN_FORCE`` is the specification: a grant is in force if every check passes. A check is
named after the condition that it verifies. It returns None if it passes, and otherwise
a ``Finding`` with the reason and message of the status condition ``Ready``. The first
finding decides; ``decide`` derives from it the desired state of the binding.

The checks, in order:

    not ended      not being deleted, revoked, denied, timed out or expired, and not a
                   copy of a grant that ended so
    well formed    the object can carry the finalizer; subject and role are valid; a
                   grant that may be re-created has an absolute end
    permitted      the ArgoCDInstance exists, Argo CD's owner allows it, and access
                   policies allow the grant
    started        ``spec.notBefore`` has passed
    bindable       Argo CD's policy is known, the subject is not a role, the AppProject
                   can be parsed, the role exists, and a line may be added

All checks are pure functions of ``DecisionInput``, which is complete before the first
one runs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, NamedTuple

from argogrant.grants.access.evaluation import PolicyResult, evaluate
from argogrant.grants.access.policy import AccessRules
from argogrant.grants.access.policy_checks import (
    NO_RELATED_OBJECTS,
    RelatedObjects,
    is_bound,
)
from argogrant.grants.model.grant import Grant, ToolMark, accounted_to
from argogrant.grants.model.identity import SERVICE_ACCOUNT_PREFIX
from argogrant.grants.model.reasons import Finding, Reason
from argogrant.grants.model.validation import quote, with_full_stop
from argogrant.grants.model.window import (
    Window,
    fixed_end,
    format_duration,
    format_instant,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceState(AccessRules):
    """Observed state of one ArgoCDInstance and its Argo CD."""

    name: str
    max_open_per_requester: int = 1000
    """Number of grants of one requester that have not ended; break glass apart."""
    exists: bool = True
    """False if there is no ArgoCDInstance, or if it is being deleted."""
    is_allowed_by_argocd: bool = True
    """False if ``argocd-rbac-cm`` does not allow ArgoCDInstances of this namespace."""
    rbac_policy_is_known: bool = True
    """True if ``argocd-rbac-cm`` could be read; otherwise no binding is added."""
    projects_are_known: bool = True
    """True if the AppProjects could be read; otherwise no role counts as missing."""
    roles: frozenset[str] = frozenset()
    """Existing roles, as written in Argo CD's RBAC policy."""
    failed_projects: frozenset[str] = frozenset()
    """AppProjects that the operator failed to process; nothing is known of them."""
    unreadable_projects: Mapping[str, str] = field(default_factory=dict)
    """AppProjects whose roles Argo CD ignores, or that argogrant does not read, each
    with the problem and its remedy."""
    names_used_as_roles: frozenset[str] = frozenset()
    """Names that are used as roles. Binding one as a subject would grant the new role
    to everyone who has it."""
    names_used_as_roles_in: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Names that the lines of each AppProject use as roles, in requests about it."""
    instance_label_key: str = ""
    """Label with which Argo CD marks what it applies; empty if it is unknown or the
    usual one."""
    url: str = ""
    access_details: str = ""
    """Text for recipients of a grant, with placeholders."""


class DecisionInput(NamedTuple):
    """One grant with everything that its checks need; a tuple, as there are many."""

    grant: Grant
    instance: InstanceState
    related: RelatedObjects
    policy_result: PolicyResult
    """Approval of the grant by access policies."""
    window: Window
    """When the grant may be in force."""
    now: datetime


def build_input(
    grant: Grant,
    instance: InstanceState,
    now: datetime,
    related: RelatedObjects = NO_RELATED_OBJECTS,
) -> DecisionInput:
    """Build the input of a decision; evaluate access policies and derive the window."""
    policy_result = evaluate(grant, instance, related, now)
    window = policy_result.window_of(grant, max_duration=instance.max_duration)
    return DecisionInput(grant, instance, related, policy_result, window, now)


RECORD_ANNOTATION: Final = "argogrant.dev/record"
"""Annotation with the record of a grant; see ``model/record.py``."""
NEW_WITHOUT_RECORD: Final = (
    "For new access, create a new AccessGrant without this annotation."
)
_EARLY_ENDS: Final = {
    Reason.REVOKED: "was revoked",
    Reason.DENIED: "was denied",
    Reason.APPROVAL_TIMED_OUT: "was not approved in time",
}

Check = Callable[[DecisionInput], Finding | None]


def grant_is_not_being_deleted(facts: DecisionInput) -> Finding | None:
    """A deleted grant ends at once; its finalizer waits for the revocation."""
    if not facts.grant.being_deleted:
        return None
    return Finding(Reason.DELETED, "The grant is being deleted.")


def grant_is_not_revoked(facts: DecisionInput) -> Finding | None:
    """``spec.revoked`` ends a grant permanently, even if set at creation."""
    if not facts.grant.revoked:
        return None
    justification = facts.grant.revocation_justification
    why = f": {quote(justification)}" if justification else ""
    return Finding(
        Reason.REVOKED, with_full_stop(f"The grant was revoked{why}"), is_final=True
    )


def grant_was_not_denied_or_timed_out(facts: DecisionInput) -> Finding | None:
    """A denial or an approval timeout is final.

    It remains final even after the AccessApproval or AccessPolicy is deleted.
    """
    if facts.grant.recorded_finding is None:
        return None
    reason, message = facts.grant.recorded_finding
    return Finding(reason, message, is_final=True)


def record_says_no_end(facts: DecisionInput) -> Finding | None:
    """A grant that had ended stays ended if its object is created again.

    A copy also ends with its original, as long as that still exists: the copy may have
    been made before.
    """
    record = facts.grant.record
    if record is None:
        return None
    if not record.uid:
        return Finding(
            Reason.EXPIRED,
            f"The annotation {RECORD_ANNOTATION} cannot be read, so it is not known how"
            f" much time is left. {NEW_WITHOUT_RECORD}",
            is_final=True,
        )
    reason = record.ended or _end_of(facts.related.original)
    if reason is None:
        return None
    what = _EARLY_ENDS[reason]
    message = f"The grant {what}, according to its annotation {RECORD_ANNOTATION}."
    if facts.grant.original:
        message = (
            f"The grant is a copy of one that {what} (annotation {RECORD_ANNOTATION})."
        )
    return Finding(reason, f"{message} {NEW_WITHOUT_RECORD}", is_final=True)


def _end_of(original: Grant | None) -> Reason | None:
    """Return why a grant has ended before its end, by its own object."""
    if original is None:
        return None
    if original.revoked:
        return Reason.REVOKED
    if original.recorded_finding is not None:
        return original.recorded_finding.reason
    return original.record.ended if original.record is not None else None


def window_has_not_closed(facts: DecisionInput) -> Finding | None:
    """The end is exclusive: the grant is no longer in force at ``expiresAt`` itself."""
    if not facts.window.has_closed(facts.now):
        return None
    end = format_instant(facts.window.end)
    message = f"The grant expired at {end}. Create a new AccessGrant for new access."
    if facts.grant.original:
        message = (
            f"The grant is a copy of one whose access ended at {end} (annotation"
            f" {RECORD_ANNOTATION}), and a copy gets no new time. {NEW_WITHOUT_RECORD}"
        )
    elif facts.window.end <= facts.window.start:
        start = format_instant(facts.window.start)
        message = (
            f"The grant would end at {end}, which is not after its start at {start}, so"
            " it never gives access. Create a new AccessGrant with a later end."
        )
    return Finding(Reason.EXPIRED, message, is_final=True)


def grant_can_carry_finalizer(facts: DecisionInput) -> Finding | None:
    """Access without a record of it could neither be revoked nor deleted."""
    problem = facts.grant.metadata_problem or facts.related.finalizer_problem
    if not problem:
        return None
    return Finding(
        Reason.NOT_RECORDABLE,
        f"No access is given by an AccessGrant that the operator cannot write to:"
        f" {with_full_stop(problem)} Create a new AccessGrant with fewer labels,"
        " annotations, finalizers and owner references.",
    )


def subject_is_well_formed(facts: DecisionInput) -> Finding | None:
    """The subject's name has no effect on how Argo CD parses the policy line."""
    problem = facts.grant.subject.problem
    return None if problem is None else Finding(Reason.SUBJECT_REFUSED, problem)


def role_is_well_formed(facts: DecisionInput) -> Finding | None:
    """The role's name has no effect on how Argo CD parses the policy line."""
    problem = facts.grant.role.problem
    return None if problem is None else Finding(Reason.ROLE_REFUSED, problem)


def recreated_grant_has_absolute_end(facts: DecisionInput) -> Finding | None:
    """A duration would start again each time that a tool re-creates the grant.

    A mark that is added to a grant in force does not end it: a user who may set labels
    and annotations on it could otherwise end it without a record. What a grant contains
    when it is created, such as the finalizer, does not prove that it is in force.
    """
    why = lacks_absolute_end(facts.grant, facts.instance)
    if not why or is_bound(facts.grant, facts.related):
        return None
    return _absolute_end_required(why)


def _absolute_end_required(why: str) -> Finding:
    return Finding(
        Reason.ABSOLUTE_END_REQUIRED,
        f"{why}, where a duration would start again each time the grant is re-created."
        " Set spec.expiresAt instead of spec.duration, or set spec.notBefore too: then"
        " the duration counts from it.",
    )


def lacks_absolute_end(grant: Grant, instance: InstanceState) -> str:
    """Return why a grant needs an absolute end that it lacks; empty if it does not.

    A service account is a tool, unless it is a front end that requests for people.
    """
    if fixed_end(grant) is not None:
        return ""
    mark = tool_mark(grant, instance.instance_label_key)
    if mark is not None:
        return f"{mark.tool} applies this grant ({mark.mark})"
    requester = grant.requester
    if requester is None or not requester.username.startswith(SERVICE_ACCOUNT_PREFIX):
        return ""
    if requester.username in instance.identities.trusted_front_ends:
        return ""
    return f"Service account {quote(requester.username)} applies this grant"


def tool_mark(grant: Grant, instance_label_key: str) -> ToolMark | None:
    """Return the mark of a tool that may create the grant again.

    Args:
        grant: The grant.
        instance_label_key: Label that Argo CD uses as its mark; empty if unknown.
    """
    applies_again = grant.mark is not None and grant.mark.applies_again
    if not applies_again and instance_label_key in grant.label_keys:
        return ToolMark("Argo CD", f"label {quote(instance_label_key)}")
    return grant.mark


def instance_exists(facts: DecisionInput) -> Finding | None:
    """``spec.instance`` names an ArgoCDInstance that is not being deleted."""
    if facts.instance.exists:
        return None
    return Finding(
        Reason.INSTANCE_NOT_FOUND,
        f"There is no ArgoCDInstance {quote(facts.grant.instance)} in namespace"
        f" {facts.grant.namespace}, or it is being deleted. Create it, or create"
        " the grant with another spec.instance.",
    )


def argocd_allows_instance(facts: DecisionInput) -> Finding | None:
    """The owner of Argo CD allows the namespace of the ArgoCDInstance to bind there.

    While ``argocd-rbac-cm`` cannot be read, this is unknown, and a later check says so.
    """
    if facts.instance.is_allowed_by_argocd:
        return None
    return Finding(
        Reason.NOT_ALLOWED_BY_ARGOCD,
        "The owner of that Argo CD does not allow ArgoCDInstances of namespace"
        f" {facts.grant.namespace}, so the grant gives no access. Ask whoever may edit"
        " its argocd-rbac-cm to allow the namespace; the Ready condition of"
        f" ArgoCDInstance {quote(facts.grant.instance)} contains the command.",
    )


def requester_is_within_quota(facts: DecisionInput) -> Finding | None:
    """One requester cannot use up what all requesters share: the oldest come first.

    A grant that has ended for good stays ended.
    """
    ended = facts.policy_result.finding is not None and (
        facts.policy_result.finding.is_final
    )
    if ended or not facts.related.is_over_quota:
        return None
    requester = accounted_to(facts.grant, facts.instance.identities.named_since)
    who = quote(requester) if requester else "Requesters that are not verified"
    kind = "break-glass grants" if facts.grant.break_glass else "grants"
    return Finding(
        Reason.QUOTA_EXCEEDED,
        f"{who} may have at most {facts.instance.max_open_per_requester} {kind} that"
        " have not ended (maxOpenPerRequester of the ArgoCDInstance); older ones take"
        " precedence. Revoke or delete grants that are not needed, or ask an"
        " administrator to raise the limit.",
    )


def grant_is_approved(facts: DecisionInput) -> Finding | None:
    """Access policies allow the grant and have the approvals that they require."""
    return facts.policy_result.finding


def window_has_opened(facts: DecisionInput) -> Finding | None:
    """A grant with a later ``spec.notBefore`` is scheduled."""
    if facts.window.has_opened(facts.now):
        return None
    start = format_instant(facts.window.start)
    return Finding(Reason.SCHEDULED, f"The grant starts at {start}.")


def rbac_policy_is_known(facts: DecisionInput) -> Finding | None:
    """The next checks need ``argocd-rbac-cm``; without it, their facts are unknown."""
    if facts.instance.rbac_policy_is_known:
        return None
    return Finding(
        Reason.INSTANCE_UNAVAILABLE,
        "Argo CD's RBAC policy cannot be read at the moment. See the conditions of the"
        " ArgoCDInstance.",
        is_unknown=True,
    )


def subject_is_not_a_role(facts: DecisionInput) -> Finding | None:
    """A binding of a role grants the new role to all subjects of that role."""
    name, project = facts.grant.subject.name, facts.grant.role.project or ""
    if name in facts.instance.names_used_as_roles:
        where = "Argo CD's RBAC policy (the right side of a g line, or policy.default)"
    elif name in facts.instance.names_used_as_roles_in.get(project, ()):
        where = f"AppProject {quote(project)} (the right side of a g line)"
    else:
        return None
    return Finding(
        Reason.SUBJECT_REFUSED,
        f"spec.subject.name {quote(name)} is used as a role in {where}, so a binding"
        " grants the new role to all subjects of that role. Name a user or an SSO group"
        " that is not a role.",
    )


def project_is_readable(facts: DecisionInput) -> Finding | None:
    """Argo CD ignores the roles of a project with a line that it cannot parse.

    argogrant does not read a project that exceeds its limits.
    """
    project = facts.grant.role.project
    if not facts.instance.projects_are_known and (
        # An AppProject may have rules for the subject, which policies refuse.
        project is not None or not facts.instance.are_unrestricted
    ):
        return Finding(
            Reason.INSTANCE_UNAVAILABLE,
            "The AppProjects cannot be read at the moment. See the conditions of the"
            " ArgoCDInstance.",
            is_unknown=True,
        )
    if project is None:
        return None
    if project in facts.instance.failed_projects:
        return Finding(
            Reason.INTERNAL_ERROR,
            f"The operator failed to process AppProject {quote(project)}. See the"
            " conditions of the ArgoCDInstance.",
            is_unknown=True,
        )
    problem = facts.instance.unreadable_projects.get(project)
    if problem is None:
        return None
    return Finding(Reason.PROJECT_INVALID, problem)


def role_exists(facts: DecisionInput) -> Finding | None:
    """Argo CD accepts a binding to an undefined role, but it has no effect."""
    if facts.grant.binding.role in facts.instance.roles:
        return None
    role = facts.grant.role
    where = (
        f"AppProject {quote(role.project)} has no role {quote(role.name)}"
        if role.project
        else f"Argo CD's RBAC policy defines no role {quote(role.name)}"
    )
    return Finding(
        Reason.ROLE_NOT_FOUND,
        f"{where}. The grant takes effect as soon as the role is defined.",
    )


def binding_may_be_added(facts: DecisionInput) -> Finding | None:
    """The grant could still be bound today; if not, only an existing line stays."""
    why = lacks_absolute_end(facts.grant, facts.instance)
    if why:
        return replace(_absolute_end_required(why), is_unknown=True)
    return facts.policy_result.only_kept


OVER: tuple[Check, ...] = (
    grant_is_not_being_deleted,  # Deleted
    grant_is_not_revoked,  # Revoked, final
    grant_was_not_denied_or_timed_out,  # Denied or ApprovalTimedOut, final
    record_says_no_end,  # Revoked, Denied, ApprovalTimedOut or Expired, final
    window_has_not_closed,  # Expired, final
)
"""The first checks. ``decide_alone`` runs them with the grant and the time alone, and
then knows no end that a policy or another grant sets."""
IN_FORCE: tuple[Check, ...] = (
    *OVER,
    grant_can_carry_finalizer,  # NotRecordable
    subject_is_well_formed,  # SubjectRefused; later messages may print the name
    role_is_well_formed,  # RoleRefused
    recreated_grant_has_absolute_end,  # AbsoluteEndRequired
    instance_exists,  # InstanceNotFound; later checks need the state of its Argo CD
    argocd_allows_instance,  # NotAllowedByArgoCD; before policies, which may be unknown
    requester_is_within_quota,  # QuotaExceeded
    # NotAllowed, SubjectHasRules, RequesterUnverified, ExtensionRefused or
    # AwaitingApproval; Denied or ApprovalTimedOut, final; AccessPoliciesUnknown or
    # AccessPolicyInvalid, unknown.
    # See access/evaluation.py.
    grant_is_approved,
    window_has_opened,  # Scheduled; before the role, which may not exist yet
    rbac_policy_is_known,  # InstanceUnavailable, unknown
    subject_is_not_a_role,  # SubjectRefused
    # ProjectInvalid; InstanceUnavailable or InternalError, unknown
    project_is_readable,
    role_exists,  # RoleNotFound; late, as it changes without a change of the grant
    # ExtensionRefused, NotAllowed, SubjectHasRules or AbsoluteEndRequired, unknown;
    # last: if another
    # check fails, the existing line does not stay either
    binding_may_be_added,
)
"""Checks in order. A grant in force can still lack its binding: see controller/plan.py
and controller/apply.py (InstanceUnavailable, RBACTextInvalid, RBACTextFull,
OverlayOwnedByAnother, ConfigMapMissing, Contested)."""


def shortened_by_max_duration(facts: DecisionInput) -> str:
    """Return a note if a maximum duration shortened the grant, else an empty text."""
    start, end = facts.window
    if facts.grant.expires_at == end:
        return ""  # the usual case: the end is the requested one
    if facts.grant.original:
        return (
            " It is a copy of another grant, and ends when that one would"
            f" (annotation {RECORD_ANNOTATION})."
        )
    if facts.grant.duration is not None and facts.grant.not_before is not None:
        start = facts.grant.not_before
    result, maximum = facts.policy_result, facts.instance.max_duration
    source = "the instance's maxDuration"
    if result.max_duration is not None and result.max_duration < maximum:
        maximum = result.max_duration
        source = f"the maximum of AccessPolicy {quote(result.policy or '')},"
    is_longer = facts.grant.expires_at is not None and facts.grant.expires_at > end
    if facts.grant.duration is not None:
        is_longer = facts.grant.duration > maximum
    if not is_longer or end - start != maximum:
        return ""
    return f" It is shortened to {source} of {format_duration(maximum)}."
