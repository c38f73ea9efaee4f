"""From what was seen to all that is said about it. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from argogrant.cli.doctor.cluster_checks import (
    CLUSTER_CHECKS,
    operator_runs,
    permissions_are_granted,
)
from argogrant.cli.doctor.facts import ClusterFacts, InstanceFacts
from argogrant.cli.doctor.instance_checks import INSTANCE_CHECKS, it_is_ready
from argogrant.cli.terminal.checklist import CheckOutcome, CheckResult, unknown


def examine(
    cluster: ClusterFacts, instances: Sequence[InstanceFacts]
) -> tuple[CheckResult, ...]:
    """Ask every check, in order.

    Args:
        cluster: What is so whatever the instance.
        instances: Those that are examined.

    Returns:
        What was found. What a condition repeats of the cluster is said once only.
    """
    common = [result for check in CLUSTER_CHECKS for result in check(cluster)]
    known = {_core(result.text) for result in common}
    of_instances = (
        replace(result, instance=facts.record.name)
        for facts in instances
        for result in _of_instance(cluster, facts)
    )
    new = (one for one in of_instances if _core(one.text) not in known)
    return (*common, *new)


def _of_instance(cluster: ClusterFacts, facts: InstanceFacts) -> Iterator[CheckResult]:
    yield from permissions_are_granted(facts, cluster.namespace)
    is_led = all(
        one.outcome is not CheckOutcome.WRONG for one in operator_runs(cluster)
    )
    for check in INSTANCE_CHECKS:
        for result in check(facts, cluster.now):
            is_hearsay = check is it_is_ready and result.outcome is CheckOutcome.FINE
            yield result if is_led or not is_hearsay else _as_unknown(result)


def _as_unknown(result: CheckResult) -> CheckResult:
    """Do not take for true what an operator said that has stopped since."""
    return unknown(result.check, f"the operator said, before it stopped: {result.text}")


def _core(text: str) -> str:
    """What a condition says, without the reason before it."""
    reason, colon, message = text.partition(": ")
    return message if colon and reason.isalpha() else text
