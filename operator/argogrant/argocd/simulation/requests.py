"""Resources and actions that Argo CD knows, and the form of their objects.

Source: argoproj/argo-cd, ``util/rbac/rbac.go``, ``Resources`` and ``Actions``.
"""

from typing import Final

PROJECT_SCOPED: Final = frozenset(
    {"applications", "applicationsets", "clusters", "exec", "logs", "repositories"}
)
"""Resources whose object names begin with a project. Source: ``ProjectScoped``."""
OF_APPLICATIONS: Final = frozenset({"applications", "applicationsets", "exec", "logs"})
"""Resources whose object is PROJECT/NAME, or PROJECT/NAMESPACE/NAME."""
WITH_NAME: Final = frozenset({"accounts", "extensions", "projects"})
"""Resources whose object is a name without a slash."""
WITH_NAME_OR_NOTHING: Final = frozenset({"certificates", "gpgkeys"})
"""The same; the object of a list is the empty text. Source: ``server/certificate`` and
``server/gpgkey``."""
RESOURCES: Final = PROJECT_SCOPED | {
    *("accounts", "certificates", "extensions", "gpgkeys", "projects"),
    "write-repositories",
}
ACTIONS: Final = frozenset(
    {
        *("get", "create", "update", "delete", "sync", "rollback", "override"),
        *("action", "invoke", "debug"),
    }
)
"""Actions of Argo CD; ``update``, ``delete`` and ``action`` may continue with ``/`` and
the resource that they are about."""
WITH_DETAILS: Final = ("action/", "delete/", "update/")
"""Beginnings of actions on single objects of an Application."""
