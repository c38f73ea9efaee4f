"""Checks of one ArgoCDInstance, of its grants and of its Argo CD. Pure.

They repeat what the operator reports in conditions. While no operator runs, its last
report is no longer evidence: ``outdated`` is then the reason, and what the checks find
is unknown.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from argogrant.api.accessgrant_view import read_conditions
from argogrant.api.admission_policies import VALIDATING_FILE
from argogrant.cli.doctor.cluster_checks import abbreviate
from argogrant.cli.doctor.facts import InstanceFacts
from argogrant.cli.terminal.checklist import (
    CheckOutcome,
    CheckResult,
    fine,
    unknown,
    wrong,
)
from argogrant.controller.cached_objects import GrantRecord
from argogrant.grants.model.reasons import GrantCondition, InstanceCondition, Reason
from argogrant.grants.model.stored_condition import StoredCondition

InstanceCheck = Callable[[InstanceFacts, str], Iterator[CheckResult]]
EARLIER_GENERATION: Final = "reported for an earlier generation"
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
        outdated = outdated or EARLIER_GENERATION
    for kind, condition in conditions.items():
        yield _as_reported(_result(kind, condition, facts), outdated)


def _result(kind: str, condition: StoredCondition, facts: InstanceFacts) -> CheckResult:
    text = f"{condition.reason}: {condition.message}"
    if condition.status is None:
        return unknown(kind, text)
    if condition.status is (kind not in _EXPECTED_FALSE):
        return fine(kind, condition.message or condition.reason)
    remedy, command = _REMEDIES.get(condition.reason, ("", ""))
    command = command.replace("ARGOCD_NAMESPACE", facts.argocd_namespace)
    return wrong(kind, text, remedy=remedy, command=command)


def _as_reported(result: CheckResult, outdated: str) -> CheckResult:
    """Return a result as unknown if the report that it repeats is outdated."""
    if not outdated:
        return result
    text = f"{outdated}: {result.text}"
    return replace(result, outcome=CheckOutcome.UNKNOWN, text=text)


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


def grants_are_counted(facts: InstanceFacts, outdated: str) -> Iterator[CheckResult]:
    """Count the grants by the reason of ``Ready``."""
    check, grants = "Grants", facts.grants
    if grants.value is None:
        yield unknown(check, grants.problem)
        return
    states = Counter(map(_state, grants.value))
    active, ended = states.pop("active", 0), states.pop("ended", 0)
    text = f"{active} active, {ended} ended"
    if states:
        waiting = ", ".join(f"{count} {why}" for why, count in sorted(states.items()))
        text += f", {states.total()} waiting: {waiting}"
    yield _as_reported(fine(check, text), outdated)


def _state(record: GrantRecord) -> str:
    if "endedAt" in record.status:
        return "ended"
    ready = read_conditions(record.status).get(GrantCondition.READY)
    if ready is None:
        return "not reported yet"
    return "active" if ready.status else ready.reason


INSTANCE_CHECKS: Final[tuple[InstanceCheck, ...]] = (
    conditions_are_good,
    argocd_version_is_known,
    grants_take_effect,
    grants_are_counted,
)
