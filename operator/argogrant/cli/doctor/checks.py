"""Checks of the facts that ``collect`` has read. Pure.

Those of an instance repeat what the operator reports in conditions. While no operator
runs, its last report is no longer evidence: ``outdated`` is then the reason, and the
result is unknown.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from argogrant.api.accessgrant_view import read_conditions
from argogrant.api.admission_policies import VALIDATING_FILE
from argogrant.api.argocdinstance import view_returned
from argogrant.api.json_fields import get_dicts, get_str, get_time
from argogrant.cli.doctor.access_checks import access_is_accounted_for
from argogrant.cli.doctor.collect import (
    ClusterFacts,
    InstanceFacts,
    Probe,
    abbreviate,
    operator_account,
)
from argogrant.cli.terminal.checklist import (
    CheckOutcome,
    CheckResult,
    fine,
    unknown,
    wrong,
)
from argogrant.cli.terminal.tables import sanitize
from argogrant.controller.store import GrantRecord
from argogrant.grants.model.reasons import GrantCondition, InstanceCondition, Reason
from argogrant.grants.model.stored_condition import StoredCondition
from argogrant.grants.model.validation import one_line, quote

NEWEST_UNSUPPORTED: Final = (1, 29)
"""Last Kubernetes version without ValidatingAdmissionPolicy v1."""
MISSED_LEASES: Final = 2
"""Lease durations without a renewal after which the operator counts as stopped."""
_EXPECTED_FALSE: Final = frozenset({InstanceCondition.CONTESTED})
_EDIT: Final = "kubectl -n ARGOCD_NAMESPACE edit configmap argocd-rbac-cm"
_INSTALL: Final = f"kubectl apply -f {VALIDATING_FILE}"
_REMEDIES: Final[Mapping[str, tuple[str, str]]] = {
    Reason.CONFIG_MAP_MISSING: ("Argo CD's own manifests contain an empty one.", ""),
    Reason.MALFORMED_LINE: ("Correct or remove the line:", _EDIT),
    Reason.RBAC_TEXT_FULL: (
        "Revoke grants, grant roles to groups, or remove rules from the other keys:",
        _EDIT,
    ),
    Reason.ADMISSION_POLICY_MISSING: ("", _INSTALL),
    Reason.ADMISSION_POLICY_CHANGED: ("", _INSTALL),
}
"""Remedies, as text and as command, of reasons whose message has none of its own."""
_OUTDATED: Final = {
    "Operator": "reported before the operator stopped",
    "Rights": "reported before the operator lost permissions",
}
"""Why reported conditions may be outdated, by the check that found a problem.

