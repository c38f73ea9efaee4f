"""Scenarios with an Argo CD in another cluster; see ``error_scenarios``.

The other cluster is that of the instance, connected by its URL.
"""

import json
from pathlib import Path
from typing import Any

from support.error_scenarios import Mishap, instance_says
from support.live_cluster import INSTANCE, World

ROOT = Path(__file__).parent.parent.parent
SECRET = "argocd-prod"


def elsewhere(world: World, *, trusted: bool = True) -> None:
    """Connect the instance by the URL of its API server and a token."""
    world.plane.apply(ROOT / "manifests/remote-token.yaml")
    config = json.loads(world.plane.kubeconfig().read_text())
    known = config["clusters"][0]["cluster"]
    cluster: dict[str, Any] = {
        "server": known["server"],
        "tokenSecret": {"name": SECRET},
    }
    if trusted:
        cluster["caBundle"] = known["certificate-authority-data"]
    world.ours("delete", "argocdinstance", "default")  # its cluster is immutable
    world.apply({**INSTANCE, "spec": {"cluster": cluster}})


def with_token(world: World, token: str) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET, "namespace": "argogrant"},
        "stringData": {"k8s_token": token},
    }
    world.apply(secret)


def said_from_afar(world: World, reason: str) -> str:
    """Return the instance's message; then recreate it without another cluster."""
    try:
        return instance_says(world, reason)
    finally:
        world.abandon("default", kind="argocdinstance")
        world.ours("delete", "argocdinstance", "default")
        world.apply(INSTANCE)


def a_missing_token(world: World) -> str:
    world.ours("delete", "secret", SECRET, "--ignore-not-found")
    elsewhere(world)
    return said_from_afar(world, "TokenMissing")


def a_token_that_is_refused(world: World) -> str:
    with_token(world, "not-a-token-of-that-cluster")
    elsewhere(world)
    return said_from_afar(world, "TokenRefused")


def a_certificate_that_is_not_trusted(world: World) -> str:
    with_token(world, "not-a-token-of-that-cluster")
    elsewhere(world, trusted=False)
    return said_from_afar(world, "CertificateRefused")


DISTANCES: dict[str, Mishap] = {
    function.__name__: function
    for function in (
        a_missing_token,
        a_token_that_is_refused,
        a_certificate_that_is_not_trusted,
    )
}
"""Scenarios with another cluster."""
