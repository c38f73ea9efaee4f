"""Earlier access of a subject, for the limits that hold across grants.

Without this module, a limit of one grant would be no limit: a second grant could follow
the first one, and forty grants could be scheduled at once. Three limits depend on other
grants of one ArgoCDInstance:

    maxExtensions         number of grants of the same access in a chain
    maxDuration           access without approval that one requester schedules ahead
    maxActivePerSubject   number of active grants of a subject

**The same access** is the same line in Argo CD: the name of the subject as Argo CD
compares it, whatever its kind, and the role as the RBAC policy contains it.

**A chain** consists of grants of the same access whose windows overlap or are separated
by less than ``MIN_PAUSE``, regardless of the requester and of whether they name each
other in ``spec.extends``. Without a minimum pause, a second between two grants would
restart the count; a longer one would refuse new work in the same shift.

**The order**: a grant counts those that were decided before it. A grant that its own
subject requested takes its place when it is created, and a grant that was requested
for another subject at its earliest start, so that a request by another person cannot
take precedence over access that exists. Equal times are ordered by creation and name.
No grant can therefore end access that was given before.

**What counts**: windows come from the spec, the creation and the approvals. A status,
which could be forged or lost, only makes them longer: if ``expiresAt`` is moved to the
past, the end that was reported counts. A grant that was revoked counts until the end
that it had requested, since only its status says when it ended. A grant whose object
was deleted, by a person or after ``spec.retention``, no longer counts.

Emergency access (``breakGlass``) counts emergency access only, because it must be
possible when everything else is used up. Other grants count both.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Final, NamedTuple

from argogrant.grants.access.policy import AccessRules, Effect
from argogrant.grants.model.grant import Binding, Grant
from argogrant.grants.model.identity import argocd_subject
from argogrant.grants.model.window import Window, add_capped, window_without_status

MIN_PAUSE: Final = timedelta(minutes=15)
"""Shortest time between two grants of the same access that are no chain."""
MAX_WINDOWS_AHEAD: Final = 64
"""Number of separate windows that one requester can schedule without approval."""
LONGEST_COUNT: Final = 128
"""Number of grants in a chain from which on counting stops; limits are lower."""


class EarlierAccess(NamedTuple):
    """Access that was granted before one grant, as far as limits depend on it."""

    in_chain: int = 0
    """Number of earlier grants in its chain."""
    ahead: timedelta = timedelta()
    """Access without approval that its requester has scheduled from its creation on,
    outside its own window; ``timedelta.max`` if there are too many windows."""
    active: int = 0
    """Number of grants of the subject that are active, or that the subject requested
    and that may become active."""


NO_EARLIER_ACCESS: Final = EarlierAccess()


class Outcome(NamedTuple):
    """Result for one grant, as far as later grants depend on it."""

    access: Window | None
    """Window that policies allow, by spec and approvals, or longer if the status says
    so; None if they do not allow the grant, or if the window is empty."""
    approved_at: datetime | None
    """Creation of the last required approval; None if none was required."""
    is_open: bool
    """True if the grant is neither refused nor ended, and so may be active."""
    is_active: bool
    """True if the grant is open, approved, and has started."""


def requested_duration(grant: Grant) -> timedelta:
    """Return the duration, or the time from the earliest start to ``expiresAt``."""
    if grant.duration is not None:
        return grant.duration
    # The CRD requires an end. Without the CRD, such a grant exceeds every maximum.
    if grant.expires_at is None:
        return timedelta.max
    return grant.expires_at - grant.earliest_start


class AccessHistory:
    """Grants of one instance that were decided so far, in their order.

    The cost of each grant is logarithmic in the number of grants of the same access.
    """

    def __init__(self, grants: Collection[Grant], rules: AccessRules) -> None:
        allowing = [one for one in rules.policies if one.effect is Effect.ALLOW]
        self._grants = grants
        self._strip_prefix = rules.strip_prefix
        self._max_duration = rules.max_duration
        self._counts_active = any(
            one.max_active_per_subject is not None for one in allowing
        )
        self._shared: Collection[Binding] = ()
        """Access that more than one grant gives: of most grants there is only one."""
        if any(
            one.max_extensions is not None
            or one.approval is None
            or one.break_glass.allowed
            for one in allowing
        ):
            bindings = Counter(grant.binding for grant in grants)
            self._shared = {one for one, number in bindings.items() if number > 1}
        self._chains: defaultdict[tuple[Binding, bool], _Chains] = defaultdict(_Chains)
        self._scheduled: defaultdict[tuple[Binding, str, bool], _Scheduled] = (
            defaultdict(_Scheduled)
        )
        self._active: defaultdict[tuple[str, bool], _Active] = defaultdict(_Active)

    @property
    def is_needed(self) -> bool:
        """Return whether any decision depends on another grant's."""
        return self._counts_active or bool(self._shared)

    def ordered(self) -> Iterable[Grant]:
        """Return the grants in the order in which they count each other."""
        return sorted(
            self._grants, key=lambda one: (self._place(one), one.created_at, one.name)
        )

    def before(self, grant: Grant, chain: Sequence[Grant] = ()) -> EarlierAccess:
        """Return what earlier grants have, of which all were recorded.

        Args:
            grant: The grant that is decided next.
            chain: Grants that it extends; they do not count as other active grants.
        """
        in_chain, ahead, active = NO_EARLIER_ACCESS
        if grant.binding in self._shared:
            start, end = window_without_status(grant, max_duration=self._max_duration)
            window = Window(start, max(start, end))
            chains = self._chains[grant.binding, grant.break_glass]
            in_chain = chains.count(window, self._place(grant))
            ahead = self._scheduled[_scheduler(grant)].ahead(window, grant.created_at)
        if self._counts_active:
            active_grants = self._active[grant.subject.name, grant.break_glass]
            active = active_grants.count(self._place(grant), chain)
        if not (in_chain or ahead or active):
            return NO_EARLIER_ACCESS
        return EarlierAccess(in_chain, ahead, active)

    def record(self, grant: Grant, outcome: Outcome) -> None:
        """Record the result for a grant, for later ones."""
        if outcome.access is not None and grant.binding in self._shared:
            known_at = outcome.approved_at or grant.created_at
            for is_break_glass in {False, grant.break_glass}:
                chains = self._chains[grant.binding, is_break_glass]
                chains.add(outcome.access, known_at)
            is_gone = grant.revoked or grant.being_deleted
            if outcome.approved_at is None and not is_gone:
                self._scheduled[_scheduler(grant)].add(outcome.access)
        if not self._counts_active or not outcome.is_open:
            return
        active = self._active[grant.subject.name, grant.break_glass]
        if self._is_own_request(grant):
            active.add(grant.uid)
        elif outcome.is_active and outcome.access is not None:
            active.add_at(outcome.access.start, grant.uid)

    def _place(self, grant: Grant) -> datetime:
        """Return when a grant takes its place in the order."""
        if self._is_own_request(grant):
            return grant.created_at
        return grant.earliest_start

    def _is_own_request(self, grant: Grant) -> bool:
        """Return whether the subject requested the grant."""
        if grant.requester is None:
            return False
        own_subject = argocd_subject(grant.requester, self._strip_prefix)
        return own_subject == grant.subject.name


