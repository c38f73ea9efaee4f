"""The errors of the package, by whose fault they are.

Expected outcomes (expired, scheduled, no such role) are values, never exceptions.

    AccessGrantError
    ├── InvalidGrant         its author must write it differently
    ├── PolicyError          text that Argo CD reads
    │   ├── MalformedLine    somebody else's line; leave it alone, report it
    │   └── UnsafeText       a name that must not be rendered
    └── ClusterError         an API server (see ``argogrant.kube.errors``)
"""


class AccessGrantError(Exception):
    """The root of every error that argogrant raises."""


class InvalidGrant(AccessGrantError):
    """What a person wrote can not be understood; the message says what to write."""


class PolicyError(AccessGrantError):
    """Text that Argo CD reads is not what it should be."""


class MalformedLine(PolicyError):
    """One line that Argo CD's reader would refuse; the message says why."""


class UnsafeText(PolicyError):
    """A name that would not read back as itself if it were rendered."""
