"""The rights that the operator needs, one by one, as an API server is asked for them.

``manifests/`` gives them; a test holds both together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

OURS: Final = "manifests/argogrant-namespace.yaml"
ARGOCDS: Final = "manifests/argocd-namespace.yaml"
_GROUP: Final = "argogrant.dev"
_ADMISSION: Final = "admissionregistration.k8s.io"
_READ: Final = ("get", "list", "watch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """One verb on one resource."""

    verb: str
    group: str
    resource: str
    namespace: str
    """Empty for the whole cluster."""
    name: str = ""
    subresource: str = ""
    manifest: str = OURS
    """What gives it."""

    def describe(self) -> str:
        """Name it: ``patch configmaps/argocd-rbac-cm in argocd``."""
        kind = f"{self.resource}/{self.subresource}".rstrip("/")
        what = f"{kind}/{self.name}".rstrip("/")
        return f"{self.verb} {what}" + (f" in {self.namespace}" * bool(self.namespace))


def needed_rights(namespace: str, argocd_namespace: str) -> Iterator[Right]:
    """Name what the operator needs for one instance.

    Args:
        namespace: Where the operator, its instances and its grants are.
        argocd_namespace: Where Argo CD is; empty if that is in another cluster.
    """
    for resource in ("accessgrants", "argocdinstances"):
        for verb in (*_READ, "patch"):
            yield _ours(verb, resource, namespace)
    for resource in ("accesspolicies", "accessapprovals"):
        for verb in _READ:
            yield _ours(verb, resource, namespace)
    for resource in ("accessgrants", "accessapprovals"):
        yield _ours("delete", resource, namespace)
    for kind in ("accessgrants", "argocdinstances", "accesspolicies"):
        yield _ours("patch", kind, namespace, subresource="status")
    yield _ours("patch", "accessapprovals", namespace, subresource="status")
    yield from _of_the_process(namespace)
    if argocd_namespace:
        yield from _of_argocd(argocd_namespace)


def _ours(verb: str, resource: str, namespace: str, *, subresource: str = "") -> Right:
    return Right(
        verb=verb,
        group=_GROUP,
        resource=resource,
        namespace=namespace,
        subresource=subresource,
    )


def _of_the_process(namespace: str) -> Iterator[Right]:
    leases = {"group": "coordination.k8s.io", "resource": "leases"}
    for verb in (*_READ, "patch"):
        yield Right(verb=verb, namespace=namespace, name="argogrant", **leases)
    yield Right(verb="create", namespace=namespace, **leases)
    yield Right(verb="create", group="", resource="events", namespace=namespace)
    for resource in (
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
    ):
        for name in ("argogrant-requester", "argogrant-approver"):
            for verb in _READ:
                yield Right(
                    verb=verb,
                    group=_ADMISSION,
                    resource=resource,
                    namespace="",
                    name=name,
                )


def _of_argocd(namespace: str) -> Iterator[Right]:
    for verb in (*_READ, "update", "patch"):
        yield Right(
            verb=verb,
            group="",
            resource="configmaps",
            namespace=namespace,
            name="argocd-rbac-cm",
            manifest=ARGOCDS,
        )
    for verb in _READ:
        yield Right(
            verb=verb,
            group="argoproj.io",
            resource="appprojects",
            namespace=namespace,
            manifest=ARGOCDS,
        )
