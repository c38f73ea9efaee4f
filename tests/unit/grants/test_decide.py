"""The whole chain of checks, read as its specification."""

from datetime import timedelta

import pytest

from argogrant.grants.decide import Holding
from argogrant.grants.reasons import Reason
from builders import HOUR, NOON, SECOND, a_grant, decided


@pytest.mark.parametrize(
    ("grant", "now", "instance", "reason"),
    [
        pytest.param(a_grant(), NOON, {}, None, id="in force from its creation on"),
        pytest.param(
            a_grant(), NOON + HOUR - SECOND, {}, None, id="in force until its end"
        ),
        pytest.param(
            a_grant(), NOON + HOUR, {}, Reason.EXPIRED, id="closed at its end"
        ),
        pytest.param(
            a_grant(expires_at=NOON - HOUR),
            NOON,
            {},
            Reason.EXPIRED,
            id="an end in the past never gives access",
        ),
        pytest.param(
            a_grant(not_before=NOON + HOUR),
            NOON,
            {},
            Reason.SCHEDULED,
            id="scheduled before its start",
        ),
        pytest.param(
            a_grant(not_before=NOON + HOUR),
            NOON + HOUR,
            {},
            None,
            id="in force at its start",
        ),
        pytest.param(
            a_grant(revoked=True), NOON, {}, Reason.REVOKED, id="revoked is over"
        ),
        pytest.param(
            a_grant(revoked=True),
            NOON + HOUR,
            {},
            Reason.REVOKED,
            id="a revocation is told rather than the end",
        ),
        pytest.param(
            a_grant(being_deleted=True), NOON, {}, Reason.DELETED, id="being deleted"
        ),
        pytest.param(
            a_grant(frozen_end=NOON + SECOND),
            NOON + SECOND,
            {},
            Reason.EXPIRED,
            id="the end that was promised never moves later",
        ),
        pytest.param(
            a_grant(duration=9 * HOUR),
            NOON + 2 * HOUR,
            {"max_duration": 2 * HOUR},
            Reason.EXPIRED,
            id="the instance's ceiling shortens",
        ),
        pytest.param(
            a_grant(tracked_by_git=True),
            NOON,
            {},
            Reason.ABSOLUTE_END_REQUIRED,
            id="a duration in Git would begin anew",
        ),
        pytest.param(
            a_grant(role="role:none"),
            NOON,
            {},
            Reason.ROLE_NOT_FOUND,
            id="no such global role",
        ),
        pytest.param(
            a_grant(role="deployer", project="team-a"),
            NOON,
            {},
            None,
            id="a project's role",
        ),
        pytest.param(
            a_grant(role="deployer", project="team-b"),
            NOON,
            {},
            Reason.ROLE_NOT_FOUND,
            id="no such project",
        ),
        pytest.param(
            a_grant(role="deployer", project="team-a"),
            NOON,
            {"unreadable_projects": {"team-a": "line 1"}},
            Reason.PROJECT_INVALID,
            id="a project that Argo CD ignores",
        ),
        pytest.param(
            a_grant(role="proj:team-a:deployer"),
            NOON,
            {},
            Reason.ROLE_REFUSED,
            id="a project's role written as a global one",
        ),
        pytest.param(
            a_grant("team-leads"),
            NOON,
            {},
            Reason.SUBJECT_REFUSED,
            id="a subject that is others' role",
        ),
        pytest.param(
            a_grant(), NOON, {"exists": False}, Reason.INSTANCE_NOT_FOUND, id="nowhere"
        ),
        pytest.param(
            a_grant(),
            NOON,
            {"text_is_known": False},
            Reason.INSTANCE_UNAVAILABLE,
            id="Argo CD can not be read",
        ),
    ],
)
def test_the_first_check_that_fails_answers(grant, now, instance, reason) -> None:
    decision = decided(grant, now, **instance)

    assert (decision.finding and decision.finding.reason) == reason


def test_doubt_keeps_and_certainty_releases() -> None:
    """What can not be read is no reason to take access away."""
    doubtful = decided(a_grant(), text_is_known=False)
    certain = decided(a_grant(), roles=frozenset())

    assert doubtful.holding is Holding.KEEP
    assert certain.holding is Holding.RELEASE


@pytest.mark.parametrize("minutes", range(-1, 131, 7))
def test_a_decision_changes_only_at_its_recheck(minutes: int) -> None:
    """Between now and ``recheck_at`` the answer stays."""
    grant = a_grant(not_before=NOON + HOUR, created_at=NOON)
    now = NOON + timedelta(minutes=minutes)
    decision = decided(grant, now)
    if decision.recheck_at is None:
        assert decision.has_ended
        return
    just_before = decided(grant, decision.recheck_at - SECOND)

    assert just_before.holding is decision.holding
    assert decided(grant, decision.recheck_at).holding is not decision.holding
