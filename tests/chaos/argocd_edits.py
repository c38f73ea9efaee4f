"""Edits of Argo CD's ConfigMap by users and other programs."""

import json
from collections.abc import Collection
from typing import Any

from chaos.model import Pair
from controlplane import ControlPlane
from controlplane.errors import KubectlFailed

OVERLAY_KEY = "policy.argogrant.csv"
ARGOCD_NAMESPACE = ("--namespace", "argocd")
RULES = {
    "role:deployer": "p, role:deployer, applications, sync, shop/*, allow",
    "role:cleaner": "p, role:cleaner, applications, delete, shop/*, allow",
}
STANDING = Pair("bob", "role:deployer")
BROKEN_LINE = "p, role:deployer, applications"
ATTEMPTS = 20


def policy(roles: Collection[str], *, line_is_broken: bool) -> str:
    """Compose ``policy.csv`` of the users."""
    lines = [RULES[role] for role in sorted(roles)]
    lines += [f"g, {STANDING.subject}, {STANDING.role}"]
    return "\n".join([*lines, *([BROKEN_LINE] if line_is_broken else []), ""])


def line_of(pair: Pair) -> str:
    """Return the line that gives a pair its role."""
    return f"g, {pair.subject.removeprefix('group:')}, {pair.role}\n"


class ConfigMapEdits:
    """Edits of ``argocd-rbac-cm`` with an admin's rights."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._last_overlay: str | None = None

    def set_policy(self, text: str) -> None:
        """Write only ``policy.csv``."""
        self._patch({"data": {"policy.csv": text}})

    def drop_key(self) -> None:
        """Remove our key."""
        self._patch({"data": {OVERLAY_KEY: None}})

    def append(self, line: str) -> None:
        """Append a line to the current value of our key."""
        for _ in range(ATTEMPTS):
            found = self._plane.argocd.rbac_config_map()
            text = found.get("data", {}).get(OVERLAY_KEY, "")
            version = found["metadata"]["resourceVersion"]
            try:
                return self._patch(
                    {
                        "metadata": {"resourceVersion": version},
                        "data": {OVERLAY_KEY: f"{text}{line}"},
                    }
                )
            except KubectlFailed as error:
                if "the object has been modified" not in str(error):
                    raise
        raise AssertionError("The operator writes argocd-rbac-cm without a pause.")

    def delete(self) -> None:
        """Delete the whole ConfigMap."""
        found = self._plane.argocd.rbac_config_map()
        self._last_overlay = found.get("data", {}).get(OVERLAY_KEY)
        self._plane.kubectl("delete", "configmap", "argocd-rbac-cm", *ARGOCD_NAMESPACE)

    def restore(self, text: str, *, with_old_key: bool) -> None:
        """Create it again, from Git or from a backup that includes our key."""
        data = {"policy.csv": text}
        if with_old_key and self._last_overlay is not None:
            data[OVERLAY_KEY] = self._last_overlay
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "argocd-rbac-cm", "namespace": "argocd"},
            "data": data,
        }
        self._plane.kubectl("create", "-f", "-", stdin=json.dumps(body))

    def _patch(self, patch: dict[str, Any]) -> None:
        self._plane.kubectl(
            *("patch", "configmap", "argocd-rbac-cm", *ARGOCD_NAMESPACE),
            *("--type=merge", "--patch", json.dumps(patch)),
        )
