"""Base errors of the package, by who has to fix the cause.

Expected results (expired, scheduled, role not found) are values, never exceptions.

    AccessGrantError
    ├── InvalidGrant     the author of the object must change it
    ├── MalformedLine    a line that argogrant does not manage: report it, keep it
    ├── UnsafeText       a name that must not be written
    └── ClusterError     an API server (see ``argogrant.kube.errors``)
"""


class AccessGrantError(Exception):
    """Base class of all errors that argogrant raises."""


class InvalidGrant(AccessGrantError):
    """A value in an object that cannot be parsed; the message says what to write."""


class MalformedLine(AccessGrantError):
    """One line of Argo CD's RBAC policy that Argo CD would reject, with the cause."""


class UnsafeText(AccessGrantError):
    """A name that would not be parsed as the same name after writing it."""
