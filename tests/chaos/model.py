"""What argocd-server must answer, from what was done and the time. Pure.

At a quiet moment the answer to every question is known, instants near a start or an
end apart. During noise one claim is left: nobody keeps access that is over for longer
than a grace, counted from its end or from the moment at which the operator ran and
could write again, whichever came later.

Two facts about Argo CD: a line that it can not read makes it answer nobody, and without
its ConfigMap it goes on with the last rules, so that nothing is known then.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum

from chaos.faults import PASSABLE, Fault

MARGIN = 1.5
"""Seconds around a start or an end in which either answer is right."""
GRACE = 2.5
"""Seconds in which access has to be over when nothing has been in the way."""
PASSABLE_GRACE = 8.0
"""Seconds when answers are slow, or when only the sweep hears of a revocation."""
START_GRACE = 20.0
"""Seconds for a started operator, its interpreter and its first lists included."""
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
    """One question: does this subject hold this role?"""

    subject: str
    role: str


class Answer(StrEnum):
    """What argocd-server says."""

    YES = "yes"
    NO = "no"
    BROKEN = "broken"
    ANY = "any"  # nobody can know


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
    """A grant as the API server stamped it."""

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
    """Everything that was done, as far as it decides an answer.

    Args:
        roles: The roles that can be removed, all of them defined.
        lasting_roles: Roles that nothing removes.
        standing: What people wrote themselves, which nobody else may touch.
        able_since: When the operator could begin to work.
    """

    roles: set[str]
    lasting_roles: Collection[str]
    standing: Collection[Pair]
    able_since: float
    grants: dict[str, Grant] = field(default_factory=dict)
    line_is_broken: bool = False
    obstacles: set[str] = field(default_factory=set)
    """What keeps the operator from writing."""
    nuisances: set[str] = field(default_factory=set)
    """What only slows it down."""
    gone_obstacles: dict[str, float] = field(default_factory=dict)
    gone_nuisances: dict[str, float] = field(default_factory=dict)
    _forbidden: dict[Pair, float] = field(default_factory=dict)

    def create(self, name: str, pair: Pair, *, start: float, end: float) -> None:
        """A grant was created, with these instants."""
        self.grants[name] = Grant(pair, start, max(start, end))

    def end(self, name: str, now: float) -> None:
        """A grant was deleted or revoked."""
        self.shorten(name, now, now)

    def shorten(self, name: str, end: float, now: float) -> None:
        """A grant's end was moved earlier, but it can not have ended before now."""
        grant = self.grants[name]
        grant.end = min(grant.end, max(end, now))

    def scribble(self, pair: Pair, now: float) -> None:
        """Somebody wrote a binding into our key that no grant wants."""
        self._forbidden[pair] = now

    def obstruct(self, obstacle: str) -> None:
        """Something keeps the operator from its work, or slows it down."""
        (self.nuisances if obstacle in PASSABLE else self.obstacles).add(obstacle)

    def clear(self, obstacle: str, now: float) -> None:
        """It does not any more."""
        if obstacle in self.nuisances:
            self.nuisances.discard(obstacle)
            self.gone_nuisances[obstacle] = now
        if obstacle in self.obstacles:
            self.obstacles.discard(obstacle)
            self.gone_obstacles[obstacle] = self.able_since = now

    def answer(self, pair: Pair, now: float) -> Answer:
        """Say what argocd-server must answer at a quiet moment."""
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
        """Say for how long a yes has been wrong; None if it may be right."""
        grants = self._grants_of(pair)
        if self.obstacles or pair in self.standing:
            return None
        if any(g.start <= now + MARGIN and now < g.end for g in grants):
            return None
        return now - max(self.able_since, self._over_since(pair, now))

    def must_be_over_by(self, pair: Pair, now: float) -> float:
        """Say when at the latest a pair's access has to be over."""
        slowed = bool(self._recent_nuisances(now))
        grace = PASSABLE_GRACE if slowed else GRACE
        ends = [gone + _grace(what) for what, gone in self.gone_obstacles.items()]
        return max([self._over_since(pair, now) + grace, self.able_since, *ends])

    def excuse(self, pair: Pair, now: float) -> str:
        """Name what was in the way last."""
        over = self._over_since(pair, now)
        gone = {
            what: when
            for what, when in self.gone_obstacles.items()
            if over < when + _grace(what)
        }
        excuses = {**gone, **self._recent_nuisances(now)}
        return max(excuses, key=excuses.__getitem__, default=NOTHING)

    def _over_since(self, pair: Pair, now: float) -> float:
        """When the access of a pair was over, had nothing been in the way."""
        ends = [g.end for g in self._grants_of(pair) if g.end <= now]
        return max([self._forbidden.get(pair, -math.inf), *ends])

    def _recent_nuisances(self, now: float) -> dict[str, float]:
        gone = self.gone_nuisances.items()
        recent = {what: when for what, when in gone if now - when < MEMORY}
        return {**recent, **dict.fromkeys(self.nuisances, now)}

    def _grants_of(self, pair: Pair) -> list[Grant]:
        return [grant for grant in self.grants.values() if grant.pair == pair]
