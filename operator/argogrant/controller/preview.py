"""What converging would write now, without writing it.

It reads once what the operator follows, and plans with the operator's own planner.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from argogrant.controller.admission import AdmissionWatcher
from argogrant.controller.apply import Clock
from argogrant.controller.appproject.patch import project_patch
from argogrant.controller.argocd_state import ArgoCD, Snapshot
from argogrant.controller.cached_objects import InstanceRecord
from argogrant.controller.plan import Plan
from argogrant.controller.planner import Planner
from argogrant.controller.store import Store
from argogrant.grants.decide import Decision
from argogrant.grants.model.identity import RequesterVerification
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import NotFound
from argogrant.kube.resources import APP_PROJECTS, ARGOCD_INSTANCES

_NEWEST = str(1 << 62)
"""A resource version that no real object has reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectChange:
    """An AppProject, and the patch that would be sent."""

    body: Body
    patch: Body


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A plan, and what it was made of."""

    record: InstanceRecord
    plan: Plan
    seen: Snapshot
    verification: RequesterVerification
    has_access_policies: bool
    """Whether it matters who asked, and who approved."""
    dry_run: tuple[Decision, ...] = ()
    """What becomes of the grants that are not there."""
    projects: tuple[ProjectChange, ...] = ()


class NoLocations:
    """Nothing was left anywhere, and nothing has to be remembered."""

    left_behind = None

    async def remember(self, _record: InstanceRecord) -> None:
        """Nothing is about to be bound."""


async def preview(  # noqa: PLR0913
    home: Cluster,
    there: Cluster,
    *,
    namespace: str,
    name: str,
    argocd_namespace: str,
    clock: Clock,
    supposed: Sequence[Body] = (),
    accepts_unverified: bool = False,
) -> Preview:
    """Plan what converging would write.

    Args:
        home: Where our own kinds are.
        there: Where Argo CD is.
        namespace: That of the instance.
        name: The instance.
        argocd_namespace: Argo CD's.
        clock: Tells the time in UTC.
        supposed: AccessGrants to take for given, as the API server would keep them.
        accepts_unverified: The operator believes what objects say of people.

    Raises:
        NotFound: There is no such instance.
        ClusterError: Something that decides can not be read.
    """
    store = Store(home, namespace)
    for kind in (store.grants, store.instances, store.policies, store.approvals):
        await kind.relist()
    for body in supposed:
        metadata = {**body["metadata"], "resourceVersion": _NEWEST}
        store.grants.upsert({**body, "metadata": metadata})
    record = store.instance(name)
    if record is None:
        raise NotFound(f"{ARGOCD_INSTANCES.path(namespace, name)}: 404 not found")
    verification = AdmissionWatcher(
        home, lambda: None, clock=clock, accepts_unverified=accepts_unverified
    )
    await verification.relist()
    argocd = ArgoCD(there, argocd_namespace, lambda: None)
    await argocd.relist()
    planning = Planner(
        name,
        store=store,
        verification=verification,
        whereabouts=NoLocations(),
        clock=lambda: clock() + timedelta(seconds=home.clock_skew()),
    )
    seen = argocd.snapshot()
    planned, _ = await planning.plan(record, seen)
    decisions = (planning.decisions.get(body["metadata"]["uid"]) for body in supposed)
    return Preview(
        record=record,
        plan=planned,
        seen=seen,
        verification=verification.verification(),
        has_access_policies=bool(store.policies.objects),
        dry_run=tuple(one for one in decisions if one is not None),
        projects=await _project_changes(there, argocd_namespace, planned),
    )


async def _project_changes(
    there: Cluster, namespace: str, planned: Plan
) -> tuple[ProjectChange, ...]:
    changes: list[ProjectChange] = []
    for work in sorted(planned.projects, key=lambda one: one.project):
        body = await there.get(APP_PROJECTS.path(namespace, work.project))
        changes.append(ProjectChange(body=body, patch=project_patch(body, work)))
    return tuple(changes)
