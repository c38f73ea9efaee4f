"""A second namespace that the operator serves, with an ArgoCDInstance of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import yaml

from controlplane.plane import ControlPlane
from support.live_cluster import INSTANCE, World, a_grant
from support.operator_process import ROOT

TEAM: Final = "team-b"
SERVED: Final = ("--namespace", TEAM, "--lease-namespace", "argogrant")
"""Options of an operator that serves it besides its own namespace, ``argogrant``."""
IN_PROJECT: Final = {"project": "team-a", "name": "deployer"}


@contextmanager
def installed(plane: ControlPlane) -> Iterator[None]:
    """Give the operator the same permissions in the second namespace.

    Within the block it may also change AppProjects.
    """
    plane.kubectl("create", "namespace", TEAM, check=False)
    manifest = (ROOT / "manifests/argogrant-namespace.yaml").read_text()
    for body in yaml.safe_load_all(manifest):
        if body["kind"] in ("Role", "RoleBinding"):
            plane.apply(in_namespace(TEAM, body))
    projects = ROOT / "manifests/argocd-appprojects.yaml"
    plane.apply(projects)
    try:
        yield
    finally:
        plane.kubectl("delete", "-f", str(projects))


def team_instance(**spec: Any) -> dict[str, Any]:
    return in_namespace(TEAM, {**INSTANCE, "spec": spec})


def team_grant(name: str, subject: str = "carol", **spec: Any) -> dict[str, Any]:
    return in_namespace(TEAM, a_grant(name, subject, **spec))


def team_says(world: World, kind: str = "argocdinstance", name: str = "default") -> Any:
    """Return reason and message of the condition Ready of an object there."""
    body = world.plane.api(TEAM).find(kind, name, namespace=TEAM) or {}
    for one in body.get("status", {}).get("conditions", ()):
        if one["type"] == "Ready":
            return one["reason"], one["message"]
    return "", ""


def remove_team(plane: ControlPlane) -> None:
    """Delete the grants and the instance there, while an operator runs."""
    kinds = "accessgrants,argocdinstances"
    plane.kubectl("-n", TEAM, "delete", kinds, "--all")


def in_namespace(namespace: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of an object for another namespace."""
    return {**body, "metadata": {**body["metadata"], "namespace": namespace}}
