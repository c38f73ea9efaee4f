"""Errors of a control plane, each with its remedy.

ControlPlaneError
├── NotBuilt            the programs are not there yet
├── BuildFailed         Go could not build them
├── NotConfigured       the cluster named by the environment cannot be used as it is
├── PartFailed          etcd, the API server or Argo CD did not come up
│   └── PortTaken       another program took a port first: choose others, try again
├── KubectlFailed       a command answered with an error
├── APIRequestFailed    the API server answered a request with an error
└── ArgoCDError         Argo CD gave no answer to a question
    ├── ArgoCDBroken        it fails itself, as it does on a broken RBAC policy
    └── ArgoCDUnreachable   no answer at its address
"""


class ControlPlaneError(Exception):
    """Anything that the harness itself reports."""


class NotBuilt(ControlPlaneError):
    """The programs of the control plane are not in the cache."""


class BuildFailed(ControlPlaneError):
    """The programs of the control plane could not be built."""


class NotConfigured(ControlPlaneError):
    """The environment names a cluster that lacks something the harness needs."""


class PartFailed(ControlPlaneError):
    """A part of the control plane did not come up."""


class PortTaken(PartFailed):
    """A part did not come up because another program took its port meanwhile."""


class KubectlFailed(ControlPlaneError):
    """A kubectl command ended with an error."""


class APIRequestFailed(ControlPlaneError):
    """The API server refused a request.

    Args:
        message: The request and the API server's message.
        status: The HTTP status; 0 if there was no answer in time.
    """

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class ArgoCDError(ControlPlaneError):
    """Argo CD gave neither a yes nor a no."""


class ArgoCDBroken(ArgoCDError):
    """Argo CD fails, as it does on a malformed policy."""


class ArgoCDUnreachable(ArgoCDError):
    """Argo CD does not answer at its address."""
