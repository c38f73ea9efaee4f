"""The control plane as tests and the demo use it, wherever it runs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from types import TracebackType
from typing import Any, Self

import yaml

from controlplane.api import APIClient
from controlplane.argocd import ArgoCD
from controlplane.cluster import Cluster
from controlplane.errors import NotConfigured
from controlplane.parts import Part, Parts
from controlplane.people import ADMIN
from controlplane.supervision import Supervision


class ControlPlane:
    """An API server with Argo CD: a context manager, or closed with ``close``."""

    def __init__(
        self,
        cluster: Cluster,
        argocd: ArgoCD,
        supervision: Supervision,
        *,
        parts: Parts | None = None,
    ) -> None:
        """Put together what ``local`` or ``external`` has started."""
        self.argocd = argocd
        self.folder = supervision.folder
        self._cluster = cluster
        self._supervision = supervision
        self._parts = parts

    def __enter__(self) -> Self:
        """Return the control plane itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the control plane, also after an error."""
        self.close()

    def close(self) -> None:
        """Stop what was started and remove the folder; closing twice is fine."""
        self.argocd.close()
        self._cluster.close()
        self._supervision.close()

    def kubeconfig(
        self,
        user: str = ADMIN,
        groups: Sequence[str] = (),
        *,
        context_namespace: str = "default",
    ) -> Path:
        """Return a kubeconfig with which a client is that user.

        Args:
            user: ``admin``, one of ``people.PEOPLE``, or any other name.
            groups: Exactly these groups instead of the person's own.
            context_namespace: Default namespace of clients.
        """
        return self._cluster.kubeconfig(
            user, groups, context_namespace=context_namespace
        )

    def service_account_kubeconfig(
        self, namespace: str, name: str, *, context_namespace: str | None = None
    ) -> Path:
        """Return a kubeconfig with a fresh token of an existing ServiceAccount."""
        return self._cluster.service_account_kubeconfig(
            namespace, name, context_namespace=context_namespace
        )

    def kubectl(
        self,
        *arguments: str,
        user: str = ADMIN,
        groups: Sequence[str] = (),
        stdin: str | None = None,
        check: bool = True,
    ) -> CompletedProcess[str]:
        """Run kubectl as a user.

        Raises:
            KubectlFailed: The command failed, and ``check`` is set.
        """
        return self._cluster.kubectl(
            *arguments, user=user, groups=groups, stdin=stdin, check=check
        )

    def apply(self, *items: Mapping[str, Any] | Path) -> None:
        """Apply objects, or the objects of YAML files, as ``kubectl apply`` does.

        The objects of a List are applied one by one.

        Raises:
            APIRequestFailed: The API server refused one; the others before it remain.
        """
        for body in self._objects(items):
            namespace = body["metadata"].get("namespace", "")
            self.api(namespace).apply(body)

    def _objects(self, items: Iterable[Mapping[str, Any] | Path]) -> Iterator[Any]:
        for item in items:
            if isinstance(item, Path):
                yield from self._objects(yaml.safe_load_all(item.read_text("utf-8")))
            elif item["kind"] == "List":
                yield from self._objects(item["items"])
            else:
                yield item

    def api(self, namespace: str) -> APIClient:  # noqa: ARG002 - two clusters differ
        """Return a client of the cluster in which a namespace is, as the admin."""
        return self._cluster.api

    @property
    def is_ours(self) -> bool:
        """True if the parts were started here and can be stopped."""
        return self._parts is not None

    @property
    def logs(self) -> Path:
        """The folder with one log a part."""
        return self._own_parts.logs

    def start(self, part: str) -> None:
        """Start a stopped part again, on its old ports, and wait until it is up.

        Argo CD says no to everything until it has read its RBAC ConfigMap, a moment
        after it is up: ``argocd.settle()`` waits for that.
        """
        self._own_parts.start(part)

    def add(self, part: Part) -> None:
        """Start one more part, and wait until it is up."""
        self._own_parts.add(part)
        self._own_parts.wait_until_up(part.name)

    def stop(self, part: str, *, grace_seconds: float = 0) -> None:
        """Stop a part: killed at once, or asked first and killed after the grace.

        The parts are ``etcd``, ``kube-apiserver`` and ``argocd-server``.
        """
        self._own_parts.stop(part, grace_seconds=grace_seconds)

    def pause(self, part: str) -> None:
        """Suspend a part: its connections stay open, without answers."""
        self._own_parts.pause(part)

    def resume(self, part: str) -> None:
        """Continue a suspended part."""
        self._own_parts.resume(part)

    def pids(self) -> Mapping[str, int]:
        """Return the process ids of the parts that run, and the supervisor's."""
        return self._own_parts.pids()

    @property
    def _own_parts(self) -> Parts:
        if self._parts is None:
            raise NotConfigured(
                "The parts of a cluster named by the environment are not ours to "
                "stop. Unset ARGOGRANT_TEST_KUBECONFIG to start a control plane here."
            )
        return self._parts
