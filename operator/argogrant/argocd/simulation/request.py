"""What somebody wants to do, as argocd-server puts it to its rules.

Source: argoproj/argo-cd, ``util/security/rbac.go``, ``RBACName``, and
``server/application/application.go``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

PROJECT_SCOPED: Final = frozenset(
    {"applications", "applicationsets", "clusters", "exec", "logs", "repositories"}
)
"""Resources whose objects begin with a project. Source: ``ProjectScoped``."""
RESOURCES: Final = PROJECT_SCOPED | {
    *("accounts", "certificates", "extensions", "gpgkeys", "projects"),
    "write-repositories",
}
ROLLBACK_KEY: Final = "server.rbac.rollback.enforce.enable"
INHERITANCE_KEY: Final = "server.rbac.disableApplicationFineGrainedRBACInheritance"
_TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "false", "FALSE", "False"})
"""What Go's ``strconv.ParseBool`` takes for yes and for no."""
_WITH_NAMESPACE: Final = 3
"""Parts of an object that names the namespace of an Application."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnforceRequest:
    """One thing to do, in Argo CD's own words."""

    resource: str
    action: str
    object: str

    @property
    def project(self) -> str | None:
        """The AppProject whose lines count as well, if the question is about one."""
        if self.resource == "projects":
            return self.object
        if self.resource in PROJECT_SCOPED and "/" in self.object:
            return self.object.split("/")[0]
        return None


def to_enforce_requests(
    question: EnforceRequest, *, namespace: str, settings: Mapping[str, str]
) -> tuple[EnforceRequest, ...]:
    """Give the questions that argocd-server asks; one yes is enough.

    Args:
        question: What a person wants to know.
        namespace: Argo CD's own, which its rules leave out of objects.
        settings: The ``data`` of ``argocd-cm``; empty if that can not be read.
    """
    named = replace(question, object=_without_namespace(question, namespace))
    if named.action == "rollback" and settings.get(ROLLBACK_KEY, "") not in _TRUE:
        return (replace(named, action="sync"),)
    plain, slash, _ = named.action.partition("/")
    inherits = settings.get(INHERITANCE_KEY, "") in _FALSE
    if inherits and slash and plain in {"update", "delete"}:
        return (replace(named, action=plain), named)
    return (named,)


def _without_namespace(question: EnforceRequest, namespace: str) -> str:
    parts = question.object.split("/")
    if question.resource in PROJECT_SCOPED and len(parts) == _WITH_NAMESPACE:
        project, where, name = parts
        if where in ("", namespace):
            return f"{project}/{name}"
    return question.object
