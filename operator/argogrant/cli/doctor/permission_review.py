"""Review of the permissions of the operator's service account.

The operator reports every missing permission in the conditions of its ArgoCDInstances,
except those that it needs to report at all. Only these are reviewed here.
"""

from typing import Final

from argogrant.cli.doctor.facts import PermissionFact, Probe
from argogrant.controller.required_permissions import (
    home_permissions,
    operator_permissions,
)
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import ClusterError, Forbidden
from argogrant.kube.permissions import ACCESS_REVIEWS, Permission
from argogrant.kube.resources import ARGOCD_INSTANCES, LEASES
from argogrant.kube.whoami import who_am_i

OWN_REVIEWS: Final = ACCESS_REVIEWS.path("")
REVIEWS: Final = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
CANNOT_REVIEW: Final = "you do not have permission to create subjectaccessreviews"


def reporting_permissions(namespace: str) -> tuple[Permission, ...]:
    """Return the permissions without which the operator cannot report anything.

    Without the Lease it does not reconcile; without its ArgoCDInstances it has no
    object to reconcile, or no status to write.
    """
    return tuple(
        one
        for one in (*operator_permissions(namespace), *home_permissions(namespace))
        if one.resource in (LEASES, ARGOCD_INSTANCES)
    )


async def review_permissions(
    cluster: Cluster, namespace: str
) -> tuple[PermissionFact, ...]:
    """Ask the API server for the ``reporting_permissions`` of the operator.

    A SelfSubjectAccessReview needs no permission, so it is used if the caller is the
    operator's service account, as in the operator's pod. The API server stores neither
    kind of review.
    """
    account = f"system:serviceaccount:{namespace}:argogrant"
    is_caller = await _caller(cluster) == account
    facts, problem = [], ""
    for permission in reporting_permissions(namespace):
        # After one refusal every other review would be refused.
        answer: Probe[bool] = Probe(problem=problem)
        if not problem:
            answer = await _review(cluster, permission, "" if is_caller else account)
            problem = answer.problem
        facts.append(PermissionFact(permission=permission, is_granted=answer))
    return tuple(facts)


async def _review(
    cluster: Cluster, permission: Permission, account: str
) -> Probe[bool]:
    """Review a permission of an account, or of the caller if that is empty."""
    spec: Body = permission.review()["spec"]
    if account:
        spec |= {"user": account, "groups": _groups(account)}
    try:
        path = REVIEWS if account else OWN_REVIEWS
        answer = await cluster.create(path, {"spec": spec})
    except Forbidden:
        return Probe(problem=CANNOT_REVIEW)
    except ClusterError as error:
        return Probe(problem=str(error))
    return Probe(value=bool(answer["status"]["allowed"]))


async def _caller(cluster: Cluster) -> str:
    """Return the caller's user name; empty if the API server does not report it."""
    try:
        caller = await who_am_i(cluster)
    except ClusterError:
        return ""
    return caller.username if caller is not None else ""


def _groups(account: str) -> list[str]:
    """Return the groups of a service account, which a review does not add."""
    namespace = account.split(":")[2]
    every_account = "system:serviceaccounts"
    return [every_account, f"{every_account}:{namespace}", "system:authenticated"]
