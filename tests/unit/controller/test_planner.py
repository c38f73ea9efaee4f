"""The last plan is kept exactly as long as its inputs are the same."""

from datetime import datetime
from typing import Any

import pytest

from argogrant.argocd.overlay import Owner
from argogrant.controller.argocd_state import ObservedConfigMap, Snapshot
from argogrant.controller.plan import Plan
from argogrant.controller.planner import DecisionCache, PlanCache
from argogrant.controller.store import GrantRecord
from argogrant.grants.model.steps import completed
from support.builders import HOUR, NOON, SECOND, a_grant, an_instance

OWNER = Owner(namespace="argogrant", instance="default", uid="i1")
ANOTHER = Owner(namespace="argogrant", instance="other", uid="i2")
INSTANCE = an_instance()


def a_record(**overrides: Any) -> GrantRecord:
    grant = a_grant(**overrides)
    return GrantRecord(
        uid=grant.uid,
        namespace=grant.namespace,
        name=grant.name,
        instance=grant.instance,
        generation=1,
        version="1",
        finalizers=(),
        status={},
        being_deleted=grant.being_deleted,
        force_release=False,
        grant=grant,
    )


def a_snapshot(text: str = "") -> Snapshot:
    return Snapshot(
        config_map=ObservedConfigMap("1", {"policy.csv": text}),
        text_is_known=True,
        projects_are_known=True,
    )


class PlanSequence:
    """Successive plans about some grants."""

    def __init__(self) -> None:
        self.cache, self.decisions = PlanCache(), DecisionCache()
        self.seen = a_snapshot()

    def plan(
        self,
        *records: GrantRecord,
        now: datetime = NOON,
        inputs: Any = INSTANCE,
        seen: Snapshot | None = None,
        owner: Owner = OWNER,
    ) -> Plan:
        completed(self.decisions.decide(records, inputs, now))
        return self.cache.plan(
            self.decisions, seen or self.seen, owner=owner, living_owners=[owner]
        )


GRANT = a_record()


@pytest.mark.parametrize(
    ("record", "when"),
    [
        pytest.param(GRANT, {}, id="nothing"),
        pytest.param(
            GRANT, {"now": NOON + HOUR - SECOND}, id="the time, before an expiry"
        ),
        pytest.param(
            a_record(frozen_end=NOON + HOUR), {}, id="the status of the grant"
        ),
    ],
)
def test_plan_is_kept_after_a_change_of(record, when) -> None:
    sequence = PlanSequence()
    first = sequence.plan(GRANT)

    assert sequence.plan(record, **when) is first


@pytest.mark.parametrize(
    ("records", "when"),
    [
        pytest.param([], {}, id="a grant is deleted"),
        pytest.param([GRANT, a_record(uid="u2")], {}, id="a grant is new"),
        pytest.param([a_record(subject="bob")], {}, id="the subject changes"),
        pytest.param([a_record(role="role:admin")], {}, id="the role changes"),
        pytest.param([GRANT], {"now": NOON + HOUR}, id="a grant has expired"),
        pytest.param([a_record(revoked=True)], {}, id="a grant is revoked"),
        pytest.param([a_record(duration=HOUR / 2)], {}, id="an expiry moves earlier"),
        pytest.param(
            [GRANT],
            {"inputs": an_instance(roles=frozenset())},
            id="the role no longer exists",
        ),
        pytest.param([GRANT], {"seen": a_snapshot()}, id="the ConfigMap changes"),
        pytest.param([GRANT], {"seen": Snapshot()}, id="the ConfigMap is unknown"),
        pytest.param([GRANT], {"owner": ANOTHER}, id="the owner changes"),
    ],
)
def test_plan_is_replaced_when(records, when) -> None:
    sequence = PlanSequence()
    first = sequence.plan(GRANT)

    assert sequence.plan(*records, **when) is not first


def test_plan_by_other_decisions_is_used_once() -> None:
    sequence = PlanSequence()
    first = sequence.plan(GRANT)
    without = sequence.cache.plan(
        sequence.decisions,
        sequence.seen,
        present={},
        owner=OWNER,
        living_owners=[OWNER],
    )
    again = sequence.plan(GRANT)

    assert without is not first
    assert again is not without
