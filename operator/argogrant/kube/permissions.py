"""Identity and permissions of this client, as the API server sees them.

Sources: Kubernetes, "Authentication", SelfSubjectReview: the response has the user and
the groups as admission sees them, after impersonation. "Authorization",
SelfSubjectAccessReview: any authenticated user may create one. The response is the
result of all authorizers together, whichever of them grants the permission.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from argogrant.grants.model.identity import Identity
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import Forbidden, NotFound, Unauthorized
from argogrant.kube.resources import Resource

SELF_REVIEWS: Final = Resource("apis/authentication.k8s.io/v1", "selfsubjectreviews")
ACCESS_REVIEWS: Final = Resource(
    "apis/authorization.k8s.io/v1", "selfsubjectaccessreviews"
)


@dataclass(frozen=True, slots=True)
class ShippedRole:
    """A Role or ClusterRole that the repository contains."""

    title: str
    """Kind, name and place: ``the Role argogrant of Argo CD's namespace``."""
    manifest: str
    """The file that creates it."""

    def __str__(self) -> str:
        """Name the Role and its file."""
        return f"{self.title} ({self.manifest})"

    def remedy(self, alternative: str = "") -> str:
        """Return the sentence that asks an administrator to bind this Role.

        Args:
            alternative: Appended before the full stop: ``, or …``.
        """
        return f"Give the operator's service account {self}{alternative}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """One verb on one resource."""

    verb: str
    resource: Resource
    namespace: str = ""
    """Empty for a cluster-scoped kind."""
    name: str = ""
    """Name of a single object; empty for all objects of the namespace."""
    subresource: str = ""
    role: ShippedRole
    """The Role that grants it."""
    server: str = ""
    """URL of another cluster's API server; empty for the own cluster."""

    @property
    def manifest(self) -> str:
        """The file with the Role that grants this permission."""
        return self.role.manifest

    @property
    def target(self) -> str:
        """The object: ``configmaps/argocd-rbac-cm in namespace argocd``."""
        parts = (self.resource.plural, self.name, self.subresource)
        namespace = f" in namespace {self.namespace}" if self.namespace else ""
        server = f" of {self.server}" if self.server else ""
        return "/".join(filter(None, parts)) + namespace + server

    def review(self) -> Body:
        """Build the SelfSubjectAccessReview for this permission."""
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
    cluster: Cluster, permissions: Iterable[Permission]
) -> tuple[Permission, ...]:
    """Return the permissions that this client does not have.

    Raises:
        ClusterError: The API server does not respond or refuses the review; nothing
            is known about the permissions then.
    """
    missing = []
    for permission in permissions:
        answer = await cluster.create(ACCESS_REVIEWS.path(""), permission.review())
        status = answer.get("status")
        if not isinstance(status, dict) or status.get("allowed") is not True:
            missing.append(permission)
    return tuple(missing)


def describe_permissions(permissions: Sequence[Permission]) -> str:
    """List permissions by their target: ``get, list pods in namespace a; …``."""
    return "; ".join(
        f"{', '.join(one.verb for one in same_target)} {target}"
        for target, same_target in groupby(permissions, key=lambda one: one.target)
    )


async def who_am_i(cluster: Cluster) -> Identity | None:
    """Return the identity of this client.

    Returns:
        None if the API server cannot return it: older than Kubernetes 1.28, or the
        permission for SelfSubjectReviews was removed.

    Raises:
        Unauthorized: The API server does not accept the credentials.
        ClusterError: The API server does not respond.
    """
    try:
        answer = await cluster.create(SELF_REVIEWS.path(""), {})
    except Unauthorized:
        raise
    except (NotFound, Forbidden):
        return None
    user = answer["status"]["userInfo"]
    return Identity(
        username=user["username"], groups=frozenset(user.get("groups") or ())
    )
