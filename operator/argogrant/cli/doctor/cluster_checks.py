"""Checks of the operator and of its cluster. Pure."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Final

from argogrant.api.admission_policies import VALIDATING_FILE
from argogrant.cli.doctor.facts import ClusterFacts, Probe
from argogrant.cli.terminal.checklist import CheckResult, fine, unknown, wrong

NEWEST_UNSUPPORTED: Final = (1, 29)
"""Last Kubernetes version without ValidatingAdmissionPolicy v1."""
MISSED_LEASES: Final = 2
"""Lease durations without a renewal after which the operator counts as stopped."""

ClusterCheck = Callable[[ClusterFacts], Iterator[CheckResult]]


def kubernetes_is_new_enough(facts: ClusterFacts) -> Iterator[CheckResult]:
    """Check that the API server can verify requesters."""
    check, version = "Kubernetes", facts.kubernetes
    if version.value is None:
        yield unknown(check, version.problem or "the API server reports no version")
        return
    found = re.match(r"v?(\d+)\.(\d+)", version.value)
    if found and tuple(map(int, found.groups())) <= NEWEST_UNSUPPORTED:
        yield wrong(
            check,
            f"{version.value} does not serve ValidatingAdmissionPolicy, so requesters"
            " and approvers cannot be verified",
            remedy="Use Kubernetes 1.30 or newer.",
        )
        return
    yield fine(check, f"{version.value}; {_admission_support(facts)}")


def _admission_support(facts: ClusterFacts) -> str:
    kinds = facts.admission_kinds.value or frozenset()
    if "mutatingadmissionpolicies" in kinds:
        return "it can verify requesters, and fill in their names"
    if "validatingadmissionpolicies" in kinds:
        return (
            "it can verify requesters, but not fill in their names"
            " (it serves no MutatingAdmissionPolicy)"
        )
    return "the kinds of admission policies that it serves are unknown"


def crds_are_current(facts: ClusterFacts) -> Iterator[CheckResult]:
    """Check that the CRDs are installed and equal those of this version."""
    check, apply = "CRDs", "kubectl apply --server-side -f crds"
    missing = [one.plural for one in facts.crds if _is_absent(one.is_served)]
    outdated = [one.plural for one in facts.crds if one.is_current.value is False]
    problems = [
        probe.problem
        for one in facts.crds
        for probe in (one.is_served, one.is_current)
        if probe.problem
    ]
    if missing:
        yield wrong(check, f"not installed: {', '.join(missing)}", command=apply)
    elif outdated:
        yield wrong(
            check,
            f"different from those of this version: {', '.join(outdated)}",
            remedy="If the operator is newer than this argogrant, use the argogrant of"
            " the operator's version. Otherwise:",
            command=apply,
        )
    elif problems:
        yield unknown(check, f"cannot be compared with this version: {problems[0]}")
    else:
        yield fine(check, f"all {len(facts.crds)} installed and current")


def _is_absent(probe: Probe[bool]) -> bool:
    return not probe.value and not probe.problem


def operator_is_leading(facts: ClusterFacts) -> Iterator[CheckResult]:
    """Check that a replica of the operator holds the Lease and renews it."""
    check, lease = "Operator", facts.lease.value
    if facts.lease.problem:
        yield unknown(check, f"Lease argogrant: {facts.lease.problem}")
        return
    pods = f"kubectl -n {facts.namespace} get pods"
    if lease is None:
        yield wrong(
            check,
            f"no Lease argogrant in namespace {facts.namespace}: no operator has ever"
            " been leader here",
            remedy="Start it. With --no-leader-elect the operator creates no Lease.",
            command=pods,
        )
    elif not lease.holder or lease.renewed_at is None:
        yield wrong(
            check,
            "the Lease argogrant has no holder: the operator was stopped",
            remedy="Start it.",
            command=pods,
        )
    elif facts.now - lease.renewed_at > timedelta(
        seconds=MISSED_LEASES * lease.seconds
    ):
        age = int((facts.now - lease.renewed_at).total_seconds())
        yield wrong(
            check,
            f"{lease.holder} holds the Lease but has not renewed it for {age} s. It is"
            " not revoking expired grants; `argogrant sweep` revokes them.",
            command=pods,
        )
    else:
        yield fine(check, f"{lease.holder} is the leader")


def operator_can_report(facts: ClusterFacts) -> Iterator[CheckResult]:
    """Check the permissions without which the operator cannot report a problem."""
    check = "Rights"
    account = f"system:serviceaccount:{facts.namespace}:argogrant"
    missing = [
        one.permission for one in facts.permissions if one.is_granted.value is False
    ]
    problems = [
        one.is_granted.problem for one in facts.permissions if one.is_granted.problem
    ]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        yield wrong(
            check,
            f"{account} does not have permission to {missing[0].verb}"
            f" {missing[0].target}{more}, without which the operator cannot report"
            " problems",
            remedy="Apply the Role that grants it, with your names in it.",
            command=f"kubectl apply -f {missing[0].manifest}",
        )
    elif problems:
        yield unknown(check, f"permissions of {account}: {problems[0]}")
    else:
        yield fine(check, f"{account} has the permissions to report problems")


def admission_policies_are_installed(facts: ClusterFacts) -> Iterator[CheckResult]:
    """Check that the API server verifies requesters and approvers."""
    check, drift = "Admission", facts.admission_drift
    if drift.problem:
        yield unknown(check, f"admission policies: {drift.problem}")
    elif drift.value:
        yield wrong(check, drift.value, command=f"kubectl apply -f {VALIDATING_FILE}")
    else:
        yield fine(check, "the API server verifies requesters and approvers")


def an_instance_exists(facts: ClusterFacts) -> Iterator[CheckResult]:
    """Check that the operator has an ArgoCDInstance to reconcile."""
    check, instances = "Instances", facts.instances
    if instances.problem:
        yield unknown(check, f"ArgoCDInstances: {instances.problem}")
    elif not instances.value:
        yield wrong(
            check,
            f"no ArgoCDInstance in namespace {facts.namespace}, so no grant there takes"
            " effect",
            remedy="Create one (README.md has an example), or name another namespace"
            " with -n.",
        )
    else:
        names = ", ".join(sorted(one.name for one in instances.value))
        yield fine(check, f"{len(instances.value)}: {names}")


def grants_name_an_instance(facts: ClusterFacts) -> Iterator[CheckResult]:
    """Check that every AccessGrant names an ArgoCDInstance that exists."""
    if facts.grants.value is None or facts.instances.value is None:
        return
    existing = {one.name for one in facts.instances.value}
    orphans = sorted(
        one.name for one in facts.grants.value if one.instance not in existing
    )
    if orphans:
        yield wrong(
            "Grants",
            f"{abbreviate(orphans)}: spec.instance names an ArgoCDInstance that does"
            " not exist",
            remedy="Create that instance, or request the access again with another"
            " spec.instance.",
        )


CLUSTER_CHECKS: Final[tuple[ClusterCheck, ...]] = (
    kubernetes_is_new_enough,
    crds_are_current,  # without them no other object exists
    operator_is_leading,
    operator_can_report,
    admission_policies_are_installed,
    an_instance_exists,
    grants_name_an_instance,
)


def abbreviate(names: Sequence[str]) -> str:
    """List the first three names, and count the others."""
    text = ", ".join(names[:3])
    return f"{text} and {len(names) - 3} more" if len(names) > len(names[:3]) else text
