"""The controller of one namespace on a FakeCluster, without kopf."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from argogrant.api.accessgrant import ABANDON_ANNOTATION
from argogrant.api.remote_cluster import RemoteCluster
from argogrant.argocd.allowed_namespaces import ALLOWED_NAMESPACES_ANNOTATION
from argogrant.argocd.policy_csv import OVERLAY_KEY, read_key
from argogrant.audit.audit_log import AuditLog
from argogrant.audit.event import AuditEvent
from argogrant.controller.manager import NamespaceManager
from argogrant.kube.client import Body
from argogrant.kube.errors import NotFound, Unavailable
from argogrant.kube.resources import (
    ACCESS_GRANTS,
    APP_PROJECTS,
    ARGOCD_INSTANCES,
    CONFIG_MAPS,
)
from argogrant.telemetry.metrics import Metrics
from support.fake_client import FakeClient
from support.fake_clock import FakeClock
from support.fake_cluster import FakeCluster
from support.live_cluster import INSTANCE, PROJECT, RULES, a_grant

OURS: Final = "argogrant"
RBAC: Final = CONFIG_MAPS.path("argocd", "argocd-rbac-cm")
GRANTS: Final = ACCESS_GRANTS.path(OURS)
INSTANCES: Final = ARGOCD_INSTANCES.path(OURS)
INSTANCE_PATH: Final = f"{INSTANCES}/default"
ABANDONED: Final = {"metadata": {"annotations": {ABANDON_ANNOTATION: "true"}}}
FOR_EVER: Final = 10_000
SOON: Final = 0.05
"""Seconds for everything that is not delayed."""
SETTLED: Final = 8.0
"""Seconds for everything: longer than every delay and backoff."""


class InMemoryOperator:
    """One Argo CD and one ArgoCDInstance, with helpers for changes by users."""

    def __init__(
        self, cluster: FakeCluster | None = None, *, operator_namespace: str = OURS
    ) -> None:
        self.clock = FakeClock()
        self.cluster = cluster or FakeCluster(self.clock)
        self.elsewhere: dict[str, FakeCluster] = {}
        """Other clusters, by the URL of their API servers."""
        self.shown: list[str] = []
        """Tokens of the connections to them."""
        self.refused: set[str] = set()
        """Tokens that they do not accept."""
        self.leading = asyncio.Event()
        self.leading.set()
        self.metrics = Metrics()
        self.audit_records: list[AuditEvent] = []
        """Audit records in order."""
        self.namespace = NamespaceManager(
            self.cluster,
            OURS,
            metrics=self.metrics,
            audit=AuditLog(self.audit_records.append, self._count),
            clock=self.clock,
            connect=self.connect,
            leading=self.leading,
            operator_namespace=operator_namespace,
        )
        self.serving: asyncio.Task[None] | None = None

    def _count(self, record: AuditEvent) -> None:
        self.metrics.record_event(record.event_type)

    async def connect(self, remote: RemoteCluster, token: str) -> FakeClient:
        """Connect to the other cluster of this URL."""
        self.shown.append(token)
        cluster = self.elsewhere.get(remote.server)
        if cluster is None:
            raise Unavailable(f"no server at {remote.server}")
        return FakeClient(cluster, token, self.refused)

    def install(self, data: Mapping[str, str] | None = None) -> None:
        """Create Argo CD's ConfigMap, an AppProject and the instance."""
        self.write_rbac(data or {"policy.csv": RULES})
        self.cluster.add(APP_PROJECTS.path("argocd"), PROJECT)
        self.cluster.add(INSTANCES, {**INSTANCE, "metadata": {"name": "default"}})

    def happened(self, name: str) -> list[str]:
        """Return the audit event types of a grant or an instance, in order."""
        return [
            str(one.event_type) for one in self.audit_records if one.data.name == name
        ]

    def edit_instance(self, **spec: Any) -> None:
        """Change the spec of the instance, without the validation of the CRD."""
        self.cluster.edit(INSTANCE_PATH, {"spec": spec})

    def mark_project(self, name: str, annotations: Mapping[str, str]) -> None:
        """Annotate an AppProject as another user."""
        path = APP_PROJECTS.path("argocd", name)
        self.cluster.edit(path, {"metadata": {"annotations": dict(annotations)}})

    def delete_instance(self) -> None:
        """Delete the instance; kopf's finalizer keeps it while its loop runs."""
        held = {"metadata": {"finalizers": ["argogrant.dev/revoke"]}}
        self.cluster.edit(INSTANCE_PATH, held)
        self.cluster.delete_object(INSTANCE_PATH)

    def write_rbac(self, data: Mapping[str, str]) -> None:
        metadata = {"name": "argocd-rbac-cm"}
        body = {"metadata": metadata, "data": dict(data)}
        self.cluster.add(RBAC.rpartition("/")[0], body)

    def edit_rbac(self, **data: str | None) -> None:
        """Change keys as another user: ``policy_csv="…"``."""
        patch = {key.replace("_", "."): text for key, text in data.items()}
        self.cluster.edit(RBAC, {"data": patch})

    def allow(self, namespaces: str | None) -> None:
        """Name the namespaces that may bind, as the owner of Argo CD."""
        annotations = {ALLOWED_NAMESPACES_ANNOTATION: namespaces}
        self.cluster.edit(RBAC, {"metadata": {"annotations": annotations}})

    def grant(
        self, name: str, subject: str = "alice", *, held_by: str = "", **spec: Any
    ) -> Body:
        """Create a grant, optionally with another controller's finalizer."""
        body = a_grant(name, subject, **spec)
        body["metadata"] = {"name": name}
        if held_by:
            body["metadata"]["finalizers"] = [held_by]
        return self.cluster.add(GRANTS, body)

    def revoke(self, name: str) -> None:
        self.cluster.edit(f"{GRANTS}/{name}", {"spec": {"revoked": True}})

    def delete(self, name: str) -> None:
        """Delete a grant; the operator's finalizer may delay it."""
        self.cluster.delete_object(f"{GRANTS}/{name}")

    def tear_away(self, name: str) -> None:
        """Delete a grant and remove its finalizers by hand."""
        self.delete(name)
        path = f"{GRANTS}/{name}"
        self.cluster.edit(path, {"metadata": {"finalizers": None}})

    def has(self, name: str) -> bool:
        """Return whether a grant exists, deleted or not."""
        try:
            self.cluster.object(f"{GRANTS}/{name}")
        except NotFound:
            return False
        return True

    def holders(self, name: str) -> list[str]:
        """Return the finalizers of a grant."""
        metadata = self.cluster.object(f"{GRANTS}/{name}")["metadata"]
        holders: list[str] = metadata.get("finalizers", [])
        return holders

    def abandon(self, name: str) -> None:
        """Force-release a deleted grant, also if its binding remains in Argo CD."""
        self.cluster.edit(f"{GRANTS}/{name}", ABANDONED)

    def abandon_instance(self) -> None:
        """Force-release a deleted instance, also if bindings remain in Argo CD."""
        self.cluster.edit(INSTANCE_PATH, ABANDONED)

    @property
    def data(self) -> dict[str, str]:
        data: dict[str, str] = self.cluster.object(RBAC)["data"]
        return data

    @property
    def bound(self) -> set[str]:
        """The subjects in the managed key."""
        text = read_key(OVERLAY_KEY, self.data.get(OVERLAY_KEY, ""))
        return {binding.subject for binding in text.bindings}

    @property
    def writes(self) -> int:
        """Number of attempts to write the ConfigMap."""
        return self.cluster.count("merge_patch", RBAC)

    def ready(self, name: str) -> str:
        """Return the reason of Ready of a grant, with + for True and - for False."""
        return _ready(self.cluster.object(f"{GRANTS}/{name}"))

    def has_ended(self, name: str) -> bool:
        """Return whether a grant has ended, by its condition and by ``endedAt``."""
        status = self.cluster.object(f"{GRANTS}/{name}")["status"]
        types = {condition["type"] for condition in status["conditions"]}
        assert ("Ended" in types) is ("endedAt" in status)
        return "Ended" in types

    @property
    def instance_ready(self) -> str:
        return _ready(self.cluster.object(INSTANCE_PATH))

    @property
    def instance_says(self) -> str:
        """The message of the instance's Ready condition."""
        message: str = self.condition(INSTANCE_PATH, "Ready")["message"]
        return message

    @property
    def is_served(self) -> bool:
        """True while the reconcile loop of the instance runs."""
        assert self.serving is not None
        return not self.serving.done()

    def condition(self, path: str, kind: str) -> Body:
        """Return one condition of an object."""
        status = self.cluster.object(path).get("status", {})
        return next(c for c in status["conditions"] if c["type"] == kind)


