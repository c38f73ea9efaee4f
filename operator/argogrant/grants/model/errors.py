"""Base errors of the package, by who has to fix the cause.

Expected results (expired, scheduled, role not found) are values, never exceptions.

    AccessGrantError
    ├── InvalidGrant         the author of the object must change it
    ├── PolicyError          text of Argo CD's RBAC policy
    │   ├── MalformedLine    a line that argogrant does not manage: report it, keep it
    │   └── UnsafeText       a name that must not be written
    └── ClusterError         an API server (see ``argogrant.kube.errors``)
"""


class AccessGrantError(Exception):
    """Base class of all errors that argogrant raises."""


class InvalidGrant(AccessGrantError):
    """A value in an object that cannot be parsed; the message says what to write."""


class PolicyError(AccessGrantError):
    """Text of Argo CD's RBAC policy that is not valid."""


class MalformedLine(PolicyError):
    """One line that Argo CD would reject; the message gives the cause."""


class UnsafeText(PolicyError):
    """A name that would not be parsed as the same name after writing it."""