def _scheduler(grant: Grant) -> tuple[Binding, str, bool]:
    requester = grant.requester.username if grant.requester is not None else ""
    return grant.binding, requester, grant.break_glass


class _Chains:
    """Windows of the same access, joined to chains."""

    def __init__(self) -> None:
        self._starts: list[datetime] = []
        self._ends: list[datetime] = []
        self._counts: list[int] = []
        self._later: list[tuple[datetime, Window]] = []
        """Windows that were approved later, a heap by the approval."""

    def add(self, window: Window, known_at: datetime) -> None:
        heappush(self._later, (known_at, window))

    def count(self, window: Window, at: datetime) -> int:
        """Count the grants that a window would join, of those that existed then."""
        while self._later and self._later[0][0] <= at:
            self._join(heappop(self._later)[1])
        low, high = self._near(window)
        total = 0
        for number in self._counts[low:high]:
            total += number
            if total >= LONGEST_COUNT:
                break
        return total

    def _join(self, window: Window) -> None:
        low, high = self._near(window)
        self._counts[low:high] = [sum(self._counts[low:high]) + 1]
        _join(self._starts, self._ends, window, low, high)

    def _near(self, window: Window) -> tuple[int, int]:
        """Return the chains that are separated by less than the minimum pause."""
        return (
            bisect_right(self._ends, window.start - MIN_PAUSE),
            bisect_left(self._starts, add_capped(window.end, MIN_PAUSE)),
        )


class _Scheduled:
    """Windows that one requester scheduled without approval, joined if they overlap."""

    def __init__(self) -> None:
        self._starts: list[datetime] = []
        self._ends: list[datetime] = []

    def add(self, window: Window) -> None:
        low = bisect_left(self._ends, window.start)
        high = bisect_right(self._starts, window.end)
        _join(self._starts, self._ends, window, low, high)

    def ahead(self, window: Window, at: datetime) -> timedelta:
        """Return the time from an instant on, without that in a window."""
        first = bisect_right(self._ends, at)
        if len(self._ends) - first > MAX_WINDOWS_AHEAD:
            return timedelta.max
        total = timedelta()
        for start, end in zip(self._starts[first:], self._ends[first:], strict=True):
            begin = max(start, at)
            shared = min(end, window.end) - max(begin, window.start)
            total += end - begin - max(shared, timedelta())
        return total


def _join(
    starts: list[datetime], ends: list[datetime], window: Window, low: int, high: int
) -> None:
    """Replace disjoint, sorted intervals by one that also contains a window."""
    start, end = window
    if low < high:
        start, end = min(start, starts[low]), max(end, ends[high - 1])
    starts[low:high], ends[low:high] = [start], [end]


class _Active:
    """Grants of one subject that are active or may become active."""

    def __init__(self) -> None:
        self._uids: set[str] = set()
        self._later: list[tuple[datetime, str]] = []
        """Grants that others requested, a heap by their start."""

    def add(self, uid: str) -> None:
        self._uids.add(uid)

    def add_at(self, start: datetime, uid: str) -> None:
        heappush(self._later, (start, uid))

    def count(self, at: datetime, chain: Sequence[Grant]) -> int:
        while self._later and self._later[0][0] <= at:
            self._uids.add(heappop(self._later)[1])
        return len(self._uids) - sum(one.uid in self._uids for one in chain)
