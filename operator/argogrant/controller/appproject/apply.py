"""Writer of AppProjects: when each write is due, and the result of the writes."""

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import Final

from argogrant.argocd.appproject.members import ProjectPlan
from argogrant.argocd.appproject.project import Project
from argogrant.controller.apply import WRITE_PAUSE, Clock, Contention, lags_of
from argogrant.controller.appproject.placement import managed_member_ends
from argogrant.controller.argocd_state import ArgoCD, Snapshot
from argogrant.controller.plan import Plan
from argogrant.grants.model.reasons import Finding
from argogrant.kube.errors import ClusterError, Conflict, NotFound
from argogrant.telemetry.metrics import InstanceMetrics

ARGOCD_WATCH_DELAY: Final = 0.25
"""Seconds after which argocd-server has observed an addition. It watches ConfigMaps and
AppProjects separately, so it could otherwise observe the removal first."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectWriteResult:
    """Result of one reconciliation's writes of AppProjects."""

    wait: float | None = None
    """Seconds until the next delayed write is due; None if there is none."""
    failure: ClusterError | None = None
    conflict: bool = False
    """True if a project changed meanwhile, so planning has to start again."""

    async def wait_for_argocd(self, planned: Plan) -> None:
        """Wait until argocd-server has observed what was added.

        Raises:
            ClusterError: A project was not written.
        """
        if planned.is_moving:
            await asyncio.sleep(ARGOCD_WATCH_DELAY)
        if self.failure is not None:
            raise self.failure

    def no_later_than(self, wait: float | None) -> float | None:
        """Return the seconds until the next write is due, of these or another."""
        return min((one for one in (wait, self.wait) if one is not None), default=None)


class ProjectApplier:
    """Writer of the members of one instance's AppProjects.

    Args:
        qualified_name: Namespace and name of the instance, for the log.
        metrics: Metrics of the instance.
        clock: Returns the time in UTC.
    """

    def __init__(
        self, qualified_name: str, metrics: InstanceMetrics, clock: Clock
    ) -> None:
        self._qualified_name = qualified_name
        self._metrics = metrics
        self._clock = clock
        self._contentions: dict[str, Contention] = {}
        self._written_at: dict[str, float] = {}

    @property
    def contested(self) -> Finding | None:
        """Finding about another program that keeps changing the members."""
        found = (one.finding() for one in self._contentions.values())
        return next((one for one in found if one is not None), None)

    def detect_external_change(self, planned: Plan, seen: Snapshot) -> Plan:
        """Return the plan with an obstacle for each addition to a contested project."""
        at = asyncio.get_running_loop().time()
        plans = {one.project: one for one in planned.projects}
        obstacles = dict(planned.obstacles)
        for project in seen.projects:
            contention = self._contentions.get(project.name)
            if contention is None:
                continue
            plan, manager = plans.get(project.name), project.last_manager
            contention.record_overwrite(
                _state(project), manager, is_wrong=plan is not None, at=at
            )
            finding = contention.finding()
            if plan is not None and finding is not None:
                obstacles.update(dict.fromkeys(plan.to_add, finding))
        return replace(planned, obstacles=obstacles)

    async def write(self, argocd: ArgoCD, planned: Plan) -> ProjectWriteResult:
        """Write the projects that are due; a failure of one delays no other."""
        wait, failure, conflict = None, None, False
        for plan in sorted(planned.projects, key=lambda one: not one.is_urgent):
            delay = self._write_delay(plan)
            if delay is not None:
                wait = min(delay, wait or delay)
                continue
            ends = managed_member_ends(argocd.snapshot())
            try:
                await argocd.write_project(plan)
            except NotFound:
                continue  # The watch will report the deletion.
            except Conflict:
                conflict = True
                continue
            except ClusterError as error:
                failure = error
                continue
            lags = lags_of(plan.to_remove, ends, self._clock())
            self._metrics.record_removals(lags=lags, orphans=0)
            self._record_write(plan, argocd.snapshot())
        return ProjectWriteResult(wait=wait, failure=failure, conflict=conflict)

    def _write_delay(self, plan: ProjectPlan) -> float | None:
        """Return the seconds to delay a write; a revocation is never delayed."""
        if plan.is_urgent:
            return None
        now = due = asyncio.get_running_loop().time()
        if plan.project in self._written_at:
            due = max(due, self._written_at[plan.project] + WRITE_PAUSE)
        contention = self._contentions.get(plan.project)
        if contention is not None:
            due = max(due, contention.next_write_at() or due)
        return due - now if due > now else None

    def _record_write(self, plan: ProjectPlan, after: Snapshot) -> None:
        self._written_at[plan.project] = asyncio.get_running_loop().time()
        what = f"the members of AppProject {plan.project}"
        contention = self._contentions.setdefault(plan.project, Contention(what))
        for project in after.projects:
            if project.name == plan.project:
                contention.record_write(_state(project))
        logger.info(
            "%s: wrote AppProject %s: %d members added, %d removed, %d tokens removed.",
            self._qualified_name,
            plan.project,
            len(plan.to_add),
            len(plan.to_remove),
            len(plan.tokens),
        )


def _state(project: Project) -> str:
    """Return the part of a project that is compared to detect other writers."""
    groups = [f"{role.name} {sorted(role.groups)}" for role in project.roles]
    return "\n".join([project.members or "", *sorted(groups)])
