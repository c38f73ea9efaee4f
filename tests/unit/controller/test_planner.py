"""A plan is kept exactly as long as nothing that it was made of has changed."""

from datetime import datetime
from typing import Any

import pytest

from argogrant.argocd.overlay import Owner
from argogrant.controller.argocd_state import ObservedConfigMap, Snapshot
from argogrant.controller.cached_objects import GrantRecord
from argogrant.controller.decision_cache import DecisionCache
from argogrant.controller.plan import Plan
from argogrant.controller.planner import PlanCache
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


def a_text(text: str = "") -> Snapshot:
    return Snapshot(
        config_map=ObservedConfigMap("1", {"policy.csv": text}),
        text_is_known=True,
        projects_are_known=True,
    )


class Planning:
    """Plans about some grants, one after the other."""

    def __init__(self) -> None:
        self.planner, self.decisions = PlanCache(), DecisionCache()
        self.seen = a_text()

    def plan(
        self,
        *records: GrantRecord,
        now: datetime = NOON,
        facts: Any = INSTANCE,
        seen: Snapshot | None = None,
        owner: Owner = OWNER,
    ) -> Plan:
        self.decisions.update(records, facts, now)
        return self.planner.plan(
            self.decisions, seen or self.seen, owner=owner, living_owners=[owner]
        )


GRANT = a_record()


@pytest.mark.parametrize(
    ("record", "when"),
    [
        pytest.param(GRANT, {}, id="nothing at all"),
        pytest.param(GRANT, {"now": NOON + HOUR - SECOND}, id="the time before an end"),
        pytest.param(
            a_record(frozen_end=NOON + HOUR), {}, id="the echo of the reported end"
        ),
    ],
)
def test_a_plan_is_kept_whatever_else_changes(record, when) -> None:
    planning = Planning()
    first = planning.plan(GRANT)

    assert planning.plan(record, **when) is first


@pytest.mark.parametrize(
    ("records", "when"),
    [
        pytest.param([], {}, id="a grant is gone"),
        pytest.param([GRANT, a_record(uid="u2")], {}, id="a grant is new"),
        pytest.param([a_record(subject="bob")], {}, id="a grant is for another"),
        pytest.param(
            [a_record(role="role:admin")], {}, id="a grant is of another role"
        ),
        pytest.param([GRANT], {"now": NOON + HOUR}, id="a grant has ended"),
        pytest.param([a_record(revoked=True)], {}, id="a grant is revoked"),
        pytest.param([a_record(duration=HOUR / 2)], {}, id="an end is earlier"),
        pytest.param(
            [GRANT], {"facts": an_instance(roles=frozenset())}, id="the role is gone"
        ),
        pytest.param([GRANT], {"seen": a_text()}, id="the ConfigMap was written"),
        pytest.param([GRANT], {"seen": Snapshot()}, id="the ConfigMap is not known"),
        pytest.param([GRANT], {"owner": ANOTHER}, id="the owner is another"),
    ],
)
def test_a_plan_is_made_anew_when(records, when) -> None:
    planning = Planning()
    first = planning.plan(GRANT)

    assert planning.plan(*records, **when) is not first
