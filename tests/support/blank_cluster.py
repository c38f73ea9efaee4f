"""A cluster that has never heard of argogrant, whatever earlier tests did in it."""

import json

from argogrant.api.crd import KINDS
from controlplane import ControlPlane

NAMES = [f"{kind.plural}.argogrant.dev" for kind in KINDS]
FREE = json.dumps({"metadata": {"finalizers": None}})
REMOTE_RIGHTS = "serviceaccounts,roles,rolebindings"
"""What `manifests/remote-cluster.yaml` gives to an operator elsewhere."""


def make_blank(plane: ControlPlane) -> None:
    """Remove our objects, which nobody lets go of any more, our kinds and rights."""
    for name in NAMES:
        listed = plane.kubectl("get", name, "-A", "-o", "json", check=False)
        for one in json.loads(listed.stdout or "{}").get("items", ()):
            where = ("-n", one["metadata"]["namespace"])
            patch = ("--type=merge", "-p", FREE)
            plane.kubectl(
                *(*where, "patch", name, one["metadata"]["name"], *patch), check=False
            )
    plane.kubectl("delete", "crd", "--ignore-not-found", *NAMES)
    rights = ("delete", REMOTE_RIGHTS, "argogrant", "--ignore-not-found")
    plane.kubectl("-n", "argocd", *rights)
