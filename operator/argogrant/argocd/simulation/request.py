"""Requests as argocd-server passes them to its enforcer.

Source: argoproj/argo-cd, ``util/security/rbac.go``, ``RBACName``, and
``server/application/application.go``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

PROJECT_SCOPED: Final = frozenset(
    {"applications", "applicationsets", "clusters", "exec", "logs", "repositories"}
)
"""Resources whose object names begin with a project. Source: ``ProjectScoped``."""
RESOURCES: Final = PROJECT_SCOPED | {
    *("accounts", "certificates", "extensions", "gpgkeys", "projects"),
    "write-repositories",
}
ROLLBACK_KEY: Final = "server.rbac.rollback.enforce.enable"
INHERITANCE_KEY: Final = "server.rbac.disableApplicationFineGrainedRBACInheritance"
_TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "false", "FALSE", "False"})
"""Texts that Go's ``strconv.ParseBool`` parses as true and as false."""
_WITH_NAMESPACE: Final = 3
"""Parts of an object name that contains the namespace of an Application."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnforceRequest:
    """Resource, action and object of a request, with Argo CD's column names."""

    resource: str
    action: str
    object: str

    @property
    def project(self) -> str | None:
        """AppProject whose lines also apply; None if the request concerns none."""
        if self.resource == "projects":
            return self.object
        if self.resource in PROJECT_SCOPED and "/" in self.object:
            return self.object.split("/")[0]
        return None


def to_enforce_requests(
    request: EnforceRequest, *, namespace: str, settings: Mapping[str, str]
) -> tuple[EnforceRequest, ...]:
    """Return the requests that argocd-server enforces; it needs one to be allowed.

    Args:
        request: Request of a user.
        namespace: Namespace of Argo CD, which Argo CD omits in object names.
        settings: The ``data`` of ``argocd-cm``; empty if it cannot be read.
    """
    named = replace(request, object=_without_namespace(request, namespace))
    if named.action == "rollback" and settings.get(ROLLBACK_KEY, "") not in _TRUE:
        return (replace(named, action="sync"),)
    plain, slash, _ = named.action.partition("/")
    inherits = settings.get(INHERITANCE_KEY, "") in _FALSE
    if inherits and slash and plain in {"update", "delete"}:
        return (replace(named, action=plain), named)
    return (named,)


def _without_namespace(request: EnforceRequest, namespace: str) -> str:
    parts = request.object.split("/")
    if request.resource in PROJECT_SCOPED and len(parts) == _WITH_NAMESPACE:
        project, app_namespace, name = parts
        if app_namespace in ("", namespace):
            return f"{project}/{name}"
    return request.object
