"""Rights, and the question to an API server whether we have them.

Source: Kubernetes, "Authorization", SelfSubjectAccessReview: whoever is logged in may
ask, and the answer is that of all authorisers together, whatever gives the right.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from argogrant.kube.client import Body, Cluster
from argogrant.kube.resources import Resource

ACCESS_REVIEWS: Final = Resource(
    "apis/authorization.k8s.io/v1", "selfsubjectaccessreviews"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """One verb on one resource."""

    verb: str
    resource: Resource
    namespace: str = ""
    """Empty for a kind that belongs to the whole cluster."""
    name: str = ""
    """Of the one object; empty for all of the namespace."""
    subresource: str = ""
    manifest: str
    """What gives it: a file of the repository."""
    server: str = ""
    """The API server of another cluster; empty for our own."""

    @property
    def target(self) -> str:
        """Name what it is about: ``configmaps/argocd-rbac-cm in namespace argocd``."""
        parts = (self.resource.plural, self.name, self.subresource)
        place = "".join(
            f" {word} {where}"
            for word, where in (("in namespace", self.namespace), ("of", self.server))
            if where
        )
        return "/".join(filter(None, parts)) + place

    def review(self) -> Body:
        """The SelfSubjectAccessReview that asks for it."""
        attributes = {
            "verb": self.verb,
            "group": self.resource.group,
            "resource": self.resource.plural,
            "namespace": self.namespace,
            "name": self.name,
            "subresource": self.subresource,
        }
        return {"spec": {"resourceAttributes": attributes}}


async def missing_permissions(
    cluster: Cluster, rights: Iterable[Permission]
) -> tuple[Permission, ...]:
    """Ask for each right; answers those that we do not have.

    Raises:
        ClusterError: The API server does not answer, or does not let us ask: nothing
            is known then.
    """
    return tuple([right for right in rights if not await is_allowed(cluster, right)])


async def is_allowed(cluster: Cluster, right: Permission) -> bool:
    """Ask for one right.

    Raises:
        ClusterError: The API server does not answer, or does not let us ask.
    """
    answer = await cluster.create(ACCESS_REVIEWS.path(""), right.review())
    return bool(answer["status"]["allowed"])


def describe_permissions(rights: Sequence[Permission]) -> str:
    """Name them, by what they are about: ``get, list pods in namespace a; …``."""
    return "; ".join(
        f"{', '.join(right.verb for right in alike)} {target}"
        for target, alike in groupby(rights, key=lambda right: right.target)
    )
