"""Quota of the grants of one requester that have not ended."""

from dataclasses import replace
from typing import Any

import pytest

from argogrant.controller.planner import DecisionCache
from argogrant.controller.store import GrantRecord, record_grant
from argogrant.grants.decide import Decision
from argogrant.grants.model.identity import RequesterVerification
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.steps import completed
from support.builders import HOUR, MINUTE, NOON, VERIFIED, an_instance
from support.live_cluster import a_grant

UNKNOWN = RequesterVerification(reason=Reason.UNKNOWN)
REVOKED = {"revoked": True}
BREAK_GLASS = {"breakGlass": True, "justification": "production is down"}


def requested(
    name: str, requester: str = "alice", second: int = 0, **spec: Any
) -> GrantRecord:
    """Build the record of a grant that was created some seconds after noon."""
    if requester:
        spec["requester"] = {"username": requester, "groups": []}
    body = a_grant(name, name, **spec)
    created = f"2026-11-24T12:00:{second:02}Z"
    body["metadata"] |= {"uid": name, "creationTimestamp": created}
    return record_grant(body)


def decisions_of(
    *records: GrantRecord,
    limit: int = 2,
    identities: RequesterVerification = VERIFIED,
    **instance: Any,
) -> DecisionCache:
    cache = DecisionCache()
    state = an_instance(max_open_per_requester=limit, identities=identities, **instance)
    completed(cache.decide(records, state, NOON + MINUTE))
    return cache


def refused(cache: DecisionCache) -> set[str]:
    return {one.grant.name for one in cache.all() if _reason(one) == "QuotaExceeded"}


def _reason(decision: Decision) -> str:
    return "" if decision.finding is None else str(decision.finding.reason)


ROWS = [
    pytest.param(
        [requested("g1"), requested("g2", second=1)], set(), id="as many as allowed"
    ),
    pytest.param(
        [requested("g3", second=2), requested("g1"), requested("g2", second=1)],
        {"g3"},
        id="the youngest is one too many, in whatever order they are listed",
    ),
    pytest.param(
        [requested("g1"), requested("g3"), requested("g2")],
        {"g3"},
        id="the name decides about grants of the same second",
    ),
    pytest.param(
        [requested("g1", **REVOKED), requested("g2"), requested("g3")],
        set(),
        id="a revoked grant does not count",
    ),
    pytest.param(
        [requested("g1", duration="5s"), requested("g2"), requested("g3")],
        set(),
        id="an expired grant does not count",
    ),
    pytest.param(
        [
            requested("g1", role={"name": "role:none"}),
            requested("g2", notBefore="2026-11-24T18:00:00Z"),
            requested("g3"),
        ],
        {"g2"},
        id="grants that wait count, one for another subject from its start",
    ),
    pytest.param(
        [*(requested(f"g{n}") for n in range(3)), requested("h1", "bob")],
        {"g2"},
        id="another requester has an own quota",
    ),
    pytest.param(
        [*(requested(f"g{n}") for n in range(3)), requested("h1", **BREAK_GLASS)],
        {"g2"},
        id="break glass is counted apart",
    ),
    pytest.param(
        [requested(f"g{n}", **BREAK_GLASS) for n in range(3)],
        {"g2"},
        id="and limited as well",
    ),
    pytest.param(
        [requested(f"g{n}", "") for n in range(3)], {"g2"}, id="requesters without name"
    ),
]


@pytest.mark.parametrize(("records", "expected"), ROWS)
def test_older_grants_that_have_not_ended_count(records, expected) -> None:
    assert refused(decisions_of(*records)) == expected


@pytest.mark.parametrize(
    ("identities", "expected"),
    [
        pytest.param(VERIFIED, set(), id="verified requesters are told apart"),
        pytest.param(RequesterVerification(), {"g2"}, id="unverified ones are one"),
        pytest.param(
            replace(VERIFIED, verified_since=NOON + HOUR),
            {"g2"},
            id="those from before the verification are one",
        ),
        pytest.param(UNKNOWN, set(), id="names count while that is unknown"),
        pytest.param(
            RequesterVerification(are_accepted_unverified=True),
            set(),
            id="names count where they are accepted",
        ),
    ],
)
def test_requesters_are_told_apart_if_they_are_verified(identities, expected) -> None:
    records = [requested(f"g{n}", f"user-{n}") for n in range(3)]

    assert refused(decisions_of(*records, identities=identities)) == expected


def test_refusal_names_the_limit_and_the_remedy() -> None:
    cache = decisions_of(*(requested(f"g{n}") for n in range(3)))
    finding = next(one.finding for one in cache.all() if one.finding is not None)

    assert '"alice" may have at most 2 grants that have not ended' in finding.message
    assert "Revoke or delete grants that are not needed" in finding.message
    assert not finding.is_final


def test_next_grant_is_allowed_as_soon_as_an_older_one_has_ended() -> None:
    records = [requested(f"g{n}") for n in range(4)]
    cache = decisions_of(*records)
    assert refused(cache) == {"g2", "g3"}
    records[0] = requested("g0", **REVOKED)
    state = an_instance(max_open_per_requester=2, identities=VERIFIED)
    completed(cache.decide(records, state, NOON + MINUTE))

    assert refused(cache) == {"g3"}


def test_grants_beyond_the_quota_change_nothing_for_each_other() -> None:
    """Otherwise each end would write the status of thousands of waiting grants."""
    records = [requested(f"g{n:03}") for n in range(100)]
    cache = decisions_of(*records)
    before = {one.grant.name: one for one in cache.all()}
    records[99] = requested("g099", **REVOKED)
    state = an_instance(max_open_per_requester=2, identities=VERIFIED)
    completed(cache.decide(records, state, NOON + MINUTE))
    after = {one.grant.name: one.finding for one in cache.all()}

    assert [name for name, one in before.items() if after[name] != one.finding] == [
        "g099"
    ]
