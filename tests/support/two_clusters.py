"""Two control planes used as one: our kinds here, Argo CD in the other."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, Final

from controlplane.api import APIClient
from controlplane.argocd import ArgoCD
from controlplane.plane import ControlPlane
from support.live_cluster import INSTANCE, PROJECT, RIGHTS

MANIFESTS: Final = Path(__file__).parent.parent.parent / "manifests"
FAR_RIGHTS: Final = MANIFESTS / "remote-cluster.yaml"
"""Manifest for the cluster of Argo CD, in place of ``RIGHTS``."""
SECRET: Final = "argocd-prod"


class FarPlane(ControlPlane):
    """Control plane whose namespace ``argocd`` is in another cluster.

    Objects of Argo CD go to the far plane, and every ArgoCDInstance that names
    no cluster gets the far one.
    """

    def __init__(self, home: ControlPlane, far: ControlPlane) -> None:
        self.home = home
        self.far = far

    @property
    def argocd(self) -> ArgoCD:
        return self.far.argocd

    @property
    def is_ours(self) -> bool:
        return self.home.is_ours

    def service_account_kubeconfig(
        self, namespace: str, name: str, *, context_namespace: str | None = None
    ) -> Path:
        return self.home.service_account_kubeconfig(
            namespace, name, context_namespace=context_namespace
        )

    def kubectl(
        self,
        *arguments: str,
        stdin: str | None = None,
        user: str = "admin",
        groups: Sequence[str] = (),
        check: bool = True,
    ) -> CompletedProcess[str]:
        if arguments[:2] == ("-n", "argocd"):
            return self.far.kubectl(*arguments, stdin=stdin, check=check)
        return self.home.kubectl(
            *arguments, stdin=stdin, user=user, groups=groups, check=check
        )

    def apply(self, *items: Mapping[str, Any] | Path) -> None:
        """Apply objects of Argo CD and its permissions to the far plane."""
        for item in items:
            super().apply(FAR_RIGHTS if item == RIGHTS else item)

    def _objects(self, items: Iterable[Mapping[str, Any] | Path]) -> Iterator[Any]:
        for body in super()._objects(items):
            if body["kind"] == "ArgoCDInstance" and "cluster" not in body["spec"]:
                yield {**body, "spec": {**body["spec"], "cluster": self.cluster()}}
            else:
                yield body

    def api(self, namespace: str) -> APIClient:
        return (self.far if namespace == "argocd" else self.home).api(namespace)

    def cluster(self) -> dict[str, Any]:
        """Return ``spec.cluster`` of an ArgoCDInstance in the far cluster."""
        config = json.loads(self.far.kubeconfig().read_text())
        cluster = config["clusters"][0]["cluster"]
        return {
            "server": cluster["server"],
            "caBundle": cluster["certificate-authority-data"],
            "tokenSecret": {"name": SECRET},
        }

    def new_token(self, duration: str = "24h") -> str:
        """Create a token in the far cluster with the documented command."""
        command = ("create", "token", "argogrant", "--namespace", "argocd")
        return self.far.kubectl(*command, "--duration", duration).stdout.strip()

    def put_token(self, token: str) -> None:
        """Create or update the Secret with the token."""
        made = self.home.kubectl(
            *("-n", "argogrant", "create", "secret", "generic", SECRET),
            *(f"--from-literal=k8s_token={token}", "--dry-run=client", "-o", "json"),
        )
        self.home.apply(json.loads(made.stdout))

    def install(self) -> None:
        """Apply the documented manifests, and the AppProject to the far Argo CD."""
        self.far.apply(FAR_RIGHTS, PROJECT)
        self.home.apply(MANIFESTS / "remote-token.yaml")
        self.put_token(self.new_token())
        self._delete_instance()
        self.apply(INSTANCE)

    def uninstall(self) -> None:
        """Replace the instance by one for the Argo CD of the home cluster."""
        self._delete_instance()
        self.home.apply(INSTANCE)

    def _delete_instance(self) -> None:
        """Delete the instance while no operator runs; its cluster is immutable."""
        free = json.dumps({"metadata": {"finalizers": None}})
        here = ("-n", "argogrant")
        self.home.kubectl(
            *(*here, "patch", "argocdinstance", "default", "--type=merge", "-p", free),
            check=False,
        )
        self.home.kubectl(
            *(*here, "delete", "argocdinstance", "default", "--ignore-not-found")
        )
