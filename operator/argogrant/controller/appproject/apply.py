"""Writer of AppProjects: when each write is due, and the result of the writes."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from argogrant.argocd.appproject.members import ProjectPlan, managed_bindings
from argogrant.argocd.appproject.project import Project
from argogrant.controller.apply import (
    WRITE_PAUSE,
    Clock,
    Contention,
    Part,
    lags_of,
)
from argogrant.controller.argocd_state import ArgoCD, Snapshot
from argogrant.controller.faults import Faults
from argogrant.controller.pending_writes import PendingWrites
from argogrant.controller.plan import Plan
from argogrant.grants.model.validation import quote
from argogrant.kube.errors import ClusterError, Conflict, NotFound
from argogrant.telemetry.metrics import InstanceMetrics

ARGOCD_WATCH_DELAY: Final = 0.25
"""Seconds after which argocd-server has observed an addition. It watches ConfigMaps and
AppProjects separately, so it could otherwise observe the removal first."""

RECORD_PAUSE: Final = 60.0
"""Seconds between two attempts to write records that change nobody's access."""
MOST_AT_ONCE: Final = 16
"""AppProjects that are written at the same time."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectWriteResult:
    """Result of one reconciliation's writes of AppProjects."""

    wait: float | None = None
    """Seconds until the next delayed write is due; None if there is none."""
    failures: Mapping[str, ClusterError] = field(default_factory=dict)
    """Projects that could not be written, and why."""
    conflicts: frozenset[str] = frozenset()
    """Projects that changed meanwhile, and have to be planned again."""
    written: tuple[ProjectPlan, ...] = ()
    """Plans of the projects that were written."""

    @property
    def failure(self) -> ClusterError | None:
        """The first failure, if there is one."""
        return next(iter(self.failures.values()), None)

    def no_later_than(self, wait: float | None) -> float | None:
        """Return the seconds until the next write is due, of these or another."""
        return min((one for one in (wait, self.wait) if one is not None), default=None)


