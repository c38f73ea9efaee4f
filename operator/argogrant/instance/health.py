"""What is said about an instance itself: ready, or what stands in the way. Pure."""

from argogrant.grants.checks import Finding
from argogrant.grants.conditions import Condition
from argogrant.grants.reasons import InstanceCondition, Reason
from argogrant.instance.argocd import Snapshot
from argogrant.kube.failures import ClusterError, Forbidden
from argogrant.kube.resources import Collection


def instance_conditions(
    blocked: Finding | None, seen: Snapshot
) -> tuple[Condition, ...]:
    """Say whether an instance is as it should be, after a convergence."""
    if seen.failures:
        collection, error = seen.failures[0]
        return (_failed(error, collection), _text(seen))
    if blocked is not None:
        ready = Condition(
            type=InstanceCondition.READY,
            status=False,
            reason=blocked.reason,
            message=blocked.message,
        )
        return (ready, _text(seen))
    ready = Condition(
        type=InstanceCondition.READY,
        status=True,
        reason=Reason.CONVERGED,
        message="What Argo CD has equals what is in force.",
    )
    return (ready, _text(seen))


def failure_conditions(error: ClusterError, seen: Snapshot) -> tuple[Condition, ...]:
    """Say why a convergence did not come to its end."""
    return (_failed(error, None), _text(seen))


def _failed(error: ClusterError, collection: Collection | None) -> Condition:
    what = f"{collection.describe()} can not be read: " if collection else ""
    forbidden = isinstance(error, Forbidden)
    remedy = (
        " Give the operator's service account the Role argogrant of Argo CD's"
        " namespace (manifests/argocd-namespace.yaml)."
        if forbidden
        else " It is tried again."
    )
    return Condition(
        type=InstanceCondition.READY,
        status=False,
        reason=Reason.FORBIDDEN if forbidden else Reason.UNAVAILABLE,
        message=f"{what}{error}.{remedy}",
    )


def _text(seen: Snapshot) -> Condition:
    if seen.config_map is None:
        return Condition(
            type=InstanceCondition.RBAC_TEXT_VALID,
            status=None,
            reason=Reason.UNKNOWN,
            message="argocd-rbac-cm is missing or could not be read.",
        )
    problems = seen.config_map.others.problems
    if problems:
        return Condition(
            type=InstanceCondition.RBAC_TEXT_VALID,
            status=False,
            reason=Reason.MALFORMED_LINE,
            message=f"{problems[0]} ({len(problems)} such lines in argocd-rbac-cm).",
        )
    return Condition(
        type=InstanceCondition.RBAC_TEXT_VALID,
        status=True,
        reason=Reason.VALID,
        message="Argo CD can read every line.",
    )
