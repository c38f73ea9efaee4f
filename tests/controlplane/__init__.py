"""A real control plane for the demo, the tests and the benchmarks.

It is etcd, kube-apiserver and argocd-server, built once from pinned sources
(``python -m controlplane build``) and started in seconds on free loopback ports::

    with controlplane.start() as plane:
        plane.kubectl("apply", "-f", "grant.yaml", user="alice")
        plane.argocd.can_i("alice", "applications", "sync", "team-a/shop")

There is no controller manager: a deleted namespace stays ``Terminating``, nobody makes
default service accounts, and nothing is garbage-collected.

A cluster of your own takes its place when the environment names one:

``ARGOGRANT_TEST_KUBECONFIG``
    A kubeconfig whose current context is an admin of the cluster. The people of
    ``people.PEOPLE`` are impersonated, with their groups.
``ARGOGRANT_TEST_ARGOCD_URL``
    Where its Argo CD answers, such as ``https://localhost:8080`` at the end of
    ``kubectl port-forward``. Its own self-signed certificate is trusted.
``ARGOGRANT_TEST_ARGOCD_NAMESPACE``
    The namespace of that Argo CD; ``argocd`` unless set.
``ARGOGRANT_TEST_ARGOCD_ADMIN_PASSWORD``
    The password of its admin, if ``argocd-initial-admin-secret`` is gone.

The ConfigMap ``argocd-cm`` of that Argo CD must have an account with API tokens for
everybody in ``people.ACCOUNTS``: ``accounts.alice: apiKey`` and so on. Use a cluster
that is there for tests: they rewrite ``argocd-rbac-cm``.
"""

from controlplane import external, local
from controlplane.plane import ControlPlane


def start() -> ControlPlane:
    """Start a control plane, or use the cluster that the environment names.

    Raises:
        ControlPlaneError: It is not built, does not come up or cannot be used.
    """
    return external.connect() if external.is_named() else local.start()
