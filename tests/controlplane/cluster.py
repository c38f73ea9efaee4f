"""Cluster as its users see it: kubeconfigs of users, and kubectl.

A predefined user has an own token if the cluster knows it, and is impersonated by the
admin otherwise. Both are equal for authorization and admission.
"""

import base64
import copy
import hashlib
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from controlplane.api import APIClient, path_of
from controlplane.errors import KubectlFailed
from controlplane.people import ADMIN, KNOWN

KUBECTL_SECONDS = 60.0
TOKEN_DURATION = "24h"


class Cluster:
    """Cluster with a kubeconfig of its admin."""

    def __init__(
        self,
        folder: Path,
        *,
        kubectl: Path,
        admin: Mapping[str, Any],
        tokens: Mapping[str, str],
    ) -> None:
        """Use a cluster from an own folder.

        Args:
            folder: Folder for kubeconfigs and kubectl's cache.
            kubectl: The program.
            admin: A kubeconfig with exactly one context, cluster and user.
            tokens: Bearer tokens of users by name.
        """
        self._folder = folder
        self._kubectl = kubectl
        self._admin = admin
        self._tokens = tokens
        self._api: APIClient | None = None
        folder.mkdir(mode=0o700, exist_ok=True)

    @property
    def api(self) -> APIClient:
        """Requests of the admin in this process."""
        if self._api is None:
            self._api = APIClient(self._admin)
        return self._api

    def close(self) -> None:
        """Close the connections to the API server."""
        if self._api is not None:
            self._api.close()

    def kubeconfig(
        self,
        user: str = ADMIN,
        groups: Sequence[str] = (),
        *,
        context_namespace: str = "default",
    ) -> Path:
        """Return a kubeconfig with which a client is that user.

        Args:
            user: ``admin``, one of the cast, or any other name.
            groups: Exactly these groups instead of the cast's own.
            context_namespace: Default namespace of clients.
        """
        return self._written(self._identity(user, tuple(groups)), context_namespace)

    def service_account_kubeconfig(
        self, namespace: str, name: str, *, context_namespace: str | None = None
    ) -> Path:
        """Return a kubeconfig with a fresh token of an existing ServiceAccount."""
        token = self.kubectl(
            *("create", "token", name, "--namespace", namespace),
            *("--duration", TOKEN_DURATION),
        )
        identity = {"token": token.stdout.strip()}
        return self._written(identity, context_namespace or namespace)

    def kubectl(
        self,
        *arguments: str,
        user: str = ADMIN,
        groups: Sequence[str] = (),
        stdin: str | None = None,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as a user, without the caller's ``~/.kube``.

        Raises:
            KubectlFailed: The command failed, and ``check`` is set.
        """
        done = subprocess.run(
            [self._kubectl, *arguments],
            env=self._environment(self.kubeconfig(user, groups)),
            input="" if stdin is None else stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=KUBECTL_SECONDS,
        )
        if check and done.returncode != 0:
            raise KubectlFailed(
                f"kubectl {' '.join(arguments)}, as {user}, ended with "
                f"{done.returncode}: {done.stderr.strip() or done.stdout.strip()}"
            )
        return done

    def read(self, kind: str, name: str, *, namespace: str) -> dict[str, Any]:
        """Return one object as the admin sees it."""
        return self.api.request("GET", path_of(kind, namespace, name))

    def _environment(self, kubeconfig: Path) -> Mapping[str, str]:
        return {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "KUBECACHEDIR": str(self._folder / "cache"),
            "KUBERC": "off",
            "GOGC": "off",  # collecting is a fifth of what so short a life costs
        }

    def _identity(self, user: str, groups: Sequence[str]) -> Mapping[str, Any]:
        own: Mapping[str, Any] = self._admin["users"][0]["user"]
        if user == ADMIN and not groups:
            return own
        if user in self._tokens and tuple(groups) in {(), KNOWN[user]}:
            return {"token": self._tokens[user]}
        return {**own, "as": user, "as-groups": list(groups or KNOWN.get(user, ()))}

    def _written(self, identity: Mapping[str, Any], context_namespace: str) -> Path:
        config = dict(copy.deepcopy(self._admin))
        config["users"][0]["user"] = dict(identity)
        config["contexts"][0]["context"]["namespace"] = context_namespace
        text = json.dumps(config)  # which is YAML as well
        name = hashlib.sha256(text.encode()).hexdigest()[:16]
        path = self._folder / f"{name}.yaml"
        if not path.exists():
            unfinished = path.with_suffix(f".{os.getpid()}")
            unfinished.write_text(text, encoding="utf-8")
            unfinished.chmod(0o600)
            unfinished.rename(path)
        return path


def kubeconfig_of(
    server: str, certificate_authority: bytes, token: str
) -> dict[str, Any]:
    """Compose the admin's kubeconfig of a cluster with a CA of its own."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "control-plane",
        "clusters": [
            {
                "name": "control-plane",
                "cluster": {
                    "server": server,
                    "certificate-authority-data": _base64(certificate_authority),
                },
            }
        ],
        "users": [{"name": "user", "user": {"token": token}}],
        "contexts": [
            {
                "name": "control-plane",
                "context": {"cluster": "control-plane", "user": "user"},
            }
        ],
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
