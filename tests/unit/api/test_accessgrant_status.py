"""Status of AccessGrants."""

from dataclasses import replace
from typing import Any

import pytest

from argogrant.api import conditions
from argogrant.api.accessgrant import (
    AccessGrantStatus,
    grant_status,
)
from argogrant.grants.conditions import BindingOutcome, Condition, MemberFacts
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.reasons import GrantCondition, Reason
from argogrant.grants.model.window import parse_instant
from support.builders import HOUR, MINUTE, NOON, a_grant, decided

BOUND, NOT_BOUND = BindingOutcome(is_bound=True), BindingOutcome(is_bound=False)


def status_of(grant: Grant, now=NOON, delivery=BOUND, old=None) -> dict[str, Any]:
    return grant_status(
        decided(grant, now), delivery, old=old or {}, generation=3, now=now
    )


def test_status_matches_the_model() -> None:
    """The API server would prune fields that the CRD lacks."""
    bound = status_of(a_grant())
    ended = status_of(a_grant(), NOON + HOUR, NOT_BOUND, bound)
    for status in (bound, ended):
        model = AccessGrantStatus.model_validate(status)

        assert model.model_dump(by_alias=True, exclude_unset=True) == status


@pytest.mark.parametrize(
    ("grant", "now", "delivery", "fields"),
    [
        pytest.param(
            a_grant(),
            NOON,
            BOUND,
            {
                "startedAt": "2026-11-24T12:00:00Z",
                "expiresAt": "2026-11-24T13:00:00Z",
                "boundAs": "role:deployer",
            },
            id="active and bound",
        ),
        pytest.param(
            a_grant(not_before=NOON + HOUR),
            NOON,
            NOT_BOUND,
            {"expiresAt": "2026-11-24T14:00:00Z"},
            id="scheduled with a forecast and no start",
        ),
        pytest.param(
            a_grant(),
            NOON + HOUR,
            NOT_BOUND,
            {
                "expiresAt": "2026-11-24T13:00:00Z",
                "endedAt": "2026-11-24T13:00:00Z",
            },
            id="ended before it was first observed",
        ),
        pytest.param(
            a_grant(revoked=True),
            NOON + MINUTE,
            NOT_BOUND,
            {
                "expiresAt": "2026-11-24T13:00:00Z",
                "endedAt": "2026-11-24T12:01:00Z",
            },
            id="revoked when the revocation was observed",
        ),
        pytest.param(
            a_grant(role="deployer", project="team-a"),
            NOON,
            BOUND,
            {
                "startedAt": "2026-11-24T12:00:00Z",
                "expiresAt": "2026-11-24T13:00:00Z",
                "boundAs": "proj:team-a:deployer",
            },
            id="a project role with its full name",
        ),
    ],
)
def test_status_contains_times(grant, now, delivery, fields) -> None:
    status = status_of(grant, now, delivery)
    rest = {k: v for k, v in status.items() if k != "conditions"}

    assert rest == {"observedGeneration": 3, **fields}


def test_recorded_facts_stay_in_the_status() -> None:
    """Start, end and bound role are a record."""
    bound = status_of(a_grant(), NOON)
    over = status_of(a_grant(), NOON + HOUR, NOT_BOUND, bound)
    later = status_of(a_grant(), NOON + 9 * HOUR, NOT_BOUND, over)

    assert later == over
    assert over["startedAt"] == bound["startedAt"]
    assert over["boundAs"] == "role:deployer"


@pytest.mark.parametrize(
    ("observed_at", "until"),
    [
        pytest.param(
            NOON + 30 * MINUTE, "2026-11-24T12:30:00Z", id="before the old end"
        ),
        pytest.param(NOON + 9 * HOUR, "2026-11-24T13:00:00Z", id="after the old end"),
    ],
)
def test_end_that_is_moved_to_the_past_takes_effect_when_it_is_observed(
    observed_at, until
) -> None:
    """Otherwise, the record would hide access that was used."""
    bound = status_of(a_grant())
    moved = a_grant(expires_at=NOON + MINUTE, duration=None, frozen_end=NOON + HOUR)
    waiting = status_of(
        moved, observed_at, BindingOutcome(is_bound=False, may_still_apply=True), bound
    )
    recorded = replace(moved, frozen_end=parse_instant(waiting["expiresAt"]))
    over = status_of(recorded, NOON + 10 * HOUR, NOT_BOUND, waiting)

    assert waiting["expiresAt"] == until
    assert (over["expiresAt"], over["endedAt"]) == (until, until)


def test_unchanged_status_is_equal() -> None:
    """Otherwise every write would cause another one."""
    first = status_of(a_grant())

    assert status_of(a_grant(), NOON + MINUTE, BOUND, first) == first


def test_status_of_an_invalid_object_keeps_recorded_facts() -> None:
    condition = Condition(
        type=GrantCondition.READY,
        status=False,
        reason=Reason.INVALID_GRANT,
        message="spec: no.",
    )
    old = {"startedAt": "2026-11-24T12:00:00Z"}
    status = conditions.status_of(condition, old=old, generation=2, now=NOON)

    assert status["startedAt"] == old["startedAt"]
    assert status["observedGeneration"] == 2
    assert [c["reason"] for c in status["conditions"]] == ["InvalidGrant"]


A_MEMBER = {"memberSince": "2026-11-24T12:00:00Z"}
GONE = {**A_MEMBER, "memberRemovedAt": "2026-11-24T13:00:00Z"}


@pytest.mark.parametrize(
    ("old", "facts", "expected"),
    [
        pytest.param({}, MemberFacts(since=NOON), A_MEMBER, id="added"),
        pytest.param({}, MemberFacts(is_absent=True), {}, id="added by no grant"),
        pytest.param(A_MEMBER, MemberFacts(), A_MEMBER, id="of unknown state"),
        pytest.param(A_MEMBER, MemberFacts(is_absent=True), GONE, id="removed"),
        pytest.param(GONE, MemberFacts(is_absent=True), GONE, id="removed earlier"),
        pytest.param(GONE, MemberFacts(), GONE, id="returned"),
        pytest.param(GONE, MemberFacts(since=NOON), A_MEMBER, id="added again"),
        pytest.param(
            A_MEMBER,
            MemberFacts(since=NOON + HOUR),
            {"memberSince": "2026-11-24T13:00:00Z"},
            id="added for a second period",
        ),
    ],
)
def test_status_records_the_member_that_is(
    old: dict[str, str], facts: MemberFacts, expected: dict[str, str]
) -> None:
    grant = a_grant(role="deployer", project="team-a", duration=3 * HOUR)
    delivery = BindingOutcome(is_bound=True, member=facts)
    status = status_of(grant, NOON + HOUR, delivery, old)

    assert {key: status[key] for key in status if key.startswith("member")} == expected
