"""Where the objects are that the operator reads and writes."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of object, by its place in the API."""

    prefix: str
    plural: str

    @property
    def group(self) -> str:
        """The API group; empty for the core one."""
        _, _, versioned = self.prefix.partition("apis/")
        return versioned.partition("/")[0]

    def path(self, namespace: str, name: str = "", subresource: str = "") -> str:
        """Build the path of a collection, an object or a subresource.

        Args:
            namespace: Empty for a kind that belongs to the whole cluster.
            name: Empty for the collection.
            subresource: Such as ``status``.
        """
        where = ("namespaces", namespace) if namespace else ()
        parts = (self.prefix, *where, self.plural, name, subresource)
        return "/" + "/".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Collection:
    """The objects of one kind in one namespace, or only the one with this name.

    A kind that belongs to the whole cluster has no namespace.

    The name goes into a field selector, so that a Role that names one object suffices
    to list and watch it.
    """

    resource: Resource
    namespace: str
    name: str = ""
    labels: str = ""
    """A label selector, as of ``kubectl -l``; empty for all."""

    @property
    def path(self) -> str:
        """The path to list and watch."""
        return self.resource.path(self.namespace)

    def describe(self) -> str:
        """Name it in a message: ``configmaps/argocd-rbac-cm in namespace argocd``."""
        one = f"/{self.name}" if self.name else ""
        where = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{self.resource.plural}{one}{where}"


ACCESS_GRANTS: Final = Resource("apis/argogrant.dev/v1alpha1", "accessgrants")
ACCESS_POLICIES: Final = Resource("apis/argogrant.dev/v1alpha1", "accesspolicies")
ACCESS_APPROVALS: Final = Resource("apis/argogrant.dev/v1alpha1", "accessapprovals")
ARGOCD_INSTANCES: Final = Resource("apis/argogrant.dev/v1alpha1", "argocdinstances")
CONFIG_MAPS: Final = Resource("api/v1", "configmaps")
APP_PROJECTS: Final = Resource("apis/argoproj.io/v1alpha1", "appprojects")
SECRETS: Final = Resource("api/v1", "secrets")
LEASES: Final = Resource("apis/coordination.k8s.io/v1", "leases")
SERVICE_ACCOUNTS: Final = Resource("api/v1", "serviceaccounts")
DEPLOYMENTS: Final = Resource("apis/apps/v1", "deployments")
EVENTS: Final = Resource("api/v1", "events")
_ADMISSION: Final = "apis/admissionregistration.k8s.io/v1"
VALIDATING_POLICIES: Final = Resource(_ADMISSION, "validatingadmissionpolicies")
VALIDATING_BINDINGS: Final = Resource(_ADMISSION, "validatingadmissionpolicybindings")