async def until(is_true: Callable[[], Any], *, within: float) -> float:
    """Wait until a condition is true; return the virtual seconds that it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not is_true():
        took = loop.time() - began
        assert took < within, f"not true after {took:.2f} s"
        await asyncio.sleep(0.005)
    return loop.time() - began


@asynccontextmanager
async def running(operator: InMemoryOperator) -> AsyncIterator[InMemoryOperator]:
    """Run the manager and the instance for the length of a block."""
    task = asyncio.create_task(operator.namespace.run())
    operator.serving = asyncio.create_task(operator.namespace.run_instance("default"))
    await asyncio.sleep(SOON)
    try:
        yield operator
    finally:
        for one in (task, operator.serving):
            one.cancel()
        results = await asyncio.gather(task, operator.serving, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result


@asynccontextmanager
async def an_operator() -> AsyncIterator[InMemoryOperator]:
    """Run an installed instance for the length of a block, once it has settled."""
    operator = InMemoryOperator()
    operator.install()
    async with running(operator):
        await asyncio.sleep(SETTLED)
        yield operator


def _ready(body: Body) -> str:
    for condition in body.get("status", {}).get("conditions", ()):
        if condition["type"] == "Ready":
            sign = "+" if condition["status"] == "True" else "-"
            return f"{sign}{condition['reason']}"
    return ""