class ProjectApplier:
    """Writer of the members of one instance's AppProjects.

    Args:
        qualified_name: Namespace and name of the instance, for the log.
        metrics: Metrics of the instance.
        clock: Returns the time in UTC.
        faults: Records unforeseen exceptions.
        writes: Writes that have no answer yet.
    """

    def __init__(
        self,
        qualified_name: str,
        metrics: InstanceMetrics,
        clock: Clock,
        faults: Faults,
        writes: PendingWrites,
    ) -> None:
        self._writes = writes
        self._qualified_name = qualified_name
        self._faults = faults
        self._metrics = metrics
        self._clock = clock
        self._contentions: dict[str, Contention] = {}
        self._written_at: dict[str, float] = {}
        self._unrecorded_at: dict[str, float] = {}
        """When records of a project could not be written, by its name."""

    @property
    def contentions(self) -> Sequence[Contention]:
        """Overwrites of the members by other programs, sorted by project."""
        return [self._contentions[name] for name in sorted(self._contentions)]

    def detect_external_change(self, planned: Plan, seen: Snapshot) -> Plan:
        """Return the plan with an obstacle for each addition to a contested project."""
        at = asyncio.get_running_loop().time()
        plans = {one.project: one for one in planned.projects}
        obstacles = dict(planned.obstacles)
        names = {one.name for one in seen.projects}
        for vanished in self._contentions.keys() - names:
            del self._contentions[vanished]
            self._written_at.pop(vanished, None)
            self._unrecorded_at.pop(vanished, None)
        for project in seen.projects:
            contention = self._contentions.get(project.name)
            if contention is None:
                continue
            plan = plans.get(project.name)
            contention.record_overwrite(
                *_parts(project), is_wrong=plan is not None, at=at
            )
            finding = contention.finding()
            if plan is not None and finding is not None:
                obstacles.update(dict.fromkeys(plan.to_add, finding))
        return replace(planned, obstacles=obstacles)

    async def write(self, argocd: ArgoCD, planned: Plan) -> ProjectWriteResult:
        """Write the projects that are due; no failed or slow write delays another."""
        wait, due = None, list[ProjectPlan]()
        for plan in sorted(planned.projects, key=lambda one: not one.is_urgent):
            delay = self._write_delay(plan)
            if delay is not None:
                wait = min(delay, wait or delay)
            else:
                due.append(plan)
        turns = asyncio.Semaphore(MOST_AT_ONCE)
        written: list[ProjectPlan] = []
        errors = await asyncio.gather(
            *(self._write_in_turn(argocd, plan, turns, written) for plan in due)
        )
        failed = {
            plan.project: error
            for plan, error in zip(due, errors, strict=True)
            # After a NotFound, the watch will report the deletion.
            if error is not None
            and not isinstance(error, NotFound)
            and not self._sets_aside(plan, error)
        }
        conflicts = {name for name in failed if isinstance(failed[name], Conflict)}
        return ProjectWriteResult(
            wait=wait,
            failures={
                name: error for name, error in failed.items() if name not in conflicts
            },
            conflicts=frozenset(conflicts),
            written=tuple(written),
        )

    def _sets_aside(self, plan: ProjectPlan, error: ClusterError) -> bool:
        """Return whether a failure concerns nobody's access, and is no obstacle.

        The permissions may have been withdrawn after the last member was removed.
        """
        if not plan.is_record_only or isinstance(error, Conflict):
            return False
        if plan.project not in self._unrecorded_at:
            logger.warning(
                "%s: the records of ended members in AppProject %s stay as they are:"
                " %s",
                self._qualified_name,
                plan.project,
                error,
            )
        self._unrecorded_at[plan.project] = asyncio.get_running_loop().time()
        return True

    async def _write_in_turn(
        self,
        argocd: ArgoCD,
        plan: ProjectPlan,
        turns: asyncio.Semaphore,
        written: list[ProjectPlan],
    ) -> ClusterError | None:
        """Write one project, and return why it was not written."""
        name = f"AppProject {quote(plan.project)}"
        async with turns:
            try:
                with self._faults.contain(name):
                    write = partial(self._write, argocd, plan)
                    if await self._writes.run(name, write, plan.to_add):
                        written.append(plan)
            except ClusterError as error:
                return error
        return None

    async def _write(self, argocd: ArgoCD, plan: ProjectPlan) -> None:
        """Write one project.

        Raises:
            ClusterError: The project was not written.
        """
        projects = {one.name: one for one in argocd.snapshot().projects}
        before = projects.get(plan.project)
        await argocd.write_project(plan)
        ends = managed_bindings(before) if before is not None else {}
        lags = lags_of(plan.to_remove, ends, self._clock())
        self._metrics.record_removals(lags=lags, orphans=0)
        self._record_write(plan, argocd.snapshot())

    def _write_delay(self, plan: ProjectPlan) -> float | None:
        """Return the seconds to delay a write; a revocation is never delayed."""
        if plan.is_urgent:
            return None
        now = due = asyncio.get_running_loop().time()
        if plan.project in self._written_at:
            due = max(due, self._written_at[plan.project] + WRITE_PAUSE)
        if plan.is_record_only and plan.project in self._unrecorded_at:
            due = max(due, self._unrecorded_at[plan.project] + RECORD_PAUSE)
        contention = self._contentions.get(plan.project)
        if contention is not None:
            due = max(due, contention.next_write_at() or due)
        return due - now if due > now else None

    def _record_write(self, plan: ProjectPlan, after: Snapshot) -> None:
        self._unrecorded_at.pop(plan.project, None)
        if plan.to_add or not plan.is_urgent:
            self._written_at[plan.project] = asyncio.get_running_loop().time()
        for one in plan.new_returns:
            self._metrics.record_return(is_kept=one.is_kept)
        what = f"the members of AppProject {plan.project}"
        contention = self._contentions.setdefault(plan.project, Contention(what))
        for project in after.projects:
            if project.name == plan.project:
                contention.record_write(*_parts(project))
        logger.info(
            "%s: wrote AppProject %s: %d members added, %d removed, %d tokens removed.",
            self._qualified_name,
            plan.project,
            len(plan.to_add),
            len(plan.to_remove),
            len(plan.tokens),
        )


def _parts(project: Project) -> tuple[Part, Part]:
    """Return the parts of a project that are compared to detect other writers."""
    groups = [f"{role.name} {sorted(role.groups)}" for role in project.roles]
    return (
        Part("\n".join(sorted(groups)), project.roles_owner),
        Part(project.members, project.members_owner),
    )
