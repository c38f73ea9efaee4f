"""The questions that stand between a grant and its binding, in the order asked.

A check is named after the fact that it wants to hold. It returns None if the fact
holds, or else a Finding. ``IN_FORCE`` is the specification: the first finding answers.
"""

import difflib
from collections.abc import Callable

from argogrant.grants.facts import DecisionInput
from argogrant.grants.model.reasons import Finding, Reason
from argogrant.grants.model.validation import quote, with_full_stop
from argogrant.grants.model.window import format_duration, format_instant

Check = Callable[[DecisionInput], Finding | None]


def grant_is_not_being_deleted(facts: DecisionInput) -> Finding | None:
    """A deleted grant ends at once; its finalizer waits for the revocation."""
    if facts.grant.being_deleted:
        return Finding(Reason.DELETED, "The grant is being deleted.")
    return None


def grant_was_not_revoked(facts: DecisionInput) -> Finding | None:
    """``spec.revoked`` ends a grant for good, also one that was created revoked."""
    if not facts.grant.revoked:
        return None
    why = facts.grant.revocation_justification
    said = f": {quote(why)}" if why else ""
    return Finding(
        Reason.REVOKED, with_full_stop(f"The grant was revoked{said}"), is_final=True
    )


def grant_was_not_ended(facts: DecisionInput) -> Finding | None:
    """What was said to be over stays so, though its cause may be gone."""
    if facts.grant.recorded_end is None:
        return None
    reason, message = facts.grant.recorded_end
    return Finding(reason, message, is_final=True)


def window_has_not_closed(facts: DecisionInput) -> Finding | None:
    """The end is exclusive: at ``expiresAt`` access is over."""
    if not facts.window.has_closed(facts.now):
        return None
    end = format_instant(facts.window.end)
    message = f"The grant ended at {end}. Create a new AccessGrant for new access."
    if facts.window.end <= facts.window.start:
        start = format_instant(facts.window.start)
        message = (
            f"The grant would end at {end}, not after its start at {start}, so it never"
            " gives access. Create a new AccessGrant with a later end."
        )
    return Finding(Reason.EXPIRED, message, is_final=True)


def subject_is_well_formed(facts: DecisionInput) -> Finding | None:
    """Everything after this check may print the subject's name."""
    problem = facts.grant.subject.problem
    return None if problem is None else Finding(Reason.SUBJECT_REFUSED, problem)


def role_is_well_formed(facts: DecisionInput) -> Finding | None:
    """A role's name is rendered like a subject's and obeys the same text rule."""
    problem = facts.grant.role.problem
    return None if problem is None else Finding(Reason.ROLE_REFUSED, problem)


def git_grant_has_absolute_end(facts: DecisionInput) -> Finding | None:
    """What Git re-creates must not begin anew."""
    if not facts.grant.tracked_by_git or facts.grant.expires_at is not None:
        return None
    return Finding(
        Reason.ABSOLUTE_END_REQUIRED,
        "Argo CD applies this grant from Git, where a duration would begin anew at"
        " every re-creation. Write spec.expiresAt instead of spec.duration.",
    )


def instance_exists(facts: DecisionInput) -> Finding | None:
    """A grant names the Argo CD installation that it is for."""
    if facts.instance.exists:
        return None
    return Finding(
        Reason.INSTANCE_NOT_FOUND,
        f"There is no ArgoCDInstance {quote(facts.grant.instance)} in namespace"
        f" {facts.grant.namespace}. Create it, or create the grant with another"
        " spec.instance.",
    )


def is_approved(facts: DecisionInput) -> Finding | None:
    """Access policies and approvals have a chain of their own."""
    return facts.policy_result.finding


def window_has_opened(facts: DecisionInput) -> Finding | None:
    """A scheduled grant waits for its ``notBefore``."""
    if facts.window.has_opened(facts.now):
        return None
    start = format_instant(facts.window.start)
    return Finding(Reason.SCHEDULED, f"The grant begins at {start}.")


