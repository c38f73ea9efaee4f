"""Expected answers of argocd-server, from operations and time. Pure.

At a quiet moment the answer to every question is known, except near a start or an
end. During faults one claim remains: no user keeps ended access for longer than a
grace period, counted from its end or from the moment at which the operator ran and
could write again, whichever came later.

Two facts about Argo CD: with a malformed line it answers no question, and without its
ConfigMap it keeps the last rules, hence no answer is predicted then.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum

from chaos.faults import PASSABLE, Fault

MARGIN = 1.5
"""Seconds around a start or an end in which either answer is right."""
GRACE = 2.5
"""Seconds within which access ends if there was no obstacle."""
PASSABLE_GRACE = 8.0
"""Seconds if answers are slow, or if only a resync finds a revocation."""
START_GRACE = 20.0
"""Seconds for the start of an operator, including its first lists."""
HELD_GRACE = 30.0
"""Seconds after requests were held: the operator gives one up after 15, pauses up to
5, and the machine is small."""
ORDINARY_GRACE = 12.0
"""Seconds after any other obstacle: pauses of up to 5 between tries, twice."""
MEMORY = 90.0
"""Seconds for which what slowed the operator down explains a delay; a silent watch is
given up after 75."""


@dataclass(frozen=True, slots=True, order=True)
class Pair:
    """Question whether a subject has a role."""

    subject: str
    role: str


class Answer(StrEnum):
    """Answer of argocd-server."""

    YES = "yes"
    NO = "no"
    BROKEN = "broken"
    ANY = "any"  # no prediction


OPERATOR_DOWN = "operator-down"
API_STOPPED = "api-stopped"
API_PAUSED = "api-paused"
CONFIG_MAP_MISSING = "config-map-missing"
NOTHING = "nothing"

_GRACES = {
    OPERATOR_DOWN: START_GRACE,
    API_PAUSED: HELD_GRACE,
    Fault.HOLD.value: HELD_GRACE,
}


def _grace(obstacle: str) -> float:
    return _GRACES.get(obstacle, ORDINARY_GRACE)


@dataclass(slots=True)
class Grant:
    """Grant with the times of the API server."""

    pair: Pair
    start: float
    end: float

    def is_in_force(self, now: float) -> bool:
        return self.start <= now < self.end

    def may_be_in_force(self, now: float) -> bool:
        return self.start - MARGIN <= now < self.end + MARGIN

    def must_be_in_force(self, now: float) -> bool:
        return self.start + MARGIN <= now < self.end - MARGIN


@dataclass(slots=True, kw_only=True)
class Model:
    """Effects of operations on the answers of argocd-server.

    Args:
        roles: Roles that can be removed; all are defined.
        lasting_roles: Roles that are never removed.
        standing: Bindings of users, which no program may change.
        able_since: Time from which the operator could work.
    """

    roles: set[str]
    lasting_roles: Collection[str]
    standing: Collection[Pair]
    able_since: float
    grants: dict[str, Grant] = field(default_factory=dict)
    line_is_broken: bool = False
    obstacles: set[str] = field(default_factory=set)
    """Obstacles that prevent a write."""
    nuisances: set[str] = field(default_factory=set)
    """Obstacles that delay a write."""
    gone_obstacles: dict[str, float] = field(default_factory=dict)
    gone_nuisances: dict[str, float] = field(default_factory=dict)
    _forbidden: dict[Pair, float] = field(default_factory=dict)

    def create(self, name: str, pair: Pair, *, start: float, end: float) -> None:
        """Record the creation of a grant."""
        self.grants[name] = Grant(pair, start, max(start, end))

    def end(self, name: str, now: float) -> None:
        """Record the deletion or revocation of a grant."""
        self.shorten(name, now, now)

    def shorten(self, name: str, end: float, now: float) -> None:
        """Record an earlier end of a grant, at least the current time."""
        grant = self.grants[name]
        grant.end = min(grant.end, max(end, now))

    def scribble(self, pair: Pair, now: float) -> None:
        """Record a manual binding in our key."""
        self._forbidden[pair] = now

    def obstruct(self, obstacle: str) -> None:
        """Record the start of an obstacle."""
        (self.nuisances if obstacle in PASSABLE else self.obstacles).add(obstacle)

    def clear(self, obstacle: str, now: float) -> None:
        """Record the end of an obstacle."""
        if obstacle in self.nuisances:
            self.nuisances.discard(obstacle)
            self.gone_nuisances[obstacle] = now
        if obstacle in self.obstacles:
            self.obstacles.discard(obstacle)
            self.gone_obstacles[obstacle] = self.able_since = now

    def answer(self, pair: Pair, now: float) -> Answer:
        """Return the expected answer at a quiet moment."""
        if CONFIG_MAP_MISSING in self.obstacles:
            return Answer.ANY
        if self.line_is_broken:
            return Answer.BROKEN
        if pair.role not in self.roles and pair.role not in self.lasting_roles:
            return Answer.NO
        grants = self._grants_of(pair)
        if pair in self.standing or any(g.must_be_in_force(now) for g in grants):
            return Answer.YES
        return Answer.ANY if any(g.may_be_in_force(now) for g in grants) else Answer.NO

    def overdue(self, pair: Pair, now: float) -> float | None:
        """Return for how long a yes has been wrong; None if it can be right."""
        grants = self._grants_of(pair)
        if self.obstacles or pair in self.standing:
            return None
        if any(g.start <= now + MARGIN and now < g.end for g in grants):
            return None
        return now - max(self.able_since, self._over_since(pair, now))

    def must_be_over_by(self, pair: Pair, now: float) -> float:
        """Return the latest time at which a pair's access must end."""
        slowed = bool(self._recent_nuisances(now))
        grace = PASSABLE_GRACE if slowed else GRACE
        ends = [gone + _grace(what) for what, gone in self.gone_obstacles.items()]
        return max([self._over_since(pair, now) + grace, self.able_since, *ends])

    def excuse(self, pair: Pair, now: float) -> str:
        """Return the last obstacle."""
        over = self._over_since(pair, now)
        gone = {
            what: when
            for what, when in self.gone_obstacles.items()
            if over < when + _grace(what)
        }
        excuses = {**gone, **self._recent_nuisances(now)}
        return max(excuses, key=excuses.__getitem__, default=NOTHING)

    def _over_since(self, pair: Pair, now: float) -> float:
        """Return when the access of a pair ends without obstacles."""
        ends = [g.end for g in self._grants_of(pair) if g.end <= now]
        return max([self._forbidden.get(pair, -math.inf), *ends])

    def _recent_nuisances(self, now: float) -> dict[str, float]:
        gone = self.gone_nuisances.items()
        recent = {what: when for what, when in gone if now - when < MEMORY}
        return {**recent, **dict.fromkeys(self.nuisances, now)}

    def _grants_of(self, pair: Pair) -> list[Grant]:
        return [grant for grant in self.grants.values() if grant.pair == pair]
