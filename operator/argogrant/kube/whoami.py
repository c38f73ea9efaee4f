"""Whom the API server takes us for.

Source: Kubernetes, "Authenticating", SelfSubjectReview: the answer is the user and
the groups as admission sees them, after impersonation.
"""

from typing import Final

from argogrant.grants.model.identity import Identity
from argogrant.kube.client import Cluster
from argogrant.kube.errors import Forbidden, NotFound, Unauthorized
from argogrant.kube.resources import Resource

SELF_REVIEWS: Final = Resource("apis/authentication.k8s.io/v1", "selfsubjectreviews")


async def who_am_i(cluster: Cluster) -> Identity | None:
    """Ask who sends our requests.

    Returns:
        None if this API server does not tell: it is older than 1.28, or somebody took
        that right away.

    Raises:
        Unauthorized: It does not know us at all.
        ClusterError: It does not answer.
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
