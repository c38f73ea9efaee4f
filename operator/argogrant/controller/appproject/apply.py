"""The writes of AppProjects: when each may go out, and what becomes of it."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from argogrant.argocd.appproject.plan import ProjectPlan
from argogrant.argocd.appproject.project import Project
from argogrant.controller.apply import WRITE_PAUSE, Clock, lags_of
from argogrant.controller.appproject.placement import managed_member_ends
from argogrant.controller.argocd_state import ArgoCD, Snapshot
from argogrant.controller.contention import Contention
from argogrant.controller.plan import Plan
from argogrant.grants.model.reasons import Finding
from argogrant.kube.errors import ClusterError, Conflict, NotFound
from argogrant.telemetry.metrics import InstanceMetrics

SEEN_EVERYWHERE: Final = 0.25
"""Seconds after which argocd-server has seen the new place of a binding, so that the
old one may go: it follows both with a watch of their own."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectWriteResult:
    """What became of the writes of one convergence."""

    wait: float | None = None
    """Seconds after which a write that was put off is due."""
    failure: ClusterError | None = None
    conflict: bool = False
    """A project is another by now: plan again."""

    async def wait_for_argocd(
        self, planned: Plan, failure: ClusterError | None
    ) -> None:
        """Let argocd-server see a new place before the old one goes.

        Raises:
            ClusterError: This one, or else why a project was not written.
        """
        if planned.is_moving:
            await asyncio.sleep(SEEN_EVERYWHERE)
        failure = failure or self.failure
        if failure is not None:
            raise failure

    def no_later_than(self, wait: float | None) -> float | None:
        """Say when the next write is due, this one or another."""
        return min((one for one in (wait, self.wait) if one is not None), default=None)


class ProjectApplier:
    """Writes the members of one instance's AppProjects.

    Args:
        title: What the instance is called in the log.
        metrics: Told of every end.
        clock: Tells the time in UTC.
    """

    def __init__(self, title: str, metrics: InstanceMetrics, clock: Clock) -> None:
        self._title = title
        self._metrics = metrics
        self._clock = clock
        self._contentions: dict[str, Contention] = {}
        self._written_at: dict[str, float] = {}

    @property
    def contested(self) -> Finding | None:
        """Who keeps changing our members, if somebody does."""
        found = (one.finding() for one in self._contentions.values())
        return next((one for one in found if one is not None), None)

    def detect_external_change(self, planned: Plan, seen: Snapshot) -> Plan:
        """Notice whether somebody else changed what was written, and say so."""
        at, works = asyncio.get_running_loop().time(), _by_project(planned)
        obstacles = dict(planned.obstacles)
        for project in seen.projects:
            contention = self._contentions.get(project.name)
            if contention is None:
                continue
            work = works.get(project.name)
            contention.record_overwrite(
                _state(project),
                project.last_manager,
                is_wrong=work is not None,
                at=at,
            )
            finding = contention.finding()
            if work is not None and finding is not None:
                obstacles.update(dict.fromkeys(work.to_add, finding))
        return replace(planned, obstacles=obstacles)

    async def write(self, argocd: ArgoCD, planned: Plan) -> ProjectWriteResult:
        """Write what is due; one project that fails holds up no other."""
        outcome = ProjectWriteResult()
        for work in sorted(planned.projects, key=lambda one: not one.is_urgent):
            wait = self._wait_for(work)
            if wait is not None:
                outcome = replace(outcome, wait=min(wait, outcome.wait or wait))
                continue
            ends = managed_member_ends(argocd.snapshot())
            try:
                await argocd.write_project(work)
            except NotFound:
                continue  # the watch will say so
            except Conflict:
                outcome = replace(outcome, conflict=True)
                continue
            except ClusterError as error:
                outcome = replace(outcome, failure=error)
                continue
            lags = lags_of(work.to_remove, ends, self._clock())
            self._metrics.record_removals(lags=lags, orphans=0)
            self._wrote(work, argocd.snapshot())
        return outcome

    def _wait_for(self, work: ProjectPlan) -> float | None:
        """Say how long a write has to wait; taking access away never does."""
        if work.is_urgent:
            return None
        now = asyncio.get_running_loop().time()
        dues = [now]
        if work.project in self._written_at:
            dues.append(self._written_at[work.project] + WRITE_PAUSE)
        contention = self._contentions.get(work.project)
        pause = contention.next_write_at() if contention is not None else None
        wait = max([*dues, pause or now]) - now
        return wait if wait > 0 else None

    def _wrote(self, work: ProjectPlan, after: Snapshot) -> None:
        self._written_at[work.project] = asyncio.get_running_loop().time()
        what = f"the members of AppProject {work.project}"
        contention = self._contentions.setdefault(work.project, Contention(what))
        written = {project.name: project for project in after.projects}
        if work.project in written:
            contention.record_write(_state(written[work.project]))
        logger.info(
            "%s: wrote AppProject %s: %d added, %d removed, and %d tokens.",
            self._title,
            work.project,
            len(work.to_add),
            len(work.to_remove),
            len(work.tokens),
        )


def _by_project(planned: Plan) -> Mapping[str, ProjectPlan]:
    return {one.project: one for one in planned.projects}


def _state(project: Project) -> str:
    """Put into words what an editor can disturb."""
    groups = [f"{role.name} {sorted(role.groups)}" for role in project.roles]
    return "\n".join([project.members or "", *sorted(groups)])
