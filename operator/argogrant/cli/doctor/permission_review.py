"""Asking the API server what the operator may do.

What the operator of an instance has to be allowed in its own cluster. Pure.
"""

from typing import Final

from argogrant.api.argocdinstance import Instance
from argogrant.cli.doctor.facts import Probe
from argogrant.controller.required_permissions import (
    argocd_permissions,
    home_permissions,
    operator_permissions,
    retention_permissions,
)
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import ClusterError, Forbidden
from argogrant.kube.permissions import ACCESS_REVIEWS, Permission
from argogrant.kube.whoami import who_am_i

_AUTHORIZATION: Final = "apis/authorization.k8s.io/v1"
OTHERS: Final = f"/{_AUTHORIZATION}/subjectaccessreviews"
OWN: Final = ACCESS_REVIEWS.path("")
CANNOT_REVIEW: Final = "your rights do not suffice to ask (create subjectaccessreviews)"


class PermissionReviewer:
    """Asks for the operator's service account, whoever the caller is.

    The caller may be that account, in its own pod, which may ask about itself only.

    Args:
        cluster: Where the operator runs.
        account: Its user name, ``system:serviceaccount:argogrant:argogrant``.
    """

    def __init__(self, cluster: Cluster, account: str) -> None:
        self._cluster = cluster
        self._account = account
        self._is_caller: bool | None = None
        self._answers: dict[Permission, Probe[bool]] = {}
        self._problem = ""

    async def ask(self, right: Permission) -> Probe[bool]:
        """Ask once for each right; after a refusal, not again."""
        if self._problem:
            return Probe(problem=self._problem)
        if right not in self._answers:
            self._answers[right] = await self._review(right)
        return self._answers[right]

    async def _review(self, right: Permission) -> Probe[bool]:
        try:
            if self._is_caller is None:
                self._is_caller = await self._caller() == self._account
            path = OWN if self._is_caller else OTHERS
            spec: Body = right.review()["spec"]
            if not self._is_caller:
                spec |= {"user": self._account, "groups": _groups(self._account)}
            answer = await self._cluster.create(path, {"spec": spec})
            return Probe(value=bool(answer["status"]["allowed"]))
        except Forbidden:
            self._problem = CANNOT_REVIEW
        except ClusterError as error:
            self._problem = str(error)
        return Probe(problem=self._problem)

    async def _caller(self) -> str:
        """The caller's name; nobody in particular where Kubernetes is too old."""
        try:
            caller = await who_am_i(self._cluster)
        except ClusterError:
            return ""
        return caller.username if caller is not None else ""


def _groups(account: str) -> list[str]:
    """The groups that every service account is in, which a review does not add."""
    namespace = account.split(":")[2]
    everybody = "system:serviceaccounts"
    return [everybody, f"{everybody}:{namespace}", "system:authenticated"]


def operator_role_permissions(
    namespace: str, instance: Instance | None
) -> tuple[Permission, ...]:
    """Name every right, one by one.

    Args:
        namespace: Where the operator, its instances and its grants are.
        instance: None if it can not be understood; of an Argo CD in another cluster
            nothing is asked here.
    """
    cluster = instance.cluster if instance is not None else None
    is_here = instance is not None and cluster is None
    return (
        *home_permissions(namespace, cluster),
        *retention_permissions(namespace),
        *operator_permissions(namespace),
        *(argocd_permissions(instance) if instance is not None and is_here else ()),
    )
