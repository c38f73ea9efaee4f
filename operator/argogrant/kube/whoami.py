"""User and groups under which the API server sees our requests.

Source: Kubernetes, "Authenticating", SelfSubjectReview: the response has the user and
the groups as admission sees them, after impersonation.
"""

from typing import Final

from argogrant.grants.model.identity import Identity
from argogrant.kube.client import Cluster
from argogrant.kube.errors import Forbidden, NotFound, Unauthorized
from argogrant.kube.resources import Resource

SELF_REVIEWS: Final = Resource("apis/authentication.k8s.io/v1", "selfsubjectreviews")


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
