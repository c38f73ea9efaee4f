"""Decisions are reused until one of their inputs changes."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

import pytest

from argogrant.controller.planner import DecisionCache
from argogrant.controller.store import GrantRecord, record_grant
from argogrant.grants.checks import InstanceState
from argogrant.grants.decide import DesiredBinding
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.steps import completed
from support.builders import (
    HOUR,
    MINUTE,
    NOON,
    VERIFIED,
    a_policy,
    an_instance,
)
from support.live_cluster import a_grant

STATE = an_instance()
PRESENT, UNCHANGED, ABSENT = (
    DesiredBinding.PRESENT,
    DesiredBinding.UNCHANGED,
    DesiredBinding.ABSENT,
)


def a_record(name: str = "g1", **spec) -> GrantRecord:
    body = a_grant(name, **spec)
    body["metadata"] |= {"uid": name, "creationTimestamp": "2026-11-24T12:00:00Z"}
    return record_grant(body)


def updated(
    decisions: DecisionCache,
    *records: GrantRecord,
    now=NOON,
    state: InstanceState = STATE,
    ends: Mapping[Binding, datetime] = MappingProxyType({}),
) -> DecisionCache:
    completed(decisions.decide(records, state, now, written_end=ends.get))
    return decisions


def test_decision_is_reused_until_it_can_change() -> None:
    """Ten thousand unchanged grants cost nothing."""
    record = a_record()
    decisions = updated(DecisionCache(), record)
    first = decisions.get("g1")
    updated(decisions, record, now=NOON + HOUR - MINUTE)

    assert first is not None
    assert decisions.get("g1") is first


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        pytest.param(NOON + HOUR, Reason.EXPIRED, id="at its expiry"),
        pytest.param(NOON + 2 * HOUR, Reason.EXPIRED, id="long after its expiry"),
    ],
)
def test_decision_changes_with_time(now, reason) -> None:
    record = a_record()
    decision = updated(updated(DecisionCache(), record), record, now=now).get("g1")

    assert decision is not None
    assert decision.finding is not None
    assert decision.finding.reason is reason


def test_decision_changes_with_the_state_of_the_instance() -> None:
    record = a_record()
    without_roles = an_instance(roles=frozenset())
    decisions = updated(DecisionCache(), record)
    decision = updated(decisions, record, state=without_roles).get("g1")

    assert decision is not None
    assert decision.finding is not None
    assert decision.finding.reason is Reason.ROLE_NOT_FOUND


def test_decision_changes_with_the_grant() -> None:
    decisions = updated(DecisionCache(), a_record())
    decision = updated(decisions, a_record(revoked=True)).get("g1")

    assert decision is not None
    assert decision.has_ended


def test_decisions_are_made_again_after_the_clock_was_set_back() -> None:
    """A grant that has expired by a wrong clock may be active by the right one."""
    record = a_record()
    decisions = updated(DecisionCache(), record, now=NOON + HOUR)
    decision = updated(decisions, record, now=NOON).get("g1")

    assert decision is not None
    assert decision.finding is None


def test_decisions_about_deleted_grants_are_dropped() -> None:
    decisions = updated(DecisionCache(), a_record("g1"), a_record("g2"))
    updated(decisions, a_record("g2"))

    assert decisions.get("g1") is None
    assert [decision.grant.name for decision in decisions.all()] == ["g2"]
    assert set(decisions.records) == {"g2"}


def test_recheck_at_is_the_earliest_of_all_decisions() -> None:
    early, late = a_record("g1", duration="1h"), a_record("g2", duration="2h")
    decisions = updated(DecisionCache(), late, early)

    assert decisions.recheck_at == NOON + HOUR


def test_recheck_at_is_none_without_decisions() -> None:
    assert updated(DecisionCache()).recheck_at is None


def test_invalid_grant_is_recorded_without_a_decision() -> None:
    decisions = updated(DecisionCache(), a_record(duration="soon"))

    assert set(decisions.records) == {"g1"}
    assert decisions.get("g1") is None


def requested(name: str, role: str = "role:deployer", **spec) -> GrantRecord:
    requester = {"username": "alice", "groups": []}
    return a_record(name, requester=requester, role={"name": role}, **spec)


def test_change_of_a_grant_decides_again_only_about_those_that_follow_it() -> None:
    state = an_instance(
        policies=(a_policy(max_extensions=0, max_duration=HOUR),), identities=VERIFIED
    )
    others = (requested("g2"), requested("g3", "role:x"), requested("g4", "role:y"))
    decisions = updated(DecisionCache(), requested("g1"), *others, state=state)
    before = {name: decisions.get(name) for name in ("g2", "g3", "g4")}
    longer = requested("g1", duration="2h")  # which the policy does not allow
    updated(decisions, longer, *others, state=state)
    second, third, fourth = (decisions.get(name) for name in before)

    assert before["g2"] is not None
    assert not before["g2"].policy_result.is_approved
    assert second is not None
    assert second.policy_result.is_approved
    assert third is before["g3"]
    assert fourth is before["g4"]


def test_written_end_matters_only_for_grants_that_may_be_kept() -> None:
    """Otherwise, every write would cost a decision about each of its grants."""
    state = an_instance(policies=(a_policy(max_duration=HOUR),), identities=VERIFIED)
    record = requested("g1")
    decisions = updated(DecisionCache(), record, state=state)
    first = decisions.get("g1")
    ends = {Binding("alice", "role:deployer"): NOON + HOUR}
    updated(decisions, record, state=state, ends=ends)

    assert decisions.get("g1") is first


def test_cache_has_the_decisions_of_before_until_the_last_step() -> None:
    first, second = a_record("g1"), a_record("g2")
    decisions = updated(DecisionCache(), first)
    steps = decisions.decide([first, second], an_instance(roles=frozenset()), NOON)
    before = decisions.get("g1")
    assert list(zip(range(2), steps, strict=False))  # two of two grants are decided
    assert decisions.get("g1") is before
    assert decisions.get("g2") is None
    assert next(steps, "done") == "done"

    assert decisions.get("g1") is not before
    assert decisions.get("g2") is not None


MEANWHILE = {
    "an unchanged grant is as it was decided": (a_record(), NOON, PRESENT),
    "a changed grant stays as it is": (a_record(), NOON, UNCHANGED),
    "a revoked grant is over": (a_record(revoked=True), NOON, ABSENT),
    "a grant whose window has closed is over": (None, NOON + HOUR, ABSENT),
}


@pytest.mark.parametrize(
    ("record", "now", "expected"), MEANWHILE.values(), ids=MEANWHILE.keys()
)
def test_until_it_is_decided_again(record, now, expected) -> None:
    decided = a_record()
    decisions = updated(DecisionCache(), decided)
    is_same = expected is PRESENT or record is None
    present = decisions.as_of([decided if is_same else record], now)

    assert present["g1"].desired_binding is expected
    assert decisions.contains_all(present) is (expected is PRESENT)


def test_new_grant_stays_as_it_is_until_it_is_decided() -> None:
    decided = a_record("g1")
    decisions = updated(DecisionCache(), decided)
    present = decisions.as_of([decided, a_record("g2")], NOON)

    assert present["g2"].desired_binding is UNCHANGED
    assert decisions.get("g2") is None


def test_grant_that_was_not_in_force_is_not_until_it_is_decided() -> None:
    without_roles = an_instance(roles=frozenset())
    decisions = updated(DecisionCache(), a_record(), state=without_roles)
    present = decisions.as_of([a_record()], NOON)

    assert present["g1"].desired_binding is ABSENT


def test_grant_that_is_gone_has_no_decision() -> None:
    decisions = updated(DecisionCache(), a_record("g1"), a_record("g2"))

    assert list(decisions.as_of([a_record("g2")], NOON)) == ["g2"]


def test_time_of_the_next_removal_is_not_the_past() -> None:
    decisions = updated(DecisionCache(), a_record("g1"), a_record("g2"))
    late = NOON + HOUR
    decisions.postpone_recheck(decisions.all(), late)

    assert decisions.recheck_at is None
