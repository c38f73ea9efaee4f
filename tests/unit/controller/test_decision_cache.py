"""Decisions are kept while they stay true, and made anew when they may not."""

import pytest

from argogrant.controller.cached_objects import GrantRecord, record_grant
from argogrant.controller.decision_cache import DecisionCache
from argogrant.grants.facts import InstanceState
from argogrant.grants.model.reasons import Reason
from support.builders import HOUR, MINUTE, NOON, an_instance
from support.live_cluster import a_grant

FACTS = an_instance()


def a_record(name: str = "g1", **spec) -> GrantRecord:
    body = a_grant(name, **spec)
    body["metadata"] |= {"uid": name, "creationTimestamp": "2026-11-24T12:00:00Z"}
    return record_grant(body)


def looked(
    decisions: DecisionCache,
    *records: GrantRecord,
    now=NOON,
    facts: InstanceState = FACTS,
) -> DecisionCache:
    decisions.update(records, facts, now)
    return decisions


def test_a_decision_is_kept_until_it_can_change() -> None:
    """Ten thousand grants at rest cost nothing."""
    record = a_record()
    decisions = looked(DecisionCache(), record)
    first = decisions.get("g1")
    looked(decisions, record, now=NOON + HOUR - MINUTE)

    assert first is not None
    assert decisions.get("g1") is first


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        pytest.param(NOON + HOUR, Reason.EXPIRED, id="its end has come"),
        pytest.param(NOON + 2 * HOUR, Reason.EXPIRED, id="its end is long over"),
    ],
)
def test_time_changes_a_decision_when(now, reason) -> None:
    record = a_record()
    decision = looked(looked(DecisionCache(), record), record, now=now).get("g1")

    assert decision is not None
    assert decision.finding is not None
    assert decision.finding.reason is reason


def test_facts_that_changed_change_decisions() -> None:
    record = a_record()
    without_roles = an_instance(roles=frozenset())
    decisions = looked(DecisionCache(), record)
    decision = looked(decisions, record, facts=without_roles).get("g1")

    assert decision is not None
    assert decision.finding is not None
    assert decision.finding.reason is Reason.ROLE_NOT_FOUND


def test_a_grant_that_was_read_anew_is_decided_anew() -> None:
    decisions = looked(DecisionCache(), a_record())
    decision = looked(decisions, a_record(revoked=True)).get("g1")

    assert decision is not None
    assert decision.has_ended


def test_a_clock_that_went_back_changes_decisions() -> None:
    """What has ended by a wrong clock may be in force by the right one."""
    record = a_record()
    decisions = looked(DecisionCache(), record, now=NOON + HOUR)
    decision = looked(decisions, record, now=NOON).get("g1")

    assert decision is not None
    assert decision.finding is None


def test_grants_that_are_gone_are_forgotten() -> None:
    decisions = looked(DecisionCache(), a_record("g1"), a_record("g2"))
    looked(decisions, a_record("g2"))

    assert decisions.get("g1") is None
    assert [decision.grant.name for decision in decisions.all()] == ["g2"]
    assert set(decisions.records) == {"g2"}


def test_the_next_instant_is_the_earliest_of_all() -> None:
    early, late = a_record("g1", duration="1h"), a_record("g2", duration="2h")
    decisions = looked(DecisionCache(), late, early)

    assert decisions.recheck_at == NOON + HOUR


def test_nothing_to_decide_is_nothing_to_wait_for() -> None:
    assert looked(DecisionCache()).recheck_at is None


def test_what_can_not_be_understood_is_recorded_and_not_decided() -> None:
    decisions = looked(DecisionCache(), a_record(duration="soon"))

    assert set(decisions.records) == {"g1"}
    assert decisions.get("g1") is None
