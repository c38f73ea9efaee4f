"""All checks in order, applied to the collected facts. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from argogrant.cli.doctor.cluster_checks import (
    CLUSTER_CHECKS,
    operator_can_report,
    operator_is_leading,
)
from argogrant.cli.doctor.facts import ClusterFacts, InstanceFacts
from argogrant.cli.doctor.instance_checks import INSTANCE_CHECKS
from argogrant.cli.terminal.checklist import CheckOutcome, CheckResult


def examine(
    cluster: ClusterFacts, instances: Sequence[InstanceFacts]
) -> tuple[CheckResult, ...]:
    """Apply every check.

    Args:
        cluster: State of the operator and its cluster.
        instances: Those to examine.

    Returns:
        The results, those of the cluster first. A condition of an instance is left out
        if its message repeats a result of the cluster.
    """
    common = [result for check in CLUSTER_CHECKS for result in check(cluster)]
    known = {result.text for result in common}
    outdated = why_outdated(cluster)
    return (
        *common,
        *(
            replace(result, instance=facts.record.name)
            for facts in instances
            for check in INSTANCE_CHECKS
            for result in check(facts, outdated)
            if _message(result.text) not in known
        ),
    )


def why_outdated(cluster: ClusterFacts) -> str:
    """Return why reported conditions may be outdated; empty if they are current.

    An unreadable Lease is no evidence that the operator was stopped.
    """
    for check, reason in (
        (operator_is_leading, "reported before the operator stopped"),
        (operator_can_report, "reported before the operator lost permissions"),
    ):
        if any(one.outcome is CheckOutcome.WRONG for one in check(cluster)):
            return reason
    return ""


def _message(text: str) -> str:
    """Return the message of a condition without the reason before it."""
    reason, colon, message = text.partition(": ")
    return message if colon and reason.isalpha() else text
