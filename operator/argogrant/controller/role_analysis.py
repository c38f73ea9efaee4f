"""Analysis of the roles of one Argo CD, in parallel to its reconcile loop.

Other people write the roles, in any number, and no end of a grant may wait for what is
said about them. So the analysis runs after the writes, in short steps between which the
event loop does everything else for as long, and gives up after a limited amount of
work::

    request ──> first steps at once ──┬── finished: the usual case
                                      └── the rest in the background
                                            │
                                            ├── finished ───────> on_change
                                            └── too much work ──> left out, on_change

While one analysis runs, only the newest request is kept, so a stream of changes
neither piles up nor prevents a result. The pause after an analysis grows with its
duration. Of all instances of a namespace, one is analysed in the background at a time.
"""

import asyncio
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Final, NamedTuple

from argogrant.argocd.appproject.project import Project
from argogrant.argocd.policy_csv import PolicyCSV
from argogrant.argocd.roles import NO_ANALYSIS, RoleAnalysis, analyse_roles
from argogrant.controller.faults import Faults
from argogrant.grants.conditions import Condition
from argogrant.grants.model.reasons import InstanceCondition, Reason

FIRST_WORK: Final = 5_000
"""Work in lines and roles that is done at once: some milliseconds."""
STEP_WORK: Final = 500
"""Work between two turns of the event loop: about a millisecond."""
STEP_SECONDS: Final = 0.005
"""Longest time between them, unless one unit of work takes longer: to read a pattern
can take a thousand times as long as to read a usual line."""
MAX_WORK: Final = 5_000_000
"""Work of one analysis, after which it is left out."""
MAX_ROLES: Final = 100_000
"""Roles of the AppProjects above which an analysis is left out: it takes about a
kilobyte of memory for each of them."""
PAUSE: Final = 3
"""The pause after an analysis, as a multiple of its duration."""


class RoleSources(NamedTuple):
    """Texts that an analysis reads."""

    text: PolicyCSV
    projects: tuple[Project, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisResult:
    """The last analysis, or why there is none."""

    analysis: RoleAnalysis = NO_ANALYSIS
    omission: Reason | None = None
    """Why the analysis is empty; None if it is not."""

    @property
    def condition(self) -> Condition | None:
        """The condition RolesAnalyzed; None if the analysis is complete."""
        reason, message = self.omission, ""
        if reason is Reason.ANALYSIS_FAILED:
            message = (
                "The analysis of the roles failed unexpectedly, so the status lists no"
                " roles, and grants have no warnings about them. Grants begin and end"
                " as usual. Report this with the operator's log."
            )
        elif reason is Reason.TOO_MANY_RULES:
            message = (
                "The RBAC policy and the AppProjects have too many rules or roles to"
                " analyse, so the status lists no roles, and grants have no warnings"
                " about them. Grants begin and end as usual. Reduce their number."
            )
        elif self.analysis.overrated:
            reason = Reason.TOO_MANY_RULES
            message = (
                f"{self.analysis.overrated} roles have too many rules to compare: their"
                " warnings do not consider deny rules for single objects, and may name"
                " permissions that the roles do not have. Grants begin and end as"
                " usual. Use deny rules for all objects, or fewer rules."
            )
        if reason is None:
            return None
        return Condition(
            InstanceCondition.ROLES_ANALYZED, reason, message, status=False
        )


NOT_ANALYSED: Final = AnalysisResult()


class RoleAnalyzer:
    """Analyses the roles of one Argo CD after every change.

    Args:
        faults: Records unforeseen exceptions.
        on_change: Called when an analysis has ended in the background.
        one_at_a_time: Lock that the analyses of several instances share.
    """

    def __init__(
        self,
        faults: Faults,
        on_change: Callable[[], None],
        *,
        one_at_a_time: asyncio.Lock,
    ) -> None:
        self._one_at_a_time = one_at_a_time
        self._faults = faults
        self._on_change = on_change
        self._sources: RoleSources | None = None
        self._steps: Generator[int, None, RoleAnalysis] | None = None
        self._work = 0
        self._next: RoleSources | None = None
        self._requested = asyncio.Event()
        self.result: AnalysisResult | None = None
        """None until the first analysis has ended."""

    def request(self, sources: RoleSources | None) -> None:
        """Analyse these texts, unless they are the last ones; None if they are unknown.

        A small analysis has ended when this returns.
        """
        if sources is None:
            self._sources = self._steps = self._next = None
            self.result = NOT_ANALYSED
        elif self._is_last(sources):
            return
        elif self._steps is not None or self._requested.is_set():
            self._next = sources
        else:
            self._begin(sources)
            if not self._advance(FIRST_WORK):
                self._requested.set()

    async def run(self) -> None:
        """Continue long analyses until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._requested.wait()
            async with self._one_at_a_time:
                began = step_began = loop.time()
                while not self._advance(STEP_WORK):
                    await asyncio.sleep(loop.time() - step_began)
                    step_began = loop.time()
            self._on_change()
            await asyncio.sleep(PAUSE * (loop.time() - began))
            self._requested.clear()
            if self._next is not None:
                self._begin(self._next)
                self._requested.set()

    def _is_last(self, sources: RoleSources) -> bool:
        """Return whether these texts were requested last; most are the same objects."""
        return sources == (self._next or self._sources)

    def _begin(self, sources: RoleSources) -> None:
        self._sources, self._next, self._work = sources, None, 0
        if sum(len(project.roles) for project in sources.projects) > MAX_ROLES:
            self._end(AnalysisResult(omission=Reason.TOO_MANY_RULES))
        else:
            self._steps = analyse_roles(*sources)

    def _advance(self, work: int) -> bool:
        """Do some work; return whether the analysis has ended."""
        if self._steps is None:
            return True
        limit, loop = min(self._work + work, MAX_WORK), asyncio.get_running_loop()
        end = loop.time() + STEP_SECONDS
        try:
            while self._work < limit and loop.time() < end:
                self._work += next(self._steps)
        except StopIteration as ended:
            self._end(AnalysisResult(analysis=ended.value))
        except Exception as error:  # noqa: BLE001 - the analysis is left out
            self._faults.record("the analysis of the roles", error)
            self._end(AnalysisResult(omission=Reason.ANALYSIS_FAILED))
        else:
            if self._work < MAX_WORK:
                return False
            self._end(AnalysisResult(omission=Reason.TOO_MANY_RULES))
        return True

    def _end(self, result: AnalysisResult) -> None:
        self._steps, self.result = None, result
