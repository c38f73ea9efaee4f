"""Writer of policy.argogrant.csv, and detection of programs that overwrite the key.

A write that removes access is never delayed, and delays no other. A write that only
adds access waits up to 1.2 s for others, and longer while another program overwrites
the key: two programs that overwrite each other make Argo CD reload its policy without
end. From the third overwrite within ten minutes, each delay is twice as long as the one
before, and the condition ``Contested`` names the field manager of the other program, if
the API server has recorded it::

    time      0 s       overwritten  ─> written again at once
              ...       overwritten  ─> written again at once
              third     overwritten  ─> written again after 2 s, then 4 s, ... 60 s
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from argogrant.argocd.field_owner import FieldOwner
from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.controller.appproject.placement import managed_member_ends
from argogrant.controller.argocd_state import ArgoCD, ObservedConfigMap, Snapshot
from argogrant.controller.plan import Plan
from argogrant.grants.decide import Decision, DesiredBinding
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.reasons import Finding, Reason
from argogrant.grants.model.validation import quote
from argogrant.kube.client import FIELD_MANAGER
from argogrant.kube.errors import ClusterError, Conflict
from argogrant.telemetry.metrics import InstanceMetrics

Clock = Callable[[], datetime]
Ends = Mapping[Binding, datetime | None]

WRITE_PAUSE: Final = 1.2
"""Seconds between two writes that add access, so a burst shares one write. Ends are at
whole seconds; with a pause of one second, additions would be written just before."""
PERIOD_SECONDS: Final = 600.0
CONTESTED_FROM: Final = 3
"""Overwrites within the period; fewer are corrected at once."""
FIRST_DELAY: Final = 2.0
LONGEST_DELAY: Final = 60.0
MAX_NAMED: Final = 5
"""Field managers, and contested texts, in one message."""

logger = logging.getLogger(__name__)


class Part(NamedTuple):
    """A text that other programs can overwrite."""

    text: str | None
    owner: FieldOwner | None = None
    """The field manager that wrote it; None if the API server has not recorded it."""


class _Overwrite(NamedTuple):
    at: float
    manager: str
    """Empty if it is unknown."""


class Contention:
    """Overwrites of some texts, all times in seconds of one monotonic clock.

    A field manager is named only if it owns a text that has changed since the last own
    write. Other managers of the object may have changed anything else, and the API
    server does not record who removed a text.
    """

    def __init__(self, what: str = f"{OVERLAY_KEY} of argocd-rbac-cm") -> None:
        self.what = what
        """The overwritten text, as in a sentence."""
        self._expected: tuple[str | None, ...] = ()
        self._written_at = ""
        """Time of the last own write, by the clock of the API server."""
        self._is_expected = False
        self._overwrites: deque[_Overwrite] = deque()

    def record_write(self, *parts: Part) -> None:
        """Record the texts that stay until the next own write."""
        owners = [part.owner for part in parts if part.owner is not None]
        own = [one.at for one in owners if one.manager == FIELD_MANAGER]
        self._written_at = max([self._written_at, *own])
        self._expected = tuple(part.text for part in parts)
        self._is_expected = True

    def record_overwrite(self, *parts: Part, is_wrong: bool, at: float) -> None:
        """Record an overwrite of the texts, if there was one.

        Args:
            parts: The observed texts.
            is_wrong: Whether they have to be corrected.
            at: Current time.
        """
        while self._overwrites and at - self._overwrites[0].at > PERIOD_SECONDS:
            self._overwrites.popleft()
        if tuple(part.text for part in parts) == self._expected:
            return
        if not is_wrong:
            # Another replica of the operator has written the same plan.
            self.record_write(*parts)
        elif self._is_expected:
            # Counted once, until it is corrected.
            self._is_expected = False
            self._overwrites.append(_Overwrite(at, self._writer_of(parts)))

    def _writer_of(self, parts: Sequence[Part]) -> str:
        if not self._written_at:
            return ""  # The time of the own write is not recorded either.
        changed = (
            part.owner
            for part, expected in zip(parts, self._expected, strict=True)
            if part.text != expected
        )
        owners = [one for one in changed if one and one.at >= self._written_at]
        return max(owners).manager if owners else ""

    @property
    def is_contested(self) -> bool:
        """True while another program overwrites the texts again and again."""
        return len(self._overwrites) >= CONTESTED_FROM

    def finding(self) -> Finding | None:
        """Return the finding about the other program, if it overwrites repeatedly."""
        return contested_finding([self])

    def describe(self) -> str:
        """Return in a sentence what is overwritten, how often, and by which program."""
        names = sorted({one.manager for one in self._overwrites} - {""})
        listed = ", ".join(map(quote, names[:MAX_NAMED]))
        if not names:
            program = "Another program"
        elif names == [FIELD_MANAGER]:
            program = f"Another argogrant (field manager {listed})"
        else:
            plural = "s" if len(names) > 1 else ""
            program = f"Another program (field manager{plural} {listed})"
        return (
            f"{program} changed {self.what} {len(self._overwrites)} times within"
            f" {int(PERIOD_SECONDS / 60)} minutes."
        )

    @property
    def is_anonymous(self) -> bool:
        """True if no field manager is known."""
        return not any(one.manager for one in self._overwrites)

    def next_write_at(self) -> float | None:
        """Return when access may be added again; None for now."""
        if not self.is_contested:
            return None
        times = len(self._overwrites) - CONTESTED_FROM
        delay = min(FIRST_DELAY * 2.0**times, LONGEST_DELAY)
        return self._overwrites[-1].at + delay


def contested_finding(contentions: Iterable[Contention]) -> Finding | None:
    """Return one finding about all texts that others overwrite; None without any."""
    contested = [one for one in contentions if one.is_contested]
    if not contested:
        return None
    sentences = [one.describe() for one in contested[:MAX_NAMED]]
    if len(contested) > MAX_NAMED:
        sentences.append(f"The same happens to {len(contested) - MAX_NAMED} more.")
    pronoun = "it" if len(contested) == 1 else "them"
    sentences.append(
        f"The operator writes {pronoun} again, with a longer delay each time. Stop that"
        f" program from managing {pronoun}, as docs/how-to/contested.md shows."
    )
    if any(one.is_anonymous for one in contested):
        sentences.append(
            "metadata.managedFields does not record which program it is; the audit log"
            " of the API server does."
        )
    return Finding(Reason.CONTESTED, " ".join(sentences))


class Applier:
    """Writer of the managed key of one instance."""

    def __init__(
        self, qualified_name: str, metrics: InstanceMetrics, clock: Clock
    ) -> None:
        self._qualified_name = qualified_name
        self._clock = clock
        self._metrics = metrics
        self.contention = Contention()
        """Overwrites of the managed key by other programs."""
        self._last_write: float | None = None
        self.last_write_at: datetime | None = None

    @property
    def contested(self) -> Finding | None:
        """The program that repeatedly overwrites the managed key, if there is one."""
        return self.contention.finding()

    def detect_external_change(self, planned: Plan, seen: Snapshot) -> None:
        """Record whether another program has changed the managed key."""
        if seen.config_map is not None:
            at = asyncio.get_running_loop().time()
            self.contention.record_overwrite(
                _key_of(seen.config_map), is_wrong=planned.has_work, at=at
            )

    def write_delay(self, planned: Plan) -> float | None:
        """Return the seconds until the plan may be written; None for now."""
        if not planned.has_work or planned.is_urgent:
            return None
        now = asyncio.get_running_loop().time()
        due_times = [self.contention.next_write_at()]
        if self._last_write is not None:
            due_times.append(self._last_write + WRITE_PAUSE)
        delay = max((due for due in due_times if due is not None), default=now) - now
        return delay if delay > 0 else None

    async def write(
        self,
        argocd: ArgoCD,
        planned: Plan,
        seen: Snapshot,
        *,
        orphans: Collection[Binding],
        remove_key: bool,
    ) -> None:
        """Write the planned key, or remove it when the instance is deleted.

        Raises:
            Conflict: The ConfigMap has changed since it was observed.
            ClusterError: The ConfigMap could not be written.
        """
        assert planned.overlay is not None
        assert seen.config_map is not None
        text = None if remove_key else planned.overlay.text
        try:
            await argocd.write_overlay(text, seen.config_map.resource_version)
        except ClusterError as error:
            conflict = isinstance(error, Conflict)
            self._metrics.record_write("conflict" if conflict else "error")
            raise
        written = argocd.snapshot().config_map
        self.contention.record_write(_key_of(written) if written else Part(text))
        if planned.overlay.to_add or not planned.is_urgent:
            # Only writes that add are delayed by each other.
            self._last_write = asyncio.get_running_loop().time()
        self.last_write_at = self._clock()
        self._metrics.record_write("ok")
        removed, before = planned.overlay.to_remove, seen.config_map.overlay
        ended, ends = removed.difference(orphans), before.ends if before else {}
        self._metrics.record_removals(
            lags=lags_of(ended, ends, self.last_write_at), orphans=len(orphans)
        )
        logger.info(
            "%s: wrote the overlay: %d added, %d removed, %d of them orphans.",
            self._qualified_name,
            len(planned.overlay.to_add),
            len(removed),
            len(orphans),
        )


def _key_of(config_map: ObservedConfigMap) -> Part:
    return Part(config_map.data.get(OVERLAY_KEY), config_map.key_owner)


def lags_of(removed: Collection[Binding], ends: Ends, now: datetime) -> list[float]:
    """Return how many seconds after its expiry each binding was removed.

    Bindings that were removed before their expiry do not count.
    """
    removed_ends = (ends.get(binding) for binding in removed)
    return [(now - end).total_seconds() for end in removed_ends if end and end <= now]


def orphans_of(planned: Plan, decisions: Iterable[Decision]) -> frozenset[Binding]:
    """Return the bindings to remove that belong to no grant."""
    removed = planned.overlay.to_remove if planned.overlay else frozenset()
    of_grants = (decision.grant.binding for decision in decisions)
    return removed - {binding for binding in of_grants if binding in removed}


def overdue_since(
    seen: Snapshot, decisions: Iterable[Decision], now: datetime
) -> datetime | None:
    """Return the earliest expiry that has passed while its binding still exists.

    Argo CD keeps its policy in memory if the ConfigMap is deleted, so the last version
    that it loaded is used until another version exists. A binding that expires now is
    overdue.
    """
    loaded = seen.last_loaded_config_map
    overlay = loaded.overlay if loaded is not None else None
    all_ends = [managed_member_ends(seen), overlay.ends if overlay is not None else {}]
    overdue = {
        binding: end
        for ends in all_ends
        for binding, end in ends.items()
        if end and end <= now
    }
    if not overdue:
        return None
    for decision in decisions:
        if decision.desired_binding is not DesiredBinding.ABSENT:
            overdue.pop(decision.grant.binding, None)
    return min(overdue.values(), default=None)
