"""Where the objects are that the operator reads and writes."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of namespaced object, by its place in the API."""

    prefix: str
    plural: str

    def path(self, namespace: str, name: str = "", subresource: str = "") -> str:
        """Build the path of a collection, an object or a subresource."""
        parts = (self.prefix, "namespaces", namespace, self.plural, name, subresource)
        return "/" + "/".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Collection:
    """The objects of one kind in one namespace, or only the one with this name.

    The name goes into a field selector, so that a Role that names one object suffices
    to list and watch it.
    """

    resource: Resource
    namespace: str
    name: str = ""

    @property
    def path(self) -> str:
        """The path to list and watch."""
        return self.resource.path(self.namespace)

    def describe(self) -> str:
        """Name it in a message: ``configmaps/argocd-rbac-cm in namespace argocd``."""
        one = f"/{self.name}" if self.name else ""
        return f"{self.resource.plural}{one} in namespace {self.namespace}"


ACCESS_GRANTS: Final = Resource("apis/argogrant.dev/v1alpha1", "accessgrants")
ARGOCD_INSTANCES: Final = Resource("apis/argogrant.dev/v1alpha1", "argocdinstances")
CONFIG_MAPS: Final = Resource("api/v1", "configmaps")
APP_PROJECTS: Final = Resource("apis/argoproj.io/v1alpha1", "appprojects")
LEASES: Final = Resource("apis/coordination.k8s.io/v1", "leases")
