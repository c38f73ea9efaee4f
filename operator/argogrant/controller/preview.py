"""Dry run of a reconciliation: the plan, without writing it.

It lists the objects once that the operator watches, and uses the operator's planner.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from argogrant.argocd.roles import NO_ANALYSIS
from argogrant.controller.admission import AdmissionWatcher
from argogrant.controller.apply import Clock
from argogrant.controller.appproject.patch import project_patch
from argogrant.controller.argocd_state import ArgoCD, Snapshot
from argogrant.controller.faults import Faults
from argogrant.controller.plan import Plan
from argogrant.controller.planner import Planner
from argogrant.controller.store import InstanceRecord, Store
from argogrant.grants.decide import Decision
from argogrant.grants.model.identity import RequesterVerification
from argogrant.grants.model.steps import completed
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import NotFound
from argogrant.kube.resources import APP_PROJECTS, ARGOCD_INSTANCES

_NEWEST = str(1 << 62)
"""A resourceVersion higher than that of any real object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectChange:
    """An AppProject, and the patch for it."""

    body: Body
    patch: Body


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A plan and its sources."""

    record: InstanceRecord
    plan: Plan
    seen: Snapshot
    verification: RequesterVerification
    has_access_policies: bool
    """True if any AccessPolicy exists, so requesters and approvers matter."""
    is_own_namespace_assumed: bool = False
    """True if whether the instance may bind depends on the operator's own namespace,
    which no operator has reported: the preview took that of the instance."""
    dry_run: tuple[Decision, ...] = ()
    """Decisions about the hypothetical grants."""
    projects: tuple[ProjectChange, ...] = ()


async def preview(  # noqa: PLR0913
    home: Cluster,
    argocd_cluster: Cluster,
    *,
    namespace: str,
    name: str,
    argocd_namespace: str,
    clock: Clock,
    hypothetical: Sequence[Body] = (),
    accepts_unverified: bool = False,
) -> Preview:
    """Plan what a reconciliation would write.

    ``hypothetical`` are AccessGrants to add, as the API server would store them.

    Raises:
        NotFound: The instance does not exist.
        ClusterError: An object that decisions depend on cannot be read.
    """
    store = Store(home, namespace)
    for informer in (store.grants, store.instances, store.policies, store.approvals):
        await informer.relist()
    for body in hypothetical:
        metadata = {**body["metadata"], "resourceVersion": _NEWEST}
        store.grants.upsert({**body, "metadata": metadata})
    record = store.instance(name)
    if record is None:
        raise NotFound(f"{ARGOCD_INSTANCES.path(namespace, name)}: 404 not found")
    reported = record.status.get("operatorNamespace")
    store.operator_namespace = reported or namespace
    verification = AdmissionWatcher(
        home, lambda: None, clock=clock, accepts_unverified=accepts_unverified
    )
    await verification.relist()
    argocd = ArgoCD(argocd_cluster, argocd_namespace, lambda: None)
    await argocd.relist()
    planner = Planner(
        name,
        store=store,
        verification=verification,
        clock=lambda: clock() + timedelta(seconds=home.clock_skew()),
        faults=Faults(f"{namespace}/{name}"),
        finalizer_first=False,
    )
    seen = argocd.snapshot()
    completed(planner.decide(record, seen))
    planned = planner.plan(record, seen)
    completed(planner.add_notes(NO_ANALYSIS))
    decisions = (planner.decisions.get(one["metadata"]["uid"]) for one in hypothetical)
    projects: list[ProjectChange] = []
    for plan in sorted(planned.projects, key=lambda one: one.project):
        path = APP_PROJECTS.path(argocd_namespace, plan.project)
        body = await argocd_cluster.get(path)
        projects.append(ProjectChange(body=body, patch=project_patch(body, plan)))
    return Preview(
        record=record,
        plan=planned,
        seen=seen,
        verification=verification.verification(),
        has_access_policies=bool(store.policies.objects),
        is_own_namespace_assumed=not reported
        and seen.config_map is not None
        and seen.config_map.allowed_namespaces is None,
        dry_run=tuple(one for one in decisions if one is not None),
        projects=tuple(projects),
    )
