"""The namespace that the operator runs in.

ArgoCDInstances of this namespace may bind in every Argo CD whose owner has not said
otherwise (``argocd/allowed_namespaces.py``).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

POD_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
"""Source: Kubernetes, "Accessing the Kubernetes API from a Pod"."""


def own_namespace(lease_namespace: str, namespaces: Sequence[str]) -> str:
    """Return the namespace of the pod, or else the one that stands for it.

    Args:
        lease_namespace: Namespace of the Lease; empty if none was specified.
        namespaces: The served namespaces.

    Returns:
        The pod's namespace. Outside of a pod: that of the Lease, or else the only
        served namespace; empty if there are several.
    """
    try:
        return POD_NAMESPACE.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return lease_namespace or (namespaces[0] if len(namespaces) == 1 else "")