An unreadable Lease is no evidence that the operator was stopped.
"""


def examine(
    cluster: ClusterFacts, instances: Sequence[InstanceFacts]
) -> list[CheckResult]:
    """Apply every check.

    Returns:
        The results, those of the cluster first. A condition of an instance is left out
        if its message repeats a result of the cluster.
    """
    common = [one for check in CLUSTER_CHECKS if (one := check(cluster)) is not None]
    common += access_is_accounted_for(cluster)
    known = {result.text for result in common}
    causes = (one.check for one in common if one.outcome is CheckOutcome.WRONG)
    outdated = next((_OUTDATED[one] for one in causes if one in _OUTDATED), "")
    return common + [
        replace(result, instance=facts.record.name)
        for facts in instances
        for check in INSTANCE_CHECKS
        for result in check(facts, outdated)
        if _message(result.text) not in known
    ]


def _message(text: str) -> str:
    """Return the message of a condition without the reason before it."""
    reason, colon, message = text.partition(": ")
    return message if colon and reason.isalpha() else text


def kubernetes_is_new_enough(facts: ClusterFacts) -> CheckResult:
    """Check that the API server can verify requesters."""
    check, version = "Kubernetes", facts.kubernetes
    if version.value is None:
        return unknown(check, version.problem or "the API server reports no version")
    found = re.match(r"v?(\d+)\.(\d+)", version.value)
    if found and tuple(map(int, found.groups())) <= NEWEST_UNSUPPORTED:
        return wrong(
            check,
            f"{version.value} does not serve ValidatingAdmissionPolicy, so requesters"
            " and approvers cannot be verified",
            remedy="Use Kubernetes 1.30 or newer.",
        )
    kinds = facts.admission_kinds.value or frozenset()
    if "mutatingadmissionpolicies" in kinds:
        support = "it can verify requesters, and fill in their names"
    elif "validatingadmissionpolicies" in kinds:
        support = (
            "it can verify requesters, but not fill in their names"
            " (it serves no MutatingAdmissionPolicy)"
        )
    else:
        support = "the kinds of admission policies that it serves are unknown"
    return fine(check, f"{version.value}; {support}")


def crds_are_current(facts: ClusterFacts) -> CheckResult:
    """Check that the CRDs are installed and equal those of this version."""
    check, apply = "CRDs", "kubectl apply --server-side -f crds"
    missing = [plural for plural, one in facts.crds.items() if one == Probe()]
    outdated = [plural for plural, one in facts.crds.items() if one.value is False]
    if missing:
        return wrong(check, f"not installed: {', '.join(missing)}", command=apply)
    if outdated:
        return wrong(
            check,
            f"different from those of this version: {', '.join(outdated)}",
            remedy="If the operator is newer than this argogrant, use the argogrant of"
            " the operator's version. Otherwise:",
            command=apply,
        )
    problem = next((one.problem for one in facts.crds.values() if one.problem), "")
    if problem:
        return unknown(check, f"cannot be compared with this version: {problem}")
    return fine(check, f"all {len(facts.crds)} installed and current")


def operator_is_leading(facts: ClusterFacts) -> CheckResult:
    """Check that a replica of the operator holds the Lease and renews it."""
    check, lease = "Operator", facts.lease.value
    pods = f"kubectl -n {facts.operator_namespace} get pods"
    if facts.lease.problem:
        return unknown(check, f"Lease argogrant: {facts.lease.problem}")
    if lease is None:
        return wrong(
            check,
            f"no Lease argogrant in namespace {facts.operator_namespace}: no operator"
            " has ever been leader here",
            remedy="Start it. With --no-leader-elect the operator creates no Lease.",
            command=pods,
        )
    if not lease.holder or lease.renewed_at is None:
        text = "the Lease argogrant has no holder: the operator was stopped"
        return wrong(check, text, remedy="Start it.", command=pods)
    age = facts.now - lease.renewed_at
    if age > timedelta(seconds=MISSED_LEASES * lease.seconds):
        return wrong(
            check,
            f"{lease.holder} holds the Lease but has not renewed it for"
            f" {int(age.total_seconds())} s. It is not revoking expired grants;"
            " `argogrant sweep` revokes them.",
            command=pods,
        )
    return fine(check, f"{lease.holder} is the leader")


def operator_can_report(facts: ClusterFacts) -> CheckResult:
    """Check the permissions without which the operator cannot report a problem."""
    check, account = "Rights", operator_account(facts.operator_namespace)
    missing = facts.missing_permissions.value
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        return wrong(
            check,
            f"{account} does not have permission to {missing[0].verb}"
            f" {missing[0].target}{more}, without which the operator cannot report"
            " problems",
            remedy="Apply the Role that grants it, with your names in it.",
            command=f"kubectl apply -f {missing[0].manifest}",
        )
    if facts.missing_permissions.problem:
        problem = facts.missing_permissions.problem
        return unknown(check, f"permissions of {account}: {problem}")
    return fine(check, f"{account} has the permissions to report problems")


def admission_policies_are_installed(facts: ClusterFacts) -> CheckResult:
    """Check that the API server verifies requesters and approvers."""
    check, drift = "Admission", facts.admission_drift
    if drift.problem:
        return unknown(check, f"admission policies: {drift.problem}")
    if drift.value:
        return wrong(check, drift.value, command=_INSTALL)
    return fine(check, "the API server verifies requesters and approvers")


def an_instance_exists(facts: ClusterFacts) -> CheckResult:
    """Check that the operator has an ArgoCDInstance to reconcile."""
    check, instances = "Instances", facts.instances
    if instances.problem:
        return unknown(check, f"ArgoCDInstances: {instances.problem}")
    if not instances.value:
        return wrong(
            check,
            f"no ArgoCDInstance in namespace {facts.namespace}, so no grant there is"
            " bound. The line Access shows what Argo CD still has.",
            remedy="Create one (README.md has an example), or name another namespace"
            " with -n.",
        )
    names = ", ".join(sorted(one.name for one in instances.value))
    return fine(check, f"{len(instances.value)}: {names}")


def grants_name_an_instance(facts: ClusterFacts) -> CheckResult | None:
    """Check that every AccessGrant names an ArgoCDInstance that exists."""
    if facts.grants.value is None or facts.instances.value is None:
        return None
    existing = {one.name for one in facts.instances.value}
    orphans = [one.name for one in facts.grants.value if one.instance not in existing]
    if not orphans:
        return None
    return wrong(
        "Grants",
        f"{abbreviate(sorted(orphans))}: spec.instance names an ArgoCDInstance that"
        " does not exist",
        remedy="Create that instance, or request the access again with another"
        " spec.instance.",
    )


def namespace_is_not_being_deleted(facts: ClusterFacts) -> CheckResult | None:
    """Check that the namespace does not wait for finalizers of argogrant."""
    if not facts.is_terminating.value:
        return None
    waiting = (*(facts.instances.value or ()), *(facts.grants.value or ()))
    count = sum(one.being_deleted for one in waiting)
    return wrong(
        "Namespace",
        f"{facts.namespace} is being deleted, and waits for the finalizers of {count}"
        " ArgoCDInstances and AccessGrants",
        remedy="Remove their bindings and finalizers:",
        command=f"argogrant uninstall --namespace {facts.namespace}",
    )


CLUSTER_CHECKS: Final[Sequence[Callable[[ClusterFacts], CheckResult | None]]] = (
    kubernetes_is_new_enough,
    crds_are_current,  # without them no other object exists
    operator_is_leading,
    operator_can_report,
    admission_policies_are_installed,
    namespace_is_not_being_deleted,
    an_instance_exists,
    grants_name_an_instance,
)


def conditions_are_good(facts: InstanceFacts, outdated: str) -> Iterator[CheckResult]:
    """Repeat every condition of the instance, with its message and a remedy."""
    status = facts.record.status
    conditions = dict(read_conditions(status))
    is_current = status.get("observedGeneration", 0) >= facts.record.generation
    if not is_current or InstanceCondition.READY not in conditions:
        yield wrong(
            InstanceCondition.READY,
            "the operator has not reported on the current generation of the"
            " ArgoCDInstance",
            remedy="See the line Operator, and the operator's log.",
        )
        conditions.pop(InstanceCondition.READY, None)
        outdated = outdated or "reported for an earlier generation"
    # Each member has a result of its own.
    conditions.pop(InstanceCondition.MEMBERS_RETURNED, None)
    for kind, condition in conditions.items():
        yield _as_reported(_result(kind, condition, facts), outdated)


def _result(kind: str, condition: StoredCondition, facts: InstanceFacts) -> CheckResult:
    text = f"{condition.reason}: {condition.message}"
    if condition.status is None:
        return unknown(kind, text)
    if condition.status is (kind not in _EXPECTED_FALSE):
        return fine(kind, condition.message or condition.reason)
    remedy, command = _REMEDIES.get(condition.reason, ("", ""))
    if condition.reason == Reason.NOT_ALLOWED_BY_ARGOCD:
        # The message ends with a command, which is printed so that it can be copied.
        text, _, arguments = text.partition(" kubectl ")
        command = f"kubectl {arguments}"
    command = command.replace("ARGOCD_NAMESPACE", facts.argocd_namespace)
    return wrong(kind, text, remedy=remedy, command=command)


def _as_reported(result: CheckResult, outdated: str) -> CheckResult:
    """Return a result as unknown if the report that it repeats is outdated."""
    if not outdated:
        return result
    text = f"{outdated}: {result.text}"
    return replace(result, outcome=CheckOutcome.UNKNOWN, text=text)


def members_do_not_return(facts: InstanceFacts, outdated: str) -> Iterator[CheckResult]:
    """Check that no member of an AppProject has come back without a grant."""
    check, namespace = "Returned", facts.record.namespace
    for one in view_returned(facts.record.status):
        if one.id in facts.record.acknowledged:
            continue
        who = (
            f"{sanitize(one.subject)} in role {sanitize(one.role)} of AppProject"
            f" {sanitize(one.project)}"
        )
        if one.is_kept:
            tokens = f", with {one.tokens} tokens" if one.tokens else ""
            result = wrong(
                check,
                f"{who} came back twice after the grant had ended{tokens}, and is kept"
                " without an end",
                remedy="Remove it from the AppProject, or acknowledge it:",
                command=f"argogrant review -n {namespace} --acknowledge {one.id}",
            )
        else:
            text = f"{who} came back after the grant had ended, and was removed again"
            result = CheckResult(check, CheckOutcome.NOTED, text)
        yield _as_reported(result, outdated)


def argocd_version_is_known(
    facts: InstanceFacts, _outdated: str
) -> Iterator[CheckResult]:
    """Report the version of Argo CD."""
    check, version = "Argo CD", facts.argocd_version
    if facts.is_remote:
        yield unknown(check, "version: Argo CD runs in another cluster")
    elif version.value:
        yield fine(check, version.value)
    else:
        problem = version.problem or (
            f"no Deployment argocd-server in namespace {facts.argocd_namespace}"
        )
        yield unknown(check, f"version: {problem}")


def grants_take_effect(facts: InstanceFacts, outdated: str) -> Iterator[CheckResult]:
    """Repeat the conditions of grants that show a mistake of an administrator.

    Most reasons of ``Ready`` are the normal life of a grant and are only counted. A
    grant from Git with ``spec.duration``, and one that ``Effective`` rejects, stay
    without effect until the manifest or Argo CD's configuration is corrected.
    """
    affected: dict[tuple[str, str], list[str]] = {}
    messages: dict[tuple[str, str], str] = {}
    for grant in sorted(facts.grants.value or (), key=lambda one: one.name):
        for check, condition in _mistakes(grant):
            key = (check, condition.reason)
            affected.setdefault(key, []).append(grant.name)
            messages.setdefault(key, condition.message)
    for (check, reason), names in affected.items():
        text = f"{abbreviate(names)}: {reason}: {messages[check, reason]}"
        yield _as_reported(wrong(check, text), outdated)


def _mistakes(grant: GrantRecord) -> Iterator[tuple[str, StoredCondition]]:
    if "endedAt" in grant.status:
        return
    conditions = read_conditions(grant.status)
    ready = conditions.get(GrantCondition.READY)
    if ready is not None and ready.reason == Reason.ABSOLUTE_END_REQUIRED:
        yield "Git", ready
    effective = conditions.get(GrantCondition.EFFECTIVE)
    if effective is not None and effective.status is False:
        yield GrantCondition.EFFECTIVE, effective


def roles_allow_something(facts: InstanceFacts, outdated: str) -> Iterator[CheckResult]:
    """List the roles that allow nothing; a grant for one is a problem of its own."""
    for role in get_dicts(facts.record.status, "roles"):
        if why := get_str(role, "allowsNothing"):
            project = get_str(role, "project")
            name = f"{project}/{get_str(role, 'name')}".removeprefix("/")
            text = f"{Reason.ROLE_ALLOWS_NOTHING}: {quote(name)}: {one_line(why)}"
            noted = CheckResult("Roles", CheckOutcome.NOTED, text)
            yield _as_reported(noted, outdated)


def grants_are_counted(facts: InstanceFacts, outdated: str) -> Iterator[CheckResult]:
    """Count the grants by the reason of ``Ready``."""
    check, grants = "Grants", facts.grants
    if grants.value is None:
        yield unknown(check, grants.problem)
        return
    states = Counter(_state(one, facts.now) for one in grants.value)
    text = f"{states.pop('active', 0)} active, {states.pop('ended', 0)} ended"
    late = states.pop("late", 0)
    text += f", {late} reported active after the end" if late else ""
    if states:
        waiting = ", ".join(f"{count} {why}" for why, count in sorted(states.items()))
        text += f", {states.total()} waiting: {waiting}"
    yield _as_reported(fine(check, text), outdated)


def _state(record: GrantRecord, now: datetime) -> str:
    if "endedAt" in record.status:
        return "ended"
    ready = read_conditions(record.status).get(GrantCondition.READY)
    if ready is None:
        return "not reported yet"
    if not ready.status:
        return ready.reason
    end = get_time(record.status, "expiresAt")
    return "late" if end is not None and end <= now else "active"


INSTANCE_CHECKS: Final[
    Sequence[Callable[[InstanceFacts, str], Iterator[CheckResult]]]
] = (
    conditions_are_good,
    members_do_not_return,
    argocd_version_is_known,
    roles_allow_something,
    grants_take_effect,
    grants_are_counted,
)
