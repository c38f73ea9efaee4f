"""The checks that concern the operator and its cluster. Pure."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Final

from argogrant.api.admission_policies import VALIDATING_FILE
from argogrant.cli.doctor.facts import ClusterFacts, InstanceFacts, Probe
from argogrant.cli.terminal.checklist import CheckResult, fine, unknown, wrong

NEWEST_WITHOUT: Final = (1, 29)
"""The last Kubernetes that serves no ValidatingAdmissionPolicy."""
GRACE: Final = 2
"""Leases that may pass without a renewal before nobody is said to lead."""

ClusterCheck = Callable[[ClusterFacts], Iterator[CheckResult]]


def kubernetes_is_new_enough(facts: ClusterFacts) -> Iterator[CheckResult]:
    """Say which Kubernetes it is, and what that can do for us."""
    check, version = "Kubernetes", facts.kubernetes
    if version.value is None:
        yield unknown(check, version.problem or "it does not tell its version")
        return
    found = re.match(r"v?(\d+)\.(\d+)", version.value)
    if found and tuple(map(int, found.groups())) <= NEWEST_WITHOUT:
        yield wrong(
            check,
            f"{version.value} serves no ValidatingAdmissionPolicy, so that nobody can"
            " vouch for who asks and who approves",
            remedy="Use Kubernetes 1.30 or newer.",
        )
        return
    yield fine(check, f"{version.value}; {_what_it_does(facts)}")


def _what_it_does(facts: ClusterFacts) -> str:
    kinds = facts.admission_kinds.value or frozenset()
    if "mutatingadmissionpolicies" in kinds:
        return "it can check requesters, and fill them in"
    if "validatingadmissionpolicies" in kinds:
        return "it can check requesters, not fill them in (MutatingAdmissionPolicy)"
    return "what it can admit is not known"


def crds_are_current(facts: ClusterFacts) -> Iterator[CheckResult]:
    """Say whether our kinds are there, as this version describes them."""
    check, apply = "CRDs", "kubectl apply --server-side -f crds"
    missing = [one.plural for one in facts.crds if _is_not_there(one.is_served)]
    old = [one.plural for one in facts.crds if one.is_current.value is False]
    doubts = [
        reading.problem
        for one in facts.crds
        for reading in (one.is_served, one.is_current)
        if reading.problem
    ]
    if missing:
        yield wrong(check, f"not installed: {', '.join(missing)}", command=apply)
    elif old:
        yield wrong(
            check,
            f"not those of this version: {', '.join(old)}",
            remedy="A newer operator may have brought newer ones: use its argogrant.",
            command=apply,
        )
    elif doubts:
        yield unknown(check, f"whether they are current: {doubts[0]}")
    else:
        yield fine(check, f"all {len(facts.crds)} installed and current")


def _is_not_there(reading: Probe[bool]) -> bool:
    return not reading.value and not reading.problem


def operator_runs(facts: ClusterFacts) -> Iterator[CheckResult]:
    """Say whether a replica leads."""
    check, lease = "Operator", facts.lease.value
    if facts.lease.problem:
        yield unknown(check, f"its Lease: {facts.lease.problem}")
        return
    start = f"kubectl -n {facts.namespace} get pods"
    if lease is None:
        yield wrong(
            check,
            f"no Lease argogrant in namespace {facts.namespace}: it never led here",
            remedy="Start it. One with --no-leader-elect keeps no Lease.",
            command=start,
        )
        return
    patience = timedelta(seconds=GRACE * lease.seconds)
    if not lease.holder or lease.renewed_at is None:
        yield wrong(check, "it was stopped: nobody holds the Lease", command=start)
    elif facts.now - lease.renewed_at > patience:
        silent = int((facts.now - lease.renewed_at).total_seconds())
        yield wrong(
            check,
            f"{lease.holder} leads, but has said nothing for {silent} s. Ends are not"
            " kept by it; `argogrant sweep` removes what is over.",
            command=start,
        )
    else:
        yield fine(check, f"{lease.holder} leads")


def identities_are_checked(facts: ClusterFacts) -> Iterator[CheckResult]:
    """Say whether the API server vouches for requesters and approvers."""
    check, found = "Admission", facts.admission_drift
    if found.problem:
        yield unknown(check, f"the admission policies: {found.problem}")
    elif found.value:
        yield wrong(check, found.value, command=f"kubectl apply -f {VALIDATING_FILE}")
    else:
        yield fine(check, "the API server checks who asks and who approves")


def there_is_an_instance(facts: ClusterFacts) -> Iterator[CheckResult]:
    """Say whether anything is to be done at all."""
    check, found = "Instances", facts.instances
    if found.problem:
        yield unknown(check, f"the ArgoCDInstances: {found.problem}")
    elif not found.value:
        yield wrong(
            check,
            f"no ArgoCDInstance in namespace {facts.namespace}, so that no grant there"
            " gives anything",
            remedy="Create one; README.md shows it. -n looks elsewhere.",
        )
    else:
        names = ", ".join(sorted(one.name for one in found.value))
        yield fine(check, f"{len(found.value)}: {names}")


def grants_name_an_instance(facts: ClusterFacts) -> Iterator[CheckResult]:
    """Say which grants wait for an instance that is not there."""
    if facts.grants.value is None or facts.instances.value is None:
        return
    known = {one.name for one in facts.instances.value}
    lost = sorted(one.name for one in facts.grants.value if one.instance not in known)
    if lost:
        yield wrong(
            "Grants",
            f"{abbreviate(lost)}: spec.instance names no ArgoCDInstance that there is",
            remedy="Create that instance, or ask anew with another one.",
        )


CLUSTER_CHECKS: Final[tuple[ClusterCheck, ...]] = (
    kubernetes_is_new_enough,
    crds_are_current,  # nothing else can be there without them
    operator_runs,
    identities_are_checked,
    there_is_an_instance,
    grants_name_an_instance,
)


def permissions_are_granted(
    facts: InstanceFacts, namespace: str
) -> Iterator[CheckResult]:
    """Say what the operator's service account may not do."""
    check = "Rights"
    lacking = [one.right for one in facts.permissions if one.is_given.value is False]
    doubts = [one.is_given.problem for one in facts.permissions if one.is_given.problem]
    account = f"system:serviceaccount:{namespace}:argogrant"
    if lacking:
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        yield wrong(
            check,
            f"{account} may not {lacking[0].verb} {lacking[0].target}{more}",
            remedy="Apply the Role that it lacks, with your names in it.",
            command=f"kubectl apply -f {lacking[0].manifest}",
        )
    elif doubts:
        yield unknown(check, f"those of {account}: {doubts[0]}")
    else:
        yield fine(check, f"{account} has all {len(facts.permissions)} that it needs")


def abbreviate(names: list[str]) -> str:
    """Name a few, and count the others."""
    shown = ", ".join(names[:3])
    return (
        shown if len(names) <= len(names[:3]) else f"{shown} and {len(names) - 3} more"
    )