def subject_is_not_a_role(facts: DecisionInput) -> Finding | None:
    """Binding a name that others hold as a role would give them the new role too."""
    name = facts.grant.subject.name
    if name not in facts.instance.names_used_as_roles:
        return None
    return Finding(
        Reason.SUBJECT_REFUSED,
        f"spec.subject.name {quote(name)} is used as a role in Argo CD's RBAC text"
        " (the right side of a g line, or policy.default), so everybody who holds it"
        " would get the new role. Name a user or an SSO group that is no role.",
    )


def rbac_text_is_known(facts: DecisionInput) -> Finding | None:
    """Without the RBAC text no role can be said to exist."""
    if facts.instance.text_is_known:
        return None
    return Finding(
        Reason.INSTANCE_UNAVAILABLE,
        "Argo CD's RBAC text can not be read at the moment; the ArgoCDInstance says"
        " why.",
        is_unknown=True,
    )


def project_is_readable(facts: DecisionInput) -> Finding | None:
    """Argo CD drops all roles of a project in which one line can not be read."""
    project = facts.grant.role.project
    if project is None:
        return None
    if not facts.instance.projects_are_known:
        return Finding(
            Reason.INSTANCE_UNAVAILABLE,
            "The AppProjects can not be read at the moment; the ArgoCDInstance says"
            " why.",
            is_unknown=True,
        )
    problem = facts.instance.unreadable_projects.get(project)
    if problem is None:
        return None
    return Finding(
        Reason.PROJECT_INVALID,
        f"Argo CD ignores every role of AppProject {quote(project)}: {problem}."
        " Mend that line of the AppProject.",
    )


def role_exists(facts: DecisionInput) -> Finding | None:
    """A binding to a role that is not defined would silently give nothing."""
    if facts.grant.binding.role in facts.instance.roles:
        return None
    role = facts.grant.role
    where = (
        f"AppProject {quote(role.project)} has no role {quote(role.name)}"
        if role.project
        else f"Argo CD's RBAC text defines no role {quote(role.name)}"
    )
    near = difflib.get_close_matches(role.bound_as, sorted(facts.instance.roles), n=3)
    hint = f" Near it: {', '.join(map(quote, near))}." if near else ""
    return Finding(
        Reason.ROLE_NOT_FOUND,
        f"{where}. The grant is bound as soon as the role is defined.{hint}",
    )


IN_FORCE: tuple[Check, ...] = (
    grant_is_not_being_deleted,  # nothing is reported of what vanishes
    grant_was_not_revoked,  # a revocation is final, whatever else is wrong
    grant_was_not_ended,  # and so is what was said for good
    window_has_not_closed,  # and so is the end
    subject_is_well_formed,  # everything after this may print the name
    role_is_well_formed,
    git_grant_has_absolute_end,
    instance_exists,  # everything after this looks at Argo CD
    is_approved,  # see argogrant.grants.access.evaluation
    window_has_opened,  # a scheduled grant may wait for its role
    rbac_text_is_known,
    subject_is_not_a_role,
    project_is_readable,
    role_exists,  # last: it changes without anybody touching the grant
)


def shortened_by_max_duration(facts: DecisionInput) -> str:
    """Say so when a ceiling shortened what was asked for."""
    start, end = facts.window
    if facts.grant.expires_at == end:
        return ""  # as asked for, as almost always
    agreement, most = facts.policy_result, facts.instance.max_duration
    whose = "the instance's maxDuration"
    if agreement.max_duration is not None and agreement.max_duration < most:
        most = agreement.max_duration
        whose = f"the ceiling of AccessPolicy {quote(agreement.policy or '')},"
    asked = facts.grant.expires_at
    if facts.grant.duration is not None:
        shortened = facts.grant.duration > most
    else:
        shortened = asked is not None and asked > end
    if not shortened or end - start != most:
        return ""
    return f" It is shortened to {whose} of {format_duration(most)}."
