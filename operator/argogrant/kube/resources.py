"""Paths of the objects that argogrant reads and writes."""

from dataclasses import dataclass
from typing import Final

from argogrant.grants.model.validation import quote
from argogrant.kube.errors import Invalid

_DOTS: Final = frozenset({".", ".."})
_SEPARATORS: Final = frozenset("/%?#")


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of the Kubernetes API: group, version and plural."""

    prefix: str
    plural: str

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.prefix.partition("apis/")[2].partition("/")[0]

    def path(self, namespace: str, name: str = "", subresource: str = "") -> str:
        """Build the path of a collection, an object or a subresource.

        Args:
            namespace: Empty for a cluster-scoped kind.
            name: Empty for the collection.
            subresource: For example ``status``.

        Raises:
            Invalid: The namespace or the name would change the path.

        Source: kubernetes/apimachinery, ``api/validation/path``
        (``IsValidPathSegmentName``).
        """
        for what, segment in (("namespace", namespace), ("name", name)):
            if segment in _DOTS or not _SEPARATORS.isdisjoint(segment):
                raise Invalid(f"{quote(segment)} is no valid {what} of {self.plural}")
        scope = f"/namespaces/{namespace}" if namespace else ""
        path = f"/{self.prefix}{scope}/{self.plural}"
        for part in (name, subresource):
            path = f"{path}/{part}" if part else path
        return path


@dataclass(frozen=True, slots=True)
class Collection:
    """All objects of one kind in a namespace, or the one with this name.

    A name becomes a field selector. A Role that names this object then permits the list
    and the watch.
    """

    resource: Resource
    namespace: str
    """Empty for a cluster-scoped kind, and for all namespaces."""
    name: str = ""
    labels: str = ""
    """Label selector, as of ``kubectl -l``; empty for all."""
    pause: float = 0.0
    """Seconds of pause for each second of work that an event of a watch causes. Of
    objects that others change at full speed, events then wait in the connection."""

    @property
    def path(self) -> str:
        """The path of list and watch."""
        return self.resource.path(self.namespace)

    def describe(self) -> str:
        """Format for messages: ``configmaps/argocd-rbac-cm in namespace argocd``."""
        name = f"/{self.name}" if self.name else ""
        namespace = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{self.resource.plural}{name}{namespace}"


_ARGOGRANT: Final = "apis/argogrant.dev/v1alpha1"
ACCESS_GRANTS: Final = Resource(_ARGOGRANT, "accessgrants")
ACCESS_POLICIES: Final = Resource(_ARGOGRANT, "accesspolicies")
ACCESS_APPROVALS: Final = Resource(_ARGOGRANT, "accessapprovals")
ARGOCD_INSTANCES: Final = Resource(_ARGOGRANT, "argocdinstances")
CONFIG_MAPS: Final = Resource("api/v1", "configmaps")
APP_PROJECTS: Final = Resource("apis/argoproj.io/v1alpha1", "appprojects")
NAMESPACES: Final = Resource("api/v1", "namespaces")
SECRETS: Final = Resource("api/v1", "secrets")
LEASES: Final = Resource("apis/coordination.k8s.io/v1", "leases")
SERVICE_ACCOUNTS: Final = Resource("api/v1", "serviceaccounts")
DEPLOYMENTS: Final = Resource("apis/apps/v1", "deployments")
EVENTS: Final = Resource("api/v1", "events")
_ADMISSION: Final = "apis/admissionregistration.k8s.io/v1"
VALIDATING_POLICIES: Final = Resource(_ADMISSION, "validatingadmissionpolicies")
VALIDATING_BINDINGS: Final = Resource(_ADMISSION, "validatingadmissionpolicybindings")
