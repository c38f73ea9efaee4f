"""The pure core: to decide about every grant and to plan the overlay, in CPU time."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from argogrant.argocd.overlay import Owner
from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.controller.argocd_state import ObservedConfigMap, Snapshot
from argogrant.controller.plan import plan
from argogrant.controller.planner import DecisionCache
from argogrant.controller.store import GrantRecord, record_grant
from argogrant.grants.checks import InstanceState
from argogrant.grants.model.steps import completed
from argogrant.handlers.startup import tune_gc
from bench import grants
from bench.percentiles import percentile
from support.live_cluster import RULES

REPEATS = 7
OWNER = Owner(namespace="argogrant", instance="default", uid="i-1")
ENDS_AT = datetime(2026, 11, 24, 18, tzinfo=UTC)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """CPU seconds, the middle one of a few repetitions."""

    grants: int
    all_anew: float
    """Every grant is decided about, and the overlay is planned."""
    one_ended: float
    """One grant has ended, the others are as they were."""
    repeats: int


def measure_core(count: int) -> Core:
    """Decide and plan without any input or output, in a process set up as ours is."""
    tune_gc()
    records = [_a_record(number) for number in range(count)]
    facts = InstanceState(
        name="default",
        max_open_per_requester=count,
        roles=frozenset({"role:deployer"}),
    )
    decisions = DecisionCache()
    completed(decisions.decide(records, facts, NOON))
    written = plan(decisions.all(), _seen(""), owner=OWNER, living_owners=[OWNER])
    assert written.overlay is not None
    text = written.overlay.text or ""
    anew, ended = [], []
    for _ in range(REPEATS):
        anew.append(_cpu_of(DecisionCache(), records, facts, NOON, text))
        known = DecisionCache()
        completed(known.decide(records, facts, NOON))
        end = NOON + timedelta(hours=1)
        ended.append(_cpu_of(known, records, facts, end, text))
    return Core(
        grants=count,
        all_anew=percentile(anew, 50),
        one_ended=percentile(ended, 50),
        repeats=REPEATS,
    )


def _cpu_of(
    decisions: DecisionCache,
    records: list[GrantRecord],
    facts: InstanceState,
    now: datetime,
    text: str,
) -> float:
    seen = _seen(text)
    began = time.process_time()
    completed(decisions.decide(records, facts, now))
    plan(decisions.all(), seen, owner=OWNER, living_owners=[OWNER])
    return time.process_time() - began


def _seen(overlay: str) -> Snapshot:
    data: dict[str, str] = {"policy.csv": RULES}
    if overlay:
        data[OVERLAY_KEY] = overlay
    return Snapshot(
        config_map=ObservedConfigMap("1", data),
        text_is_known=True,
        projects_are_known=True,
    )


def _a_record(number: int) -> GrantRecord:
    """Make a grant; the first one ends five hours before all others."""
    ends_at = ENDS_AT if number else NOON + timedelta(hours=1)
    name = f"live-{number:05}"
    body = grants.a_grant(name, ends_at=ends_at.timestamp(), batch="live")
    body["metadata"] |= {
        "uid": f"u-{number}",
        "generation": 1,
        "creationTimestamp": "2026-11-24T11:00:00Z",
    }
    return record_grant(body)
